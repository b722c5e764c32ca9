/**
 * Rounds: the steady throughput of some work, and the comparison of two.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Effort } from "./settings.ts";

/** The result of one round. */
export interface Round {
  readonly perSecond: number;
  /** CPU time of this process per unit of work, in µs, all threads. */
  readonly cpuMicros: number;
}

/** One unit of work. */
export type Work = () => Promise<unknown>;

/**
 * Runs `work` in `loops` concurrent loops. Work finished during the ramp or after the end does not count, so that filling
 * and draining the connections favours neither side.
 */
export async function round(
  work: Work,
  loops: number,
  { rampMs, roundMs }: Pick<Effort, "rampMs" | "roundMs">,
): Promise<Round> {
  let finished = 0;
  let over = false;
  async function loop(): Promise<void> {
    while (!over) {
      await work();
      finished++;
    }
  }
  const running = Promise.all(Array.from({ length: loops }, loop));
  try {
    return await Promise.race([steadily(), running as Promise<never>]); // loops end early only by failing
  } finally {
    over = true;
    await running;
  }

  async function steadily(): Promise<Round> {
    await wait(rampMs);
    const before = { finished, at: performance.now(), cpu: process.cpuUsage() };
    await wait(roundMs);
    const { user, system } = process.cpuUsage(before.cpu);
    const count = finished - before.finished;
    return {
      perSecond: count / ((performance.now() - before.at) / 1_000),
      cpuMicros: (user + system) / count,
    };
  }
}

/** Runs `work` for each item, `loops` at a time. */
export async function inLoops<T>(
  items: Iterable<T>,
  loops: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator](); // shared, so that each loop takes the next item
  async function loop(): Promise<void> {
    for (let next = left.next(); next.done !== true; next = left.next()) await work(next.value);
  }
  await Promise.all(Array.from({ length: loops }, loop));
}

/** Runs a round of one side. `isFirst`: it is the first in its process. */
export type Ask = (effort: Effort, isFirst: boolean) => Promise<Round>;

/** Two consecutive rounds. */
export interface Pair {
  readonly bare: Round;
  readonly durable: Round;
}

/**
 * Rounds that do not count: until the code is compiled. The first has one loop. If all begin at once in a cold process, V8
 * may find most of their objects alive when it first collects garbage, and allocates such objects among old ones from then
 * on: in every second process, calls take up to a third more CPU until it ends.
 */
export const warmUps = 2;

/** Which round of its process it is, and which side runs first. */
export interface Turn {
  /** @default false */
  readonly isFirst?: boolean;
  readonly isDurableFirst: boolean;
}

/** A round of each side, one after the other. */
export async function pair(
  bare: Ask,
  durable: Ask,
  effort: Effort,
  { isFirst = false, isDurableFirst }: Turn,
): Promise<Pair> {
  if (isDurableFirst) {
    const first = await durable(effort, isFirst);
    return { bare: await bare(effort, isFirst), durable: first };
  }
  const first = await bare(effort, isFirst);
  return { bare: first, durable: await durable(effort, isFirst) };
}

/**
 * Rounds of both sides in turn in one process, after a warm-up. Other load on the machine affects both, so the ratio within
 * a pair is steadier than either number; which side goes first alternates.
 */
export async function pairs(bare: Ask, durable: Ask, effort: Effort): Promise<readonly Pair[]> {
  const done: Pair[] = [];
  for (let index = -warmUps; index < effort.pairs; index++) {
    const turn = { isFirst: index === -warmUps, isDurableFirst: index % 2 !== 0 };
    const measured = await pair(bare, durable, effort, turn);
    if (index >= 0) done.push(measured);
  }
  return done;
}

/** The median. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
