/**
 * Access tokens on demand: from memory, else from the store, else from 1upHealth. Concurrent requests, in any number
 * of processes, cause one refresh: the process that gets the user's lease sends it, and the others wait and read the
 * result.
 *
 * A token in memory is compared with the store every few seconds, because another process may have offboarded, forgotten
 * or renamed the user, and its id may belong to another person by now.
 *
 * @module
 */
import { hasLeft } from "../user/step.ts";
import { conditions, type UserEvent, type UserState } from "../../../machines/index.ts";
import { inTime } from "../../clock.ts";
import { isLifecycleError, type LifecycleError, storeUnavailable } from "../../errors.ts";
import type { Secret } from "../../secret.ts";
import {
  askForUser,
  startInBackground,
  firstPollMs,
  longestPollMs,
  sendEvent,
} from "../engine/wait-for-user.ts";
import { answerMs, type WithDeadline } from "../engine/deadline.ts";
import type { WaitOptions } from "../options/call-options.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import { isBusy, isLeased, loadUser } from "../engine/load-user.ts";
import { samePlace, saveIdleStep } from "../engine/save-user.ts";
import { checkId } from "../options/check-id.ts";
import { spanInWords } from "../options/time-in-words.ts";
import { untilForcedRefreshMs } from "../user/until-forced-refresh-ms.ts";
import { furthestAheadMs } from "../user/provisional-until.ts";
import { applyDue, isUsable, refreshAt } from "../user/user-status.ts";
import { isUsableNow, tokenTime } from "../user/token-time.ts";
import { stepped, type User } from "../user/user.ts";
import { blockedUser, notUsable, tooSoon } from "../engine/user-errors.ts";

/** The person behind an id. An id may pass to another person, these do not. */
export interface Holder {
  readonly oneupUserId: number | null;
  /** When its record was begun, ms since 1970. */
  readonly begun: number | null;
}

/** An access token, and whose it is. */
export interface HeldToken {
  readonly token: string;
  readonly holder: Holder;
  /** FHIR has refused those before it: that it accepts this one is news. */
  readonly isDoubted: boolean;
}

/** See {@link createAccessTokens}. */
export type AccessTokens = ReturnType<typeof createAccessTokens>;

/** How long a token in memory is used without a look at the store, ms. */
const recheckMs = 5_000;
/** The time between two fresh codes while FHIR refuses the tokens of all users, ms. */
const trialMs = 3_600_000;
/** How long such a look may delay a call whose token is in memory, ms. */
const longestLookBackMs = 1_000;

interface Cached {
  readonly token: Secret;
  readonly holder: Holder;
  /** When it was granted, and when it is due for renewal, ms since 1970. */
  readonly grantedAt: number;
  readonly renewAt: number;
  readonly state: UserState;
  /** See {@link HeldToken}. */
  isDoubted: boolean;
  /** When the store was last seen to have it, or could not be asked, ms since 1970. */
  seenAt: number;
}

/** A pending read of the store, and when it started, on `clock.monotonic()`. */
interface PendingRead {
  readonly at: number;
  readonly answer: Promise<HeldToken | null>;
}

/** The access tokens of one lifecycle. */
export function createAccessTokens(engine: Engine, withDeadline: WithDeadline) {
  const { clock, settings } = engine;
  const cache = new Map<string, Cached>();
  const pendingReads = new Map<string, PendingRead>();
  /** Incremented by each `forget()`: a read that started before it must not fill the cache. */
  let forgotten = 0;
  /** On `clock.monotonic()`. */
  let quietUntil = Number.NEGATIVE_INFINITY;
  /** When a grant may be given up while FHIR refuses the tokens of all users, on `clock.monotonic()`. */
  let triesAt = Number.NEGATIVE_INFINITY;

  /** Drops the user's token from memory. */
  function forget(id: string): void {
    forgotten++;
    cache.delete(id);
    pendingReads.delete(id);
  }

  // A user that any part of this process offboards loses its cached token too, and so does one whose grant is given up.
  engine.changes.subscribe(({ id, position }) => {
    if (hasLeft(position.state) || position.context.lostGrant) forget(id);
  });

  /** Warns, once an hour, of a token that was granted by a clock that was ahead. `at`: when it was read. */
  function noticeClocks({ id, position }: User, at: number): void {
    const aheadMs = (position.context.grantedAt ?? 0) - at;
    if (aheadMs <= furthestAheadMs || clock.monotonic() < quietUntil) return;
    quietUntil = clock.monotonic() + 3_600_000;
    const alias = engine.sealer.alias(id);
    settings.logger.warn(
      { user: alias },
      `The clock by which the token of user ${alias} was granted is ${spanInWords(aheadMs)} ahead of the one here, so the token may have expired: it is refreshed; if the clocks still differ, synchronise them`,
    );
  }

  /**
   * Returns the token and caches it, evicting the oldest entries beyond the limit. It is not cached if any token was
   * forgotten since the user was read, when `before` had been forgotten. `seenAt`: when it was read, ms since 1970.
   */
  function cacheAndReturn(user: User, before: number, seenAt: number): HeldToken {
    const token = user.secrets.accessToken;
    if (token === undefined) throw notUsable(engine, user);
    const holder = holderOf(user);
    const isDoubted = user.position.context.refusedTokens !== null;
    cache.delete(user.id);
    if (settings.cachedTokens > 0 && before === forgotten) {
      for (const oldest of cache.keys()) {
        if (cache.size < settings.cachedTokens) break;
        cache.delete(oldest);
      }
      const { context, state } = user.position;
      const grantedAt = context.grantedAt ?? 0;
      const renewAt = refreshAt(user, settings.refreshWindowMs);
      cache.set(user.id, { token, holder, grantedAt, renewAt, state, isDoubted, seenAt });
    }
    return { token: token.reveal(), holder, isDoubted };
  }

  /**
   * A token without waiting for a call, or `null`. While the store cannot be read, a token in memory is used; a look that
   * takes too long for one call still counts for the next ones.
   *
   * @throws {LifecycleError} of the store, if it shows that the user is gone or cannot be used
   */
  function atOnce(id: string): Promise<HeldToken | null> {
    const hit = cache.get(id);
    // Not `async`, which would make three promises more for each token that is not in memory.
    return hit === undefined || clock.latest(hit.grantedAt) >= hit.renewAt ? readOnce(id) : compared(id, hit);
  }

  /** The token in memory, once the store was asked. @throws {LifecycleError} as {@link atOnce} */
  async function compared(id: string, hit: Cached): Promise<HeldToken | null> {
    const isStill = (): boolean => cache.get(id) === hit;
    const look = readOnce(id);
    try {
      return await inTime(clock, longestLookBackMs, () => look, tooLate);
    } catch (error) {
      // The look may go on: what it shows later counts.
      look.then(
        (found) => found === null && isStill() && forget(id),
        (late: unknown) => !isUnreadable(late) && isStill() && forget(id),
      );
      engine.refuseLost();
      if (!isUnreadable(error) && isStill()) forget(id);
      if (!isUnreadable(error) || !isStill()) throw error;
      hit.seenAt = clock.now();
      return toHeldToken(hit);
    }
  }

  /** A token without waiting for a call, or `null`. Each caller then waits with its own deadline. */
  async function fromStore(id: string): Promise<HeldToken | null> {
    const [before, at] = [forgotten, clock.now()];
    try {
      const { user, record } = await loadUser(engine, id);
      noticeClocks(user, at);
      const now = tokenTime(engine, user);
      if (!isUsable(user, now)) return null;
      const next = applyDue(user, settings.refreshWindowMs, now, clock.now());
      if (next.position.state === "expiring")
        startInBackground(engine, { user, record }, blockedUser(engine, next));
      return cacheAndReturn(user, before, at);
    } finally {
      pendingReads.delete(id); // a later read than this one at worst: then another one may begin
    }
  }

  /** Waits for a token. */
  async function waitForToken(id: string, deadline: Deadline): Promise<HeldToken> {
    const before = forgotten;
    const user = await askForUser(engine, id, deadline);
    if (!isUsableNow(engine, user)) throw notUsable(engine, user);
    return cacheAndReturn(user, before, clock.now()); // it was read last a moment ago
  }

  /** At most one pending read of the store per user. */
  function readOnce(id: string): Promise<HeldToken | null> {
    const pending = pendingReads.get(id);
    const at = clock.monotonic();
    // A read that never completes must not block the user's tokens for ever.
    if (pending !== undefined && at - pending.at < answerMs) return pending.answer;
    const answer = fromStore(id);
    pendingReads.set(id, { at, answer });
    return answer;
  }

  /** The user, once it is idle or has another token: a renewal under way may be what invalidated `token`. */
  async function whenIdleOrRenewed(id: string, token: string, { until, signal }: Deadline): Promise<User> {
    for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, 2 * pollMs)) {
      const { user, record } = await loadUser(engine, id);
      const left = until - clock.monotonic();
      const busy = isLeased(record) || engine.running.has(id);
      if (!busy || left <= 0 || !has(user, token)) return user;
      await engine.changes.ofUser(id, Math.min(left, pollMs), signal);
      signal.throwIfAborted();
    }
  }

  /** Whether `token` is the user's usable token. */
  function has(user: User, token: string): boolean {
    return isUsableNow(engine, user) && user.secrets.accessToken?.reveal() === token;
  }

  /** The error while a refused token is too young to be replaced. */
  function tooYoung({ id, position }: User, retryAfterMs: number): LifecycleError {
    const times = position.context.refusedTokens?.times ?? 0;
    const why = engine.endpoints.refusesTokens
      ? "1upHealth refuses it, and fresh ones of other users too, so they are replaced ever more rarely until it accepts one; look at health()"
      : times > 1
        ? `1upHealth refuses it, and has refused those before it, ${times} in a row; reauthorize() gets a fresh grant now, and a day of this gets one by itself; look at explain()`
        : "1upHealth refuses it although it was granted a moment ago; if it goes on, another environment or another sandbox granted it: check endpoints (ONEUP_API, ONEUP_AUTH) and the store, or get a fresh grant with reauthorize(); look at explain()";
    return tooSoon(engine, "use the token of user", id, why, retryAfterMs);
  }

  /**
   * Whether the user's grant is given up for its refused tokens. While FHIR refuses those of all users, one an hour finds
   * out whether it accepts those of fresh codes, so that an outage does not take the account's calls.
   */
  function givesUp({ position }: User, event: UserEvent): boolean {
    if (!conditions.tokensRefusedForADay(position.context, event)) return false;
    if (!engine.endpoints.refusesTokens) return true;
    const now = clock.monotonic();
    if (now < triesAt) return false;
    triesAt = now + trialMs;
    return true;
  }

  /** Stores what FHIR has answered to the user's token, unless a process runs the user or the store fails: it is no loss. */
  async function note(id: string, token: string, event: UserEvent, signal: AbortSignal): Promise<void> {
    try {
      const found = await loadUser(engine, id);
      const { user, record } = found;
      if (engine.running.has(id) || isBusy(found) || !has(user, token)) return;
      const next = stepped(user, event);
      if (next !== user)
        await saveIdleStep(engine, next, samePlace(record), { signal, until: clock.monotonic() });
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
    }
  }

  return {
    /**
     * A working token, if it is in memory and was compared with the store a moment ago. Callers look here first: a promise
     * more would cost a third of the call.
     */
    inMemory(id: string): HeldToken | undefined {
      engine.refuseLost();
      const hit = cache.get(id);
      if (hit === undefined) return undefined;
      const now = clock.latest(hit.grantedAt);
      // seam: a-token-in-memory-is-compared-with-the-store
      const isCompared = Math.abs(now - hit.seenAt) < recheckMs;
      return isCompared && now < hit.renewAt ? toHeldToken(hit) : undefined;
    },

    /** A working token after a look at the store. `skipsMemory`: not from memory, even if the store does not answer. */
    get(id: string, options?: WaitOptions, skipsMemory = false): Promise<HeldToken> {
      return withDeadline(options, async (wait) => {
        wait.signal.throwIfAborted();
        checkId(id);
        return (await (skipsMemory ? fromStore(id) : atOnce(id))) ?? waitForToken(id, wait);
      });
    },

    /**
     * 1upHealth answered 401 to `token`: returns another token that works. `isReported`: to a client of the application,
     * which tells of no success.
     */
    rejected(id: string, token: string, options?: WaitOptions, isReported = false): Promise<HeldToken> {
      return withDeadline(options, async (wait) => {
        cache.delete(id);
        const found = await whenIdleOrRenewed(id, token, wait);
        const about = { at: clock.now(), isReported };
        const rejected = { type: "TOKEN_REJECTED", ...about } as const;
        // However young: short-lived tokens are never old enough before they are due.
        const isLost = has(found, token) && givesUp(found, rejected);
        const untilReplacedMs = (user: User): number =>
          isLost ? 0 : untilForcedRefreshMs(user, clock.now(), engine.endpoints.refusesTokens);
        const stillApplies = (user: User): boolean => {
          if (!has(user, token)) return false;
          const leftMs = untilReplacedMs(user);
          if (leftMs > 0) throw tooYoung(user, leftMs);
          return true;
        };
        if (has(found, token) && untilReplacedMs(found) > 0) {
          engine.endpoints.freshTokenRefused(id);
          await note(id, token, { type: "TOKEN_REFUSED", ...about }, wait.signal);
          wait.signal.throwIfAborted();
        }
        if (stillApplies(found)) {
          const isOfAll = engine.endpoints.refusesTokens && !isLost;
          await sendEvent(engine, id, { ...rejected, isOfAll }, wait, {
            verb: "renew the token of a user",
            stillApplies,
            lane: "recovery", // FHIR may refuse the tokens of all users, and people who sign up go first
          });
        }
        return waitForToken(id, wait);
      });
    },

    /** FHIR has accepted `token`, which was doubted. It is stored in the background, so that no read waits for that. */
    accepted(id: string, token: string): void {
      const hit = cache.get(id);
      if (hit !== undefined) hit.isDoubted = false;
      const noted = note(id, token, { type: "TOKEN_ACCEPTED", at: clock.now() }, engine.closing);
      engine.calls.add(noted);
      const end = (): void => void engine.calls.delete(noted);
      noted.then(end, end);
    },

    forget: (id: string): void => forget(id),
    /** The user's state when its token was put into memory; `undefined`: it is not there. */
    stateOf: (id: string): UserState | undefined => cache.get(id)?.state,
  };
}

function toHeldToken({ token, holder, isDoubted }: Cached): HeldToken {
  return { token: token.reveal(), holder, isDoubted };
}

/** The person that the user is now. */
export function holderOf({ begun, position }: User): Holder {
  return { oneupUserId: position.context.oneupUserId, begun };
}

/** Whether two users that had the same id, one after the other, are different persons. */
export function isAnother(one: Holder, other: Holder): boolean {
  if (one.oneupUserId !== null && other.oneupUserId !== null) return one.oneupUserId !== other.oneupUserId;
  return one.begun !== other.begun;
}

/** Whether the error tells nothing about the user. Nor does `STORE_MOVED`: tokens outlast a move of their store. */
function isUnreadable(error: unknown): boolean {
  return !isLifecycleError(error) || error.retryable || error.code === "STORE_MOVED";
}

function tooLate(): LifecycleError {
  return storeUnavailable("Cannot read a user: the store did not answer in time");
}
