/** Deno, as npm brings it, which reads what stands beside the code. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** The public modules: where each stands, by its entry point. */
export const { exports: entryPoints } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string>>; // a house test compares them with package.json's
};

/** Runs it in a folder; what it prints. Ends this process, too, if it fails. */
export function deno(cwd: string, ...words: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync("npx", ["--yes", "deno@2.9.6", ...words], {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, NO_COLOR: "1" },
  });
  if (status === 0) return stdout;
  console.error(`${stdout}${stderr}`);
  process.exit(1);
}
