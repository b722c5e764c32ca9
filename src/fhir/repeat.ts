/**
 * Repeats a call that changes nothing after a failure that may pass: no connection, a response that was lost, cut or
 * empty, a 5xx, a 429, no usable token yet. Single reads, searches and the pages of a walk all go through here.
 *
 * @module
 */
import { withSignals } from "../abort.ts";
import { aSignal, between, orInfinity, whole, type Rule, type Rules } from "../checks.ts";
import { sleep, type Clock } from "../clock.ts";
import { isLifecycleError, tried, type LifecycleError } from "../errors.ts";
import type { FhirReadOptions } from "./fhir-call-options.ts";

/** How often and for how long a call is repeated. */
export interface Repetition {
  /** The most repetitions after the first attempt. */
  readonly retries: number;
  /** No repetition begins later than this after the first attempt began, ms. */
  readonly waitMs: number;
  /** The longest pause before one, ms. */
  readonly pauseMs: number;
  /** The first attempt, if it was made and failed before. */
  readonly first?: LifecycleError | undefined;
  /** It fails if its user has no usable token, after the usual wait for one. */
  readonly needsToken?: boolean;
}

/** Of a read, a search, or a page that a search returned. */
export const ofCall: Repetition = { retries: 3, waitMs: 30_000, pauseMs: 30_000 };
/** Of each page of a walk, which may outlast the sleep of its machine. */
export const ofWalk: Repetition = { retries: 5, waitMs: Infinity, pauseMs: 600_000 };

export const aRetryCount: Rule = whole(0, 100);
export const readRules: Rules<FhirReadOptions> = {
  signal: aSignal,
  retries: aRetryCount,
  waitMs: orInfinity(between(0)),
};

/** What the caller asked for, then what the client was created with, then the usual. */
export function repetitionOf(
  { retries, waitMs }: Pick<FhirReadOptions, "retries" | "waitMs">,
  ofClient: number | undefined,
  usual: Repetition,
): Repetition {
  if (retries === undefined && waitMs === undefined && ofClient === undefined) return usual;
  const times = { retries: retries ?? ofClient ?? usual.retries };
  return waitMs === undefined ? { ...usual, ...times } : { ...times, waitMs, pauseMs: waitMs };
}

/** The wait before the first repetition, ms; it doubles. */
const firstWaitMs = 250;
/** The same after a 429 that names no time. */
const firstWaitAfter429Ms = 2_000;

/**
 * Makes a call, again and again if need be. If the server names a time that is too late, it fails at once. `once` gets the
 * time that is left, ms; `undefined`: no end. `ending` aborts the waits of all calls.
 *
 * @throws what `once` throws; the message tells how often it was tried, if more than once; the reason of `ending`,
 * instead of a failure that may pass
 */
export function repeated<T>(
  { clock, ending }: { readonly clock: Clock; readonly ending: AbortSignal },
  { retries, waitMs, pauseMs: longestMs, first, needsToken }: Repetition,
  signal: AbortSignal | undefined,
  once: (leftMs: number | undefined) => Promise<T>,
): Promise<T> {
  const until = clock.monotonic() + waitMs;
  const within = (leftMs: number): Promise<T> => once(leftMs === Infinity ? undefined : leftMs);

  async function repeat(error: unknown, times: number): Promise<T> {
    if (!isLifecycleError(error)) throw error;
    if (error.retryable) ending.throwIfAborted(); // nothing of a closed client can be tried again
    const pauseMs = pauseAfter(error, times, clock.random());
    const isLast = times > retries || pauseMs > longestMs || clock.monotonic() + pauseMs > until;
    const isFinal = error.code === "PAUSED" || (error.code === "USER_NOT_READY" && needsToken === true);
    if (isLast || !error.retryable || isFinal) throw tried(error, times);
    await withSignals(signal, ending, (signal) => sleep(clock, pauseMs, signal));
    return within(Math.max(0, until - clock.monotonic())).catch((error: unknown) => repeat(error, times + 1));
  }

  return first === undefined ? within(waitMs).catch((error: unknown) => repeat(error, 1)) : repeat(first, 1);
}

/** At least the time that the server named. */
function pauseAfter({ code, retryAfterMs }: LifecycleError, times: number, random: number): number {
  const firstMs = code === "RATE_LIMITED" && retryAfterMs === undefined ? firstWaitAfter429Ms : firstWaitMs;
  return Math.max(retryAfterMs ?? 0, firstMs * 2 ** Math.min(times - 1, 7) * (0.5 + random));
}
