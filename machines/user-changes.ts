/**
 * How a user's context changes at each transition: pure functions under the names used in the machine's table. Those
 * about codes and tokens are in `grant-changes.ts`.
 *
 * @module
 */
import { arrivalOf, grantChanges, type GrantChangeName } from "./grant-changes.ts";
import { decided, isAboutAnother, isThere, oneMore, refusedAgain, confirmed, userOf } from "./refusals.ts";
import { renameChanges, type RenameChangeName } from "./rename.ts";
import { nothingKnown, type Change, type FailureReason, type UserContext, type UserState } from "./user.ts";

/** Forgets everything except the user's identity at 1upHealth. */
const stillThere = ({ oneupUserId, unconfirmed, wasGranted, active }: UserContext): UserContext => ({
  ...nothingKnown,
  oneupUserId,
  unconfirmed,
  wasGranted,
  active,
});

const failing =
  (state: UserState, reason: FailureReason): Change =>
  (_, event) => ({
    failure: { in: state, reason, why: "why" in event ? event.why : reason },
    attempt: 0,
  });

/** The names of all changes. */
export type ChangeName =
  | GrantChangeName
  | RenameChangeName
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
    absences: oneMore(absences, event.at),
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
    ...grantChanges.giveUpRefusedCode(context, event),
    search: null,
    unconfirmed: "disputed",
  }),
  // 1upHealth has no user with its app_user_id: the number may identify it.
  claimNumber: () => ({ ...decided, attempt: 0, unconfirmed: "claimed" }),
  // 1upHealth has no user with the number: the app_user_id may identify it.
  dropNumber: () => ({ ...decided, attempt: 0, oneupUserId: null, ...confirmed }),
  correctNumber: (context, event) => ({ ...userOf(context, event), ...decided, ...confirmed, attempt: 0 }),
  correctIdentified: (context, event) => changes.noteIdentified(context, event),
  noteIdTaken: () => ({ idTaken: true }),
  ...grantChanges,
  ...renameChanges,
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
  identifyAgain: (context) => ({ ...decided, refusals: ofPurge(context), identifiedAt: null }),
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

/** The versions erased once the first remaining one is done. */
const purgedWith = ({ purged, toPurge }: UserContext): readonly string[] => [
  ...(purged ?? []),
  ...(toPurge?.slice(0, 1) ?? []),
];

/**
 * The requested and remaining versions that are not erased yet.
 *
 * @example
 * ```ts
 * import { leftToPurge, nothingKnown } from "oneup-lifecycle/machines";
 *
 * const halfway = { ...nothingKnown, toPurge: ["r4"], purged: ["dstu2"] };
 * console.log(leftToPurge(halfway, ["dstu2", "stu3"])); // [ "r4", "stu3" ]
 * ```
 */
export function leftToPurge({ toPurge, purged }: UserContext, asked: readonly string[]): readonly string[] {
  const all = new Set([...(toPurge ?? []), ...asked]);
  return [...all].filter((version) => purged?.includes(version) !== true);
}

/** What was requested of a purge and is not carried out, for this reason. */
const unpurgedFor = (
  { toPurge, unpurged }: UserContext,
  why: NonNullable<UserContext["unpurged"]>["why"],
): UserContext["unpurged"] => {
  if (toPurge === null || toPurge.length === 0) return unpurged;
  const versions = [...new Set([...(unpurged?.versions ?? []), ...toPurge])];
  // seam: a-purge-that-was-not-carried-out-is-remembered
  return { versions, why };
};

/** What was not carried out before, without these versions, which are requested again. */
const unpurgedWithout = ({ unpurged }: UserContext, versions: readonly string[]): UserContext["unpurged"] => {
  const left = unpurged?.versions.filter((version) => !versions.includes(version)) ?? [];
  return unpurged === null || left.length === 0 ? null : { ...unpurged, versions: left };
};

/** Refusals of a purge last while it is looked up once more whose data it would erase. */
const ofPurge = ({ refusals }: UserContext): UserContext["refusals"] =>
  refusals?.ofPurge === true ? refusals : null;
