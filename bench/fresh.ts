/**
 * Measurements that need a process of their own: memory of a large import, the time to load the library, and its first token.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLifecycle, frontDoor, keyFile, lmdb } from "./product.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { median } from "./rounds.ts";
import { credentials, type Effort } from "./settings.ts";

/** Packages are found from here. */
const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs `node` without a loader and returns its output. */
async function node(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
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

/** What the library is built on. The list stays as it is, so that the ratio can be compared over the years. */
const foundations = ["undici", "xstate", "keyv", "@xstate/store", "lossless-json"];

/** Time in a fresh process, in ms: as it passed, and of its processors. */
interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** What `work`, a statement, costs in a process that has loaded nothing else. */
async function cost(work: string): Promise<Cost> {
  const script = `const [begun, cpu] = [performance.now(), process.cpuUsage()];
    ${work};
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ ms: performance.now() - begun, cpuMs: (user + system) / 1_000 }));
    process.exit();`;
  return JSON.parse(await node("--input-type=module", "--eval", script)) as Cost; // the format of the script
}

const imported = (...modules: readonly string[]): string =>
  `await Promise.all(${JSON.stringify(modules)}.map((module) => import(module)))`;

/** `await import("oneup-lifecycle")`, beside importing what the library is built on, in pairs of fresh processes. */
export async function importTime({ imports }: Effort): Promise<Measurement[]> {
  const taken: { readonly ours: Cost; readonly theirs: Cost }[] = [];
  for (let index = 0; index < imports; index++) {
    const isFirst = index % 2 === 0; // which side goes first alternates
    const before = isFirst ? await cost(imported(frontDoor.href)) : undefined;
    const theirs = await cost(imported(...foundations));
    taken.push({ ours: before ?? (await cost(imported(frontDoor.href))), theirs });
  }
  const of = (what: (pair: (typeof taken)[number]) => number): number => median(taken.map(what));
  const bar = { unit: "of its packages", bar: 1.25, atMost: true };
  return [
    { name: "import.ratio", value: of(({ ours, theirs }) => ours.cpuMs / theirs.cpuMs), ...bar },
    { name: "import.ratio.wall", value: of(({ ours, theirs }) => ours.ms / theirs.ms), ...bar },
    { name: "import.ms", value: of(({ ours }) => ours.ms), unit: "ms", bar: null },
    { name: "import.cpu_ms", value: of(({ ours }) => ours.cpuMs), unit: "ms", bar: null },
  ];
}

/** From the first line of a process to a token from LMDB: import, open, `accessToken()`. */
export async function coldToken({ imports }: Effort): Promise<Measurement[]> {
  const provider = await startProvider(0);
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
  const [store, key, user] = [join(folder, "store"), join(folder, "store.key"), "user@example.org"];
  const endpoints = { api: provider.url, auth: provider.url };
  try {
    const lifecycle = await createLifecycle({
      credentials,
      store: lmdb(store),
      encryption: keyFile(key),
      endpoints,
    });
    await lifecycle.onboard(user);
    await lifecycle.close();
    await provider.close(); // the token is in the store
    const work = `const [{ createLifecycle, keyFile }, { lmdb }] = await Promise.all(
        ${JSON.stringify([frontDoor.href, new URL("adapters-lmdb.js", frontDoor).href])}.map((module) => import(module)));
      const lifecycle = await createLifecycle({
        credentials: ${JSON.stringify(credentials)},
        store: lmdb(${JSON.stringify(store)}),
        encryption: keyFile(${JSON.stringify(key)}),
        endpoints: ${JSON.stringify(endpoints)},
      });
      await lifecycle.accessToken(${JSON.stringify(user)})`;
    const costs: Cost[] = [];
    for (let index = 0; index < imports; index++) costs.push(await cost(work));
    return [
      { name: "token.cold_ms", value: median(costs.map(({ ms }) => ms)), unit: "ms", bar: null },
      { name: "token.cold_cpu_ms", value: median(costs.map(({ cpuMs }) => cpuMs)), unit: "ms", bar: null },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}
