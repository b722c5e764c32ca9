/**
 * The life of one user at 1upHealth, as a table: read it top to bottom.
 *
 * The machine is pure. It makes no call, sets no timer and holds no secret, so its state survives a restore
 * unchanged. A state that needs a call says so in its `meta.call`; whoever runs the machine makes the call and
 * sends the outcome as an event. Waiting is not a state: it is a pause kept beside the snapshot.
 *
 * @module
 */
import { assign, setup } from "xstate";
import type { EventObject, NonReducibleUnknown, StateMachine, StateSchema } from "xstate";
import { changes, conditions } from "./user-changes.ts";
import { nothingKnown } from "./user.ts";
import type { UserContext, UserEvent, UserStateMeta, UserStateValue } from "./user.ts";

/** The machine's public type, spelled out so that documentation tools need not infer it. */
export type UserLifecycle = StateMachine<
  UserContext,
  UserEvent,
  Record<string, never>,
  never,
  { type: string; params: undefined },
  { type: string; params: undefined },
  never,
  UserStateValue,
  string,
  NonReducibleUnknown,
  NonReducibleUnknown,
  EventObject,
  UserStateMeta,
  StateSchema
>;

/** The same functions as XState takes them. */
const actions = mapped(changes, (change) =>
  assign<UserContext, UserEvent, undefined, UserEvent, never>(({ context, event }) => change(context, event)),
);
const guards = mapped(
  conditions,
  (condition) =>
    ({ context, event }: { context: UserContext; event: UserEvent }) =>
      condition(context, event),
);

function mapped<K extends string, A, B>(table: Readonly<Record<K, A>>, turn: (value: A) => B): Record<K, B> {
  const entries = Object.entries<A>(table).map(([name, value]) => [name, turn(value)]);
  return Object.fromEntries(entries) as Record<K, B>; // the same keys
}

/** Wherever no grant is in hand, one that the application brings is as good as a new one. */
const adoption = [
  {
    guard: "bringsAccessToken" as const,
    target: "#userLifecycle.authorized.tokenActive",
    actions: "holdAdoptedGrant" as const,
  },
  { target: "#userLifecycle.authorized.expiring", actions: "holdAdoptedGrant" as const },
];

const life = setup({
  types: {
    context: {} as UserContext, // a phantom: XState reads the type only
    events: {} as UserEvent, // likewise
    meta: {} as UserStateMeta, // likewise
  },
  actions,
  guards,
});

/**
 * One user, from created to offboarded.
 *
 * @example
 * ```ts
 * import { leafOf, userLifecycle } from "oneup-lifecycle/machines";
 * import { createActor } from "xstate";
 *
 * const actor = createActor(userLifecycle).start();
 * actor.send({ type: "USER_CREATED", at: 0, user: { oneupUserId: 251 } });
 * actor.send({ type: "TOKEN_GRANTED", at: 0, expiresAt: 7_200_000 });
 * console.log(leafOf(actor.getSnapshot().value)); // tokenActive
 * ```
 */
export const userLifecycle: UserLifecycle = life.createMachine({
  id: "userLifecycle",
  context: nothingKnown,
  initial: "created",
  on: {
    OFFBOARD: { target: ".identifying", actions: "letGo" },
    OFFBOARDED: { target: ".offboarded", actions: "forgetEverything" },
    ID_TAKEN: { actions: "noteIdTaken" },
  },
  states: {
    created: {
      meta: { call: "createUser", says: "durable here; not yet known to exist at 1upHealth" },
      on: {
        ADOPTED: adoption,
        EXPECT_EXISTING: { target: "reauthorizing", actions: "noteKnown" },
        USER_CREATED: { target: "codeIssued", actions: "holdFirstCode" },
        USER_AUTHORIZED: { target: "authorized.tokenActive", actions: "holdTokens" },
        USER_EXISTS: { target: "reauthorizing", actions: "noteExists" },
        IN_DOUBT: { target: "reauthorizing", actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefused" },
      },
    },
    codeIssued: {
      meta: { call: "exchangeCode", says: "a one-time code is in hand" },
      on: {
        TOKEN_GRANTED: [
          { guard: "codeCameWithCreation", target: "authorized.tokenActive", actions: "holdTokens" },
          { target: "authorized.reauthorized", actions: "holdTokens" },
        ],
        CODE_REFUSED: [
          { guard: "codeMayStillRegister", actions: "exchangeOnceMore" },
          { guard: "codeMayBeSpentOrExpired", target: "reauthorizing", actions: "giveUpCode" },
          { guard: "twoCodesRefusedBefore", target: "failed", actions: "failCodesRefused" },
          { target: "reauthorizing", actions: "giveUpRefusedCode" },
        ],
        IN_DOUBT: [
          { guard: "neverExchanged", actions: "exchangeInDoubt" },
          { target: "reauthorizing", actions: "giveUpCode" },
        ],
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedCode" },
        REAUTHORIZE: { target: "reauthorizing", actions: "startOver" },
      },
    },
    authorized: {
      initial: "tokenActive",
      on: {
        DUE: { target: ".expiring", actions: "startOver" },
        TOKEN_REJECTED: { target: ".expiring", actions: "markUnusable" },
        REAUTHORIZE: { target: "reauthorizing", actions: "loseGrant" },
      },
      states: {
        tokenActive: { meta: { says: "usable: the first token" } },
        expiring: {
          meta: { call: "refreshToken", says: "the token is within its refresh window" },
          on: {
            TOKEN_GRANTED: { target: "refreshed", actions: "holdTokens" },
            GRANT_LOST: { target: "#userLifecycle.reauthorizing", actions: "loseGrant" },
            IN_DOUBT: { actions: "tryAgainLater" },
            HELD: { actions: "tryAgainLater" },
            REFUSED: { actions: "tryAgainLater" },
            DUE: {},
            TOKEN_REJECTED: { actions: "markUnusable" },
          },
        },
        refreshed: { meta: { says: "usable: a refreshed token" } },
        reauthorized: { meta: { says: "usable: a token from a fresh code" } },
      },
    },
    reauthorizing: {
      meta: { call: "issueAuthCode", says: "no usable grant: a fresh code is needed" },
      on: {
        ADOPTED: adoption,
        CODE_ISSUED: { target: "codeIssued", actions: "holdRequestedCode" },
        ID_TAKEN: { target: "failed", actions: "failIdTaken" },
        USER_MISSING: [
          { guard: "contradictedBefore", target: "failed", actions: "failContradiction" },
          { guard: "hasANumber", target: "locating", actions: "noteUnknownId" },
          { target: "created", actions: "noteMissing" },
        ],
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
      },
    },
    locating: {
      meta: { call: "findUser", says: "1upHealth knows its app_user_id no more; perhaps it has another one" },
      on: {
        ADOPTED: adoption,
        FOUND_ELSEWHERE: { target: "reauthorizing", actions: "noteKnown" },
        USER_FOUND: { target: "reauthorizing", actions: "noteFound" },
        USER_MISSING: { target: "created", actions: "noteMissing" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
      },
    },
    failed: {
      meta: { says: "refused for good; retry() goes back to where it failed" },
      on: {
        ADOPTED: [{ guard: "failedWhilePurging" }, ...adoption],
        RETRY: [
          { guard: "failedWhileCreating", target: "created", actions: "retry" },
          { guard: "failedWhilePurging", target: "identifying", actions: "retry" },
          { target: "reauthorizing", actions: "retry" },
        ],
      },
    },
    identifying: {
      meta: { call: "findUser", says: "secrets erased; 1upHealth is asked whose data a purge would erase" },
      on: {
        USER_FOUND: { target: "offboarding", actions: "noteIdentified" },
        FOUND_ELSEWHERE: { target: "offboarding", actions: "noteIdentified" },
        USER_MISSING: { target: "offboarded", actions: "noteNothingThere" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
      },
    },
    offboarding: {
      meta: { call: "purge", says: "secrets erased; its data at 1upHealth are being erased" },
      on: {
        PURGED: [
          { guard: "hasMoreToPurge", actions: "purgeNext" },
          { target: "offboarded", actions: "purgedAll" },
        ],
        ID_TAKEN: { target: "failed", actions: "failShared" },
        DUE: { target: "identifying", actions: "startOver" },
        PURGE_CUT: { actions: "tryAgainLater" },
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
      },
    },
    offboarded: {
      meta: { says: "secrets erased; onboard() of the same id starts anew" },
      on: {
        ADOPTED: adoption,
        ONBOARD: [
          { guard: "isUnheardOf", target: "created", actions: "beginAnew" },
          { target: "reauthorizing", actions: "beginAnew" },
        ],
        OFFBOARDED: {},
      },
    },
  },
});
