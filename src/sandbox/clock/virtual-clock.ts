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
  readonly now?: number;
  /**
   * `true`: moves with real time, and can be advanced as well. `false`: moves only by `advance()` and `set()`.
   * @default true
   */
  readonly running?: boolean;
  /** Makes `random()` repeatable. @default a random number */
  readonly seed?: number;
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
  return new SteeredClock(options);
}

class SteeredClock implements VirtualClock {
  readonly running: boolean;
  readonly random: () => number;
  readonly #started = systemClock.now();
  /** Whole, so that sums of whole milliseconds stay exact: a rounding error must not delay a timer. */
  readonly #startedMonotonic = Math.ceil(systemClock.monotonic());
  readonly #queue = new TimerQueue();
  readonly #listeners = new Set<() => void>();
  #offset: number;
  /** Total of all jumps, added to the monotonic clock. */
  #jumped = 0;
  /** The one real timer, set for the head of the queue. */
  #armed: { readonly due: number; readonly cancel: () => void } | undefined;

  constructor({ now, running = true, seed }: VirtualClockOptions) {
    this.running = running;
    this.#offset = now === undefined ? 0 : finite("now", now) - this.#started;
    if (seed === undefined) this.random = systemClock.random;
    else {
      const chance = new Chance(finite("seed", seed));
      this.random = () => chance.next();
    }
  }

  get offset(): number {
    return this.#offset;
  }

  now(): number {
    return (this.running ? systemClock.now() : this.#started) + this.#offset;
  }

  monotonic(): number {
    return (this.running ? systemClock.monotonic() : this.#startedMonotonic) + this.#jumped;
  }

  timer(ms: number, task: () => void): () => void {
    const timer = this.#queue.add(this.monotonic() + Math.max(0, ms), task);
    this.#arm();
    return () => {
      this.#queue.remove(timer);
      this.#arm();
    };
  }

  advance(ms: number): void {
    checkValue(verb, "ms", ms, {
      must: `${ahead.must}; use set() to go back`,
      holds: ahead.holds,
    });
    this.#shift(ms);
  }

  set(ms: number): void {
    this.#shift(finite("ms", ms) - this.now());
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #shift(ms: number): void {
    let left = ms;
    try {
      for (;;) {
        const head = this.#queue.peek();
        const gap = head === undefined ? Infinity : Math.max(0, head.due - this.monotonic());
        if (head === undefined || gap > left) break;
        this.#jump(gap);
        left -= gap;
        this.#queue.remove(head);
        head.task();
      }
    } finally {
      if (left > 0) this.#jump(left);
      else this.#offset += left;
      this.#disarm(); // it was set for the time before the jump
      this.#arm();
      for (const listener of this.#listeners) listener();
    }
  }

  #jump(ms: number): void {
    this.#offset += ms;
    this.#jumped += ms;
  }

  /** Keeps one real timer for the head; none if the queue is empty, so that an idle clock does not keep the process alive. */
  #arm(): void {
    const head = this.#queue.peek();
    if (head !== undefined && this.#armed !== undefined && this.#armed.due <= head.due) return;
    this.#disarm();
    if (head === undefined) return;
    const wait = head.due - this.monotonic();
    if (!this.running && wait > 0) return;
    this.#armed = { due: head.due, cancel: systemClock.timer(wait, () => this.#fireDue()) };
  }

  #disarm(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }

  #fireDue(): void {
    this.#armed = undefined;
    try {
      for (;;) {
        const head = this.#queue.take(this.monotonic());
        if (head === undefined) return;
        head.task();
      }
    } finally {
      this.#arm();
    }
  }
}

/** @throws {LifecycleError} `INVALID_OPTION` */
function finite(name: string, value: number): number {
  return checkValue(verb, name, value, { must: "a finite number", holds: Number.isFinite });
}
