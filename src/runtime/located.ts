/**
 * Where 1upHealth has a user: the answer to the question for its number, or for its `app_user_id` while nobody knows the
 * number.
 *
 * @module
 */
import type { UserFacts } from "../../machines/index.ts";
import type { Refusal } from "../http/answer.ts";
import type { Answer } from "../http/call.ts";
import { readUserList } from "../http/user-management.ts";
import { isId } from "./checks.ts";

/** See {@link readLocated}. */
export type Located =
  /** Under the id that it has here. */
  | { readonly type: "found"; readonly user: UserFacts }
  | { readonly type: "elsewhere"; readonly user: UserFacts; readonly appUserId: string }
  | { readonly type: "missing" };

/** Who is looked for: by the number, or by the id where there is no number. */
export interface Sought {
  readonly appUserId: string;
  readonly oneupUserId: number | null;
  /** It was let go: only another user's id matters, for the number tells whose data are meant. */
  readonly isLeaving: boolean;
}

/** Reads the answer to the question for a user. */
export function readLocated(answer: Answer, who: Sought): Located | Refusal {
  const { appUserId, oneupUserId, isLeaving } = who;
  // Where a create follows, its answer tells more; but a purge would be called done that never began.
  const list = readUserList(answer, isLeaving ? "refused" : "nobody");
  if (list.type !== "users") return list;
  const user = list.users.find((one) =>
    oneupUserId === null ? one.appUserId === appUserId : one.oneupUserId === oneupUserId,
  );
  if (user === undefined) return { type: "missing" };
  if (user.appUserId === appUserId) return { type: "found", user };
  if (user.appUserId === undefined)
    return isLeaving ? { type: "found", user } : { type: "inDoubt", why: "unnamed_user" };
  if (!isId(user.appUserId))
    return isLeaving ? { type: "found", user } : { type: "refused", why: "unusable_app_user_id" };
  return { type: "elsewhere", user, appUserId: user.appUserId };
}
