/**
 * Before the first test: the library and the processes that tests start are compiled, for Node then starts them in half
 * the time that TypeScript takes. Deno runs the source.
 */
import { execFile } from "node:child_process";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { thorough } from "./effort.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
export const onDeno: boolean = "Deno" in globalThis;

/** Vitest calls it once. */
export async function setup(): Promise<void> {
  if (onDeno) return;
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const compile = async (project: string): Promise<void> => {
    try {
      await run(process.execPath, [compiler, "-p", project], { cwd: root });
    } catch (error) {
      throw new Error(`Cannot compile ${project}: ${(error as { stdout: string }).stdout}`, { cause: error });
    }
  };
  await Promise.all(["src", "test/tsconfig.children.json"].map(compile));
}

/** The words by which the runtime of the test starts a script, whose path may be relative to the repository. */
export function runs(script: string): readonly string[] {
  if (onDeno) return ["run", "-A", script];
  const path = relative(root, join(script.startsWith(root) ? "" : root, script));
  if (path.startsWith("examples/") && thorough) return ["--import", "tsx", script]; // as their README says
  return [join(root, "dist", path.replace(/\.ts$/, ".js"))];
}
