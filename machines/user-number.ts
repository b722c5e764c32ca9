/**
 * What an event shows about the user's number at 1upHealth.
 *
 * @module
 */
import type { UserContext, UserEvent } from "./user.ts";

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
