/** Kinds of fault with what answers mean: words that decide nothing, answers about another user, refusals without a reason. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import type { SandboxUser } from "../../src/sandbox/state/users.ts";
import { askedBy, hidden, isManagement, nameless, userOf } from "./faults.ts";
import type { Kind } from "./kinds.ts";
import type { Stage } from "./stage.ts";
import { beginning, Dice, hour, minute, timeoutMs } from "./time.ts";

/** Phrases that mean something in other answers. */
const words = [
  "User service not found",
  'relation "user" does not exist',
  "upstream user: host not found",
  "database connection already in use",
  "this user does not exist",
  "this user already exists",
];

/** Answers in which they mean nothing. The last two speak of the client or of its way, and shut gates. */
const misleading = [500, 502, 503, 504, 408, 425, 500, 503, 401, 403] as const;

/** What something on the way answers, which knows nothing of 1upHealth. */
const withoutReason: readonly Fault[] = [
  { status: 400, body: "" },
  { status: 400, body: { message: "Bad Request" } },
  { status: 400, body: "<html><body>Bad Request</body></html>" },
  { status: 404, body: { message: "no Route matched with those values" } },
  { status: 422, body: { message: "Unprocessable Entity" } },
];

/** Refusals in words that are not known of the endpoint that was asked: of none at all, of another one, or quoted. */
const unknown: readonly Fault[] = [
  { status: 200, body: { success: false, error: "Internal error" } },
  { status: 200, body: { success: false, error: "E17" } },
  { status: 400, body: { success: false, error: "bad" } },
  { status: 400, body: { error: "invalid_request" } },
  { status: 400, body: { error: "unauthorized_client" } },
  { status: 400, body: { success: false, error: "app_user_id=ada&grant_type=authorization_code" } },
  { status: 400, body: { success: false, error: "app_user_id is required" } },
  { status: 422, body: { error: "Invalid status code from upstream" } },
];
const misplaced: Readonly<Record<string, readonly Fault[]>> = {
  createUser: [
    { status: 404, body: { success: false, error: "this user does not exist" } },
    { status: 400, body: { error: "invalid_grant" } },
  ],
  issueAuthCode: [
    { status: 400, body: { success: false, error: "this user already exists" } },
    { status: 400, body: { error: "invalid_grant" } },
  ],
  exchangeCode: [
    { status: 404, body: { success: false, error: "this user does not exist" } },
    { status: 400, body: { success: false, error: "app_user_id is not allowed" } },
  ],
};

/** By default. */
const graceMs = 10_000;

export const answerKinds: Readonly<Record<string, Kind>> = {
  /** Words that mean something in other answers: they decide nothing here, whether or not the call was carried out. */
  misleadingWords: {
    share: 0.1,
    answer: (incoming, dice) => {
      if (!isManagement(askedBy(incoming)) || !dice.hits(0.05)) return undefined;
      const status = dice.pick(misleading);
      const said = dice.pick(words);
      const isPage = status === 401 || status === 403 || dice.hits(0.2);
      const body = isPage ? `<html><body>${said}</body></html>` : { error: said };
      // What stops a call on its way stops it before it arrives.
      return { status, body, commit: status !== 401 && status !== 403 && dice.hits(0.5) };
    },
  },
  /** An answer to a call for one user that is about another one, and brings that one's code. */
  anotherUser: {
    share: 0.1,
    answer: (incoming, dice, stage) => (dice.hits(0.06) ? aboutAnother(incoming, dice, stage) : undefined),
  },
  /** A call to the token endpoint that arrives when it was given up, and before the grace is over; and FHIR refuses good tokens. */
  lateTokens: {
    share: 0.15,
    late: (incoming, dice) => {
      const call = askedBy(incoming);
      const isToken = call === "exchangeCode" || call === "refreshToken";
      return isToken && dice.hits(0.15) ? timeoutMs + dice.between(0, graceMs - 100) : undefined;
    },
    answer: (incoming, dice) =>
      askedBy(incoming) === "fhir" && incoming.method === "POST" && dice.hits(0.4)
        ? { status: 401 }
        : undefined,
  },
  /** A refresh brings the access token that was there before, which may be dead: now and then, for hours, or to the end. */
  formerTokens: {
    share: 0.06,
    lasts: true,
    answer: (incoming, dice, stage) => {
      if (askedBy(incoming) !== "refreshToken") return undefined;
      const spell = new Dice(stage.scenario.seed, "hours of former tokens");
      const [from, forMs] = [spell.between(0, 4 * hour), spell.pick([0, 20 * minute, 2 * hour, Infinity])];
      const ms = stage.time.now - beginning;
      if (forMs !== Infinity && stage.isOver) return undefined;
      const often = forMs === Infinity ? 1 : 0.9;
      return dice.hits(ms >= from && ms < from + forMs ? often : 0.1)
        ? formerToken(incoming, stage)
        : undefined;
    },
  },
  /** A 4xx that gives no reason: now and then for any call, and for hours for one. */
  withoutReason: {
    share: 0.1,
    answer: (incoming, dice, { scenario: { seed }, time }) => {
      const call = askedBy(incoming);
      if (call === "fhir") return undefined;
      const spell = new Dice(seed, "hours without a reason");
      const hit = spell.pick(["createUser", "issueAuthCode", "exchangeCode", "refreshToken"]);
      const [from, forMs] = [spell.between(0, 2 * hour), spell.pick([0, 20 * minute, 3 * hour])];
      const ms = time.now - beginning;
      const isOn = call === hit && ms >= from && ms < from + forMs;
      if (!isOn && !dice.hits(0.03)) return undefined;
      // It may stand behind 1upHealth as well as before it.
      const isUnsure = call === "createUser" || call === "updateUser";
      return { ...dice.pick(withoutReason), commit: isUnsure && dice.hits(0.5) };
    },
  },
  /** A rename that was carried out, and is answered by something on the way; or the other way round. */
  hiddenRenames: {
    share: 0.15,
    answer: (incoming, dice) =>
      askedBy(incoming) === "updateUser" && dice.hits(0.7) ? dice.pick([...hidden, nameless]) : undefined,
  },
  /** For a while every code is refused, or a new user is said to exist, and has no code. */
  databaseTrouble: {
    share: 0.08,
    answer: (incoming, _, { scenario: { seed }, time }): Fault | undefined => {
      const spell = new Dice(seed, "database trouble");
      const isOfCodes = spell.hits(0.5);
      const [from, forMs] = [spell.between(0, 3 * hour), spell.pick([2 * minute, 20 * minute, hour])];
      const ms = time.now - beginning;
      if (ms < from || ms >= from + forMs) return undefined;
      const call = askedBy(incoming);
      if (isOfCodes) return call === "exchangeCode" ? { response: "invalidGrant" } : undefined;
      return call === "createUser" ? { response: "alreadyExists" } : undefined; // a code is refused to the same user
    },
  },
  /** A refusal that is not known of the endpoint that was asked: it ends no user's life cycle. */
  unknownRefusals: {
    share: 0.1,
    answer: (incoming, dice) => {
      const call = askedBy(incoming);
      if (call === "fhir" || call === "listUsers" || !dice.hits(0.06)) return undefined;
      const fault = dice.pick([...unknown, ...(misplaced[call] ?? [])]);
      // It may be about a call that was carried out.
      const isUnsure = call === "createUser" || call === "updateUser";
      return { ...fault, commit: isUnsure && dice.hits(0.5) };
    },
  },
};

/** An answer as it would be for another user, or for this one's id with another number. */
function aboutAnother(incoming: Incoming, dice: Dice, { handler, judge }: Stage): Fault | undefined {
  const call = askedBy(incoming);
  if (call !== "createUser" && call !== "issueAuthCode" && call !== "updateUser") return undefined;
  const { world } = handler;
  const { users, grants } = world;
  const asked = new URLSearchParams(incoming.body);
  const id = asked.get("app_user_id") ?? "";
  const number = Number(asked.get("oneup_user_id") ?? NaN);
  // Where the application itself takes another user's number for this one's, an answer with it cannot be recognised.
  const claim = call === "updateUser" ? null : judge.of(id).claim;
  const others = users.all.filter(
    ({ appUserId, oneupUserId }) => appUserId !== id && oneupUserId !== number && oneupUserId !== claim,
  );
  if (others.length === 0) return undefined;
  const other: SandboxUser = dice.pick(others);
  const commit = dice.hits(0.5);
  if (call === "updateUser") {
    const { oneupUserId, appUserId, active } = other;
    const user = { oneup_user_id: oneupUserId, app_user_id: dice.pick([appUserId, id]), active };
    return { status: 200, commit, body: dice.pick([{ oneUpUserId: oneupUserId, success: true }, user]) };
  }
  // Only where the number is known can an answer with another one be recognised.
  const isKnown = typeof judge.of(id).envelope?.context["oneupUserId"] === "number";
  const named = isKnown ? dice.pick([other.appUserId, id, undefined]) : other.appUserId;
  const code = grants.issueCode(other.oneupUserId, world.now());
  const body = { success: true, code, oneup_user_id: other.oneupUserId, app_user_id: named, active: true };
  return { status: 200, commit, body };
}

/** The access token that the user of this refresh got last. FHIR may have refused it: then its grant may be given up. */
function formerToken(incoming: Incoming, stage: Stage): Fault | undefined {
  const { world } = stage.handler;
  const asked = new URLSearchParams(incoming.body === "" ? incoming.query : incoming.body);
  const owner = world.grants.ownerOf("refreshToken", asked.get("refresh_token") ?? "");
  const former = world.grants.state.accessTokens.findLast(({ oneupUserId }) => oneupUserId === owner);
  const id = userOf(stage, incoming);
  if (former === undefined || id === undefined) return undefined;
  stage.judge.of(id).refusals.grant++;
  return { status: 200, body: { access_token: former.token, token_type: "bearer", expires_in: 7_200 } };
}
