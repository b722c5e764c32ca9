/**
 * How a user's context changes at each transition: pure functions under the names used in the machine's table.
 *
 * @module
 */
import { leftToPurge, ofPurge, purgedWith, unpurgedFor, unpurgedWithout } from "./purge-progress.ts";
import { aboutAnother, nothingKnown } from "./user.ts";
import type { FailureReason, UserContext, UserEvent, UserState } from "./user.ts";

/** Returns the changed facts. Fields of the event are used where it has them. */
export type Change = (context: UserContext, event: UserEvent) => Partial<UserContext>;

const userOf = (context: UserContext, event: UserEvent): Partial<UserContext> =>
  "user" in event && event.user !== undefined
    ? {
        oneupUserId: event.user.oneupUserId ?? context.oneupUserId,
        active: event.user.active ?? context.active,
      }
    : {};

const isAboutAnother = (event: UserEvent): boolean => "why" in event && event.why === aboutAnother;

/** 1upHealth lists the number and the `app_user_id` as one user. */
const confirmed = { unconfirmed: null } as const;

/** Why the number is unconfirmed after a response has brought a code; `named`: the number in it, if any. */
const spokenFor = (
  { oneupUserId, unconfirmed }: UserContext,
  named: number | undefined,
): UserContext["unconfirmed"] => {
  const isConfirmed = oneupUserId !== null && unconfirmed === null;
  if (isConfirmed && (named === undefined || named === oneupUserId)) return null;
  // A code whose response names no number says nothing about one that was named before.
  if (named !== undefined) return "answered";
  return oneupUserId === null ? null : "claimed";
};

/** The latest time at which a token call with an unknown outcome may arrive, if the event has one. */
const arrivalOf = (context: UserContext, event: UserEvent): Partial<UserContext> =>
  "mayArriveUntil" in event && event.mayArriveUntil !== undefined
    ? { mayArriveUntil: Math.max(event.mayArriveUntil, context.mayArriveUntil ?? 0) }
    : {};

/** Forgets everything except the user's identity at 1upHealth. */
const stillThere = ({ oneupUserId, unconfirmed, wasGranted, active }: UserContext): UserContext => ({
  ...nothingKnown,
  oneupUserId,
  unconfirmed,
  wasGranted,
  active,
});

const codeInHand = (
  context: UserContext,
  event: UserEvent,
  codeFrom: "creation" | "request",
): Partial<UserContext> => ({
  codeFrom,
  codeAt: event.at,
  exchanges: 0,
  maybeSpent: false,
  saidExists: false,
  saidMissing: false,
  attempt: 0,
  unconfirmed: spokenFor(context, "user" in event ? event.user?.oneupUserId : undefined),
  ...userOf(context, event), // V8 is a hundred times slower where this comes first
});

/** Tokens that live for less than ten minutes are renewed ever more rarely if they come in a row. */
const isShort = (event: UserEvent): boolean =>
  "expiresAt" in event && event.expiresAt !== null && event.expiresAt - event.at < 600_000;

const failing =
  (state: UserState, reason: FailureReason): Change =>
  (_, event) => ({
    failure: { in: state, reason, why: "why" in event ? event.why : reason },
    attempt: 0,
  });

const refusedAgain: Change = ({ refusals }, event) => {
  const isAnother = refusals?.isAnother === true || isAboutAnother(event);
  return {
    refusals: {
      since: refusals?.since ?? event.at,
      times: (refusals?.times ?? 0) + 1,
      ...(isAnother && { isAnother }),
      ...(refusals?.ofPurge === true && { ofPurge: true }),
    },
  };
};

/** A response was decisive: earlier refusals and absences no longer count, and a look-up under way is finished. */
const decided = { refusals: null, absences: null, search: null } as const;

/** The same, but a contradiction lasts until a code is issued: that the user is there is one half of it. */
const isThere = ({ saidExists, saidMissing, refusals }: UserContext): Partial<UserContext> => ({
  refusals: saidExists && saidMissing ? refusals : null,
  absences: null,
  search: null,
});

/** The names of all changes. */
export type ChangeName =
  | "tryAgainLater"
  | "startOver"
  | "noteRefusal"
  | "notePurgeRefusal"
  | "noteAbsence"
  | "askAgain"
  | "lookOn"
  | "noteKnown"
  | "noteExists"
  | "noteFound"
  | "noteIdentified"
  | "noteContradiction"
  | "noteUnknownId"
  | "noteMissing"
  | "confirmNumber"
  | "doubtNumber"
  | "disputeNumber"
  | "disputeRefusedNumber"
  | "claimNumber"
  | "dropNumber"
  | "correctNumber"
  | "correctIdentified"
  | "noteIdTaken"
  | "holdFirstCode"
  | "holdRequestedCode"
  | "exchangeOnceMore"
  | "exchangeInDoubt"
  | "giveUpCode"
  | "giveUpRefusedCode"
  | "exchangeRefused"
  | "giveUpCodeWithoutReason"
  | "holdTokens"
  | "holdAdoptedGrant"
  | "markUnusable"
  | "loseGrant"
  | "failRefused"
  | "failRefusedCode"
  | "failRefusedRequest"
  | "failCodesRefused"
  | "failContradiction"
  | "failIdTaken"
  | "failRefuted"
  | "failRefusedPurge"
  | "failShared"
  | "failRefutedPurge"
  | "retry"
  | "beginAnew"
  | "letGo"
  | "identifyAgain"
  | "purgeNext"
  | "purgedAll"
  | "noteNothingThere"
  | "forgetEverything";

/**
 * The changes of the context, by name.
 *
 * @example
 * ```ts
 * import { changes, nothingKnown } from "oneup-lifecycle/machines";
 *
 * const change = changes.tryAgainLater(nothingKnown, { type: "DUE", at: 0 });
 * console.log(change); // { attempt: 1 }
 * ```
 */
export const changes: Readonly<Record<ChangeName, Change>> = {
  tryAgainLater: (context, event) => ({ attempt: context.attempt + 1, ...arrivalOf(context, event) }),
  startOver: () => ({ ...decided, attempt: 0 }),
  noteRefusal: (context, event) => ({ ...refusedAgain(context, event), attempt: context.attempt + 1 }),
  notePurgeRefusal: (context, event) => {
    const { refusals } = { ...context, ...refusedAgain(context, event) };
    return { refusals: refusals && { ...refusals, ofPurge: true }, attempt: context.attempt + 1 };
  },
  noteAbsence: ({ absences, attempt }, event) => ({
    absences: { since: absences?.since ?? event.at, times: (absences?.times ?? 0) + 1 },
    search: null,
    attempt: attempt + 1,
  }),
  askAgain: () => ({ refusals: null, attempt: 0 }),
  lookOn: (context, event) => {
    const search = "search" in event ? event.search : null;
    return { search, attempt: search === null ? context.attempt + 1 : context.attempt };
  },
  noteKnown: (context, event) => ({ ...userOf(context, event), ...decided, attempt: 0 }),
  noteExists: (context) => ({ ...isThere(context), saidExists: true, attempt: 0 }),
  noteFound: (context, event) => ({
    ...userOf(context, event),
    ...isThere(context),
    ...confirmed,
    saidExists: true,
    attempt: context.attempt + 1,
  }),
  noteIdentified: (context, event) => ({
    ...userOf(context, event),
    ...decided,
    ...confirmed,
    refusals: ofPurge(context),
    attempt: 0,
    identifiedAt: event.at,
  }),
  noteContradiction: (context, event) => ({ ...changes.noteRefusal(context, event), search: null }),
  noteUnknownId: (context) => ({ ...decided, saidMissing: context.saidExists, attempt: context.attempt + 1 }),
  // Refusals of its create still count, because the create is about to be repeated.
  noteMissing: (context) => ({
    search: null,
    absences: null,
    saidMissing: context.saidExists,
    attempt: context.attempt + 1,
    oneupUserId: null,
    ...confirmed,
    wasGranted: false,
  }),
  confirmNumber: () => confirmed,
  doubtNumber: () => ({ ...decided, attempt: 0, unconfirmed: "doubted" }),
  // Two responses disagree about the number, or the code of the one that named it is refused.
  disputeNumber: () => ({ ...decided, attempt: 0, unconfirmed: "disputed" }),
  disputeRefusedNumber: (context, event) => ({
    ...refusedAgain(context, event),
    search: null,
    codesSpent: context.codesSpent + 1,
    codesRefused: context.codesRefused + 1,
    attempt: 0,
    unconfirmed: "disputed",
  }),
  // 1upHealth has no user with its app_user_id: the number may identify it.
  claimNumber: () => ({ ...decided, attempt: 0, unconfirmed: "claimed" }),
  // 1upHealth has no user with the number: the app_user_id may identify it.
  dropNumber: () => ({ ...decided, attempt: 0, oneupUserId: null, ...confirmed }),
  correctNumber: (context, event) => ({ ...userOf(context, event), ...decided, ...confirmed, attempt: 0 }),
  correctIdentified: (context, event) => ({
    ...userOf(context, event),
    ...decided,
    ...confirmed,
    refusals: ofPurge(context),
    attempt: 0,
    identifiedAt: event.at,
  }),
  noteIdTaken: () => ({ idTaken: true }),
  holdFirstCode: (context, event) => ({ ...codeInHand(context, event, "creation"), ...decided }),
  holdRequestedCode: (context, event) => codeInHand(context, event, "request"),
  exchangeOnceMore: (context) => ({ exchanges: 1, attempt: context.attempt + 1 }),
  exchangeInDoubt: (context, event) => ({
    exchanges: 1,
    maybeSpent: true,
    attempt: context.attempt + 1,
    ...arrivalOf(context, event),
  }),
  giveUpCode: (context, event) => ({
    codesSpent: context.codesSpent + 1,
    attempt: 0,
    ...arrivalOf(context, event),
  }),
  // The code may still be good: it is presented once more, then another one is requested after ever longer waits.
  exchangeRefused: (context, event) => ({
    ...refusedAgain(context, event),
    exchanges: 1,
    attempt: context.attempt + 1,
  }),
  giveUpCodeWithoutReason: (context, event) => ({
    ...refusedAgain(context, event),
    codesSpent: context.codesSpent + 1,
    attempt: 0,
  }),
  giveUpRefusedCode: (context, event) => ({
    ...refusedAgain(context, event),
    codesSpent: context.codesSpent + 1,
    codesRefused: context.codesRefused + 1,
    attempt: 0,
  }),
  holdTokens: (context, event) => ({
    ...userOf(context, event),
    unconfirmed: "user" in event || context.unconfirmed === "answered" ? null : context.unconfirmed,
    wasGranted: true,
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
    grantedAt: event.at,
    shortGrants: isShort(event) ? context.shortGrants + 1 : 0,
    mayArriveUntil: (context.mayArriveUntil ?? 0) > event.at ? context.mayArriveUntil : null,
    exchanges: 0,
    maybeSpent: false,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
    attempt: 0,
    failure: null,
    ...decided,
  }),
  // Its time is unknown, and problems of another grant say nothing about this one.
  holdAdoptedGrant: (context, event) => ({
    ...nothingKnown,
    ...userOf(context, event),
    unconfirmed:
      "user" in event && context.unconfirmed === null && event.user?.oneupUserId === context.oneupUserId
        ? null
        : "claimed",
    wasGranted: context.wasGranted && "user" in event && event.user?.oneupUserId === context.oneupUserId,
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
  }),
  // No time is stored: another process, whose clock is behind, would take it to be in the future.
  markUnusable: () => ({ expiresAt: null, attempt: 0 }),
  loseGrant: () => ({ expiresAt: null, grantedAt: null, attempt: 0 }),
  failRefused: failing("created", "refused"),
  failRefusedCode: failing("codeIssued", "refused"),
  failRefusedRequest: (context, event) =>
    failing("reauthorizing", isAboutAnother(event) ? "anotherUser" : "refused")(context, event),
  failCodesRefused: failing("codeIssued", "codesRefused"),
  failContradiction: failing("reauthorizing", "contradiction"),
  failIdTaken: failing("reauthorizing", "idTaken"),
  failRefuted: failing("reauthorizing", "anotherUser"),
  failRefusedPurge: failing("offboarding", "refused"),
  failShared: (context, event) => ({ ...failing("offboarding", "idTaken")(context, event), idTaken: true }),
  failRefutedPurge: failing("offboarding", "anotherUser"),
  retry: ({ failure, oneupUserId, unconfirmed }) => ({
    unconfirmed: failure?.reason === "anotherUser" && oneupUserId !== null ? "doubted" : unconfirmed,
    failure: null,
    attempt: 0,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
    ...decided,
  }),
  beginAnew: (context) => stillThere(context),
  letGo: (context, event) => {
    const toPurge = leftToPurge(context, "purge" in event ? event.purge : []);
    const unpurged = unpurgedWithout(context, toPurge);
    return { ...stillThere(context), toPurge, purged: context.purged, unpurged };
  },
  identifyAgain: (context) => ({ ...decided, refusals: ofPurge(context), attempt: 0 }),
  purgeNext: (context) => ({
    toPurge: context.toPurge?.slice(1) ?? null,
    purged: purgedWith(context),
    attempt: 0,
    ...decided,
  }),
  noteNothingThere: (context) => ({
    ...nothingKnown,
    purged: context.purged,
    unpurged: unpurgedFor(context, "userUnknown"),
  }),
  purgedAll: (context) => ({
    ...stillThere(context),
    purged: purgedWith(context),
    unpurged: context.unpurged,
  }),
  forgetEverything: (context) => ({
    ...stillThere(context),
    purged: context.purged,
    unpurged: unpurgedFor(context, "withdrawn"),
    idTaken: context.idTaken, // a purge would still erase another user's data
  }),
};
