/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../clock.ts";

/** A clock whose time a test can move. */
export interface MovableClock extends Clock {
  /** Lets `ms` milliseconds pass. */
  advance(ms: number): void | Promise<void>;
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
   * Lets `ms` milliseconds pass. Timers that fall due run in the order of their times, each at its own time, and
   * what waits for them goes on before the next one runs.
   */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock, forward or back, as an administrator or a time server does. Timers do not notice. */
  jumpTo(now: number): void;
  /** How many timers are armed. */
  readonly timers: number;
}

/**
 * A clock for tests: no time passes on it but by `advance()`, and its dice fall the same way in every run.
 *
 * @param now The wall clock at the start, ms since 1970. @default 2026-01-01T00:00Z
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
  interface Timer {
    readonly at: number;
    readonly task: () => void;
  }
  const timers = new Set<Timer>();
  let passed = 0;
  let start = now;
  let dice = 1;

  function nextUntil(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }

  return {
    now: () => start + passed,
    monotonic: () => passed,
    timer(ms, task) {
      const timer = { at: passed + Math.max(0, ms), task };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    random() {
      dice = (Math.imul(dice, 1_664_525) + 1_013_904_223) >>> 0;
      return dice / 2 ** 32;
    },
    async advance(ms) {
      const end = passed + ms;
      await turn();
      for (let timer = nextUntil(end); timer !== undefined; timer = nextUntil(end)) {
        timers.delete(timer);
        passed = timer.at;
        timer.task();
        await turn();
      }
      passed = end;
    },
    jumpTo(to) {
      start = to - passed;
    },
    get timers() {
      return timers.size;
    },
  };
}
