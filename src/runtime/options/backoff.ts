/**
 * How long to wait before trying again. Pure: the attempt and the random number are arguments.
 *
 * @module
 */
import type { PauseReason } from "../../store/envelope.ts";
import { longestWaitMs } from "../../store/row-rules.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** How a wait grows from attempt to attempt, in ms. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** 1upHealth did not answer, or answered 5xx: how long a user waits before the call that follows in `engine/in-doubt.ts`. */
export const afterTrouble: Backoff = { firstMs: second, longestMs: 5 * minute };
/** A call could not be sent: no connection, no address. Nothing was spent. */
export const afterUnsent: Backoff = { firstMs: second, longestMs: minute / 2 };
/** 1upHealth did not answer a call that takes a slot of the limit: users whose calls alone fail must leave it to others. */
export const afterCostlyTrouble: Backoff = { firstMs: second, longestMs: 20 * minute };
/** No call to user management gets an answer: how often one without a user's id finds out whether it is back. */
export const afterOutage: Backoff = { firstMs: second, longestMs: 2 * minute };
/** A closing lifecycle could not save the outcome of a call: little time is left. */
export const whileClosing: Backoff = { firstMs: second / 4, longestMs: 2 * second };
/** 429 without a `Retry-After`. */
export const afterThrottling: Backoff = { firstMs: minute, longestMs: hour };
/** Repeated 429s: the minimum wait, whatever `Retry-After` 1upHealth sends. */
export const afterNamedThrottling: Backoff = { firstMs: second, longestMs: hour };
/** A `Retry-After` is honoured up to a day, ms. */
export const longestThrottlingMs: number = 24 * hour;
/** No pause of a user is longer, ms: a limit's own window is waited for, anything else for a `Retry-After` at most. */
export function longestPauseMs(reason: PauseReason): number {
  return reason === "rateLimit" ? longestWaitMs : longestThrottlingMs;
}
/** 1upHealth refuses the client's credentials. */
export const afterRefusedCredentials: Backoff = { firstMs: minute, longestMs: hour };
/** Calls are blocked before they reach 1upHealth: those of one user, or of this process. */
export const afterForbidden: Backoff = { firstMs: 5 * minute, longestMs: hour };
/** A code yielded no token; the second one is requested at once, further ones wait. */
const afterSpentCodes: Backoff = { firstMs: minute, longestMs: 6 * hour };

/** 1upHealth refused a call without a reason, or answered about another user: each retry takes a slot. */
export const afterOddAnswer: Backoff = { firstMs: minute, longestMs: 6 * hour };

/** Very short-lived tokens are renewed at these intervals; such a user costs about 15 calls an hour at most. */
const afterShortGrant: Backoff = { firstMs: minute / 2, longestMs: 5 * minute };
/** Tokens with a refresh token are short only below this, because a refresh takes no management slot, ms. */
const shortRefreshableMs = minute / 4;

/**
 * How long after a grant it may be renewed, ms; 0: when it is due. `grants`: how many in a row were issued for less than
 * ten minutes, with this one.
 */
export function untilRenewedMs(lifeMs: number, isRefreshable: boolean, grants: number): number {
  if (grants === 0 || (isRefreshable && lifeMs >= shortRefreshableMs)) return 0;
  const ms = doubling(afterShortGrant, grants);
  return ms > lifeMs / 2 ? ms : 0;
}

/** A fresh code may take a second to register. */
export const codeRegistersMs: number = second;

/** Doubles from `firstMs` up to `longestMs`. `attempt` counts from 1. */
export function doubling({ firstMs, longestMs }: Backoff, attempt: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
}

/** Between 0 and the doubled wait, so that users who failed together do not retry together. `random`: [0, 1). */
export function fullJitter(backoff: Backoff, attempt: number, random: number): number {
  return Math.round(doubling(backoff, attempt) * random);
}

/** The upper half of that range: each wait is longer than the last, and users still spread out. */
export function halfJitter(backoff: Backoff, attempt: number, random: number): number {
  const ms = doubling(backoff, attempt) / 2;
  return Math.round(ms + ms * random);
}

/** The wait before another code when `spent` codes in a row yielded no token. */
export function beforeNextCode(spent: number): number {
  return spent < 2 ? 0 : doubling(afterSpentCodes, spent - 1);
}

/** The longest interval between two polls, however long the wait has lasted, ms. */
const longestPollMs = 30_000;

/**
 * The interval between two polls for what another process may have changed: `firstMs`, and for a long wait a twentieth
 * of it, so that an hour takes about a hundred polls instead of thousands without a noticeable delay.
 */
export function pollIntervalMs(waitedMs: number, firstMs: number): number {
  return Math.max(firstMs, Math.min(longestPollMs, waitedMs / 20));
}
