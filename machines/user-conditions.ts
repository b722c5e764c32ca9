/**
 * The conditions of a user's transitions: pure functions under the names used in the machine's table.
 *
 * @module
 */
import { beganIn, beganWithGrant, mayBeUnlisted, type BeganIn } from "./rename.ts";
import { isAboutAnother, isKnownRefused, lastedMs, refusedBefore } from "./refusals.ts";
import type { Condition, Span, UserContext, UserEvent } from "./user.ts";

/**
 * A code that is refused this soon after it was issued may not be registered yet (1upHealth's own demo waits a
 * second).
 */
const registersWithinMs = 5_000;

/**
 * A code may expire this early (1upHealth's documents name two hours and five minutes), so a later refusal is
 * expected.
 */
const codeMayExpireAfterMs = 300_000;

/**
 * A refusal without a reason may come from a proxy, and refused codes or a contradiction from a database in trouble: the
 * user fails only after refusals for this long …
 */
const refusedForMs = 86_400_000;
/** … and this many of them, because the process may have been suspended in between. */
const fewestRefusals = 5;

/** One code, or two, may be bad by themselves. */
const fewestRefusedCodes = 3;

const lastedForADay = (span: Span | null, { at }: UserEvent): boolean =>
  // seam: a-user-fails-after-a-day-of-refusals
  span !== null && span.times >= fewestRefusals - 1 && lastedMs(span, at) >= refusedForMs;

const refusedForADay: Condition = ({ refusals }, event) => lastedForADay(refusals, event);

const askedAt = (event: UserEvent): number => ("askedAt" in event ? (event.askedAt ?? event.at) : event.at);

/** 1upHealth has shown that it has the user: it has confirmed the number, or granted a token. */
const wasThere = ({ oneupUserId, unconfirmed, wasGranted }: UserContext): boolean =>
  wasGranted || (oneupUserId !== null && unconfirmed === null);

/** Look-ups have not listed it for as long, and as often, as refusals without a reason must last. */
const isMissedForADay = ({ absences }: UserContext, event: UserEvent): boolean =>
  lastedForADay(absences, event);

/** A response that brought a code has named the number, and nothing else has. */
const hasAnAnsweredNumber = ({ oneupUserId, unconfirmed }: UserContext): boolean =>
  oneupUserId !== null && unconfirmed === "answered";

/** The names of all conditions. */
export type ConditionName =
  | BeganIn
  | "codeCameWithCreation"
  | "codeMayStillRegister"
  | "codeMayBeSpentOrExpired"
  | "neverExchanged"
  | "codesRefusedForADay"
  | "contradictedBefore"
  | "contradictedAsListed"
  | "contradictedForADay"
  | "refusedForADay"
  | "refusedForLess"
  | "tokensRefusedForADay"
  | "tokenNotKnownRefused"
  | "tokensWereRefused"
  | "mayBeUnlisted"
  | "beganWithGrant"
  | "wasRefused"
  | "isHeldUp"
  | "mayStillBeThere"
  | "mayHaveData"
  | "disputesAnAnswer"
  | "answeredTheNumber"
  | "isOnlyAnswered"
  | "wasTakenForAnother"
  | "mayBeElsewhere"
  | "hasADoubtedNumber"
  | "hasADisputedNumber"
  | "hasAnUnconfirmedNumber"
  | "hasMoreToPurge"
  | "failedWhileCreating"
  | "failedWhilePurging"
  | "failedAsAnother"
  | "isUnheardOf"
  | "bringsAccessToken"
  | "lostItsGrant";

/**
 * The conditions of transitions, by name.
 *
 * @example
 * ```ts
 * import { conditions } from "oneup-lifecycle/machines";
 *
 * console.log(Object.keys(conditions)); // the names in the machine's table
 * ```
 */
export const conditions: Readonly<Record<ConditionName, Condition>> = {
  codeCameWithCreation: (context) => context.codeFrom === "creation",
  codeMayStillRegister: (context, event) =>
    context.exchanges === 0 && askedAt(event) - (context.codeAt ?? 0) < registersWithinMs,
  codeMayBeSpentOrExpired: (context, event) =>
    context.maybeSpent || event.at - (context.codeAt ?? 0) >= codeMayExpireAfterMs,
  neverExchanged: (context) => context.exchanges === 0,
  codesRefusedForADay: (context, event) =>
    context.codesRefused >= fewestRefusedCodes - 1 && refusedForADay(context, event),
  contradictedBefore: (context) => context.saidExists && context.saidMissing,
  contradictedAsListed: (context) =>
    context.saidExists && context.saidMissing && context.oneupUserId !== null,
  contradictedForADay: (context, event) =>
    context.saidExists && context.saidMissing && refusedForADay(context, event),
  refusedForADay,
  refusedForLess: (context, event) => !refusedForADay(context, event),
  // seam: a-day-of-refused-tokens-ends-a-grant
  tokensRefusedForADay: (context, event) =>
    !("isOfAll" in event && event.isOfAll === true) && lastedForADay(refusedBefore(context, event), event),
  tokenNotKnownRefused: (context) => !isKnownRefused(context),
  tokensWereRefused: ({ refusedTokens }) => refusedTokens !== null,
  mayBeUnlisted,
  beganWithGrant,
  ...beganIn,
  wasRefused: ({ refusals }) => refusals !== null,
  isHeldUp: ({ refusals, absences }) => refusals !== null || absences !== null,
  mayStillBeThere: (context, event) => wasThere(context) && !isMissedForADay(context, event),
  // seam: an-empty-list-does-not-end-a-purge
  mayHaveData: (context, event) =>
    (context.oneupUserId !== null || context.wasGranted) && !isMissedForADay(context, event),
  disputesAnAnswer: (context, event) => hasAnAnsweredNumber(context) && isAboutAnother(event),
  answeredTheNumber: (context) => hasAnAnsweredNumber(context),
  isOnlyAnswered: (context) => hasAnAnsweredNumber(context) && !context.wasGranted,
  wasTakenForAnother: ({ oneupUserId, refusals }) => oneupUserId !== null && refusals?.isAnother === true,
  mayBeElsewhere: ({ oneupUserId, wasGranted }) => oneupUserId !== null || wasGranted,
  hasADoubtedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed === "doubted",
  hasADisputedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed === "disputed",
  hasAnUnconfirmedNumber: ({ oneupUserId, unconfirmed }) => oneupUserId !== null && unconfirmed !== null,
  hasMoreToPurge: (context) => (context.toPurge?.length ?? 0) > 1,
  failedWhileCreating: (context) => context.failure?.in === "created",
  failedWhilePurging: (context) => context.failure?.in === "offboarding",
  failedAsAnother: ({ oneupUserId, failure }) => oneupUserId !== null && failure?.reason === "anotherUser",
  isUnheardOf: (context, event) => context.oneupUserId === null && "isNew" in event && event.isNew === true,
  lostItsGrant: ({ lostGrant }) => lostGrant,
  bringsAccessToken: (_, event) => "expiresAt" in event && event.expiresAt !== null,
};
