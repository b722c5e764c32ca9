/**
 * How refusals are counted, and which of them a decisive response clears. What an event shows about the user's number at
 * 1upHealth.
 *
 * @module
 */
import { aboutAnother, type Change, type Span, type UserContext, type UserEvent } from "./user.ts";

/** The response was about another user. */
export const isAboutAnother = (event: UserEvent): boolean => "why" in event && event.why === aboutAnother;

/** The longest wait between two calls of a user that get such answers, ms. */
const longestWaitMs = 6 * 3_600_000;

/**
 * How long a span has lasted at `at`, ms. The next answer may come to a process whose clock is days ahead or behind, so the
 * time since the last one counts for no more than the longest wait, forward or backward.
 */
export const lastedMs = ({ since, lastAt }: Span, at: number): number => {
  if (lastAt === undefined) return at - since;
  // seam: an-answer-adds-six-hours-to-a-span-at-most
  const addedMs = Math.max(-longestWaitMs, Math.min(longestWaitMs, at - lastAt));
  return lastAt - since + addedMs;
};

/** The span with one more answer. */
export const oneMore = (span: Span | null, at: number): Span => ({
  since: span === null ? at : at - lastedMs(span, at),
  times: (span?.times ?? 0) + 1,
  lastAt: at,
});

/** An application that calls FHIR itself and reports a refused token so late has probably used it before, ms. */
const reportedWithinMs = 2 * 3_600_000;

/** The refused tokens before this one. */
export const refusedBefore = ({ refusedTokens }: UserContext, event: UserEvent): Span | null => {
  const lastAt = refusedTokens?.lastAt ?? Number.NEGATIVE_INFINITY;
  const isReported = "isReported" in event && event.isReported === true;
  return isReported && event.at - lastAt > reportedWithinMs ? null : refusedTokens;
};

/** Counts one more refused token; each counts once. */
export const tokenRefused: Change = (context, event) => {
  const before = refusedBefore(context, event);
  const after = oneMore(before, event.at);
  const isCounted = before !== null && isKnownRefused(context);
  return { refusedTokens: isCounted ? { ...after, times: before.times } : after };
};

/** The token that was granted last is known to be refused. */
export const isKnownRefused = ({ refusedTokens, grantedAt }: UserContext): boolean =>
  grantedAt !== null && (refusedTokens?.lastAt ?? 0) > grantedAt;

/** Counts one more refusal. */
export const refusedAgain: Change = ({ refusals }, event) => {
  const isAnother = refusals?.isAnother === true || isAboutAnother(event);
  return {
    refusals: {
      ...oneMore(refusals, event.at),
      ...(isAnother && { isAnother }),
      ...(refusals?.ofPurge === true && { ofPurge: true }),
    },
  };
};

/** A response was decisive: earlier refusals and absences no longer count, and a look-up under way is finished. */
export const decided = { refusals: null, absences: null, search: null } as const;

/** The same, but a contradiction lasts until a code is issued: that the user is there is one half of it. */
export const isThere = ({ saidExists, saidMissing, refusals }: UserContext): Partial<UserContext> => ({
  refusals: saidExists && saidMissing ? refusals : null,
  absences: null,
  search: null,
});

/** The number and the activity that the event names. */
export const userOf = (context: UserContext, event: UserEvent): Partial<UserContext> =>
  "user" in event && event.user !== undefined
    ? {
        oneupUserId: event.user.oneupUserId ?? context.oneupUserId,
        active: event.user.active ?? context.active,
      }
    : {};

/** 1upHealth lists the number and the `app_user_id` as one user. */
export const confirmed = { unconfirmed: null } as const;

/** Why the number is unconfirmed after a response has brought a code; `named`: the number in it, if any. */
export const unconfirmedAfterCode = (
  { oneupUserId, unconfirmed }: UserContext,
  named: number | undefined,
): UserContext["unconfirmed"] => {
  const isConfirmed = oneupUserId !== null && unconfirmed === null;
  if (isConfirmed && (named === undefined || named === oneupUserId)) return null;
  // A code whose response names no number proves nothing about one that was named before.
  if (named !== undefined) return "answered";
  return oneupUserId === null ? null : "claimed";
};
