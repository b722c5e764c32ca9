/**
 * Looks up one user at 1upHealth, whose `GET /user` may ignore its filter: a list of other users without the requested
 * one proves nothing. The look-up then sends the parameters in the body of the GET, as in the guide's own example, and
 * after that reads the whole list page by page, one management call each. Only a conclusive result counts.
 *
 * Pure, except for {@link SearchForms}, which remembers the form that works, so that the next look-up costs one call.
 *
 * @module
 */
import type { Search } from "../../../machines/index.ts";
import type { Clock } from "../../clock.ts";
import { isSameId } from "../../http/echo.ts";
import { type RemoteUser, type UserList, type UserQuery, readUserList } from "../../http/user-management.ts";
import type { Refusal } from "../../http/answer.ts";
import type { Answer } from "../../http/call.ts";

/** The user to find, by one or both ids. */
export interface Sought {
  readonly appUserId?: string | undefined;
  readonly oneupUserId?: number | undefined;
}

/** The result of one look-up response. */
export type Seen =
  | { readonly type: "user"; readonly user: RemoteUser }
  /** 1upHealth has no such user. */
  | { readonly type: "none" }
  /**
   * It listed other users. `search`: the next query; `null`: the list does not page, so it proved nothing. `isRefusal`:
   * it refused this form of the query.
   */
  | { readonly type: "others"; readonly search: Search | null; readonly isRefusal?: true };

/** Users per page. */
const pageSize = 100;

/** The next query of a look-up; `search`: its progress, `null` at the start. */
export function queryOf(search: Search | null, sought: Sought): UserQuery {
  if (search === null) return sought;
  if (search.form === "body") return { ...sought, inBody: true };
  return { page: { skip: search.skip, limit: pageSize } };
}

/**
 * Reads the response to {@link queryOf}.
 *
 * @param unexplained the meaning of a 400 that does not mention the user, where the filter was in the query
 * @param known the ids that the user may have, see {@link readUserList}
 */
export function readSeen(
  answer: Answer,
  search: Search | null,
  sought: Sought,
  forms: Pick<SearchForms, "canSendBody">,
  unexplained: "none" | "refused" = "none",
  known: readonly string[] = sought.appUserId === undefined ? [] : [sought.appUserId],
): Seen | Refusal {
  const isLater = search?.form === "pages" && search.skip > 0;
  const otherwise = isLater ? "end" : search === null ? unexplained : "refused";
  const list = readUserList(answer, otherwise, sought.appUserId, known);
  if (list.type !== "users") {
    // A firewall or the server may refuse a GET because of its body: that says nothing about the user. A 400 may also
    // mean that the filter matched no user; where that is not conclusive, the list decides.
    const isNo = list.type === "refused" || list.type === "unexplained";
    const isNoMatch = search === null && isNo && list.why === "http_400";
    const isForTheBody = search?.form === "body" && (isNo || list.type === "blocked");
    return isNoMatch || isForTheBody
      ? { type: "others", search: fromTheStart(isForTheBody), isRefusal: true }
      : list;
  }
  const user = list.users.find((one) => isSought(one, sought));
  if (user !== undefined) return { type: "user", user };
  if (list.isUnclear === true && sought.appUserId !== undefined) return provesNothing;
  if (search?.form === "pages") return afterPage(search, list);
  // seam: a-list-of-others-is-no-answer
  if (list.entries === 0 || list.users.some((one) => excludes(one, sought))) return { type: "none" };
  const next = search === null && forms.canSendBody ? ({ form: "body" } as const) : fromTheStart(true);
  return { type: "others", search: next };
}

function fromTheStart(hasOthers: boolean): Search {
  return { form: "pages", hasOthers, skip: 0, longest: 0, first: null, latest: null };
}

const provesNothing = { type: "others", search: null } as const;

/** Continues after a page that does not contain the user. */
function afterPage(
  { hasOthers, skip, longest, first, latest }: Extract<Search, { readonly form: "pages" }>,
  { users, entries, isUnexplained }: UserList,
): Seen {
  const begins = users[0]?.oneupUserId ?? null;
  // An unreadable entry may be the user, and so may an entry of a refused page.
  if (isUnexplained === true || entries > users.length) return provesNothing;
  if (skip === 0 && entries === 0 && hasOthers) return provesNothing;
  if (begins !== null && begins === first) {
    return mayBeAPage(longest) ? provesNothing : { type: "none" }; // the first page again: the server does not page
  }
  if (begins !== null && begins === latest) return provesNothing; // the last page again, beyond the end
  if (entries === 0 || entries < longest) return { type: "none" };
  const [next, known] = [skip + entries, first ?? begins];
  return {
    type: "others",
    search: { form: "pages", hasOthers, skip: next, longest: entries, first: known, latest: begins },
  };
}

/** A list that does not page is complete, or it is cut at the server's own page size, which is a round number. */
function mayBeAPage(users: number): boolean {
  return users % (users > pageSize ? 50 : 5) === 0;
}

function isSought(user: RemoteUser, { appUserId, oneupUserId }: Sought): boolean {
  const isItsId = appUserId === undefined || isSameId(user.appUserId, appUserId);
  return isItsId && (oneupUserId === undefined || user.oneupUserId === oneupUserId);
}

/**
 * Both are unique: a user with one of them and not the other shows that the filter was applied and that no user has
 * both.
 */
function excludes(user: RemoteUser, { appUserId, oneupUserId }: Sought): boolean {
  if (appUserId === undefined || oneupUserId === undefined) return false;
  return isSameId(user.appUserId, appUserId) || user.oneupUserId === oneupUserId;
}

type Noted = Seen | (Refusal & { readonly search?: never });

/** How long look-ups read the whole list without trying the filter again, ms. */
const listedForMs = 3_600_000;

/** The form of the query that works, as far as this process has seen. */
export class SearchForms {
  /** `fetch` sends no body with a GET. */
  readonly canSendBody: boolean;
  readonly #clock: Clock;
  #form: Search["form"] | "query" = "query";
  #until = 0;

  constructor(clock: Clock, canSendBody: boolean) {
    this.#clock = clock;
    this.canSendBody = canSendBody;
  }

  /** The first query of a look-up. */
  first(): Search | null {
    if (this.#form === "body") return { form: "body" };
    return this.#form === "pages" && this.#clock.monotonic() < this.#until ? fromTheStart(true) : null;
  }

  /** Records what a look-up has shown about the form of its query. */
  note(search: Search | null, seen: Noted): void {
    if (search?.form === "body" && (seen.type === "user" || seen.type === "none")) this.#form = "body";
    if (seen.type !== "others" || seen.search?.form !== "pages" || search?.form === "pages") return;
    if (search === null && seen.isRefusal === true) return;
    this.#form = "pages";
    this.#until = this.#clock.monotonic() + listedForMs;
  }
}
