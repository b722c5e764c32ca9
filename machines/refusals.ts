/**
 * How refusals are counted, and which of them a decisive response clears.
 *
 * @module
 */
import { aboutAnother, type Change, type UserContext, type UserEvent } from "./user.ts";

/** The response was about another user. */
export const isAboutAnother = (event: UserEvent): boolean => "why" in event && event.why === aboutAnother;

/** Counts one more refusal. */
export const refusedAgain: Change = ({ refusals }, event) => {
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
export const decided = { refusals: null, absences: null, search: null } as const;

/** The same, but a contradiction lasts until a code is issued: that the user is there is one half of it. */
export const isThere = ({ saidExists, saidMissing, refusals }: UserContext): Partial<UserContext> => ({
  refusals: saidExists && saidMissing ? refusals : null,
  absences: null,
  search: null,
});
