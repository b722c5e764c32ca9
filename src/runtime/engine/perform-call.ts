/**
 * Makes the call that a state requires. What its outcome means for the user is in `apply-outcome.ts`.
 *
 * @module
 */
import { isPurging, type UserCall, type UserState } from "../../../machines/index.ts";
import type { GatedCall } from "../../guard/gates.ts";
import type { Answer, Call } from "../../http/call.ts";
import { causeOf, type CallCause } from "../../http/cause.ts";
import { sizeRuleIn } from "../../http/transport.ts";
import { exchangeCodeCall, readTokens, refreshTokenCall } from "../../http/token.ts";
import { purgeCall, readPurge } from "../../http/purge.ts";
import {
  createUserCall,
  issueAuthCodeCall,
  listUsersCall,
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  updateUserCall,
} from "../../http/user-management.ts";
import { clientOf, type Engine } from "./engine.ts";
import type { CallOutcome } from "../user/call-outcome.ts";
import { readLocated, searchFrom, soughtBy } from "../user/located.ts";
import { callWork } from "../telemetry/call-work.ts";
import { queryOf } from "../user/search-forms.ts";
import { bringsRefusedToken } from "../user/until-forced-refresh-ms.ts";
import type { User } from "../user/user.ts";

/** The endpoint of a call, which determines the slots it needs. */
export function endpointOf(call: UserCall): "management" | "token" | "fhir" {
  switch (call) {
    case "createUser":
    case "issueAuthCode":
    case "findUser":
    case "updateUser":
      return "management";
    case "exchangeCode":
    case "refreshToken":
      return "token";
    case "purge":
      return "fhir";
  }
}

/** The call of a user in this state, as the gates know it. */
export function gatedCall(state: UserState, call: UserCall): GatedCall {
  return call === "findUser" && isPurging(state) ? "findLeaver" : call;
}

/** Whether the call yields a code. Then the gates of the exchange apply to it as well. */
export function bringsCode(call: GatedCall): boolean {
  return call === "createUser" || call === "issueAuthCode";
}

/** What a call came to. `failed`: why it brought nothing; `null`: it brought something. */
export interface Performed {
  readonly outcome: CallOutcome;
  readonly failed: CallCause | null;
  /** The HTTP status of its response, if it got one. */
  readonly status: number | null;
}

/** Makes the call. A failure to send is a value, like every other outcome. */
export function performCall(
  engine: Engine,
  user: User,
  call: UserCall,
  isOver: () => boolean,
): Promise<Performed> {
  const prepared = prepare(engine, user, call);
  if ("unsent" in prepared) {
    const failed = causeWithoutCall(engine, call, prepared.why);
    return Promise.resolve({ outcome: prepared.unsent, failed, status: null });
  }
  const { recorder } = engine;
  if (recorder === null) return sendPrepared(engine, user, call, prepared, isOver);
  const about = { alias: engine.sealer.alias(user.id), state: user.position.state };
  return recorder.during(
    callWork(prepared.call, about),
    () => sendPrepared(engine, user, call, prepared, isOver),
    ({ outcome, failed, status }) => ({ outcome: outcome.type, status, error: failed?.code }),
  );
}

async function sendPrepared(
  engine: Engine,
  user: User,
  call: UserCall,
  prepared: Sendable,
  isOver: () => boolean,
): Promise<Performed> {
  const { tokenOwners } = engine;
  const { mixUps } = tokenOwners;
  const answer = await engine.sender.send(prepared.call, { isOver });
  await engine.gather();
  const size = answer.type === "lost" ? sizeRuleIn(answer.cause) : null;
  if (size !== null) {
    const alias = engine.sealer.alias(user.id);
    const fields = { user: alias, state: user.position.state, call };
    engine.settings.logger.warn(fields, `Cannot read the answer about user ${alias} (${call}): ${size.rule}`);
  }
  // seam: a-call-without-an-answer-keeps-the-grant
  const outcome =
    answer.type === "answer"
      ? tokenOwners.checked(user, prepared.call, prepared.read(answer), mixUps)
      : answer;
  const status = answer.type === "answer" ? answer.status : null;
  // seam: a-refused-token-that-comes-again-is-a-lost-grant
  if (bringsRefusedToken(user, outcome, engine.clock.now())) {
    const why = "former_token";
    const failed = { ...causeWithoutCall(engine, call, why), status };
    return { outcome: { type: "grantRefused", why }, failed, status };
  }
  const failed = causeOf(prepared.call, answer, outcome);
  return { outcome, failed: failed && { ...failed, call }, status };
}

/** The cause where no call was made, or its process died. */
export function causeWithoutCall({ settings }: Engine, call: UserCall, code: string): CallCause {
  const endpoint = endpointOf(call);
  const { host } = new URL(endpoint === "token" ? settings.auth : settings.api);
  return { call, endpoint, host, status: null, code };
}

/** A call to send, and how its answer is read. */
interface Sendable {
  readonly call: Call;
  readonly read: (answer: Answer) => CallOutcome;
}

/** A call to send, or the outcome where nothing can be sent. */
type Prepared = Sendable | { readonly unsent: CallOutcome; readonly why: string };

function prepare(engine: Engine, user: User, call: UserCall): Prepared {
  const client = clientOf(engine);
  const { oneupUserId, unconfirmed } = user.position.context;
  const newId = newIdOf(engine, user);
  const asked = { appUserId: user.id, oneupUserId };
  switch (call) {
    case "createUser":
      return { call: createUserCall(client, user.id), read: (answer) => readCreatedUser(answer, asked) };
    case "issueAuthCode":
      return { call: issueAuthCodeCall(client, user.id), read: (answer) => readIssuedCode(answer, asked) };
    case "findUser": {
      const { state, context } = user.position;
      const absent = context.absences?.times ?? 0;
      const target = { ...asked, newId, unconfirmed, absent };
      const sought = soughtBy(target);
      const search = context.search ?? searchFrom(engine.forms, absent, sought);
      const { pager } = engine.settings;
      const locating = { ...target, search, isLeaving: isPurging(state) };
      return {
        call: listUsersCall(client, { ...queryOf(search, sought), pager }),
        read: (answer) => readLocated(answer, locating, engine.forms),
      };
    }
    case "exchangeCode": {
      const { code } = user.secrets;
      if (code === undefined) return unsent("no_code", { type: "grantRefused", why: "invalid_code" });
      return { call: exchangeCodeCall(client, code), read: readTokens };
    }
    case "refreshToken": {
      const { refreshToken } = user.secrets;
      if (refreshToken === undefined)
        return unsent(
          "no_refresh_token",
          /* seam: without-a-refresh-token-there-is-no-grant */ {
            type: "grantRefused",
            why: "invalid_grant",
          },
        );
      return { call: refreshTokenCall(client, refreshToken), read: readTokens };
    }
    case "updateUser": {
      if (newId === null || oneupUserId === null) return unsent("nothing_to_rename");
      const renamed = { appUserId: newId, oneupUserId };
      return {
        call: updateUserCall(client, renamed),
        read(answer) {
          const outcome = readUpdatedUser(answer, renamed);
          // seam: only-a-confirmed-rename-moves-the-user
          return outcome.type === "updated" ? { type: "updated", appUserId: newId } : outcome;
        },
      };
    }
    case "purge": {
      const version = user.position.context.toPurge?.[0];
      if (version === undefined || oneupUserId === null) return unsent("nothing_to_purge");
      return { call: purgeCall(client, { oneupUserId, version }), read: readPurge };
    }
  }
}

function unsent(why: string, outcome: CallOutcome = { type: "refused", why }): Prepared {
  return { unsent: outcome, why };
}

/** The new id of a user that is being renamed; `null`: it is not. */
export function newIdOf({ hidden }: Engine, { id, position }: User): string | null {
  const { rename } = position.context;
  if (rename === null) return null;
  return hidden === null ? rename.to : hidden.open(id, rename.to);
}
