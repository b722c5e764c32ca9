/**
 * Rounds: how fast something goes once it runs steadily, and how two things compare.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import type { Effort } from "./settings.ts";

/** What one round came to. */
export interface Round {
  readonly perSecond: number;
  /** CPU of this process for one of them, µs, all threads. */
  readonly cpuMicros: number;
}

/** Does the next piece of work. */
export type Work = () => Promise<unknown>;

/**
 * Runs `work` in `loops` loops. What is finished during the ramp and after the round's end does not count, so filling
 * and emptying the connections favours nobody.
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
    return await Promise.race([steadily(), running as Promise<never>]); // the loops only end early by failing
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

/** Does `work` for each item, `loops` at a time. */
export async function inLoops<T>(
  items: Iterable<T>,
  loops: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator](); // shared: each loop takes the next one
  async function loop(): Promise<void> {
    for (let next = left.next(); next.done !== true; next = left.next()) await work(next.value);
  }
  await Promise.all(Array.from({ length: loops }, loop));
}

/** Two rounds, one after the other. */
export interface Pair {
  readonly bare: Round;
  readonly durable: Round;
}

/**
 * Rounds of both sides in turn, after one pair that only warms up. Whatever else the machine does in the meantime
 * falls on both, so the ratio within a pair is steadier than either number; which side goes first alternates.
 */
export async function pairs(
  bare: (effort: Effort) => Promise<Round>,
  durable: (effort: Effort) => Promise<Round>,
  effort: Effort,
): Promise<readonly Pair[]> {
  await bare(effort);
  await durable(effort);
  const done: Pair[] = [];
  for (let index = 0; index < effort.pairs; index++) {
    if (index % 2 === 0) {
      const first = await bare(effort);
      done.push({ bare: first, durable: await durable(effort) });
    } else {
      const first = await durable(effort);
      done.push({ bare: await bare(effort), durable: first });
    }
  }
  return done;
}

/** The middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
