/**
 * Part of `npm run verify:deno`: everything public has words, everything that is called has an example, and every
 * example compiles and runs. The examples run in an empty folder, for some of them keep users there.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { deno, entryPoints, root } from "./deno.ts";
import { lacking, type Documented } from "./lacking.ts";

const told = JSON.parse(deno(root, "doc", "--json", ...Object.values(entryPoints))) as Documented; // Deno's own format
const gaps = lacking(told);
if (gaps.length > 0) {
  console.error(gaps.join("\n"));
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "oneup-examples-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const rooms = ["src", "machines", "adapters"].map((room) => join(root, room));
const how = ["--doc", "--parallel", "--quiet", "--allow-all", `--config=${join(root, "deno.json")}`];
const said = deno(folder, "test", ...how, ...rooms);
console.log(`Examples beside the code: ${said.trim().split("\n").at(-1)}`);
