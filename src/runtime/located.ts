/**
 * Where 1upHealth has a user whose `app_user_id` it does not know any more: the answer to the question for its number.
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

/** Reads the answer to a question for the user of this number. */
export function readLocated(
  answer: Answer,
  { appUserId, oneupUserId }: { readonly appUserId: string; readonly oneupUserId: number },
): Located | Refusal {
  const list = readUserList(answer);
  if (list.type !== "users") return list;
  const user = list.users.find((one) => one.oneupUserId === oneupUserId);
  if (user === undefined) return { type: "missing" };
  if (user.appUserId === undefined) return { type: "inDoubt", why: "unnamed_user" };
  if (user.appUserId === appUserId) return { type: "found", user };
  if (!isId(user.appUserId)) return { type: "refused", why: "unusable_app_user_id" };
  return { type: "elsewhere", user, appUserId: user.appUserId };
}
