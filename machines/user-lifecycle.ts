/**
 * The lifecycle of one user at 1upHealth, as a table: read it top to bottom.
 *
 * The machine is pure: no call, no timer, no secret. A state names the call it needs in `meta.call`; the code that runs
 * the machine makes it and sends the outcome as an event. Waiting is no state, but a pause stored beside the snapshot.
 * The guards are in `user-conditions.ts`; the actions are in `user-changes.ts`, those about codes and tokens in
 * `grant-changes.ts`.
 *
 * @module
 */
import { assign, setup } from "xstate";
import { back, inDoubt, renameFrom } from "./rename.ts";
import { changes } from "./user-changes.ts";
import { conditions } from "./user-conditions.ts";
import {
  nothingKnown,
  type AuthorizedState,
  type UserContext,
  type UserEvent,
  type UserLifecycle,
  type UserStateMeta,
} from "./user.ts";

/** The same functions in the form that XState expects. */
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

/** Without a grant, one that the application supplies is as good as a new one. */
const adoption = [
  {
    guard: "bringsAccessToken" as const,
    target: "#userLifecycle.authorized.tokenActive",
    actions: "holdAdoptedGrant" as const,
  },
  { target: "#userLifecycle.authorized.expiring", actions: "holdAdoptedGrant" as const },
];

/** A grant that the application supplies is probably as old as the one that was lost: taking it would cost the user its place in the lane, or a day. */
const adoptionUnlessLost = [{ guard: "lostItsGrant" as const }, ...adoption];

/** A fresh code may help where refreshed tokens are refused all the time. */
const giveUpRefusedTokens = {
  guard: "tokensRefusedForADay",
  target: "#userLifecycle.reauthorizing",
  actions: "giveUpGrant",
} as const;

/** A state of a user with a token that lasts. */
const usable = (state: AuthorizedState, description: string) => ({
  meta: { description },
  on: { RENAME: renameFrom(state) },
});

const life = setup({
  types: {
    context: {} as UserContext, // type only: XState does not use the value
    events: {} as UserEvent, // type only
    meta: {} as UserStateMeta, // type only
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
    NUMBER_CONFIRMED: { guard: "hasAnUnconfirmedNumber", actions: "confirmNumber" },
  },
  states: {
    created: {
      meta: { call: "createUser", description: "durable here; not yet known to exist at 1upHealth" },
      on: {
        ADOPTED: adoptionUnlessLost,
        EXPECT_EXISTING: { target: "reauthorizing", actions: "noteKnown" },
        USER_CREATED: { target: "codeIssued", actions: "holdFirstCode" },
        USER_AUTHORIZED: { target: "authorized.tokenActive", actions: "holdTokens" },
        // seam: a-user-that-exists-is-not-created
        USER_EXISTS: { target: "reauthorizing", actions: "noteExists" },
        // seam: a-create-is-never-blind
        IN_DOUBT: { target: "reauthorizing", actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefused" },
        // It may have succeeded all the same, because the response is not 1upHealth's own.
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          // seam: a-create-refused-without-a-reason-is-not-repeated-blindly
          { target: "reauthorizing", actions: "noteRefusal" },
        ],
        RETRY: { guard: "wasRefused", actions: "askAgain" },
      },
    },
    codeIssued: {
      meta: { call: "exchangeCode", description: "a one-time code is in hand" },
      on: {
        TOKEN_GRANTED: [
          { guard: "codeCameWithCreation", target: "authorized.tokenActive", actions: "holdTokens" },
          { target: "authorized.reauthorized", actions: "holdTokens" },
        ],
        CODE_REFUSED: [
          // seam: a-fresh-code-gets-a-second-chance
          { guard: "codeMayStillRegister", actions: "exchangeOnceMore" },
          // seam: a-spent-code-is-replaced
          { guard: "codeMayBeSpentOrExpired", target: "reauthorizing", actions: "giveUpCode" },
          // The token endpoint may refuse every code for a while, so a user fails only after a day of it.
          // seam: a-day-of-refused-codes-is-the-end
          { guard: "codesRefusedForADay", target: "failed", actions: "failCodesRefused" },
          // seam: a-number-that-came-with-a-dead-code-is-looked-up
          { guard: "answeredTheNumber", target: "locating", actions: "disputeRefusedNumber" },
          { target: "reauthorizing", actions: "giveUpRefusedCode" },
        ],
        IN_DOUBT: [
          { guard: "neverExchanged", actions: "exchangeInDoubt" },
          { target: "reauthorizing", actions: "giveUpCode" },
        ],
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedCode" },
        REFUSED_WITHOUT_REASON: [
          { guard: "neverExchanged", actions: "exchangeRefused" },
          { guard: "refusedForADay", target: "failed", actions: "failRefusedCode" },
          { target: "reauthorizing", actions: "giveUpCodeWithoutReason" },
        ],
        REAUTHORIZE: { target: "reauthorizing", actions: "startOver" },
      },
    },
    authorized: {
      initial: "tokenActive",
      // seam: a-grant-is-not-replaced-by-an-adopted-one
      on: {
        DUE: { target: ".expiring", actions: "startOver" },
        TOKEN_REJECTED: [
          // seam: tokens-refused-for-a-day-are-given-up
          giveUpRefusedTokens,
          { target: ".expiring", actions: "markUnusable" },
        ],
        TOKEN_REFUSED: { guard: "tokenNotKnownRefused", actions: "noteRefusedToken" },
        TOKEN_ACCEPTED: { guard: "tokensWereRefused", actions: "noteAcceptedToken" },
        REAUTHORIZE: { target: "reauthorizing", actions: "giveUpGrant" },
      },
      states: {
        tokenActive: usable("tokenActive", "usable: the first token"),
        expiring: {
          meta: { call: "refreshToken", description: "its token is due for a refresh, or was rejected" },
          on: {
            TOKEN_GRANTED: { target: "refreshed", actions: "holdTokens" },
            // seam: a-grant-that-is-refused-is-replaced
            GRANT_LOST: { target: "#userLifecycle.reauthorizing", actions: "loseGrant" },
            IN_DOUBT: { actions: "tryAgainLater" },
            POSTPONED: { actions: "tryAgainLater" },
            REFUSED: { actions: "tryAgainLater" },
            REFUSED_WITHOUT_REASON: [
              // The refresh token may be of no use, though no response says so.
              // seam: a-refresh-token-refused-for-a-day-is-given-up
              { guard: "refusedForADay", target: "#userLifecycle.reauthorizing", actions: "loseGrant" },
              { actions: "noteRefusal" },
            ],
            DUE: {},
            RENAME: renameFrom("expiring"),
            TOKEN_REJECTED: [giveUpRefusedTokens, { actions: "markUnusable" }],
          },
        },
        refreshed: usable("refreshed", "usable: a refreshed token"),
        reauthorized: usable("reauthorized", "usable: a token from a fresh code"),
      },
    },
    reauthorizing: {
      meta: { call: "issueAuthCode", description: "no usable grant: a fresh code is needed" },
      on: {
        // seam: a-user-without-a-grant-gets-the-adopted-one
        ADOPTED: adoptionUnlessLost,
        RENAME: renameFrom("reauthorizing"),
        CODE_ISSUED: { target: "codeIssued", actions: "holdRequestedCode" },
        ID_TAKEN: { target: "failed", actions: "failIdTaken" },
        USER_MISSING: [
          // seam: a-day-of-contradiction-is-the-end
          { guard: "contradictedForADay", target: "failed", actions: "failContradiction" },
          { guard: "contradictedAsListed", target: "locating", actions: "noteContradiction" },
          // seam: a-contradiction-is-retried
          { guard: "contradictedBefore", target: "created", actions: "noteContradiction" },
          // The only sign that it exists was a response whose code brought no token; its number may be another user's.
          { guard: "isOnlyAnswered", target: "locating", actions: "disputeNumber" },
          // seam: an-unknown-id-is-looked-up-by-its-number
          { guard: "mayBeElsewhere", target: "locating", actions: "noteUnknownId" },
          { target: "created", actions: "noteMissing" },
        ],
        IN_DOUBT: { actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
        REFUSED_WITHOUT_REASON: [
          // seam: two-answers-with-two-numbers-are-looked-up
          { guard: "disputesAnAnswer", target: "locating", actions: "disputeNumber" },
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          { actions: "noteRefusal" },
        ],
        RETRY: [
          { guard: "wasTakenForAnother", target: "locating", actions: "doubtNumber" },
          { guard: "wasRefused", actions: "askAgain" },
        ],
        REAUTHORIZE: { guard: "wasTakenForAnother", target: "locating", actions: "doubtNumber" },
      },
    },
    locating: {
      meta: {
        call: "findUser",
        description:
          "1upHealth no longer knows its app_user_id, or has it with another number: it is looked up by both",
      },
      on: {
        ADOPTED: adoptionUnlessLost,
        FOUND_ELSEWHERE: { target: "reauthorizing", actions: "noteKnown" },
        USER_FOUND: { target: "reauthorizing", actions: "noteFound" },
        NUMBER_CORRECTED: { target: "reauthorizing", actions: "correctNumber" },
        NUMBER_REFUTED: { target: "failed", actions: "failRefuted" },
        USER_MISSING: [
          { guard: "hasADoubtedNumber", actions: "claimNumber" },
          { guard: "mayStillBeThere", actions: "noteAbsence" },
          // Whether it exists at all, a request for a code tells.
          { guard: "hasADisputedNumber", target: "reauthorizing", actions: "dropNumber" },
          { target: "created", actions: "noteMissing" },
        ],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedRequest" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedRequest" },
          { actions: "noteRefusal" },
        ],
        RETRY: { guard: "isHeldUp", actions: "askAgain" },
      },
    },
    renaming: {
      meta: { call: "updateUser", description: "1upHealth is asked to give it another app_user_id" },
      on: {
        USER_RENAMED: back,
        POSTPONED: back,
        // seam: a-refused-rename-ends-where-it-began
        REFUSED: back,
        // A proxy may have repeated the call: then the user that has the new id is this one.
        // seam: a-rename-to-a-taken-id-is-looked-up
        USER_EXISTS: inDoubt,
        USER_MISSING: inDoubt,
        // seam: a-rename-refused-without-a-reason-is-looked-up
        REFUSED_WITHOUT_REASON: inDoubt,
        // seam: a-rename-in-doubt-is-looked-up
        IN_DOUBT: inDoubt,
      },
    },
    renameInDoubt: {
      meta: {
        call: "findUser",
        description: "it may have its new app_user_id: it is looked up by its number, and keeps its tokens",
      },
      on: {
        FOUND_ELSEWHERE: back,
        USER_FOUND: back,
        NUMBER_REFUTED: back,
        // If it was renamed all the same, the next request for a code finds it by its number.
        USER_MISSING: [{ guard: "mayBeUnlisted", actions: "noteAbsence" }, ...back],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: back,
        REFUSED_WITHOUT_REASON: [{ guard: "refusedForLess", actions: "noteRefusal" }, ...back],
        RETRY: { guard: "isHeldUp", actions: "askAgain" },
        TOKEN_REJECTED: { actions: "markUnusable" },
        REAUTHORIZE: { guard: "beganWithGrant", actions: "reauthorizeAfterRename" },
      },
    },
    failed: {
      meta: { description: "refused for good; retry() goes back to where it failed" },
      on: {
        ADOPTED: [{ guard: "failedWhilePurging" }, ...adoption],
        RENAME: renameFrom("failed"),
        RETRY: [
          { guard: "failedWhileCreating", target: "created", actions: "retry" },
          { guard: "failedWhilePurging", target: "identifying", actions: "retry" },
          { guard: "failedAsAnother", target: "locating", actions: "retry" },
          { target: "reauthorizing", actions: "retry" },
        ],
        REAUTHORIZE: [
          { guard: "failedWhilePurging" },
          { guard: "failedAsAnother", target: "locating", actions: "retry" },
        ],
      },
    },
    identifying: {
      meta: {
        call: "findUser",
        description: "secrets erased; 1upHealth is asked whose data a purge would erase",
      },
      on: {
        USER_FOUND: { target: "offboarding", actions: "noteIdentified" },
        FOUND_ELSEWHERE: { target: "offboarding", actions: "noteIdentified" },
        NUMBER_CORRECTED: { target: "offboarding", actions: "correctIdentified" },
        NUMBER_REFUTED: { target: "failed", actions: "failRefutedPurge" },
        USER_MISSING: [
          { guard: "hasADoubtedNumber", actions: "claimNumber" },
          { guard: "mayHaveData", actions: "noteAbsence" },
          { target: "offboarded", actions: "noteNothingThere" },
        ],
        FOUND_OTHERS: { actions: "lookOn" },
        IN_DOUBT: { actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedPurge" },
          { actions: "noteRefusal" },
        ],
        RETRY: { guard: "isHeldUp", actions: "askAgain" },
      },
    },
    offboarding: {
      meta: { call: "purge", description: "secrets erased; its data at 1upHealth is being erased" },
      on: {
        // seam: a-confirmed-purge-is-done
        PURGED: [
          { guard: "hasMoreToPurge", actions: "purgeNext" },
          { target: "offboarded", actions: "purgedAll" },
        ],
        ID_TAKEN: { target: "failed", actions: "failShared" },
        DUE: { target: "identifying", actions: "identifyAgain" },
        PURGE_CUT: { actions: "tryAgainLater" },
        // seam: a-purge-in-doubt-is-repeated
        IN_DOUBT: { actions: "tryAgainLater" },
        POSTPONED: { actions: "tryAgainLater" },
        REFUSED: { target: "failed", actions: "failRefusedPurge" },
        REFUSED_WITHOUT_REASON: [
          { guard: "refusedForADay", target: "failed", actions: "failRefusedPurge" },
          { actions: "notePurgeRefusal" },
        ],
        RETRY: { guard: "wasRefused", actions: "askAgain" },
      },
    },
    offboarded: {
      meta: { description: "secrets erased; onboard() of the same id starts over" },
      on: {
        ADOPTED: adoption,
        RENAME: renameFrom("offboarded"),
        ONBOARD: [
          { guard: "isUnheardOf", target: "created", actions: "beginAnew" },
          { target: "reauthorizing", actions: "beginAnew" },
        ],
        OFFBOARDED: {},
      },
    },
  },
});
