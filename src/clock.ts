/**
 * Time and randomness. Nothing else in the library reads a clock, sets a timer or draws random numbers, so a test or
 * simulation that passes its own {@link Clock} controls both.
 *
 * @module
 */
import { randomBytes, randomUUID } from "node:crypto";
import { uptime } from "node:os";
import { onAbort } from "./abort.ts";

/** The only source of time and randomness, passed in everywhere. */
export interface Clock {
  /** The wall clock, in milliseconds since 1970. May jump. */
  now(): number;
  /** A clock that only goes forward, in milliseconds from an arbitrary start. For deadlines within one process. */
  monotonic(): number;
  /** Runs `task` once, `ms` milliseconds from now. The returned function cancels it. */
  timer(ms: number, task: () => void): () => void;
  /** A number in [0, 1), for jitter; on a clock of your own also for names of writes and leases. Never used for keys. */
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
    if (ms > longestTimer) {
      const rest = (): void => void (cancel = systemClock.timer(ms - longestTimer, task));
      let cancel = systemClock.timer(longestTimer, rest);
      return () => cancel();
    }
    const handle = setTimeout(task, Math.max(0, ms));
    return () => clearTimeout(handle);
  },
  random: () => Math.random(),
};

/** The runtime's own functions, unless a test had replaced them before this module was loaded. */
const own = "clock" in setTimeout ? null : { setTimeout, now: performance.now };

/** Whether {@link systemClock} runs on the runtime's own functions, and not on ones that a test has put in their place. */
export function isRealTime(): boolean {
  return own !== null && setTimeout === own.setTimeout && performance.now === own.now;
}

/**
 * How long this machine was suspended since it was started, ms, give or take what is always the same: its monotonic clock
 * stands still meanwhile. 0 on Deno, which asks for a right first.
 */
export function machineSuspendedMs(): number {
  return "Deno" in globalThis ? 0 : uptime() * 1_000 - performance.now();
}

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

/** Waits like {@link sleep}; `false`: `signal` aborted first. */
export function slept(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  return sleep(clock, ms, signal).then(
    () => true,
    () => false,
  );
}

/** Whether `work` ends within `ms` milliseconds on `clock`. @throws what it rejects with in that time */
export function endsWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.timer(ms, () => resolve(false));
    work.then(() => resolve(true), reject).finally(cancel);
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

/** Random bytes, fetched for many names at a time, because the system call costs more than a name. */
let bytes: Buffer = Buffer.alloc(0);
let used = 0;

/** As `clock.random()`, from the bytes: `Math.random` repeats itself where a test, a seed or `--random-seed` has it so. */
function drawn(): number {
  if (used === bytes.length) [bytes, used] = [randomBytes(bytesOfDraw * 512), 0];
  used += bytesOfDraw;
  return bytes.readUIntLE(used - bytesOfDraw, bytesOfDraw) / 2 ** (8 * bytesOfDraw);
}

const bytesOfDraw = 6;

/** How many names were drawn from clocks of tests and applications. */
let named = 0;

/**
 * A short random name (about 25 characters, 96 random bits) for attempts, leases and processes. Not a secret. It is unlike all
 * others of this process, also on a clock whose random numbers repeat; those of a seeded clock are drawn from the clock.
 */
export function randomName(clock: Clock): string {
  const isReal = clock.random === systemClock.random;
  // 24 bits at a time: V8 formats small integers in another base three times as fast as larger ones.
  const part = (): string => {
    const random = (isReal ? drawn() : clock.random()) * 2 ** 24;
    const high = Math.floor(random);
    const low = Math.floor((random - high) * 2 ** 24).toString(36);
    return high === 0 ? low : high.toString(36) + low;
  };
  // Two machines that were restored from one snapshot share the bytes, but not the nanosecond.
  const own = isReal ? Math.floor((performance.now() * 1e6) % 2 ** 30) : ++named;
  return part() + part() + own.toString(36);
}

/** A name that no other process has, and none on this machine: unlike {@link randomName} it draws nothing from a clock. */
export function uniqueName(): string {
  return randomUUID();
}
