/**
 * The status of a user, and the errors for a user that cannot be used now.
 *
 * @module
 */
import { isPurging, type GateReason } from "../../../machines/index.ts";
import { causeInWords, LifecycleError, type Cause } from "../../errors.ts";
import type { Lane } from "../../store/contract.ts";
import type { Pause } from "../../store/envelope.ts";
import type { GatedCall, GateName } from "../../guard/gates.ts";
import type { Blocked } from "../gates/account.ts";
import { troubleAt } from "../gates/gate-rules.ts";
import type { Engine } from "./engine.ts";
import type { LoadedUser } from "./load-user.ts";
import { gatedCall } from "./perform-call.ts";
import { lastCause } from "../user/causes.ts";
import { describeUser, type UserStatus } from "../user/user-status.ts";
import { applyDueNow, tokenTime } from "../user/token-time.ts";
import { momentInWords } from "../options/time-in-words.ts";
import { stopOf, stoppedError } from "./stop.ts";
import { callOf, hasLeft } from "../user/step.ts";
import type { User } from "../user/user.ts";

/** The current status of the user, including what blocks its next call. */
export function statusOf(engine: Engine, user: User): UserStatus {
  const blocked = blockedUser(engine, user);
  const met = blocked === null ? null : causeOfShut(engine, blocked);
  const now = tokenTime(engine, user);
  const leaseMs = engine.running.has(user.id) ? undefined : user.leaseMs;
  const seen = { ...user, pause: ownPause(engine, user), leaseMs };
  const { refreshWindowMs } = engine.settings;
  return describeUser(
    seen,
    refreshWindowMs,
    now,
    blocked,
    stopOf(engine, user),
    met,
    engine.endpoints.refusesTokens,
  );
}

/**
 * The gate that the next call of the user must pass and that is not open, even if it may be probed now; and why. A lane is
 * served once a registration may leave, whatever the user's own call passes.
 */
export function gateAhead(engine: Engine, user: User, lane: Lane | null): GateAhead | null {
  const { account } = engine;
  const call = nextGatedCall(engine, user);
  if (call === undefined) return null;
  const gate = account.shutBefore(call) ?? (lane === null ? null : account.shutBefore("createUser"));
  if (gate === null) return null;
  const { reason } = account.gates()[gate];
  return { gate, reason, cause: reason && causeOfShut(engine, { by: gate, reason }) };
}

/** The failed call because of which calls are held back there, if this process has seen it. */
export function causeOfShut(
  { account, endpoints }: Engine,
  { by, reason }: Pick<Blocked, "by" | "reason">,
): Cause | null {
  return troubleAt(by, { ...account.gates()[by], reason }, endpoints);
}

/** See {@link gateAhead}. */
export interface GateAhead {
  readonly gate: GateName;
  readonly reason: GateReason | null;
  readonly cause: Cause | null;
}

/** The failed call because of which the user waits. */
function failedCall(engine: Engine, user: User): Cause | null {
  return statusOf(engine, user).pause?.cause ?? null;
}

/** The error for a user without a working token. */
export function notUsable(engine: Engine, user: User): LifecycleError {
  return refusal(engine, user) ?? notReady(engine, user);
}

/**
 * The error if waiting in this process does not help: the user failed, an operator has stopped its calls, or 1upHealth
 * refuses the account, this process or this user. It is retryable where another process, or this user later, may
 * succeed.
 */
export function refusal(engine: Engine, user: User): LifecycleError | null {
  const who = (): string => `user ${engine.sealer.alias(user.id)}`; // an HMAC, for errors alone
  const { state, context } = user.position;
  if (state === "failed") {
    const reason = context.failure?.reason ?? "refused";
    if (isPurging(context.failure?.in ?? "")) {
      if (context.idTaken) return sharedNumber(engine, user.id);
      if (reason === "anotherUser") return notItsNumber(engine, user.id, "purge");
    }
    return new LifecycleError(
      "USER_FAILED",
      `Cannot use ${who()}: its lifecycle failed in ${context.failure?.in} (${reason}: ${context.failure?.why}); retry() resumes from there`,
      { facts: { reason }, failedCall: lastCause(user) },
    );
  }
  if (hasLeft(state)) {
    const why =
      state === "offboarded"
        ? "it was offboarded; onboard() starts over"
        : "it is being offboarded; onboard() starts over once its data are erased";
    return new LifecycleError("USER_OFFBOARDED", `Cannot use ${who()}: ${why}`);
  }
  const stop = stopOf(engine, user);
  if (stop !== null) return stoppedError(`Cannot continue with ${who()}`, stop, engine.clock.now());
  const blocked = blockedUser(engine, user);
  const alone = blocked === null ? refusedAlone(user, engine.clock.now()) : null;
  if (alone !== null) {
    const isStopped = alone.reason === "forbidden";
    const what = isStopped
      ? "its calls are blocked before they reach 1upHealth"
      : "1upHealth refuses the client for it";
    return new LifecycleError(
      isStopped ? "FORBIDDEN" : "CREDENTIALS_REFUSED",
      `Cannot continue with ${who()} now: ${what}, while other calls succeed; it is retried later, and retry() retries it at once`,
      {
        retryable: true,
        retryAfterMs: leftMs(engine, alone),
        failedCall: failedCall(engine, user),
        facts: { alone: true },
      },
    );
  }
  if (blocked?.reason === "credentials") {
    return new LifecycleError(
      "CREDENTIALS_REFUSED",
      `Cannot continue with ${who()}: 1upHealth refuses the client id and secret; the user is kept and continues once they are right`,
      { failedCall: failedCall(engine, user) },
    );
  }
  if (blocked?.reason === "forbidden") {
    return new LifecycleError(
      "FORBIDDEN",
      `Cannot continue with ${who()}: calls of this process are blocked before they reach 1upHealth, often because of its location; the user is kept and continues in any process that gets through`,
      { retryable: true, retryAfterMs: leftMs(engine, blocked), failedCall: failedCall(engine, user) },
    );
  }
  return null;
}

/** The pause of a user whose own last call was refused while those of others succeeded; `null`: none, or it is over. */
export function refusedAlone({ pause }: User, now: number): Pause | null {
  const isRefused = pause?.reason === "forbidden" || pause?.reason === "credentials";
  return isRefused && pause.until > now ? pause : null;
}

/** The same, or it alone met one 429 after another: an operator may retry it at once. */
export function mayRetryAtOnce(user: User, now: number): boolean {
  const { pause } = user;
  const isThrottled = pause?.reason === "throttled" && pause.until > now;
  return isThrottled || refusedAlone(user, now) !== null;
}

function leftMs({ clock }: Engine, { until }: { readonly until: number }): number {
  return Math.max(0, until - clock.now());
}

/**
 * The error for a call that uses the number: 1upHealth lists that unconfirmed number under another id, so the call
 * would affect another user.
 */
export function notItsNumber({ sealer }: Engine, id: string, verb: string): LifecycleError {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot ${verb} user ${sealer.alias(id)}: 1upHealth has its oneup_user_id, which nothing has confirmed, under the app_user_id of another user, and nothing was done; check which of the two is right (retry() looks the user up by its app_user_id)`,
  );
}

/** The error for a purge, which goes by the number, of a user that is the same user at 1upHealth as another one here. */
export function sharedNumber({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot purge user ${sealer.alias(id)}: it is one user at 1upHealth with another one here, whose data would be erased; offboard it without a purge`,
  );
}

/** The retryable error for onboarding a user again whose data are still being erased. */
export function stillPurged(engine: Engine, user: User): LifecycleError {
  const pause = longer(blockedUser(engine, user), ownPause(engine, user));
  const stop = stopOf(engine, user);
  const until = stop === null ? "" : `, once what an operator has stopped goes on (${stop.reason})`;
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot onboard user ${engine.sealer.alias(user.id)} yet: its data at 1upHealth are being erased${until}`,
    {
      retryable: true,
      retryAfterMs: pause === null ? undefined : leftMs(engine, pause),
      failedCall: failedCall(engine, user),
    },
  );
}

/**
 * The error when the deadline passes while a call for the user is under way. `verb` begins its message:
 * `adopt a user`. Of a process that may have died it is known when its lease ends.
 */
export function callUnderWay(
  engine: Engine,
  verb: string,
  id: string,
  found: LoadedUser | null,
): LifecycleError {
  const doing = verb.replace(/ a user$/, " user");
  const leasedMs = engine.running.has(id) ? 0 : (found?.record.lease?.leftMs ?? 0);
  if (leasedMs <= 0) return tooSoon(engine, doing, id, "a call for it is under way");
  const now = engine.clock.now();
  return tooSoon(engine, doing, id, leaseInWords(new Date(now + leasedMs), now), leasedMs);
}

/** Why a user waits that another process runs. Whether that process lives cannot be known before its lease ends. */
export function leaseInWords(until: Date, now: number): string {
  return `another process has it, or died with it; its lease ends at ${momentInWords(until, now)}`;
}

/** The retryable error for a call for which it is too soon: `Cannot rename user … yet`. */
export function tooSoon(
  { sealer }: Engine,
  doing: string,
  id: string,
  why: string,
  retryAfterMs?: number,
): LifecycleError {
  const message = `Cannot ${doing} ${sealer.alias(id)} yet: ${why}`;
  return new LifecycleError("USER_NOT_READY", message, { retryable: true, retryAfterMs });
}

/** The gate that blocks the next call of the user, if it needs one. */
export function blockedUser(engine: Engine, user: User): Blocked | null {
  if (engine.account.isQuiet) return null;
  const call = nextGatedCall(engine, user);
  return call === undefined ? null : engine.account.blocked(call);
}

function nextGatedCall(engine: Engine, user: User): GatedCall | undefined {
  const { state } = applyDueNow(engine, user).position;
  const call = callOf(state);
  return call && gatedCall(state, call);
}

/** The user's own pause. A slot is free within a window: a later end is of a clock that has been set back since. */
function ownPause({ clock, guard }: Engine, { pause }: User): Pause | null {
  if (pause?.reason !== "rateLimit") return pause;
  const { management, token, fhir } = guard.limits;
  const windows = [management, token, fhir].map((limit) => limit?.windowMs ?? 0);
  return { ...pause, until: Math.min(pause.until, clock.now() + Math.max(...windows)) };
}

/** The longer of the account's gate and the user's own pause. */
function longer(blocked: Blocked | null, pause: Pause | null): Blocked | Pause | null {
  return blocked !== null && blocked.until >= (pause?.until ?? 0) ? blocked : pause;
}

function notReady(engine: Engine, user: User): LifecycleError {
  const { pause } = statusOf(engine, user);
  const until = pause?.until ?? null;
  const now = engine.clock.now();
  const cause = pause?.cause ?? null;
  const met = cause === null ? "" : `: ${causeInWords(cause)}`;
  const why =
    pause === null
      ? "a call is under way"
      : pause.reason === "lease" && until !== null
        ? leaseInWords(until, now)
        : `it waits (${pause.reason}${met})`;
  const wait = until === null ? undefined : Math.max(0, until.getTime() - now);
  return new LifecycleError(
    "USER_NOT_READY",
    `Cannot use user ${engine.sealer.alias(user.id)} yet: it is ${user.position.state} and ${why}`,
    { retryable: true, retryAfterMs: wait, failedCall: cause },
  );
}
