/**
 * Until when the grant of a user is provisional.
 *
 * @module
 */
import type { User } from "./user.ts";

/** Clocks of two processes differ by this at most, ms. */
export const furthestAheadMs: number = 5 * 60_000;

/** Upper bound, ms, for the duration of a call with any options and for how far another process's clock may be ahead. */
const longestArrivalMs = 5 * 60_000;

/** Until when a call that would end the current grant may still arrive, ms since 1970; `null`: none may at `now`. */
export function provisionalUntil({ position }: User, now: number): number | null {
  const { mayArriveUntil } = position.context;
  const leftMs = (mayArriveUntil ?? 0) - now;
  return leftMs > 0 && leftMs <= longestArrivalMs ? mayArriveUntil : null;
}
