/**
 * When a token that 1upHealth refuses is replaced before it expires. Pure: the time is an argument.
 *
 * FHIR may answer 401 to a valid token: from a replica that does not know it yet, or during an outage. Without a limit
 * each 401 would cost a refresh, and each refresh ends a token that another process may be using.
 *
 * @module
 */
import { doubling, type Backoff } from "../options/backoff.ts";
import { furthestAheadMs, provisionalUntil } from "./provisional-until.ts";
import type { CallOutcome } from "./call-outcome.ts";
import type { User } from "./user.ts";

/**
 * A token younger than this is not replaced on a 401, ms, unless it is provisional: at most one forced refresh a
 * minute.
 */
const youngMs = 60_000;

/**
 * Without a refresh token each replacement costs a code, and with it a management slot: the age doubles from one to the
 * next within an hour, up to this, ms.
 */
const oldestYoungMs = 8 * youngMs;

const hourMs = 60 * youngMs;

/** If the tokens that replace refused ones are refused, too, the age doubles from one to the next up to an hour. */
const untilAccepted: Backoff = { firstMs: youngMs, longestMs: hourMs };

/** While a grant is provisional, this many forced refreshes are not delayed. */
const atOnce = 3;

/**
 * Time until a 401 for the user's token may force a refresh, ms; 0: now.
 *
 * A 401 for a provisional grant may force it at once: an earlier call may have arrived late and ended the grant, in
 * which case the refresh is refused as well and a fresh code follows. If 1upHealth refuses every token it grants, the
 * limit applies again after the third.
 *
 * @param isOfAll the tokens of other users are refused, too
 */
export function untilForcedRefreshMs(user: User, now: number, isOfAll: boolean): number {
  const { grantedAt } = user.position.context;
  const age = grantedAt === null ? oldestYoungMs : now - grantedAt;
  const leastMs = leastAgeMs(user, now, isOfAll);
  if (age < -furthestAheadMs || age >= leastMs) return 0;
  // Another process records its forced refreshes by its own clock.
  const lately = forcedSince(user, now - youngMs - furthestAheadMs);
  if (provisionalUntil(user, now) !== null && lately < atOnce) return 0;
  return leastMs - age;
}

/**
 * Whether a refresh has brought the very token that FHIR has just refused, so that only a fresh code brings another one.
 * At most once an hour: where FHIR refuses all tokens for a while, a code would not help.
 */
export function bringsRefusedToken(user: User, outcome: CallOutcome, now: number): boolean {
  const { codeAt, expiresAt, rejectedAt } = user.position.context;
  if (outcome.type !== "tokens" || expiresAt !== null || rejectedAt === null) return false;
  if (user.secrets.accessToken?.reveal() !== outcome.tokens.accessToken.reveal()) return false;
  const isFirst = forcedSince(user, now - hourMs) === 1;
  return isFirst || codeAt === null || codeAt <= now - hourMs;
}

function leastAgeMs(user: User, now: number, isOfAll: boolean): number {
  const { refusedTokens, grantedAt } = user.position.context;
  // The refusal of the current token, once noted, must not change the time that its first caller was told.
  const isNoted = grantedAt !== null && (refusedTokens?.lastAt ?? 0) > grantedAt;
  const refused = (refusedTokens?.times ?? 0) - (isNoted ? 1 : 0);
  // seam: forced-codes-become-rarer
  if (user.secrets.refreshToken !== undefined)
    // seam: forced-refreshes-become-rarer
    return doubling(untilAccepted, refused);
  if (isOfAll) return hourMs; // codes of all users would take the slots of those who sign up
  const lately = forcedSince(user, now - hourMs);
  const leastMs = doubling({ firstMs: youngMs, longestMs: oldestYoungMs }, lately + 1);
  return Math.max(leastMs, doubling(untilAccepted, refused + 1));
}

function forcedSince({ position }: User, since: number): number {
  // Not the history, which ends after twelve steps: a rejected token may take seven.
  return (position.context.rejectedAt ?? []).filter((at) => at > since).length;
}
