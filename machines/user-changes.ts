/**
 * What a user's context learns at each step, and what a step may depend on: pure functions under the names that the
 * table of the machine uses.
 *
 * @module
 */
import { nothingKnown } from "./user.ts";
import type { FailureReason, UserContext, UserEvent, UserState } from "./user.ts";

/** The facts that change. An event's own fields are read where it carries them. */
export type Change = (context: UserContext, event: UserEvent) => Partial<UserContext>;

/** Is it so? */
export type Condition = (context: UserContext, event: UserEvent) => boolean;

/** A code that was refused this soon after it was issued may not have registered yet (1upHealth's own demo waits a second). */
const registersWithinMs = 5_000;

/** A code may live as short as this (1upHealth's documents name two hours and five minutes), so a later refusal is no news. */
const shortestLifeMs = 300_000;

const askedAt = (event: UserEvent): number => ("askedAt" in event ? (event.askedAt ?? event.at) : event.at);

const userOf = (context: UserContext, event: UserEvent): Partial<UserContext> =>
  "user" in event && event.user !== undefined
    ? {
        oneupUserId: event.user.oneupUserId ?? context.oneupUserId,
        active: event.user.active ?? context.active,
      }
    : {};

/** All that is known of a user, but for who it is at 1upHealth, is known no more. */
const stillThere = ({ oneupUserId, active }: UserContext): UserContext => ({
  ...nothingKnown,
  oneupUserId,
  active,
});

/** What has been erased of a user once the first version that is left is done. */
const purgedWith = ({ purged, toPurge }: UserContext): readonly string[] => [
  ...(purged ?? []),
  ...(toPurge?.slice(0, 1) ?? []),
];

/**
 * Of what is asked for and of what is left, all that is not erased yet.
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
  ...userOf(context, event), // V8 is a hundred times slower where this comes first
});

const failing =
  (state: UserState, reason: FailureReason): Change =>
  (_, event) => ({
    failure: { in: state, reason, why: "why" in event ? event.why : reason },
    attempt: 0,
  });

/** The names of all changes. */
export type ChangeName =
  | "tryAgainLater"
  | "startOver"
  | "noteKnown"
  | "noteExists"
  | "noteFound"
  | "noteIdentified"
  | "noteUnknownId"
  | "noteMissing"
  | "noteIdTaken"
  | "holdFirstCode"
  | "holdRequestedCode"
  | "exchangeOnceMore"
  | "exchangeInDoubt"
  | "giveUpCode"
  | "giveUpRefusedCode"
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
  | "failRefusedPurge"
  | "failShared"
  | "retry"
  | "beginAnew"
  | "letGo"
  | "purgeNext"
  | "purgedAll"
  | "noteNothingThere"
  | "forgetEverything";

/**
 * What is remembered, by name.
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
  tryAgainLater: (context) => ({ attempt: context.attempt + 1 }),
  startOver: () => ({ attempt: 0 }),
  noteKnown: (context, event) => ({ ...userOf(context, event), attempt: 0 }),
  noteExists: () => ({ saidExists: true, attempt: 0 }),
  noteFound: (context, event) => ({
    ...userOf(context, event),
    saidExists: true,
    attempt: context.attempt + 1,
  }),
  noteIdentified: (context, event) => ({
    ...userOf(context, event),
    attempt: 0,
    identifiedAt: event.at,
  }),
  noteUnknownId: (context) => ({ saidMissing: context.saidExists, attempt: context.attempt + 1 }),
  noteMissing: (context) => ({
    saidMissing: context.saidExists,
    attempt: context.attempt + 1,
    oneupUserId: null,
  }),
  noteIdTaken: () => ({ idTaken: true }),
  holdFirstCode: (context, event) => codeInHand(context, event, "creation"),
  holdRequestedCode: (context, event) => codeInHand(context, event, "request"),
  exchangeOnceMore: (context) => ({ exchanges: 1, attempt: context.attempt + 1 }),
  exchangeInDoubt: (context) => ({ exchanges: 1, maybeSpent: true, attempt: context.attempt + 1 }),
  giveUpCode: (context) => ({ codesSpent: context.codesSpent + 1, attempt: 0 }),
  giveUpRefusedCode: (context) => ({
    codesSpent: context.codesSpent + 1,
    codesRefused: context.codesRefused + 1,
    attempt: 0,
  }),
  holdTokens: (context, event) => ({
    ...userOf(context, event),
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
    grantedAt: event.at,
    exchanges: 0,
    maybeSpent: false,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
    attempt: 0,
    failure: null,
  }),
  // Nobody knows when it was granted, and what went wrong with another grant says nothing about this one.
  holdAdoptedGrant: (context, event) => ({
    ...nothingKnown,
    ...userOf(context, event),
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
  }),
  // No time: another process, whose clock is behind, would take one for the future.
  markUnusable: () => ({ expiresAt: null, attempt: 0 }),
  loseGrant: () => ({ expiresAt: null, grantedAt: null, attempt: 0 }),
  failRefused: failing("created", "refused"),
  failRefusedCode: failing("codeIssued", "refused"),
  failRefusedRequest: failing("reauthorizing", "refused"),
  failCodesRefused: failing("codeIssued", "codesRefused"),
  failContradiction: failing("reauthorizing", "contradiction"),
  failIdTaken: failing("reauthorizing", "idTaken"),
  failRefusedPurge: failing("offboarding", "refused"),
  failShared: (context, event) => ({ ...failing("offboarding", "idTaken")(context, event), idTaken: true }),
  retry: () => ({
    failure: null,
    attempt: 0,
    codesSpent: 0,
    codesRefused: 0,
    saidExists: false,
    saidMissing: false,
  }),
  beginAnew: (context) => stillThere(context),
  letGo: (context, event) => ({
    ...stillThere(context),
    toPurge: leftToPurge(context, "purge" in event ? event.purge : []),
    purged: context.purged,
  }),
  purgeNext: (context) => ({
    toPurge: context.toPurge?.slice(1) ?? null,
    purged: purgedWith(context),
    attempt: 0,
  }),
  noteNothingThere: (context) => ({ ...nothingKnown, purged: context.purged }),
  purgedAll: (context) => ({ ...stillThere(context), purged: purgedWith(context) }),
  forgetEverything: (context) => ({
    ...stillThere(context),
    purged: context.purged,
    idTaken: context.idTaken, // a purge would still erase another user's data
  }),
};

/** The names of all conditions. */
export type ConditionName =
  | "codeCameWithCreation"
  | "codeMayStillRegister"
  | "codeMayBeSpentOrExpired"
  | "neverExchanged"
  | "twoCodesRefusedBefore"
  | "contradictedBefore"
  | "hasANumber"
  | "hasMoreToPurge"
  | "failedWhileCreating"
  | "failedWhilePurging"
  | "isUnheardOf"
  | "bringsAccessToken";

/**
 * What a step may depend on, by name.
 *
 * @example
 * ```ts
 * import { conditions } from "oneup-lifecycle/machines";
 *
 * console.log(Object.keys(conditions)); // what the table of the machine asks
 * ```
 */
export const conditions: Readonly<Record<ConditionName, Condition>> = {
  codeCameWithCreation: (context) => context.codeFrom === "creation",
  codeMayStillRegister: (context, event) =>
    context.exchanges === 0 && askedAt(event) - (context.codeAt ?? 0) < registersWithinMs,
  codeMayBeSpentOrExpired: (context, event) =>
    context.maybeSpent || event.at - (context.codeAt ?? 0) >= shortestLifeMs,
  neverExchanged: (context) => context.exchanges === 0,
  twoCodesRefusedBefore: (context) => context.codesRefused >= 2,
  contradictedBefore: (context) => context.saidExists && context.saidMissing,
  hasANumber: (context) => context.oneupUserId !== null,
  hasMoreToPurge: (context) => (context.toPurge?.length ?? 0) > 1,
  failedWhileCreating: (context) => context.failure?.in === "created",
  failedWhilePurging: (context) => context.failure?.in === "offboarding",
  isUnheardOf: (context, event) => context.oneupUserId === null && "isNew" in event && event.isNew === true,
  bringsAccessToken: (_, event) => "expiresAt" in event && event.expiresAt !== null,
};
