/**
 * Time and chance. Nothing else in the library reads a clock, sets a timer or rolls dice, so a test
 * (or a simulation) that passes its own {@link Clock} decides both.
 *
 * @module
 */

/** The one source of time and chance, passed in everywhere. */
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

/** Longest delay `setTimeout` can hold; beyond it Node fires at once. */
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
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    function stop(): void {
      cancel();
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * The answer that `ask` gives, if it comes within `ms` milliseconds on `clock`; what comes later is not waited for.
 *
 * @throws what `ask` throws; after `ms`, what `tooLate` makes
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

/** A short random name (about 20 characters, 96 bits of the clock's chance) for attempts, leases and processes. Not a secret. */
export function randomName(clock: Clock): string {
  // 24 bits at a time: V8 writes small integers in another base in a third of the time of larger ones.
  const part = (): string => {
    const dice = clock.random() * 2 ** 24;
    const high = Math.floor(dice);
    const low = Math.floor((dice - high) * 2 ** 24).toString(36);
    return high === 0 ? low : high.toString(36) + low;
  };
  return part() + part();
}
