/**
 * Measurements that need a process of their own: memory of a large import, and the time to load the library.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { frontDoor } from "./product.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { median } from "./rounds.ts";
import type { Effort } from "./settings.ts";

/** Runs `node` without a loader and returns its output. */
async function node(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout;
}

/** Peak memory of a process that onboards many users. */
export async function onboardMemory({ importedUsers }: Effort): Promise<Measurement[]> {
  const provider = await startProvider(0);
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
  try {
    const script = fileURLToPath(new URL("alone.mjs", import.meta.url));
    const printed = await node(script, provider.url, String(importedUsers), folder);
    const { rss } = JSON.parse(printed) as { rss: number }; // the format of alone.mjs
    return [{ name: "onboard.rss", value: rss, unit: "MB", bar: null }];
  } finally {
    await rm(folder, { recursive: true });
    await provider.close();
  }
}

/** The time of `await import("oneup-lifecycle")` in a process that has loaded nothing else. */
export async function importTime({ imports }: Effort): Promise<Measurement[]> {
  const script = `const begun = performance.now();
    await import(${JSON.stringify(frontDoor.href)});
    console.log(performance.now() - begun);`;
  const times: number[] = [];
  for (let index = 0; index < imports; index++) {
    times.push(Number(await node("--input-type=module", "--eval", script)));
  }
  return [{ name: "import.ms", value: median(times), unit: "ms", bar: null }];
}
