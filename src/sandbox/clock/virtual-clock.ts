/** A clock that tests can move: hours pass instantly, and every timer fires at its time. */

import { between, checkValue } from "../../checks.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { Chance } from "../base/chance.ts";
import { TimerQueue } from "./timer-queue.ts";

const verb = "set the virtual clock";
const ahead = between(0);

/** Options of {@link createVirtualClock}. */
export interface VirtualClockOptions {
  /** Start time, in milliseconds since 1970. @default the machine's time */
  readonly now?: number | undefined;
  /**
   * `true`: moves with real time, and can be advanced as well. `false`: moves only by `advance()` and `set()`.
   * @default true
   */
  readonly running?: boolean | undefined;
  /** Makes `random()` repeatable. @default a random number */
  readonly seed?: number | undefined;
}

/**
 * A {@link Clock} that can be moved.
 *
 * @example
 * ```ts
 * import { createVirtualClock } from "oneup-lifecycle/sandbox";
 *
 * const clock = createVirtualClock({ running: false });
 * clock.onChange(() => console.log("later"));
 * clock.timer(60_000, () => console.log("a minute has passed"));
 * clock.advance(60_000); // a minute has passed, later
 * clock.set(Date.UTC(2026, 0, 1));
 * ```
 */
export interface VirtualClock extends Clock {
  /** Whether it moves by itself. */
  readonly running: boolean;
  /**
   * How far it is ahead of the machine's clock, in milliseconds; for a stopped clock: ahead of the machine's time at its
   * creation.
   */
  readonly offset: number;
  /**
   * Jumps `ms` milliseconds ahead. Timers that fall due on the way fire in order, each at its own time, before this
   * returns; promises that they settle continue afterwards.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `ms` is negative or not finite
   */
  advance(ms: number): void;
  /**
   * Sets the wall clock to `ms` milliseconds since 1970. Forward equals `advance()`; backward changes only `now()`:
   * `monotonic()` and timers never go back.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `ms` is not finite
   */
  set(ms: number): void;
  /** Calls `listener` after every jump. The returned function removes it. */
  onChange(listener: () => void): () => void;
}

/**
 * Creates a clock that can be moved.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if `now` is not finite
 * @example
 * ```ts
 * import { createSandbox, createVirtualClock } from "oneup-lifecycle/sandbox";
 *
 * const clock = createVirtualClock({ running: false, now: Date.UTC(2026, 0, 1) });
 * const sandbox = createSandbox({ clock });
 * ```
 */
export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const { now: given, running = true, seed } = options;
  const started = systemClock.now();
  /** Whole, so that sums of whole milliseconds stay exact: a rounding error must not delay a timer. */
  const startedMonotonic = Math.ceil(systemClock.monotonic());
  const chance = seed === undefined ? undefined : new Chance(finite("seed", seed));
  const queue = new TimerQueue();
  const listeners = new Set<() => void>();
  let offset = given === undefined ? 0 : finite("now", given) - started;
  /** Total of all jumps, added to the monotonic clock. */
  let jumped = 0;
  /** The one real timer, set for the head of the queue. */
  let armed: { readonly due: number; readonly cancel: () => void } | undefined;

  const now = (): number => (running ? systemClock.now() : started) + offset;
  const monotonic = (): number => (running ? systemClock.monotonic() : startedMonotonic) + jumped;

  function shift(ms: number): void {
    let left = ms;
    try {
      for (;;) {
        const head = queue.peek();
        const gap = head === undefined ? Infinity : Math.max(0, head.due - monotonic());
        if (head === undefined || gap > left) break;
        jump(gap);
        left -= gap;
        queue.remove(head);
        head.task();
      }
    } finally {
      if (left > 0) jump(left);
      else offset += left;
      disarm(); // it was set for the time before the jump
      arm();
      for (const listener of listeners) listener();
    }
  }

  function jump(ms: number): void {
    offset += ms;
    jumped += ms;
  }

  /** Keeps one real timer for the head; none if the queue is empty, so that an idle clock does not keep the process alive. */
  function arm(): void {
    const head = queue.peek();
    if (head !== undefined && armed !== undefined && armed.due <= head.due) return;
    disarm();
    if (head === undefined) return;
    const wait = head.due - monotonic();
    if (!running && wait > 0) return;
    armed = { due: head.due, cancel: systemClock.timer(wait, fireDue) };
  }

  function disarm(): void {
    armed?.cancel();
    armed = undefined;
  }

  function fireDue(): void {
    armed = undefined;
    try {
      for (let head = queue.take(monotonic()); head !== undefined; head = queue.take(monotonic()))
        head.task();
    } finally {
      arm();
    }
  }

  return {
    running,
    get offset() {
      return offset;
    },
    now,
    monotonic,
    random: chance === undefined ? systemClock.random : () => chance.next(),
    timer(ms, task) {
      const timer = queue.add(monotonic() + Math.max(0, ms), task);
      arm();
      return () => {
        queue.remove(timer);
        arm();
      };
    },
    advance(ms) {
      checkValue(verb, "ms", ms, { must: `${ahead.must}; use set() to go back`, holds: ahead.holds });
      shift(ms);
    },
    set: (ms) => shift(finite("ms", ms) - now()),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** @throws {LifecycleError} `INVALID_OPTION` */
function finite(name: string, value: number): number {
  return checkValue(verb, name, value, { must: "a finite number", holds: Number.isFinite });
}
