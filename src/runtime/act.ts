/**
 * Makes the call a state asks for and says what it means: an event for the machine, the secrets that came,
 * and how long to wait if nothing was decided.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import type { UserCall, UserEvent, UserState } from "../../machines/index.ts";
import type { Answer, Call, Unanswered } from "../http/call.ts";
import { exchangeCodeCall, readTokens, refreshTokenCall } from "../http/token.ts";
import type { Tokens } from "../http/token.ts";
import { purgeCall, readPurge } from "../http/purge.ts";
import {
  createUserCall,
  issueAuthCodeCall,
  listUsersCall,
  readCreatedUser,
  readIssuedCode,
} from "../http/user-management.ts";
import type { Pause, PauseReason } from "../store/envelope.ts";
import type { Secrets } from "../store/seal.ts";
import { doubtAbout, isEnding, pauseOf } from "./doubt.ts";
import type { Doubt, Ending, Moment } from "./doubt.ts";
import { clientOf } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { readLocated } from "./located.ts";
import {
  afterForbidden,
  afterRefusedCredentials,
  betweenPurges,
  codeRegistersMs,
  doubling,
  fullJitter,
} from "./pauses.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** What was heard, whichever call it answers. */
export type Heard =
  | Unanswered
  | ReturnType<typeof readCreatedUser>
  | ReturnType<typeof readIssuedCode>
  | ReturnType<typeof readLocated>
  | ReturnType<typeof readTokens>
  | ReturnType<typeof readPurge>;

/** The endpoint a call goes to: whose slots it needs. */
export function endpointOf(call: UserCall): "management" | "token" | "fhir" {
  switch (call) {
    case "createUser":
    case "issueAuthCode":
    case "findUser":
      return "management";
    case "exchangeCode":
    case "refreshToken":
      return "token";
    case "purge":
      return "fhir";
  }
}

/** Does the call bring a code? Then it waits for the exchange as well. */
export function bringsCode(call: UserCall): boolean {
  return call === "createUser" || call === "issueAuthCode";
}

/** Makes the call. Trouble on the way is a value, like every other outcome. */
export async function act(engine: Engine, user: User, call: UserCall, notAfter: number): Promise<Heard> {
  const { sender, gather } = engine;
  const client = clientOf(engine);
  const asked = async (described: Call): Promise<Answer | Unanswered> => {
    const answer = await sender.send(described, { notAfter });
    await gather();
    return answer;
  };
  switch (call) {
    case "createUser": {
      const answer = await asked(createUserCall(client, user.id));
      return answer.type === "answer" ? readCreatedUser(answer) : answer;
    }
    case "issueAuthCode": {
      const answer = await asked(issueAuthCodeCall(client, user.id));
      return answer.type === "answer" ? readIssuedCode(answer) : answer;
    }
    case "findUser": {
      const { oneupUserId } = user.position.context;
      const who = { appUserId: user.id, oneupUserId, isLeaving: isPurging(user.position.state) };
      const answer = await asked(
        listUsersCall(client, oneupUserId === null ? { appUserId: user.id } : { oneupUserId }),
      );
      return answer.type === "answer" ? readLocated(answer, who) : answer;
    }
    case "exchangeCode": {
      const { code } = user.secrets;
      if (code === undefined) return { type: "grantRefused", why: "invalid_code" };
      const answer = await asked(exchangeCodeCall(client, code));
      return answer.type === "answer" ? readTokens(answer) : answer;
    }
    case "refreshToken": {
      const { refreshToken } = user.secrets;
      if (refreshToken === undefined) return { type: "grantRefused", why: "invalid_grant" };
      const answer = await asked(refreshTokenCall(client, refreshToken));
      return answer.type === "answer" ? readTokens(answer) : answer;
    }
    case "purge": {
      const { oneupUserId, toPurge } = user.position.context;
      const version = toPurge?.[0];
      if (version === undefined || oneupUserId === null) return { type: "refused", why: "nothing_to_purge" };
      const answer = await asked(purgeCall(client, { oneupUserId, version }));
      return answer.type === "answer" ? readPurge(answer) : answer;
    }
  }
}

/**
 * What an outcome means for the user beside what was heard: nothing more; `kept`: what is in doubt leaves everything as
 * it is, for the endpoint is down and a further code would bring nothing; `own`: a refusal is the user's, too.
 */
export type Verdict = "plain" | "kept" | "own";

/** The user once the outcome is known: stepped, with the secrets its new state may hold and the pause it needs. */
export function heardBy(
  user: User,
  heard: Heard,
  at: number,
  dice: number,
  graceMs: number,
  verdict: Verdict = "plain",
): User {
  const moment: Moment = { at, dice, graceMs };
  if (isUnheard(heard)) {
    const doubt = doubtAbout(user.position, heard.type);
    return inDoubt(user, (verdict === "kept" ? doubt?.whileDown : undefined) ?? doubt, moment);
  }
  const event = eventOf(user.position.state, heard, at, user.intent?.at);
  const after = stepped({ ...user, intent: null, pause: null }, event);
  return {
    ...after,
    secrets: held(after.position.state, { ...user.secrets, ...newSecrets(heard) }, user.secrets),
    pause: pauseAfter(heard, after, moment, verdict),
    ...(hasTokens(heard) && arrivedBy(after)),
  };
}

function hasTokens({ type }: Heard): boolean {
  return type === "tokens" || type === "authorized";
}

/** Whoever got a token once comes back, if ever, to recover; an import need not wait for it any more. */
export function arrivedBy({ origin }: User): Pick<User, "lane" | "origin"> {
  return { lane: "recovery", origin: origin && { ...origin, arrived: true } };
}

/** A call was under way when its process died: nobody heard the outcome. */
export function heardByNobody(user: User, at: number): User {
  // Its lease was the wait: none of these rows throws dice or asks how long the call may still arrive.
  return inDoubt(user, doubtAbout(user.position, "died"), { at, dice: 0, graceMs: 0 });
}

/** The user once the table of doubt was asked; `undefined`: it stands before no call, so nothing is in doubt. */
function inDoubt(user: User, doubt: Doubt | undefined, moment: Moment): User {
  const settled: User = { ...user, intent: null, pause: null };
  if (doubt === undefined || doubt.hears === null) return settled;
  const after = stepped(settled, { type: doubt.hears, at: moment.at });
  return {
    ...after,
    secrets: held(after.position.state, user.secrets, user.secrets),
    pause: pauseOf(doubt.waits, after.position, moment),
  };
}

type Unheard = Extract<Heard, { readonly type: Ending }>;

function isUnheard(heard: Heard): heard is Unheard {
  return isEnding(heard.type);
}

function eventOf(
  state: UserState,
  heard: Exclude<Heard, Unheard>,
  at: number,
  askedAt: number | undefined,
): UserEvent {
  switch (heard.type) {
    case "created":
      return { type: "USER_CREATED", at, user: heard };
    case "authorized":
      return { type: "USER_AUTHORIZED", at, user: heard, expiresAt: heard.tokens.expiresAt };
    case "exists":
      return { type: "USER_EXISTS", at };
    case "missing":
      return { type: "USER_MISSING", at };
    case "code":
      return { type: "CODE_ISSUED", at, user: heard };
    case "found":
      return { type: "USER_FOUND", at, user: heard.user };
    case "elsewhere":
      return { type: "FOUND_ELSEWHERE", at, user: heard.user };
    case "purged":
      return { type: "PURGED", at };
    case "cut":
      return { type: "PURGE_CUT", at };
    case "tokens":
      return { type: "TOKEN_GRANTED", at, expiresAt: heard.tokens.expiresAt };
    case "grantRefused":
      return state === "codeIssued" ? { type: "CODE_REFUSED", at, askedAt } : { type: "GRANT_LOST", at };
    case "throttled":
    case "credentialsRefused":
    case "forbidden":
      return { type: "HELD", at };
    case "refused":
      return { type: "REFUSED", at, why: heard.why };
  }
}

function newSecrets(heard: Heard): Secrets {
  const ofTokens = ({ accessToken, refreshToken }: Tokens): Secrets =>
    refreshToken === undefined ? { accessToken } : { accessToken, refreshToken };
  switch (heard.type) {
    case "created":
    case "code":
      return { code: heard.code };
    case "authorized":
    case "tokens":
      return ofTokens(heard.tokens);
    default:
      return {};
  }
}

const none: Secrets = {};

/** The secrets that a state may hold; everything else is erased. The same object if nothing changed. */
function held(state: UserState, secrets: Secrets, before: Secrets): Secrets {
  const kept = keptIn(state, secrets);
  const same = (["code", "accessToken", "refreshToken"] as const).every(
    (name) => kept[name] === before[name],
  );
  return same ? before : kept;
}

function keptIn(state: UserState, { code, accessToken, refreshToken }: Secrets): Secrets {
  switch (state) {
    case "codeIssued":
      return code === undefined ? none : { code };
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
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

function pauseAfter(
  heard: Exclude<Heard, Unheard>,
  { position }: User,
  moment: Moment,
  verdict: Verdict,
): Pause | null {
  const { state, context } = position;
  const attempt = Math.max(1, context.attempt);
  const pause = (reason: PauseReason, ms: number): Pause => ({ reason, until: moment.at + ms });
  switch (heard.type) {
    case "refused":
      return state === "expiring" ? pauseOf("jitter", position, moment) : null;
    case "grantRefused":
      if (state === "codeIssued") return pause("codeRegisters", codeRegistersMs);
      return pauseOf("nextCode", position, moment);
    // The account's gates wait for all users together; whoever shut one waits longer, so that another tries it next.
    case "throttled":
      return null;
    case "credentialsRefused":
      return verdict === "own" ? pause("credentials", 2 * doubling(afterRefusedCredentials, attempt)) : null;
    case "forbidden":
      return verdict === "own" ? pause("forbidden", 2 * doubling(afterForbidden, attempt)) : null;
    case "cut":
      return pause("purging", fullJitter(betweenPurges, attempt, moment.dice));
    case "missing":
    case "found":
      return attempt > 1 ? pauseOf("jitter", position, moment) : null;
    case "created":
    case "authorized":
    case "exists":
    case "code":
    case "elsewhere":
    case "tokens":
    case "purged":
      return null;
  }
}
