/**
 * Compares the library with the same work by hand, on bare undici: rounds in turn, each side in a process of its own, and
 * each pair of rounds in fresh ones: how V8 compiles a program differs from process to process, by a quarter of its time.
 *
 * @module
 */
import { startApart, type Apart } from "./apart.ts";
import type { Place } from "./places.ts";
import { startProvider } from "./provider.ts";
import { median, pair, warmUps, type Ask, type Pair, type Round } from "./rounds.ts";
import { loops, type Effort } from "./settings.ts";

/** A kind of work that both sides can do. */
export type Work =
  | "onboard"
  | "createAndRead"
  | "read"
  | "readInTime"
  | "walk"
  | "walkPages"
  | "walkDigits"
  | "pageAtWork";

/** What a side is told when it starts. */
export interface Told {
  readonly side: "bare" | "durable";
  /** The provider. */
  readonly url: string;
  /** Where the library's users are; `null`: in a folder, with LMDB. */
  readonly place: Pick<Place, "kind" | "address"> | null;
}

/** A round. */
export interface Task extends Pick<Effort, "rampMs" | "roundMs"> {
  readonly work: Work;
  /** Concurrent units of work. */
  readonly loops: number;
}

/** What is compared, and where. */
export interface Scene {
  readonly work: Work;
  readonly effort: Effort;
  readonly latencyMs: number;
  /** @default 128 */
  readonly loops?: number;
  /** All loops begin at once in a cold process, see {@link warmUps}. @default false */
  readonly burst?: boolean;
  /** @default LMDB */
  readonly place?: Told["place"];
}

/** The pages of one walk. A walk is a unit of work, so a round holds many of them. */
export const pagesOfWalk = 20;

/** How long the caller works on each page, ms. */
export const workOnPageMs = 10;

/** Runs pairs of both sides. */
export async function compare({
  effort,
  latencyMs,
  place = null,
  ...scene
}: Scene): Promise<readonly Pair[]> {
  const provider = await startProvider(latencyMs, pagesOfWalk);
  const { work, loops: atATime = loops, burst = false } = scene;
  const done: Pair[] = [];
  try {
    for (let index = 0; index < effort.pairs; index++) {
      const told = (side: Told["side"]): Told => ({ side, url: provider.url, place });
      const [bare, durable] = [await start(told("bare")), await start(told("durable"))];
      const ask =
        (side: Apart<Task, Round>): Ask =>
        ({ rampMs, roundMs }, isFirst) =>
          side.ask({ work, loops: isFirst && !burst ? 1 : atATime, rampMs, roundMs });
      try {
        done.push(await warmPair(ask(bare), ask(durable), effort, index % 2 !== 0));
      } finally {
        await bare.close();
        await durable.close();
      }
    }
    return done;
  } finally {
    await provider.close();
  }
}

/**
 * The first pair after the warm-up. The same side goes first in every round, so that both processes rest for one round
 * before each of theirs: after a rest of five seconds V8 has discarded compiled code, and work takes half as much CPU again.
 */
async function warmPair(bare: Ask, durable: Ask, effort: Effort, isDurableFirst: boolean): Promise<Pair> {
  for (let index = 0; index < warmUps; index++)
    await pair(bare, durable, effort, { isFirst: index === 0, isDurableFirst });
  return pair(bare, durable, effort, { isDurableFirst });
}

function start(told: Told): Promise<Apart<Task, Round>> {
  const script = new URL("side-process.ts", import.meta.url);
  return startApart({ name: `the ${told.side} side`, script, args: [JSON.stringify(told)] });
}

/** The library's throughput as a share of the bare side's. */
export function ratio(measured: readonly Pair[]): number {
  return median(measured.map(({ bare, durable }) => durable.perSecond / bare.perSecond));
}

/** CPU time of the library for a unit of work, by that of bare undici. */
export function cpuRatio(measured: readonly Pair[]): number {
  return median(measured.map(({ bare, durable }) => durable.cpuMicros / bare.cpuMicros));
}
