/**
 * The public status of a user: state, times and the reason for waiting. No secrets.
 *
 * @module
 */
import type { FailureReason, UserCall, UserContext, UserState } from "../../../machines/index.ts";
import type { Cause } from "../../errors.ts";
import type { PauseReason } from "../../store/envelope.ts";
import type { Blocked } from "../gates/account.ts";
import { causeOfLastStep, lastCause } from "./causes.ts";
import { historyOf, type HistoryStep } from "./history-of.ts";
import { furthestAheadMs, provisionalUntil } from "./provisional-until.ts";
import { untilForcedRefreshMs } from "./until-forced-refresh-ms.ts";
import { stepped, type User } from "./user.ts";

/** What a user waits for. */
export interface UserPause {
  /**
   * `paused`, `held`: an operator has stopped its next call, with `account.pause()` or `hold()`. `lease`: another process
   * runs it; if that has died, others continue it when its lease ends, at `until`.
   */
  readonly reason: PauseReason | "paused" | "held" | "lease";
  /**
   * Until then at least; `null`: until an operator lets it go on. With `rateLimit`, the next slot is free then, and those
   * ahead of the user get it first: `explain()` tells its turn, and `forecast()` that of one more user.
   */
  readonly until: Date | null;
  /** The number of the next attempt. */
  readonly attempt: number;
  /** The failed call because of which it waits; `null` if it waits for something else, such as a slot. */
  readonly cause: Cause | null;
  /** The operator's words, where an operator has stopped it. */
  readonly why?: string;
  /** The operator, as the application named them, where one has stopped it. */
  readonly by?: string;
}

/** What the status of a user tells of a pause or hold that stops its next call. */
interface StopFacts {
  readonly type: "paused" | "held";
  readonly reason: string;
  readonly until: Date | null;
  readonly by: string | null;
}

/** An operator has stopped the management calls for a user. */
export interface UserHold {
  /** The operator's words. */
  readonly reason: string;
  readonly since: Date;
  /** Who holds it, as the application named them; `null`: not named. */
  readonly by: string | null;
}

/** Result of `inspect()` and `onboard()`. Times are `Date`s, which become ISO strings in JSON. */
export interface UserStatus {
  readonly appUserId: string;
  /** Assigned by 1upHealth; `null` until it is known. */
  readonly oneupUserId: number | null;
  readonly state: UserState;
  /** When it entered this state. */
  readonly since: Date;
  /** Whether it has an access token that works now. */
  readonly usable: boolean;
  /** When that token expires. */
  readonly expiresAt: Date | null;
  /**
   * Until then the current grant is provisional: an earlier call that presented its code or refresh token has no known
   * outcome, because it timed out or its process died, and may still arrive. If 1upHealth revokes every grant of a
   * secret that is presented twice, that call would end the grant. So a 401 for its token is acted on at once;
   * otherwise it is a grant like any other. `null`: it is not provisional.
   */
  readonly provisionalUntil: Date | null;
  /**
   * Since when FHIR has refused its tokens, how many, and when the last refusal came: it has accepted none since, as far as
   * this library sees its calls. `replacedFrom`: from then on a 401 for the current token brings another one; `null`: one is
   * on its way. After a day of this, and at least five refusals, a fresh code is requested; `reauthorize()` requests one at
   * once. `null`: its last token was accepted, or was never refused.
   */
  readonly refusedTokens: {
    readonly since: Date;
    readonly times: number;
    readonly lastAt: Date;
    readonly replacedFrom: Date | null;
  } | null;
  /**
   * 1upHealth's own `active` flag of the user, if it was returned. The meaning of `false` is undocumented, so nothing
   * depends on it here: calls are still made, and their responses count.
   */
  readonly active: boolean | null;
  /**
   * FHIR versions whose data at 1upHealth have been erased since it was offboarded, those that remain, and those of a
   * purge that was requested and never confirmed (`skipped`): because 1upHealth had not listed the user for a day
   * (`userUnknown`), or because it was offboarded without a purge before that one was done (`withdrawn`); a purge whose
   * answer was lost may have erased them all the same. `null`: no purge was requested.
   */
  readonly purge: {
    readonly done: readonly string[];
    readonly left: readonly string[];
    readonly skipped: UserContext["unpurged"];
  } | null;
  /**
   * `idTaken`: 1upHealth has given it the new id of a `rename()`, but another user in this store has that id, so both
   * are one user at 1upHealth, with the same data. Its grant keeps working. Continue with the user of the new id
   * (`onboard()` it if it was forgotten), then offboard and forget this one **without a purge**: purging either erases
   * the data of both.
   */
  readonly conflict: "idTaken" | null;
  /** What it waits for, until when, and the number of the next attempt. */
  readonly pause: UserPause | null;
  /**
   * An operator holds it: no management call is made for it before `unhold()`. Its tokens are refreshed and work.
   * `null`: it is not held.
   */
  readonly hold: UserHold | null;
  /** Why it is in `failed`. */
  readonly failure: { readonly reason: FailureReason; readonly in: UserState; readonly why: string } | null;
  /** A call whose outcome is not known yet: in flight, or in doubt after a crash. */
  readonly underWay: UserCall | null;
  /** Calls sent for this user so far. */
  readonly calls: { readonly management: number; readonly token: number };
  /** The last steps, oldest first, at most twelve, as `history()` returns them. */
  readonly history: readonly HistoryStep[];
}

/** Result of `onboard()` in a transaction of the application. */
export interface JoinedStatus extends UserStatus {
  /**
   * When the first call for the user is expected to leave, if the transaction is committed now and no user comes before
   * it in the meantime: in its lane or a more urgent one. `null`: it has a working access token, or an operator has paused
   * its calls for a time that is not known.
   */
  readonly forecast: Date | null;
}

/**
 * Describes a user at `now`. A token within its refresh window makes the state `expiring`, even if the record has
 * another one. `blocked`: what blocks its next call; `stop`: what an operator has stopped of it; `gateCause`: the
 * failed call, perhaps of another user, because of which the gate is shut.
 */
export function describeUser(
  user: User,
  refreshWindowMs: number,
  now: number,
  blocked: Blocked | null = null,
  stop: StopFacts | null = null,
  gateCause: Cause | null = null,
  isOfAll = false,
): UserStatus {
  const { state, context } = user.position;
  const usable = isUsable(user, now);
  const due = expiringAt(user, refreshWindowMs, now);
  const expiring = due !== null && now >= due;
  return {
    appUserId: user.id,
    oneupUserId: context.oneupUserId,
    state: expiring ? "expiring" : state,
    since: new Date(expiring ? due : enteredAt(user, now)),
    usable,
    expiresAt: dateOf(context.expiresAt),
    provisionalUntil: usable ? dateOf(provisionalUntil(user, now)) : null,
    refusedTokens: refusedTokensOf(user, usable ? now + untilForcedRefreshMs(user, now, isOfAll) : null),
    active: context.active,
    purge:
      context.toPurge === null && context.purged === null && context.unpurged === null
        ? null
        : { done: context.purged ?? [], left: context.toPurge ?? [], skipped: context.unpurged },
    conflict: context.idTaken ? "idTaken" : null,
    pause: pauseOf(user, blocked, stop, gateCause) ?? (usable ? null : leaseOf(user, now)),
    hold: user.hold && {
      reason: user.hold.reason,
      since: new Date(user.hold.since),
      by: user.hold.by ?? null,
    },
    failure: context.failure,
    underWay: (user.intent?.call as UserCall | undefined) ?? null, // each release writes those of its machine
    calls: user.calls,
    history: historyOf(user),
  };
}

function refusedTokensOf({ position }: User, replacedFrom: number | null): UserStatus["refusedTokens"] {
  const { refusedTokens } = position.context;
  if (refusedTokens === null) return null;
  const { since, times, lastAt } = refusedTokens;
  return {
    since: new Date(since),
    times,
    lastAt: new Date(lastAt ?? since),
    replacedFrom: dateOf(replacedFrom),
  };
}

function dateOf(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}

/** What an operator has stopped, the account's gate or the user's own pause, whichever ends last. */
function pauseOf(
  user: User,
  blocked: Blocked | null,
  stop: StopFacts | null,
  gateCause: Cause | null,
): UserPause | null {
  const { pause, position } = user;
  const attempt = position.context.attempt + 1;
  const others = Math.max(blocked?.until ?? 0, pause?.until ?? 0);
  if (stop !== null && (stop.until === null || stop.until.getTime() >= others)) {
    const { type, until, reason, by } = stop;
    return { reason: type, until, attempt, why: reason, cause: null, ...(by !== null && { by }) };
  }
  const isBlocked = blocked !== null && blocked.until >= (pause?.until ?? 0);
  const waits = isBlocked ? blocked : pause;
  if (waits === null) return null;
  const hasCause = waits.reason !== "rateLimit" && waits.reason !== "shortTokens";
  const cause = isBlocked ? laterCause(causeOfLastStep(user), gateCause) : lastCause(user);
  return {
    reason: waits.reason,
    until: new Date(waits.until),
    attempt,
    cause: hasCause ? cause : null,
  };
}

/** The later of two failed calls: what shut a gate may have happened since the user's own call failed. */
function laterCause(one: Cause | null, other: Cause | null): Cause | null {
  if (one === null || other === null) return one ?? other;
  return other.at > one.at ? other : one;
}

/** The lease of another process, which ends in any case. */
function leaseOf({ leaseMs, position }: User, now: number): UserPause | null {
  if (leaseMs === undefined) return null;
  const until = new Date(now + leaseMs);
  return { reason: "lease", until, attempt: position.context.attempt + 1, cause: null };
}

/** When the user entered its state: the first of the latest history entries with that state. */
export function enteredAt({ history, position }: User, now: number): number {
  const before = history.findLastIndex(([, state]) => state !== position.state);
  return history[before + 1]?.[0] ?? now;
}

/** Whether the user has an access token that works at `now`. */
export function isUsable(user: User, now: number): boolean {
  const { expiresAt } = user.position.context;
  return (
    user.secrets.accessToken !== undefined && expiresAt !== null && now < expiresAt && !isUndated(user, now)
  );
}

/**
 * Whether the token was granted by a clock that was wrong: the grant lies in the future, so it may have expired long ago.
 * A step before it that is dated shows that it is young; so two processes of which one has a wrong clock do not refresh in
 * turn all the time.
 */
function isUndated({ history, position }: User, now: number): boolean {
  const { grantedAt, expiresAt } = position.context;
  if (grantedAt === null || expiresAt === null || grantedAt <= now + furthestAheadMs) return false;
  const before = history.slice(
    0,
    Math.max(
      0,
      history.findLastIndex(([at]) => at === grantedAt),
    ),
  );
  return !before.some(([at]) => at > now - (expiresAt - grantedAt) / 2 && at <= now + furthestAheadMs);
}

/**
 * A token that cannot be refreshed is given up for a fresh code, and the call for that may have to wait: so it is due only
 * this long before its expiry, ms.
 */
const lastMomentMs = 60_000;

/**
 * When the current token is due for a refresh: `refreshWindowMs` before its expiry, up to a fifth earlier by a share derived
 * from the user's id, so that users who were onboarded together do not refresh together. Without a refresh token it is due
 * about a minute before its expiry. A short-lived token is refreshed at half its life.
 */
export function refreshAt(user: User, refreshWindowMs: number): number {
  const { expiresAt, grantedAt } = user.position.context;
  if (expiresAt === null) return 0;
  const windowMs = user.secrets.refreshToken === undefined ? lastMomentMs : refreshWindowMs;
  const life = expiresAt - (grantedAt ?? expiresAt - 2 * refreshWindowMs);
  return expiresAt - Math.min(windowMs * (1 + 0.2 * fractionOf(user.id)), life / 2);
}

/** When the user becomes `expiring` without a step, ms since 1970; `null`: it has no token, or is `expiring` already. */
function expiringAt(user: User, refreshWindowMs: number, now: number): number | null {
  const { state } = user.position;
  const hasFreshToken = state === "tokenActive" || state === "refreshed" || state === "reauthorized";
  if (!hasFreshToken) return null;
  return isUndated(user, now) ? now : refreshAt(user, refreshWindowMs);
}

/** In how many whole ms that is; `undefined`: it does not. */
export function untilExpiringMs(user: User, refreshWindowMs: number, now: number): number | undefined {
  const at = expiringAt(user, refreshWindowMs, now);
  return at === null ? undefined : Math.max(0, Math.ceil(at - now));
}

/** How long a look-up before a purge stays valid, ms: a number may become another user's. */
const identifiedForMs = 15 * 60_000;

/** Sends the machine `DUE` as of `at` if the token is due for a refresh, or if a purge must look up its user again. */
export function applyDue(user: User, refreshWindowMs: number, now: number, at: number = now): User {
  const { state, context } = user.position;
  const expires = expiringAt(user, refreshWindowMs, now);
  const isOld =
    state === "offboarding" && user.intent === null && at - (context.identifiedAt ?? 0) > identifiedForMs;
  const isDue = isOld || (expires !== null && now >= expires);
  return isDue ? stepped(user, { type: "DUE", at }) : user;
}

/** A number in [0, 1) that depends only on the id. */
function fractionOf(id: string): number {
  let hash = 2_166_136_261; // FNV-1a: spread, not secrecy
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 16_777_619);
  return (hash >>> 0) / 2 ** 32;
}
