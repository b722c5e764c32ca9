/**
 * Before the first test: the library and the processes that tests start are compiled, for Node then starts them in half
 * the time that TypeScript takes. Deno runs the source.
 */
import { execFileSync } from "node:child_process";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { thorough } from "./effort.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const onDeno = "Deno" in globalThis;

/** Vitest calls it once. */
export function setup(): void {
  if (onDeno) return;
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  for (const project of ["src", "test/tsconfig.children.json"])
    execFileSync(process.execPath, [compiler, "-p", project], { cwd: root, stdio: "inherit" });
}

/** The words by which the runtime of the test starts a script, whose path may be relative to the repository. */
export function runs(script: string): readonly string[] {
  if (onDeno) return ["run", "-A", script];
  const path = relative(root, join(script.startsWith(root) ? "" : root, script));
  if (path.startsWith("examples/") && thorough) return ["--import", "tsx", script]; // as their README says
  return [join(root, "dist", path.replace(/\.ts$/, ".js"))];
}
