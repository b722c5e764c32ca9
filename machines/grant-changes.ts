/**
 * How codes and tokens change a user's context. Part of `user-changes.ts`.
 *
 * @module
 */
import { decided, refusedAgain, tokenRefused, unconfirmedAfterCode, userOf } from "./refusals.ts";
import { nothingKnown, type Change, type UserContext, type UserEvent } from "./user.ts";

/** The latest time at which a token call with an unknown outcome may arrive, if the event has one. */
export const arrivalOf = (context: UserContext, event: UserEvent): Partial<UserContext> =>
  "mayArriveUntil" in event && event.mayArriveUntil !== undefined
    ? { mayArriveUntil: Math.max(event.mayArriveUntil, context.mayArriveUntil ?? 0) }
    : {};

/**
 * A code to exchange, and what is known afresh because of it. That of a create is decisive, see {@link decided}.
 *
 * Each onboarding takes this step and `holdTokens`, so both name all that they change: to put the object together from
 * others costs up to a hundred times as much.
 */
const withCode = (
  context: UserContext,
  event: UserEvent,
  codeFrom: "creation" | "request",
): Partial<UserContext> => {
  const user = "user" in event ? event.user : undefined;
  const { refusals, absences, search } = codeFrom === "creation" ? decided : context;
  return {
    oneupUserId: user?.oneupUserId ?? context.oneupUserId,
    active: user?.active ?? context.active,
    codeFrom,
    codeAt: event.at,
    exchanges: 0,
    maybeSpent: false,
    saidExists: false,
    saidMissing: false,
    attempt: 0,
    unconfirmed: unconfirmedAfterCode(context, user?.oneupUserId),
    refusals,
    absences,
    search,
  };
};

/** How many times of rejected tokens are remembered, and for how long, ms: what the wait for the next one depends on. */
const [remembered, rememberedMs] = [4, 3_600_000];

/** Tokens that live for less than ten minutes are renewed ever more rarely if they come in a row. */
const isShort = (event: UserEvent): boolean =>
  "expiresAt" in event && event.expiresAt !== null && event.expiresAt - event.at < 600_000;

/** The event is about the user with the number that is known. */
const isOfSameNumber = (context: UserContext, event: UserEvent): boolean =>
  "user" in event && event.user?.oneupUserId === context.oneupUserId;

/** The names of these changes. */
export type GrantChangeName =
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
  | "noteRefusedToken"
  | "noteAcceptedToken"
  | "giveUpGrant"
  | "loseGrant";

export const grantChanges: Readonly<Record<GrantChangeName, Change>> = {
  holdFirstCode: (context, event) => withCode(context, event, "creation"),
  holdRequestedCode: (context, event) => withCode(context, event, "request"),
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
    ...grantChanges.giveUpCodeWithoutReason(context, event),
    codesRefused: context.codesRefused + 1,
  }),
  holdTokens: (context, event) => {
    const user = "user" in event ? event.user : undefined;
    return {
      oneupUserId: user?.oneupUserId ?? context.oneupUserId,
      active: user?.active ?? context.active,
      unconfirmed: "user" in event || context.unconfirmed === "answered" ? null : context.unconfirmed,
      wasGranted: true,
      lostGrant: false,
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
      refusals: null,
      absences: null,
      search: null,
    };
  },
  // Its time is unknown, and problems of another grant prove nothing about this one.
  holdAdoptedGrant: (context, event) => ({
    ...nothingKnown,
    ...userOf(context, event),
    unconfirmed: context.unconfirmed === null && isOfSameNumber(context, event) ? null : "claimed",
    wasGranted: context.wasGranted && isOfSameNumber(context, event),
    expiresAt: "expiresAt" in event ? event.expiresAt : null,
  }),
  // No time of expiry is stored: another process, whose clock is behind, would take it to be in the future.
  markUnusable: (context, event) => {
    const lately = (context.rejectedAt ?? []).filter((before) => before > event.at - rememberedMs);
    const rejectedAt = [...lately, event.at].slice(-remembered);
    return { expiresAt: null, attempt: 0, rejectedAt, ...tokenRefused(context, event) };
  },
  noteRefusedToken: tokenRefused,
  noteAcceptedToken: () => ({ refusedTokens: null }),
  giveUpGrant: (context, event) => ({ ...grantChanges.loseGrant(context, event), refusedTokens: null }),
  loseGrant: () => ({
    ...decided,
    lostGrant: /* seam: a-lost-grant-is-remembered */ true,
    expiresAt: null,
    grantedAt: null,
    attempt: 0,
  }),
};
