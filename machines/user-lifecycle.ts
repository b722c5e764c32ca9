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

/** Leaf states, by the names people see in `inspect()`, tests and pages. */
export type UserState =
  | "created"
  | "codeIssued"
  | "tokenActive"
  | "expiring"
  | "refreshed"
  | "reauthorized"
  | "reauthorizing"
  | "failed"
  | "offboarded";

/** The call a state asks for. */
export type UserCall = "createUser" | "issueAuthCode" | "exchangeCode" | "refreshToken";

/** Why a user ended in `failed`. */
export type FailureReason =
  /** 1upHealth refused the request itself for good. */
  | "refused"
  /** Three codes in a row were refused by the token endpoint. */
  | "codesRefused"
  /** 1upHealth says in turn that the user exists and that it does not. */
  | "contradiction";

/** What is known about a user. Facts only: ids, times in ms since 1970, counts. Never a secret. */
export interface UserContext {
  readonly oneupUserId: number | null;
  readonly active: boolean | null;
  /** How the code in hand (or the last one) came to be. */
  readonly codeFrom: "creation" | "request" | null;
  readonly codeAt: number | null;
  /** Exchanges of the code in hand that brought no token. */
  readonly exchanges: number;
  /** Codes in a row that brought no token, whatever the reason. */
  readonly codesSpent: number;
  /** Codes in a row that the token endpoint refused. */
  readonly codesRefused: number;
  /** The answer to a create was "already exists". */
  readonly saidExists: boolean;
  /** After that, the answer to a request for a code was "does not exist". */
  readonly saidMissing: boolean;
  /** Calls in a row, in this state, that decided nothing. */
  readonly attempt: number;
  /** When the access token stops working. */
  readonly expiresAt: number | null;
  /** When the tokens in hand were granted. */
  readonly grantedAt: number | null;
  readonly failure: { readonly in: UserState; readonly reason: FailureReason; readonly why: string } | null;
}

/** A user as 1upHealth describes it. */
export interface UserFacts {
  readonly oneupUserId?: number | undefined;
  readonly active?: boolean | undefined;
}

/** Everything that can happen to a user. `at` is the time it happened, in ms since 1970. */
export type UserEvent = { readonly at: number } & (
  | { readonly type: "EXPECT_EXISTING" }
  | { readonly type: "USER_CREATED"; readonly user: UserFacts }
  | { readonly type: "USER_AUTHORIZED"; readonly user: UserFacts; readonly expiresAt: number }
  | { readonly type: "USER_EXISTS" }
  | { readonly type: "USER_MISSING" }
  | { readonly type: "CODE_ISSUED"; readonly user: UserFacts }
  | { readonly type: "CODE_REFUSED" }
  | { readonly type: "TOKEN_GRANTED"; readonly expiresAt: number }
  | { readonly type: "TOKEN_REJECTED" }
  | { readonly type: "GRANT_LOST" }
  | { readonly type: "IN_DOUBT" }
  | { readonly type: "HELD" }
  | { readonly type: "REFUSED"; readonly why: string }
  | { readonly type: "DUE" }
  | { readonly type: "REAUTHORIZE" }
  | { readonly type: "RETRY" }
  | { readonly type: "OFFBOARDED" }
  | { readonly type: "ONBOARD" }
);

/** What a state's `meta` says. */
export interface UserStateMeta {
  /** The call this state asks for, if any. */
  readonly call?: UserCall;
  /** The state in words. */
  readonly says: string;
}

/** How XState writes a {@link UserState}: leaves of `authorized` are nested. */
export type UserStateValue = Exclude<UserState, AuthorizedState> | { readonly authorized: AuthorizedState };

/** The states in which a grant is in hand. */
export type AuthorizedState = "tokenActive" | "expiring" | "refreshed" | "reauthorized";

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

/** A code that was refused this soon after it was issued may not have registered yet (1upHealth's own demo waits a second). */
const registersWithinMs = 5_000;

/** A user about whom nothing is known yet. */
export const nothingKnown: UserContext = {
  oneupUserId: null,
  active: null,
  codeFrom: null,
  codeAt: null,
  exchanges: 0,
  codesSpent: 0,
  codesRefused: 0,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
  expiresAt: null,
  grantedAt: null,
  failure: null,
};

type Facts = Partial<UserContext>;

/** A change of the context from what happened; an event's own fields are read where it carries them. */
const remember = (change: (context: UserContext, event: UserEvent) => Facts) =>
  assign<UserContext, UserEvent, undefined, UserEvent, never>(({ context, event }) => change(context, event));

const userOf = (context: UserContext, event: UserEvent): Facts =>
  "user" in event
    ? {
        oneupUserId: event.user.oneupUserId ?? context.oneupUserId,
        active: event.user.active ?? context.active,
      }
    : {};

const codeInHand = (context: UserContext, event: UserEvent, codeFrom: "creation" | "request"): Facts => ({
  ...userOf(context, event),
  codeFrom,
  codeAt: event.at,
  exchanges: 0,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
});

const failing = (state: UserState, reason: FailureReason) =>
  remember((_, event) => ({
    failure: { in: state, reason, why: "why" in event ? event.why : reason },
    attempt: 0,
  }));

const life = setup({
  types: {
    context: {} as UserContext, // a phantom: XState reads the type only
    events: {} as UserEvent, // likewise
    meta: {} as UserStateMeta, // likewise
  },
  actions: {
    tryAgainLater: remember((context) => ({ attempt: context.attempt + 1 })),
    startOver: remember(() => ({ attempt: 0 })),
    noteExists: remember(() => ({ saidExists: true, attempt: 0 })),
    noteMissing: remember((context) => ({
      saidMissing: context.saidExists,
      attempt: context.attempt + 1,
      oneupUserId: null,
    })),
    holdFirstCode: remember((context, event) => codeInHand(context, event, "creation")),
    holdRequestedCode: remember((context, event) => codeInHand(context, event, "request")),
    exchangeOnceMore: remember((context) => ({ exchanges: 1, attempt: context.attempt + 1 })),
    giveUpCode: remember((context) => ({ codesSpent: context.codesSpent + 1, attempt: 0 })),
    giveUpRefusedCode: remember((context) => ({
      codesSpent: context.codesSpent + 1,
      codesRefused: context.codesRefused + 1,
      attempt: 0,
    })),
    holdTokens: remember((context, event) => ({
      ...userOf(context, event),
      expiresAt: "expiresAt" in event ? event.expiresAt : null,
      grantedAt: event.at,
      exchanges: 0,
      codesSpent: 0,
      codesRefused: 0,
      saidExists: false,
      saidMissing: false,
      attempt: 0,
      failure: null,
    })),
    markUnusable: remember((context, event) => ({
      expiresAt: Math.min(context.expiresAt ?? event.at, event.at),
      attempt: 0,
    })),
    loseGrant: remember(() => ({ expiresAt: null, grantedAt: null, attempt: 0 })),
    failRefused: failing("created", "refused"),
    failRefusedCode: failing("codeIssued", "refused"),
    failRefusedRequest: failing("reauthorizing", "refused"),
    failCodesRefused: failing("codeIssued", "codesRefused"),
    failContradiction: failing("reauthorizing", "contradiction"),
    retry: remember(() => ({
      failure: null,
      attempt: 0,
      codesSpent: 0,
      codesRefused: 0,
      saidExists: false,
      saidMissing: false,
    })),
    forgetEverything: remember((context) => ({ ...nothingKnown, oneupUserId: context.oneupUserId })),
  },
  guards: {
    codeCameWithCreation: ({ context }) => context.codeFrom === "creation",
    codeMayStillRegister: ({ context, event }) =>
      context.exchanges === 0 && event.at - (context.codeAt ?? 0) < registersWithinMs,
    neverExchanged: ({ context }) => context.exchanges === 0,
    twoCodesRefusedBefore: ({ context }) => context.codesRefused >= 2,
    contradictedBefore: ({ context }) => context.saidExists && context.saidMissing,
    failedWhileCreating: ({ context }) => context.failure?.in === "created",
  },
});

/** One user, from created to offboarded. */
export const userLifecycle: UserLifecycle = life.createMachine({
  id: "userLifecycle",
  context: nothingKnown,
  initial: "created",
  on: {
    OFFBOARDED: { target: ".offboarded", actions: "forgetEverything" },
  },
  states: {
    created: {
      meta: { call: "createUser", says: "durable here; not yet known to exist at 1upHealth" },
      on: {
        EXPECT_EXISTING: { target: "reauthorizing", actions: "startOver" },
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
          { guard: "twoCodesRefusedBefore", target: "failed", actions: "failCodesRefused" },
          { target: "reauthorizing", actions: "giveUpRefusedCode" },
        ],
        IN_DOUBT: [
          { guard: "neverExchanged", actions: "exchangeOnceMore" },
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
        CODE_ISSUED: { target: "codeIssued", actions: "holdRequestedCode" },
        USER_MISSING: [
          { guard: "contradictedBefore", target: "failed", actions: "failContradiction" },
          { target: "created", actions: "noteMissing" },
        ],
        IN_DOUBT: { actions: "tryAgainLater" },
        HELD: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
      },
    },
    failed: {
      meta: { says: "refused for good; retry() goes back to where it failed" },
      on: {
        RETRY: [
          { guard: "failedWhileCreating", target: "created", actions: "retry" },
          { target: "reauthorizing", actions: "retry" },
        ],
      },
    },
    offboarded: {
      meta: { says: "secrets erased; onboard() of the same id starts anew" },
      on: {
        ONBOARD: { target: "reauthorizing", actions: "startOver" },
        OFFBOARDED: {},
      },
    },
  },
});

/** The machine's state value for a leaf state's name. */
export function valueOf(state: UserState): UserStateValue {
  switch (state) {
    case "tokenActive":
    case "expiring":
    case "refreshed":
    case "reauthorized":
      return { authorized: state };
    default:
      return state;
  }
}

/** The leaf state's name of a state value. */
export function leafOf(value: UserStateValue): UserState {
  return typeof value === "string" ? value : value.authorized;
}
