/**
 * How long to wait before trying again. Pure: the attempt, the dice and the clock are arguments.
 *
 * @module
 */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** How a wait grows from attempt to attempt, in ms. */
export interface Growth {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** 1upHealth did not answer, or with an error of its own. */
export const afterTrouble: Growth = { firstMs: second, longestMs: 5 * minute };
/** 429 without a time. */
export const afterThrottling: Growth = { firstMs: minute, longestMs: hour };
/** A `Retry-After` is believed up to a day, ms. */
export const longestThrottlingMs: number = 24 * hour;
/** The client's credentials are refused. */
export const afterRefusedCredentials: Growth = { firstMs: minute, longestMs: hour };
/** 403, often a blocked region. */
export const afterForbidden: Growth = { firstMs: 5 * minute, longestMs: hour };
/** A code brought no token; the second one is asked for at once, further ones wait. */
const afterSpentCodes: Growth = { firstMs: minute, longestMs: 6 * hour };

/** A purge that 1upHealth cut goes on. */
export const betweenPurges: Growth = { firstMs: second, longestMs: minute / 2 };

/** A fresh code may take a second to register. */
export const codeRegistersMs: number = second;

/** Doubles from `firstMs` up to `longestMs`. `attempt` counts from 1. */
export function doubling({ firstMs, longestMs }: Growth, attempt: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(30, Math.max(0, attempt - 1)));
}

/** Anything between 0 and the doubled wait, so that users who failed together do not come back together. `dice`: [0, 1). */
export function fullJitter(growth: Growth, attempt: number, dice: number): number {
  return Math.round(doubling(growth, attempt) * dice);
}

/** The wait before another code when `spent` codes in a row brought no token. */
export function beforeNextCode(spent: number): number {
  return spent < 2 ? 0 : doubling(afterSpentCodes, spent - 1);
}
