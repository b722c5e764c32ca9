/**
 * Checks that the limit is never exceeded, and used in full, by eight processes with a backlog of several windows.
 *
 * @module
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LifecycleOptions } from "oneup-lifecycle";
import { fill } from "./fill.ts";
import { encryption, inPlace, storeIn, type Kind, type Place } from "./places.ts";
import type { Measurement } from "./report.ts";
import { credentials, type Effort } from "./settings.ts";
import { startWindowServer, type WindowServer } from "./window-server.ts";

/** The hourly limit, 180 times faster. */
export const ceiling = { calls: 300, windowMs: 20_000 };
const processes = 8;

/** A worker's input. */
export interface Told {
  readonly address: string;
  readonly options: Pick<
    LifecycleOptions,
    "credentials" | "encryption" | "endpoints" | "limits" | "timeoutMs" | "graceMs"
  >;
}

/** A slot as its worker measured it, in ms: when the grant arrived, and when the commit that settled it was sent. */
export type Held = readonly [granted: number, settled: number];

/** Users in LMDB. */
export function exactOnLmdb(effort: Effort): Promise<Measurement[]> {
  return exact("lmdb", effort);
}

/** Users in Redis, if it is available. */
export function exactOnRedis(effort: Effort): Promise<Measurement[]> {
  return exact("redis", effort);
}

/** Users in PostgreSQL, if it is available. */
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

/** Onboards that many windows' worth of waiting users with the library. */
export function throughLibrary(place: Place, windows: number): Promise<Spent> {
  return fleet(windows, async (url) => {
    const options: Told["options"] = {
      credentials,
      encryption,
      endpoints: { api: url, auth: url },
      limits: { management: { ...ceiling, lanes: { reserved: 0 } } },
      timeoutMs: ceiling.windowMs / 4 + 1_000, // the slowest call takes a quarter of the window
      graceMs: 1_000,
    };
    await fill({ ...options, store: storeIn(place) }, 0, windows * ceiling.calls);
    const told: Told = { address: place.address, options };
    const script = fileURLToPath(new URL("exact-worker.mjs", import.meta.url));
    return () => fork(script, [JSON.stringify(told)], { execArgv: [] });
  });
}

/** What the server measured. */
export interface Spent {
  /** The most calls in any rolling window. */
  readonly most: number;
  readonly refused: number;
  /** See {@link share}. */
  readonly used: number;
}

/**
 * Lets eight processes make calls until that many windows' worth have arrived. Each reports when it is ready, starts on
 * command, and reports its held slots at the end.
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
    await Promise.all(workers.map((worker) => once(worker, "message"))); // each is ready
    for (const worker of workers) worker.send("work");
    await until(windows * ceiling.calls, server);
    const [most, refused] = [server.mostInWindow(), server.refused];

    const held = await Promise.all(
      workers.map(async (worker) => {
        worker.send("stop");
        const [said] = (await once(worker, "message")) as [readonly Held[]]; // the worker's message
        return said;
      }),
    );
    return { most, refused, used: share(held.flat()) };
  } finally {
    for (const worker of workers) if (worker.exitCode === null) worker.kill("SIGKILL");
    await server.close();
  }
}

/** Waits until so many calls have come. @throws {Error} if none comes any more */
async function until(calls: number, { came }: WindowServer): Promise<void> {
  for (let before = -1; came.length < calls;) {
    if (came.length === before) throw new Error(`Cannot measure: no call after the first ${before}`);
    before = came.length;
    for (let waits = 0; waits < 3 * ceiling.windowMs && came.length < calls; waits += 50) await wait(50);
  }
}

/**
 * The used share of `calls · W / (W + mean hold)`. A slot cycles: it is granted, held, counts for a window, and is granted
 * again. `calls` grants after one grant, the same slot is granted again, so the mean time between the two is the mean
 * cycle; its minimum is the window plus the hold. Which slow call freed which slot does not matter for the mean.
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
