/**
 * Time and randomness. Nothing else in the library reads a clock, sets a timer or draws random numbers, so a test or
 * simulation that passes its own {@link Clock} controls both.
 *
 * @module
 */
import { onAbort } from "./abort.ts";

/** The only source of time and randomness, passed in everywhere. */
export interface Clock {
  /** The wall clock, in milliseconds since 1970. May jump. */
  now(): number;
  /** A clock that only goes forward, in milliseconds from an arbitrary start. For deadlines within one process. */
  monotonic(): number;
  /** Runs `task` once, `ms` milliseconds from now. The returned function cancels it. */
  timer(ms: number, task: () => void): () => void;
  /** A number in [0, 1), for jitter and identifiers. Never used for keys. */
  random(): number;
}

/** Longest delay that `setTimeout` accepts; Node fires immediately beyond it. */
const longestTimer = 2 ** 31 - 1;

/**
 * The machine's own clock.
 *
 * @example
 * ```ts
 * import { systemClock } from "oneup-lifecycle";
 *
 * const twoMinutesLate = { ...systemClock, now: () => systemClock.now() - 120_000 };
 * ```
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer(ms, task) {
    let handle: ReturnType<typeof setTimeout>;
    const arm = (left: number): void => {
      handle =
        left > longestTimer
          ? setTimeout(() => arm(left - longestTimer), longestTimer)
          : setTimeout(task, Math.max(0, left));
    };
    arm(ms);
    return () => clearTimeout(handle);
  },
  random: () => Math.random(),
};

/**
 * Waits `ms` milliseconds on `clock`.
 *
 * @throws the signal's reason as soon as `signal` aborts
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = clock.timer(ms, () => {
      unsubscribe?.();
      resolve();
    });
    const unsubscribe =
      signal &&
      onAbort(signal, () => {
        cancel();
        reject(signal.reason);
      });
  });
}

/**
 * Resolves with the result of `ask` if it settles within `ms` milliseconds on `clock`; a later result is ignored.
 *
 * @throws what `ask` throws; after `ms`, the error from `tooLate`
 */
export async function inTime<T>(
  clock: Clock,
  ms: number,
  ask: () => Promise<T>,
  tooLate: () => Error,
): Promise<T> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.timer(ms, () => reject(tooLate()));
  });
  try {
    return await Promise.race([ask(), late]);
  } finally {
    cancel();
  }
}

/** One of the tasks of {@link sharedTimer}, in a ring in the order of their times. */
interface Waiting {
  readonly until: number;
  readonly task: () => void;
  before: Waiting;
  after: Waiting;
}

/** Timers of one duration: as `clock.timer(ms, …)`. */
export type TimersOf = (task: () => void) => () => void;

/** The runtime's own functions, unless a test had replaced them before this module was loaded. */
const usual = "clock" in setTimeout ? null : { setTimeout, now: performance.now };

function areUsual(): boolean {
  return usual !== null && setTimeout === usual.setTimeout && performance.now === usual.now;
}

/**
 * Timers for the time limits of calls, of which many are under way. On the machine's own clock they share one, because
 * Node's timers cost a fortieth of the CPU of a short call. A clock of an application's or a test's own may stand still or
 * be replaced, so there each has its own.
 */
export function timersOf(clock: Clock, ms: number): TimersOf {
  const single: TimersOf = (task) => clock.timer(ms, task);
  if (clock.timer !== systemClock.timer || clock.monotonic !== systemClock.monotonic) return single;
  const shared = sharedTimer(clock, ms);
  return (task) => (areUsual() ? shared(task) : single(task));
}

/** A timer is so late only in a process that was suspended or busy, ms. */
const lateMs = 500;

/**
 * Timers of one duration on a single timer of `clock`, whose `monotonic()` must advance with its timers. If that timer is
 * late, answers that arrived meanwhile are read before any task runs.
 */
export function sharedTimer(clock: Pick<Clock, "monotonic" | "timer">, ms: number): TimersOf {
  const ring = {} as Waiting; // no task: where the ring begins and ends
  ring.before = ring.after = ring;
  let disarm: (() => void) | null = null;

  function remove(one: Waiting): void {
    one.before.after = one.after;
    one.after.before = one.before;
    one.before = one.after = one; // one that has grown old would keep others in memory
  }
  function fire(until: number, isAgain = false): void {
    const monotonic = clock.monotonic();
    if (monotonic - until > lateMs && !isAgain) {
      disarm = clock.timer(0, () => fire(until, true));
      return;
    }
    disarm = null;
    const now = Math.max(until, monotonic); // Node's timers may be early by a millisecond
    try {
      for (let { after: first } = ring; first !== ring && first.until <= now; { after: first } = ring) {
        remove(first);
        first.task();
      }
    } finally {
      arm(); // also for the others that are due, after a task that threw
    }
  }
  function arm(): void {
    if (disarm !== null || ring.after === ring) return;
    const { until } = ring.after;
    disarm = clock.timer(Math.max(0, until - clock.monotonic()), () => fire(until));
  }

  return (task) => {
    const waiting: Waiting = { until: clock.monotonic() + ms, task, before: ring.before, after: ring };
    ring.before = ring.before.after = waiting;
    arm();
    return () => {
      if (waiting.after === waiting) return; // it is over
      remove(waiting);
      if (ring.after !== ring) return;
      disarm?.();
      disarm = null;
    };
  };
}

/**
 * A short random name (about 20 characters, 96 random bits from the clock) for attempts, leases and processes. Not a
 * secret.
 */
export function randomName(clock: Clock): string {
  // 24 bits at a time: V8 formats small integers in another base three times as fast as larger ones.
  const part = (): string => {
    const random = clock.random() * 2 ** 24;
    const high = Math.floor(random);
    const low = Math.floor((random - high) * 2 ** 24).toString(36);
    return high === 0 ? low : high.toString(36) + low;
  };
  return part() + part();
}
