/**
 * Applies the outcome of a call to its user: an event for the machine, new secrets, and how long to wait if nothing was
 * decided.
 *
 * @module
 */
import { isRenaming, type UserEvent, type UserState } from "../../../machines/index.ts";
import { printed, type CallCause } from "../../http/cause.ts";
import type { Tokens } from "../../http/token.ts";
import { isAboutAnother } from "../../http/user-management.ts";
import type { Pause } from "../../store/envelope.ts";
import type { Secret } from "../../secret.ts";
import type { SecretName, Secrets } from "../../store/sealing/sealer.ts";
import { clientOf, type Engine } from "./engine.ts";
import {
  doubtAbout,
  endedWithoutOutcome,
  extendToArrival,
  mayArriveUntil,
  momentOf,
  pauseOf,
  type InDoubt,
  type Moment,
} from "./in-doubt.ts";
import { pauseAfter } from "./pause-after.ts";
import { causeWithoutCall } from "./perform-call.ts";
import type { CallOutcome, NoOutcome, FailureScope } from "../user/call-outcome.ts";
import { afterOddAnswer, halfJitter } from "../options/backoff.ts";
import { keptText, withCause } from "../user/causes.ts";
import { callOf, hasLeft } from "../user/step.ts";
import { stepped, type User } from "../user/user.ts";

/** Applies an outcome to the user: the next state, the secrets that state may hold, and the pause it needs. */
export function applyOutcome(
  user: User,
  outcome: CallOutcome,
  now: Moment,
  scope: FailureScope = "plain",
): User {
  // seam: answers-about-another-user-come-to-an-end
  if (isAboutAnother(outcome) && user.position.state === "reauthorizing") {
    const event = { type: "REFUSED_WITHOUT_REASON", at: now.at, why: outcome.why } as const;
    return afterAnswerAboutAnother(stepped({ ...user, intent: null, pause: null }, event), now);
  }
  if (isInconclusive(outcome)) {
    const doubt = doubtAbout(user.position, outcome.type);
    const until = mayArriveUntil(user.position, outcome.type, now);
    const kept = scope === "kept" ? doubt?.whileDown : undefined;
    const after = inDoubt(user, kept ?? doubt, now, until);
    return isAboutAnother(outcome) ? afterAnswerAboutAnother(after, now) : after;
  }
  const event = eventOf(user.position.state, outcome, now.at, user.intent?.at);
  const erased = erasedBy(user, outcome, now.at);
  const after = stepped({ ...user, intent: null, pause: null, erased }, event);
  const fresh = newSecrets(outcome);
  const { lane, origin } = fresh.accessToken === undefined ? after : onceArrived(after);
  return {
    ...after,
    lane,
    origin,
    secrets: secretsFor(after.position.state, fresh, user.secrets),
    pause: pauseBetween(user, outcome, after, now, scope),
  };
}

/** What was erased of the user, with the version that this outcome confirms. */
function erasedBy({ erased, position }: User, outcome: CallOutcome, at: number): User["erased"] {
  const version = position.context.toPurge?.[0];
  if (outcome.type !== "purged" || version === undefined) return erased;
  return [...erased.filter((one) => one.version !== version), { version, at, digest: outcome.digest }];
}

function pauseBetween(
  user: User,
  outcome: Exclude<CallOutcome, NoOutcome>,
  after: User,
  now: Moment,
  scope: FailureScope,
): Pause | null {
  // The caller of a rename decides whether to try again; only the wait for another code goes on.
  if (isRenaming(user.position.state) && !isRenaming(after.position.state))
    return pauseOf("nextCode", after.position, now);
  // The look-up of a rename waits for nothing else.
  const pause = user.position.state === "renaming" ? null : pauseAfter(outcome, after, now, scope);
  return isUnsure(user.position.state, outcome) && after.position.state !== "failed"
    ? extendToArrival(pause, after.position, now)
    : pause;
}

/** Whether something other than 1upHealth answered a create or a rename, which may have been carried out. */
function isUnsure(state: UserState, outcome: CallOutcome): boolean {
  const isOthers = outcome.type === "blocked" || outcome.type === "unexplained";
  switch (callOf(state)) {
    case "createUser":
      return isOthers;
    case "updateUser":
      // seam: a-rename-that-something-else-answers-is-looked-up
      return isOthers || (outcome.type === "throttled" && "isBare" in outcome);
    default:
      return false;
  }
}

/** After its first token a user only returns to recover, and its import no longer waits for it. */
export function onceArrived({ origin }: User): Pick<User, "lane" | "origin"> {
  return {
    lane: "recovery",
    origin: origin && { ...origin, /* seam: a-first-token-is-an-arrival */ arrived: true },
  };
}

/** Applies the unknown outcome of a call that was in flight when its process died. */
export function applyNoOutcome(user: User, times: Omit<Moment, "random">): User {
  const now: Moment = { ...times, random: 0 }; // the lease was the wait: no row for a death uses randomness
  const until = mayArriveUntil(user.position, "died", now);
  return inDoubt(user, doubtAbout(user.position, "died"), now, until);
}

/** Applies a row of the in-doubt table; `undefined`: the state requires no call, so nothing is in doubt. */
function inDoubt(user: User, doubt: InDoubt | undefined, now: Moment, until: number | undefined): User {
  const settled: User = { ...user, intent: null, pause: null };
  if (doubt === undefined) return settled;
  const after = stepped(settled, { type: doubt.event, at: now.at, mayArriveUntil: until });
  return {
    ...after,
    secrets: secretsFor(after.position.state, none, user.secrets),
    pause: pauseOf(doubt.waits, after.position, now),
  };
}

/**
 * The response was about another user. A retry may return the same, and each takes a slot and a code, so it is delayed.
 */
function afterAnswerAboutAnother(user: User, now: Moment): User {
  const { state, context } = user.position;
  // A look-up tells which of two numbers is right, or whether the user was renamed.
  if (state === "failed" || state === "locating" || state === "renameInDoubt") return user;
  const pause = user.pause ?? pauseOf("nextCode", user.position, now);
  const times = context.refusals?.times ?? Math.max(1, context.attempt);
  const until = Math.max(pause?.until ?? 0, now.at + halfJitter(afterOddAnswer, times, now.random));
  return { ...user, pause: { reason: "otherUsers", until } };
}

function isInconclusive(outcome: CallOutcome): outcome is NoOutcome {
  return endedWithoutOutcome(outcome.type);
}

function eventOf(
  state: UserState,
  outcome: Exclude<CallOutcome, NoOutcome>,
  at: number,
  askedAt: number | undefined,
): UserEvent {
  switch (outcome.type) {
    case "created":
      return { type: "USER_CREATED", at, user: outcome };
    case "authorized":
      return { type: "USER_AUTHORIZED", at, user: outcome, expiresAt: outcome.tokens.expiresAt };
    case "exists":
      return { type: "USER_EXISTS", at };
    case "missing":
      return { type: "USER_MISSING", at };
    case "code":
      return { type: "CODE_ISSUED", at, user: outcome };
    case "found":
      return { type: "USER_FOUND", at, user: outcome.user };
    case "elsewhere":
      return { type: "FOUND_ELSEWHERE", at, user: outcome.user };
    case "updated":
      return { type: "USER_RENAMED", at };
    case "conflict":
      return { type: "USER_EXISTS", at };
    case "corrected":
      return { type: "NUMBER_CORRECTED", at, user: outcome.user };
    case "refuted":
      return { type: "NUMBER_REFUTED", at, why: outcome.why };
    case "purged":
      return { type: "PURGED", at };
    case "cut":
      return { type: "PURGE_CUT", at };
    case "tokens":
      return { type: "TOKEN_GRANTED", at, expiresAt: outcome.tokens.expiresAt };
    case "grantRefused":
      return state === "codeIssued" ? { type: "CODE_REFUSED", at, askedAt } : { type: "GRANT_LOST", at };
    case "credentialsRefused":
      return { type: "POSTPONED", at };
    case "throttled":
    case "blocked":
      // seam: a-blocked-create-is-not-repeated-blindly
      return isUnsure(state, outcome) ? { type: "IN_DOUBT", at } : { type: "POSTPONED", at };
    case "others":
      return { type: "FOUND_OTHERS", at, search: outcome.search };
    case "unexplained":
      return { type: "REFUSED_WITHOUT_REASON", at, why: outcome.why };
    case "refused":
      return { type: "REFUSED", at, why: outcome.why };
  }
}

function newSecrets(outcome: CallOutcome): Secrets {
  const ofTokens = ({ accessToken, refreshToken }: Tokens): Secrets =>
    refreshToken === undefined ? { accessToken } : { accessToken, refreshToken };
  switch (outcome.type) {
    case "created":
    case "code":
      return { code: outcome.code };
    case "authorized":
    case "tokens":
      return ofTokens(outcome.tokens);
    default:
      return {};
  }
}

const none: Secrets = {};

/** Those of `fresh` and `before` that a state may hold, without the rest. Returns the same object if nothing changed. */
function secretsFor(state: UserState, fresh: Secrets, before: Secrets): Secrets {
  const { causeText } = before;
  const grant = grantIn(state, {
    code: fresh.code ?? before.code,
    accessToken: fresh.accessToken ?? before.accessToken,
    // seam: a-refresh-token-stays-until-another-comes
    refreshToken: fresh.refreshToken ?? before.refreshToken,
  });
  const kept: Secrets = causeText === undefined ? grant : { ...grant, causeText };
  const same = (["code", "accessToken", "refreshToken", "causeText"] as const).every(
    (name) => kept[name] === before[name],
  );
  return same ? before : kept;
}

/** The code or tokens that a state may hold. */
function grantIn(
  state: UserState,
  { code, accessToken, refreshToken }: Record<Exclude<SecretName, "causeText">, Secret | undefined>,
): Secrets {
  switch (state) {
    case "codeIssued":
      return code === undefined ? none : { code };
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
    case "renaming":
    case "renameInDoubt":
      return { ...(accessToken && { accessToken }), ...(refreshToken && { refreshToken }) };
    case "created":
    case "reauthorizing":
    case "locating":
    case "failed":
    case "identifying":
    case "offboarding":
    case "offboarded":
      return none;
  }
}

/** The user after the outcome of its call, which `caller` made; `failed`: why that brought nothing, if so. */
export function noteCause(engine: Engine, caller: User, user: User, failed: CallCause | null): User {
  const { sealer, settings } = engine;
  const cause = failed && printed(failed, (text) => sealer.textPrint(text));
  // seam: texts-are-kept-if-asked-for
  const isAskedFor = settings.keepsTexts;
  const { state } = user.position;
  const mayKeep = isAskedFor && !hasLeft(state); // which erase what is known of a user
  // The user may hold the refused code or token no longer, which the text may quote.
  const text =
    failed?.text !== undefined && mayKeep ? keptText(failed.text, wordsToMask(engine, caller)) : null;
  return withCause(user, cause, text);
}

/** The user after a call that was in flight when its process died. */
export function afterDeath(engine: Engine, user: User): User {
  const after = applyNoOutcome(user, momentOf(engine));
  const call = callOf(user.position.state);
  if (call === undefined || after.history === user.history) return after;
  return noteCause(engine, user, after, causeWithoutCall(engine, call, "process_died"));
}

/** What a response to a call of the user may quote. */
function wordsToMask(engine: Engine, { id, position, secrets, former }: User): readonly string[] {
  const { clientId, clientSecret } = clientOf(engine);
  const { oneupUserId } = position.context;
  const { code, accessToken, refreshToken } = secrets;
  const held = [clientSecret, code, accessToken, refreshToken].map((secret) => secret?.reveal() ?? "");
  return [...held, clientId, id, ...former, String(oneupUserId ?? "")];
}
