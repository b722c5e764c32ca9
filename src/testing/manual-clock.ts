/**
 * A clock that only moves when a test moves it.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import { TimerQueue } from "../sandbox/clock/timer-queue.ts";

/** A clock that a test can move. */
export interface MovableClock extends Clock {
  /** Advances the clock by `ms` milliseconds. */
  advance(ms: number): void | Promise<void>;
  /** Sets the wall clock, if supported; timers are not affected. */
  jumpTo?(now: number): void;
}

/**
 * See {@link manualClock}.
 *
 * @example
 * ```ts
 * import { manualClock } from "oneup-lifecycle/testing";
 *
 * const clock = manualClock();
 * clock.jumpTo(Date.UTC(2030, 0, 1));
 * await clock.advance(1_000);
 * console.log(clock.now() === Date.UTC(2030, 0, 1) + 1_000); // true
 * ```
 */
export interface ManualClock extends MovableClock {
  /**
   * Advances the clock by `ms` milliseconds. Timers that fall due run in order, each at its own time, and code that waits
   * for one continues before the next one runs.
   */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock, forward or back, like an administrator or a time server. Timers are not affected. */
  jumpTo(now: number): void;
  /** Number of armed timers. */
  readonly timers: number;
}

/**
 * A clock for tests: it moves only by `advance()`, and its random numbers are the same in every run.
 *
 * @param now The wall clock at the start, in ms since 1970. @default 2026-01-01T00:00Z
 * @example
 * ```ts
 * import { manualClock } from "oneup-lifecycle/testing";
 *
 * const clock = manualClock();
 * clock.timer(60_000, () => console.log("a minute later"));
 * await clock.advance(60_000);
 * ```
 */
export function manualClock(now: number = Date.UTC(2026, 0, 1)): ManualClock {
  const queue = new TimerQueue();
  let passed = 0;
  let start = now;
  let dice = 1;

  return {
    now: () => start + passed,
    monotonic: () => passed,
    timer(ms, task) {
      const timer = queue.add(passed + Math.max(0, ms), task);
      return () => queue.remove(timer);
    },
    random() {
      dice = (Math.imul(dice, 1_664_525) + 1_013_904_223) >>> 0;
      return dice / 2 ** 32;
    },
    async advance(ms) {
      const end = passed + ms;
      await turn();
      for (let timer = queue.take(end); timer !== undefined; timer = queue.take(end)) {
        passed = timer.due;
        timer.task();
        await turn();
      }
      passed = end;
    },
    jumpTo(to) {
      start = to - passed;
    },
    get timers() {
      return queue.size;
    },
  };
}
