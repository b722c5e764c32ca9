/**
 * The time of a store without a server: the wall clock of its process, without its jumps.
 *
 * A wall clock is changed by administrators and time servers, sometimes to a wrong time. Steady time advances with the
 * monotonic clock, which alone measures elapsed time reliably. A small step of the wall clock is ignored. A larger
 * difference, forward or back, is adopted after it has persisted for a minute, and recorded as a jump, so that rolling
 * windows can be corrected.
 *
 * @module
 */
import { systemClock, uniqueName, type Clock } from "../clock.ts";

/** Tolerated difference between wall clock and steady time, ms: as much as the clocks of two machines differ. */
export const toleranceMs = 5_000;

/** A jump of the wall clock is adopted after it has persisted for this long, ms. */
export const adoptAfterMs = 60_000;

/** An adopted jump of the wall clock. */
export interface Jump {
  /** The time without the jump, when it was noticed. */
  readonly from: number;
  /** Its size, ms; negative: back. */
  readonly by: number;
  /** When the time before the jump began: everything written between then and the jump used that time. */
  readonly since: number;
}

/** By how much a clock was set in all, ms, forward less back, as one process has noticed. */
export interface Steps {
  /** A random name. */
  readonly process: string;
  readonly ms: number;
  /** The least that it was in between: 0, or how far back it was set. */
  readonly leastMs: number;
  /** When the process began to count. */
  readonly since: number;
}

/** The history of a process's time: it has had no jumps other than these. */
export interface Past {
  /** Start of the current period without jumps. */
  readonly since: number;
  /** The last adopted jump, if any. */
  readonly jump: Jump | null;
  /** All that the clock was set since this process began, as it has noticed; missing: not known. */
  readonly steps?: Steps;
}

/** The time of a unit of work, and its history in this process. */
export interface Time {
  readonly now: number;
  readonly past: Past;
}

/** Time that advances with the monotonic clock: see {@link steadyTime}. */
export interface SteadyTime {
  /** Now, in ms since 1970. */
  readonly now: () => number;
  readonly past: () => Past;
  /**
   * The current time by the clock that is ahead, for something that started at `since` (ms since 1970). After a machine
   * has slept, the wall clock may be right before its jump is adopted. For what started after the jump, only steady
   * time counts.
   */
  readonly latest: (since: number) => number;
}

/** Creates steady time on `clock`. */
export function steadyTime(clock: Clock): SteadyTime {
  const began = clock.monotonic();
  let start = middle([clock.now(), clock.now(), clock.now()]); // a single wrong reading must not become the start
  const first = start;
  let past: Omit<Past, "steps"> = { since: start, jump: null };
  let stepsMs = 0;
  let leastMs = 0;
  /** The same with the steps, for those who ask. */
  let told: Past | null = null;
  let process: string | undefined;
  /**
   * A jump that is not adopted yet: when it was first seen, on the monotonic clock and in steady time, and its size.
   */
  let pendingJump: { readonly at: number; readonly since: number; readonly by: number } | null = null;
  /** A new pending jump starts a new millisecond, so that writes before and after it never have the same time. */
  let notBefore = Number.NEGATIVE_INFINITY;
  /** What was returned last. */
  let returned = Number.NEGATIVE_INFINITY;
  const now = (): number => (returned = read());
  function read(): number {
    const monotonic = clock.monotonic();
    const exact = start + Math.max(0, monotonic - began);
    const expected = Math.max(Math.floor(exact), notBefore);
    const wall = clock.now();
    if (!Number.isFinite(wall)) return expected;
    const by = wall - expected;
    if (Math.abs(by) <= toleranceMs) {
      pendingJump = null;
      return expected;
    }
    // A difference that keeps changing starts over.
    if (pendingJump === null || Math.abs(by - pendingJump.by) > toleranceMs) {
      notBefore = Math.max(Math.ceil(exact), returned + 1);
      pendingJump = { at: monotonic, since: notBefore, by };
    }
    if (monotonic - pendingJump.at < adoptAfterMs) return Math.max(expected, notBefore);
    pendingJump = null;
    notBefore = Number.NEGATIVE_INFINITY;
    const { since } = past;
    past = { since: wall, jump: { from: expected, by, since } };
    stepsMs += by;
    leastMs = Math.min(leastMs, stepsMs);
    told = null;
    start += by;
    return wall;
  }
  return {
    now,
    past: () =>
      (told ??= {
        ...past,
        steps: { process: (process ??= uniqueName()), ms: stepsMs, leastMs, since: first },
      }),
    latest(since) {
      const steady = now();
      return pendingJump !== null && pendingJump.by > 0 && since < pendingJump.since
        ? steady + pendingJump.by
        : steady;
    },
  };
}

function middle(readings: readonly number[]): number {
  const sorted = readings.filter(Number.isFinite).toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

/** A clock whose wall clock does not jump. */
export interface SteadyClock extends Clock {
  readonly latest: SteadyTime["latest"];
}

/** The same clock with steady time instead of its wall clock: see {@link steadyTime}. */
export function steadyClock(clock: Clock): SteadyClock {
  const { now, latest } = steadyTime(clock);
  if (clock === systemClock) return { ...systemClock, now, latest }; // `timersOf()` knows its functions
  return {
    now,
    latest,
    monotonic: () => clock.monotonic(),
    timer: (ms, task) => clock.timer(ms, task),
    random: () => clock.random(),
  };
}

/** A moment: on the monotonic clock, and in ms since 1970. */
export interface Moment {
  readonly at: number;
  readonly on: number;
}

/** This moment. */
export function momentOn(clock: Clock): Moment {
  return { at: clock.monotonic(), on: clock.now() };
}

/** How long ago a moment was, ms, also if the machine slept meanwhile: then its monotonic clock stood still. */
export function passedSince(clock: SteadyClock, { at, on }: Moment): number {
  // seam: time-in-which-the-machine-slept-has-passed
  return Math.max(clock.monotonic() - at, clock.latest(on) - on);
}
