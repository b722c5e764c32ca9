/**
 * Limits, as they are configured and recorded.
 *
 * @module
 */
import type { Some } from "../../checks.ts";
import type { Limits } from "../../guard/guard.ts";
import { longestWaitMs } from "../../store/row-rules.ts";

/** A number of calls in any rolling window. */
export interface Ceiling {
  readonly calls: number;
  /** Milliseconds. */
  readonly windowMs: number;
}

/** The calls that a limit applies to. */
export type LimitName = keyof Limits;

/** One value for each limit. */
export function perLimit<T>(of: (name: LimitName) => T): Readonly<Record<LimitName, T>> {
  return { management: of("management"), token: of("token"), fhir: of("fhir") };
}

/** The limits that a process is configured with; `null`: none. */
export type ConfiguredLimits = Readonly<Record<LimitName, Ceiling | null>>;

/** Shares of the lanes, 0 to 1. */
export interface LaneShares {
  /** Of all calls but one: `recovery` and `bulk` leave this share free for interactive users. */
  readonly reserved: number;
  /** Of the rest, if that is 3 or more: the minimum for `recovery`, at least one. */
  readonly recovery: number;
  /** Of the rest, if that is 3 or more: the minimum for `bulk`, at least one. */
  readonly bulk: number;
}

/** A limit whose configuration in this process differs from the account's record. */
export interface LimitConflict {
  readonly limit: LimitName;
  readonly configured: Ceiling;
  readonly recorded: Ceiling;
  /** What this process applies: the fewer calls, the longer window. */
  readonly inForce: Ceiling;
}

/** Result of `account.limits()`; `null`: no limit. */
export interface AccountLimits {
  readonly management: Ceiling;
  readonly token: Ceiling | null;
  readonly fhir: Ceiling | null;
}

/** Argument of `account.setLimits()`; `null`: no limit. */
export type NewLimits = Some<AccountLimits>;

/** The limit for management calls in 1upHealth's guide, used where neither the process nor the record sets one. */
export const usualCeiling: Ceiling = { calls: 300, windowMs: 3_600_000 };

/** The longest window that a limit may have, ms. */
export const longestWindowMs: number = longestWaitMs;
