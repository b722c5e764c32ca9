/** Runs the simulation from one file: see `bundle.ts`. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import process from "node:process";
import { bundle, flags } from "./bundle.ts";

const file = await bundle(String(process.pid));
process.on("SIGINT", () => {}); // the stories get it, too, and print how far they came
const words = ["--enable-source-maps", ...flags, file, ...process.argv.slice(2)];
const child = spawn(process.execPath, words, { stdio: "inherit" });
child.on("close", (code) => {
  rmSync(file, { force: true });
  process.exitCode = code ?? 1;
});
