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
import { nothingKnown } from "./user.ts";
import type {
  FailureReason,
  UserContext,
  UserEvent,
  UserState,
  UserStateMeta,
  UserStateValue,
} from "./user.ts";

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
