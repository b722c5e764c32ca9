/**
 * Virtual time: one queue of everything that is going to happen, and the order in which it does. Nothing in a
 * simulation waits for real time, and nothing happens at the same time as anything else.
 */
import process from "node:process";
import { Chance } from "../../src/sandbox/base/chance.ts";
import { TimerQueue } from "../../src/sandbox/clock/timer-queue.ts";
import type { VirtualClock } from "../../src/sandbox/clock/virtual-clock.ts";

export const second = 1_000;
export const minute: number = 60 * second;
export const hour: number = 60 * minute;

/** The time limit of a call, by default, ms. */
export const timeoutMs: number = 30 * second;

/** When every simulation begins: a Tuesday in November, in ms since 1970. */
export const beginning: number = Date.UTC(2026, 10, 24);

/** The true time, which only the store and 1upHealth know: a process has a clock of its own, which may be wrong. */
export class Time {
  readonly #queue = new TimerQueue();
  now: number = beginning;
  /** How far the clock of the store's server has been set, ms; its leases end by it. */
  serverSetMs: (ms: number) => number = () => 0;
  /** Things that have happened. */
  steps = 0;

  /** Lets `task` happen `ms` from now, in whole milliseconds. The returned function takes it back. */
  after(ms: number, task: () => void): () => void {
    const timer = this.#queue.add(this.now + Math.max(0, Math.ceil(ms)), task);
    return () => this.#queue.remove(timer);
  }

  /** Lets everything happen that is due before `end`, one after the other, until `done` says so. */
  async run(end: number, done: () => boolean): Promise<void> {
    await settled();
    for (let head = this.#queue.peek(); head !== undefined && head.due <= end; head = this.#queue.peek()) {
      if (done()) return;
      this.now = Math.max(this.now, head.due);
      this.#queue.remove(head);
      this.steps++;
      head.task();
      await settled();
    }
    if (!done()) this.now = Math.max(this.now, end);
  }

  /** What time it is for the store's server, if it has one. */
  get serverNow(): number {
    return this.now + this.serverSetMs(this.now - beginning);
  }

  /** The clock by which the sandbox and the store live. `wrongMs`: how wrong it is, so long after the beginning. */
  clock(wrongMs: (ms: number) => number = () => 0): VirtualClock {
    return {
      running: false,
      offset: 0,
      now: () => this.now + wrongMs(this.now - beginning),
      monotonic: () => this.now - beginning,
      timer: (ms, task) => this.after(ms, task),
      random: () => 0,
      advance: () => {},
      set: () => {},
      onChange: () => () => {},
    };
  }
}

/** A story has some thousand steps. One with so many does nothing but look again and again. */
const mostSteps = 1_000_000;

/** Is a promise broken? Also if the story does not come to its end. */
export function brokenBy(
  judge: { readonly blamed: readonly string[]; blame(what: string): void },
  time: Pick<Time, "steps" | "now">,
): () => boolean {
  return () => {
    if (judge.blamed.length === 0 && time.steps > mostSteps)
      judge.blame(`P2: ${mostSteps} steps in ${Math.round((time.now - beginning) / minute)} min, and no end`);
    return judge.blamed.length > 0;
  };
}

/** Every promise that can go on has gone on: the next tick comes once no promise's reaction is left. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** The chance of one thing in a simulation, by the seed and the thing's name: what one draws disturbs no other. */
export class Dice {
  readonly #chance: Chance;

  constructor(seed: number, name: string) {
    let hash = 2_166_136_261; // FNV-1a
    for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16_777_619);
    this.#chance = new Chance(seed * 65_537 + (hash >>> 0));
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#chance.next();
  }

  /** True in so many cases of 1. */
  hits(probability: number): boolean {
    return probability > 0 && this.#chance.next() < probability;
  }

  /** Whole milliseconds, or any other whole number, from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#chance.next() * (most - least + 1));
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#chance.next() * list.length)] as T; // in range
  }
}
