/**
 * Runs `main.ts` from one file, made anew each time: tsx gives every closure its name at run time, a tenth of a story.
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "node_modules/.cache/oneup-simulation");
const file = join(folder, `${process.pid}.mjs`);
// The optimising compiler works beside the stories, on their account: it waits until a function has proved hot.
const flags = [
  "--enable-source-maps",
  "--max-old-space-size=8192",
  "--max-semi-space-size=64",
  "--single-threaded-gc", // parallel collectors would work on the account of the stories, too
  "--interrupt-budget=400000",
];

mkdirSync(folder, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ["test/simulation/main.ts"],
  outfile: file,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  sourcemap: "inline",
  sourcesContent: false,
  logLevel: "error",
});
process.on("SIGINT", () => {}); // the stories get it, too, and print how far they came
const child = spawn(process.execPath, [...flags, file, ...process.argv.slice(2)], { stdio: "inherit" });
child.on("close", (code) => {
  rmSync(file, { force: true });
  process.exitCode = code ?? 1;
});
