/**
 * Is the limit kept to the call, and used to the last one? Eight processes share it, and a backlog of several windows.
 *
 * @module
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LifecycleOptions } from "oneup-lifecycle";
import { fill } from "./fill.ts";
import { encryption, inPlace, storeIn } from "./places.ts";
import type { Kind, Place } from "./places.ts";
import type { Measurement } from "./report.ts";
import { credentials } from "./settings.ts";
import type { Effort } from "./settings.ts";
import { startWindowServer } from "./window-server.ts";

/** The hourly limit, 180 times as fast. */
export const ceiling = { calls: 300, windowMs: 20_000 };
const processes = 8;

/** What a worker is told. */
export interface Told {
  readonly address: string;
  readonly options: Pick<
    LifecycleOptions,
    "credentials" | "encryption" | "endpoints" | "limits" | "timeoutMs" | "graceMs"
  >;
}

/** A slot as its worker saw it: when its grant was heard of and when the commit that settled it left, ms. */
export type Held = readonly [granted: number, settled: number];

/** Users in LMDB. */
export function exactOnLmdb(effort: Effort): Promise<Measurement[]> {
  return exact("lmdb", effort);
}

/** Users in Redis, where there is one. */
export function exactOnRedis(effort: Effort): Promise<Measurement[]> {
  return exact("redis", effort);
}

/** Users in PostgreSQL, where there is one. */
export function exactOnPostgres(effort: Effort): Promise<Measurement[]> {
  return exact("postgres", effort);
}

async function exact(kind: Kind, { windows }: Effort): Promise<Measurement[]> {
  const name = `exact.${kind}`;
  return inPlace(kind, name, async (place) => {
    const { most, refused, used } = await throughLibrary(place, windows);
    return [
      { name: `${name}.max_in_window`, value: most, unit: "calls", bar: ceiling.calls, atMost: true },
      { name: `${name}.refused`, value: refused, unit: "calls", bar: 0, atMost: true },
      { name: `${name}.used`, value: used, unit: "of ceiling", bar: 0.99 },
    ];
  });
}

/** Takes so many windows' worth of users through the library, who are there and wait. */
export function throughLibrary(place: Place, windows: number): Promise<Spent> {
  return fleet(windows, async (url) => {
    const options: Told["options"] = {
      credentials,
      encryption,
      endpoints: { api: url, auth: url },
      limits: { management: { ...ceiling, lanes: { kept: 0 } } },
      timeoutMs: ceiling.windowMs / 4 + 1_000, // the slowest call takes a quarter of the window
      graceMs: 1_000,
    };
    await fill({ ...options, store: storeIn(place) }, 0, windows * ceiling.calls);
    const told: Told = { address: place.address, options };
    const script = fileURLToPath(new URL("exact-worker.mjs", import.meta.url));
    return () => fork(script, [JSON.stringify(told)], { execArgv: [] });
  });
}

/** What the server saw. */
export interface Spent {
  /** The most calls in any rolling window. */
  readonly most: number;
  readonly refused: number;
  /** See {@link share}. */
  readonly used: number;
}

/**
 * Lets eight processes make calls until so many windows' worth have come. Each says that it is ready, begins when it is
 * told, and says in the end what it held.
 */
export async function fleet(
  windows: number,
  prepare: (url: string) => Promise<() => ChildProcess>,
): Promise<Spent> {
  const server = await startWindowServer(ceiling);
  const workers: ChildProcess[] = [];
  try {
    const start = await prepare(server.url);
    for (let index = 0; index < processes; index++) workers.push(start());
    await Promise.all(workers.map((worker) => once(worker, "message"))); // ready
    for (const worker of workers) worker.send("work");
    while (server.came.length < windows * ceiling.calls) await wait(50);
    const [most, refused] = [server.mostInWindow(), server.refused];

    const held = await Promise.all(
      workers.map(async (worker) => {
        worker.send("stop");
        const [said] = (await once(worker, "message")) as [readonly Held[]]; // as it says it
        return said;
      }),
    );
    return { most, refused, used: share(held.flat()) };
  } finally {
    for (const worker of workers) if (worker.exitCode === null) worker.kill("SIGKILL");
    await server.close();
  }
}

/**
 * What was used of `calls · W / (W + mean hold)`. A place goes round: it is granted, held, counts for a window, is granted
 * again. So many grants later than one there is another, and the mean time between the two is what a round took; its
 * least is the window and the hold. Which of the slow calls freed which place does not matter for the mean.
 */
function share(held: readonly Held[]): number {
  const { calls, windowMs } = ceiling;
  const inOrder = held.toSorted(([one], [other]) => one - other);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  const rounds = inOrder.length - calls;
  const first = inOrder.slice(0, rounds);
  const next = inOrder.slice(-rounds);
  const roundMs = (sum(next.map(([granted]) => granted)) - sum(first.map(([granted]) => granted))) / rounds;
  const holdMs = sum(first.map(([granted, settled]) => settled - granted)) / rounds;
  return (windowMs + holdMs) / roundMs;
}
