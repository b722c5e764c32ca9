/**
 * Looks up a user at 1upHealth by its number, or by its `app_user_id` while the number is unknown or in doubt. A number
 * that 1upHealth has not confirmed is not followed to another id: there it belongs to another user.
 *
 * @module
 */
import type { Search, UserContext, UserFacts } from "../../../machines/index.ts";
import type { Refusal } from "../../http/answer.ts";
import type { Answer } from "../../http/call.ts";
import { isSameId } from "../../http/echo.ts";
import { isId } from "../options/check-id.ts";
import { readSeen, type SearchForms, type Sought } from "./search-forms.ts";

/** See {@link readLocated}. */
export type Located =
  /** Under the id that it has here. */
  | { readonly type: "found"; readonly user: UserFacts }
  | { readonly type: "elsewhere"; readonly user: UserFacts; readonly appUserId: string }
  /** Under its id in this store, with another number. */
  | { readonly type: "corrected"; readonly user: UserFacts }
  /** Its number is listed under another id, and the number was never confirmed as this user's. */
  | { readonly type: "refuted"; readonly why: string }
  | { readonly type: "missing" }
  /** Other users were listed: the look-up continues. */
  | { readonly type: "others"; readonly search: Search | null };

/** The user to locate: by its number, or by its id where the number is missing or in doubt. */
export interface Locating {
  readonly appUserId: string;
  readonly oneupUserId: number | null;
  /** The id that it may have since a rename; `null`: it was not renamed. */
  readonly newId: string | null;
  readonly unconfirmed: UserContext["unconfirmed"];
  /** The progress of the look-up. */
  readonly search: Search | null;
  /** Look-ups before this one whose list was empty, although 1upHealth knew the user. */
  readonly absent: number;
  /** It is being offboarded: only another user's id matters, because a purge goes by the number. */
  readonly isLeaving: boolean;
}

/**
 * The query for this user. A user that 1upHealth knew and does not list is looked up by each id and in each form in
 * turn: one of them may be answered wrongly.
 */
export function soughtBy(locating: Omit<Locating, "search" | "isLeaving">): Sought {
  const { appUserId, oneupUserId, newId, unconfirmed, absent } = locating;
  if (oneupUserId === null || unconfirmed === "doubted" || unconfirmed === "disputed") return { appUserId };
  // An unconfirmed number may be wrong, so the other id comes first.
  return absent % 3 === (unconfirmed === null ? 2 : 1) ? { appUserId: newId ?? appUserId } : { oneupUserId };
}

/** Where a look-up of the number begins: in the form that works, or in the other one after an empty list. */
export function searchFrom(forms: SearchForms, absent: number, sought: Sought): Search | null {
  const usual = forms.first();
  const isOther = absent % 3 !== 0 && sought.oneupUserId !== undefined;
  return usual === null && forms.canSendBody && isOther ? { form: "body" } : usual;
}

/** Reads the response to a look-up. */
export function readLocated(answer: Answer, locating: Locating, forms: SearchForms): Located | Refusal {
  const { appUserId, oneupUserId, newId, search, absent, isLeaving } = locating;
  // If a create follows, its response settles the doubt. Before a purge, "missing" would report a purge as done that
  // never started.
  const unexplained = isLeaving ? "refused" : "none";
  const known = newId === null ? [appUserId] : [appUserId, newId];
  const seen = readSeen(answer, search, soughtBy(locating), forms, unexplained, known);
  if (absent === 0) forms.note(search, seen); // the form that answers with an empty list is not at fault for good
  if (seen.type === "none") return { type: "missing" };
  if (seen.type !== "user") return seen;
  const { user } = seen;
  // seam: a-number-is-confirmed-before-it-is-used
  const isConfirmed = oneupUserId === null || locating.unconfirmed === null;
  if (user.appUserId === undefined) {
    if (!isLeaving) return { type: "inDoubt", why: "unnamed_user" };
    return isConfirmed ? { type: "found", user } : { type: "unexplained", why: "unnamed_user" };
  }
  const isOther = oneupUserId !== null && user.oneupUserId !== oneupUserId;
  // A number that was confirmed is not replaced: the user that had it is still not listed.
  if (isOther && (isConfirmed || newId !== null)) return { type: "missing" };
  if (isSameId(user.appUserId, appUserId)) return { type: isOther ? "corrected" : "found", user };
  if (!isConfirmed && (newId === null || !isSameId(user.appUserId, newId)))
    return { type: "refuted", why: "its_number_has_another_app_user_id" };
  if (!isId(user.appUserId))
    return isLeaving ? { type: "found", user } : { type: "refused", why: "unusable_app_user_id" };
  return { type: "elsewhere", user, appUserId: user.appUserId };
}
