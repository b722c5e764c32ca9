/**
 * The clock of a test lifecycle: it moves when the test moves it, or when the lifecycle waits for nothing but time.
 * Durations are written as in `"90s"`, `"2h"`, `"14d"`.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { setImmediate as turn } from "node:timers/promises";
import { systemClock } from "../clock.ts";
import { between, checkValue } from "../checks.ts";
import { Chance } from "../sandbox/base/chance.ts";
import { TimerQueue } from "../sandbox/clock/timer-queue.ts";
import type { VirtualClock } from "../sandbox/clock/virtual-clock.ts";
import { invalidOption } from "../errors.ts";
import { spanOf } from "../runtime/options/time-in-words.ts";

/**
 * The clock of a {@link TestLifecycle}. Lifecycle, sandbox and store use it, unless the store is in Redis or PostgreSQL: those
 * take the time from their server, so leases, waits after a failure, the hourly limit and the times at which users are due
 * last as long as they do there, and `advance()` does not end them.
 */
export interface TestClock extends Omit<VirtualClock, "advance" | "set"> {
  /**
   * Advances the clock. Timers fire in order, each at its own time, and code that waits for one continues before the next
   * fires: a worker processes each user when it is due. Calls that overlap take their turns, so time moves by their sum.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, clock } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * await clock.advance("2h");
   * console.log((await lifecycle.inspect("ada")).usable); // false
   * ```
   * @throws {LifecycleError} `INVALID_OPTION` for an invalid duration, or beyond what a `Date` can hold
   */
  advance(time: Duration): Promise<void>;
  /**
   * Sets the wall clock to `ms` milliseconds since 1970. Forward equals `advance()`; backward changes only `now()`, like an
   * administrator does: timers are not affected.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { clock } = await createTestLifecycle();
   * await clock.set(Date.UTC(2030, 0, 1));
   * ```
   * @throws {LifecycleError} `INVALID_OPTION` for an invalid time
   */
  set(ms: number): Promise<void>;
  /**
   * Whether time passes by itself while a call of the lifecycle waits for nothing else: a back-off, a free slot, the end of
   * `waitMs`. An actor of `lifecycle.actor` has the same effect until it is done, fails or is stopped; one that waits
   * forever keeps time moving. `work()` and `watch()` alone do not move time. If false, all calls wait for `advance()`, except
   * those that end something: time passes until `close()`, `restart()` and a `work()` whose signal has aborted are done.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle, clock, sandbox } = await createTestLifecycle({ autoAdvance: false });
   * sandbox.fail({ call: "createUser", status: 503 });
   * const ada = lifecycle.onboard("ada"); // waits
   * await clock.advance("1m");
   * console.log((await ada).usable); // true
   * ```
   */
  autoAdvance: boolean;
  /** Number of armed timers. */
  readonly timers: number;
}

/** The latest time that a `Date` can hold, in ms since 1970. */
export const latest = 8.64e15;

/** Options of {@link SteeredTime}. */
export interface SteeredTimeOptions {
  /** Start time, in ms since 1970. */
  readonly now: number;
  readonly seed: number;
  readonly autoAdvance: boolean;
  /** Whether an operation that takes real time is pending, such as a query of a real store; virtual time then stops. */
  readonly isBusy: () => boolean;
}

/** How long virtual time stops at most for such an operation, in ms of real time: it may be waiting for this clock. */
const longestPauseMs = 10_000;

/** The implementation of {@link TestClock}. */
export class SteeredTime implements TestClock {
  readonly running = false;
  readonly random: () => number;
  readonly #queue = new TimerQueue();
  readonly #listeners = new Set<() => void>();
  readonly #isBusy: () => boolean;
  readonly #createdAt = systemClock.now();
  #beginning: number;
  #passed = 0;
  #autoAdvance: boolean;
  /** Calls that wait. */
  readonly #waiting = new Set<Promise<unknown>>();
  /** Those that end something, for which time always passes. */
  readonly #ending = new Set<Promise<unknown>>();
  /** Number of pending `advance()` and `set()` calls. */
  #steered = 0;
  /** Resolves when the last of these has ended. */
  #steering: Promise<void> = Promise.resolve();
  #isFlowing = false;

  constructor({ now, seed, autoAdvance, isBusy }: SteeredTimeOptions) {
    const chance = new Chance(seed);
    this.random = () => chance.next();
    this.#beginning = now;
    this.#autoAdvance = autoAdvance;
    this.#isBusy = isBusy;
  }

  get offset(): number {
    return this.now() - this.#createdAt;
  }

  get timers(): number {
    return this.#queue.size;
  }

  get autoAdvance(): boolean {
    return this.#autoAdvance;
  }

  set autoAdvance(on: boolean) {
    this.#autoAdvance = on;
    void this.#flow();
  }

  now(): number {
    return this.#beginning + this.#passed;
  }

  monotonic(): number {
    return this.#passed;
  }

  timer(ms: number, task: () => void): () => void {
    const timer = this.#queue.add(this.#passed + Math.max(0, ms), task);
    if (ms <= 0) setImmediate(() => this.#fireDue());
    void this.#flow();
    return () => this.#queue.remove(timer);
  }

  async advance(time: Duration): Promise<void> {
    const ms = inMs(time);
    await this.#steer(() => ms);
  }

  async set(ms: number): Promise<void> {
    const at = checkValue("set the clock", "ms since 1970", ms, between(0, latest));
    await this.#steer(() => at - this.now());
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Lets time pass by itself until `promise` is settled; `always`: also without `autoAdvance`. The returned function ends that. */
  waitFor(promise: Promise<unknown>, always = false): () => void {
    const among = always ? this.#ending : this.#waiting;
    const end = (): void => void among.delete(promise);
    among.add(promise);
    promise.then(end, end);
    void this.#flow();
    return end;
  }

  /** Moves the clock by `ahead()` when earlier moves have ended. */
  async #steer(ahead: () => number): Promise<void> {
    const move = (): Promise<void> => this.#move(ahead());
    const moved = this.#steered++ === 0 ? move() : this.#steering.then(move);
    this.#steering = moved.catch(() => {}); // its own caller is told
    try {
      await moved;
    } finally {
      this.#steered--;
      this.#moved();
      void this.#flow();
    }
  }

  async #move(ms: number): Promise<void> {
    checkValue("advance the clock", "the time it comes to", this.now() + ms, between(0, latest));
    if (ms < 0) {
      this.#beginning += ms;
      return;
    }
    const end = this.#passed + ms;
    await this.#settled();
    while (this.#fireNext(end)) await this.#settled();
    this.#passed = Math.max(this.#passed, end);
  }

  /** Advances from timer to timer while a call waits. */
  async #flow(): Promise<void> {
    if (this.#isFlowing) return;
    this.#isFlowing = true;
    try {
      while (this.#mayFlow()) {
        await this.#settled();
        if (!this.#mayFlow()) return;
        if (!this.#fireNext(Infinity)) return; // arming the next timer restarts it
        this.#moved();
      }
    } finally {
      this.#isFlowing = false;
    }
  }

  #mayFlow(): boolean {
    return this.#steered === 0 && (this.#ending.size > 0 || (this.#autoAdvance && this.#waiting.size > 0));
  }

  /** Waits until nothing can continue without time: promise reactions first, then operations that take real time. */
  async #settled(): Promise<void> {
    await turn();
    const until = this.#isBusy() ? systemClock.monotonic() + longestPauseMs : 0;
    while (this.#isBusy() && systemClock.monotonic() < until) await turn();
  }

  /** Fires the next timer, if it is due by `end`. */
  #fireNext(end: number): boolean {
    const head = this.#queue.take(end);
    if (head === undefined) return false;
    this.#passed = Math.max(this.#passed, head.due);
    head.task();
    return true;
  }

  #fireDue(): void {
    while (this.#fireNext(this.#passed));
  }

  #moved(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A duration: milliseconds, or a number with a unit. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/**
 * Converts to milliseconds.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for an invalid or negative duration
 */
export function inMs(time: Duration): number {
  if (typeof time === "number" && Number.isFinite(time) && time >= 0) return time;
  const ms = typeof time === "string" ? spanOf(time) : undefined;
  if (ms !== undefined) return ms;
  throw invalidOption(
    `Cannot read a duration: it must be milliseconds from 0, or text such as "90s", "2h" or "14d", got ${String(time)}`,
  );
}
