/** A run of tests inside of a test: what `npm test` does with some files, on a machine of the test's making. */
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { mark } from "./built.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How it ended, and what it printed, without colours. */
export interface Run {
  readonly code: number | null;
  readonly printed: string;
}

/** Runs these files, whose paths are relative to the repository. */
export async function runTests(
  files: readonly string[],
  env: Readonly<Record<string, string>> = {},
  config = "test/vitest.config.ts",
): Promise<Run> {
  const words = ["node_modules/vitest/vitest.mjs", "run", "--config", config, ...files];
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      name === mark || !/^(?:VITEST|CI$|FORCE_COLOR|REDIS_URL|POSTGRES_URL|ONEUP_|NODE_OPTIONS)/.test(name),
  );
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, printed }));
  });
}
