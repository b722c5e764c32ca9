/**
 * Calls to user management, `/user-management/v1/user`, and the meaning of their answers. Source: 1upHealth user
 * management guide. The status decides first whether an answer may say anything about the user; among those that may, the
 * body decides, because the same refusal has been seen with several statuses.
 *
 * @module
 */
import { Secret } from "../secret.ts";
import { oauthCode, readAccountRefusal, type Refusal } from "./answer.ts";
import { describeCall, form, formType, under, type Answer, type Call, type Client } from "./call.ts";
import { isEcho, mayStandFor, parseWithIds, roundedIn } from "./echo.ts";
import { field, isObject, numeric, text, truth } from "./json.ts";
import { phraseIn, type Phrase } from "./phrases.ts";
import { tokensIn, type Tokens } from "./token.ts";

const path = "/user-management/v1/user";

/** Describes `POST /user`, which creates a user; sends nothing. */
export function createUserCall(client: Client, appUserId: string): Call {
  return managementCall(client, "createUser", "POST", path, { app_user_id: appUserId });
}

/** Describes `POST /user/auth-code`, which issues a one-time code for an existing user; sends nothing. */
export function issueAuthCodeCall(client: Client, appUserId: string): Call {
  return managementCall(client, "issueAuthCode", "POST", `${path}/auth-code`, { app_user_id: appUserId });
}

/** Describes `PUT /user`, which changes the `app_user_id` of a user; sends nothing. */
export function updateUserCall(
  client: Client,
  user: { readonly oneupUserId: number; readonly appUserId: string },
): Call {
  const fields = { oneup_user_id: String(user.oneupUserId), app_user_id: user.appUserId };
  return managementCall(client, "updateUser", "PUT", path, fields);
}

/** Names of the paging parameters. The guide says "paginate" without naming any, and the server may ignore them. */
export interface Pager {
  readonly skip: string;
  readonly limit: string;
}

/** The default names. */
export const usualPager: Pager = { skip: "skip", limit: "limit" };

export interface UserQuery {
  readonly appUserId?: string | undefined;
  readonly oneupUserId?: number | undefined;
  readonly page?: { readonly skip: number; readonly limit: number } | undefined;
  /**
   * Whether to send the fields in the body of the GET, as in the guide's own example, instead of the query. @default
   * false
   */
  readonly inBody?: boolean | undefined;
  /** @default usualPager */
  readonly pager?: Pager | undefined;
}

/** Describes `GET /user`, which finds users or lists a page of them; sends nothing. */
export function listUsersCall(client: Client, query: UserQuery = {}): Call {
  const { appUserId, oneupUserId, page, inBody = false, pager = usualPager } = query;
  const fields = {
    ...(oneupUserId !== undefined && { oneup_user_id: String(oneupUserId) }),
    ...(appUserId !== undefined && { app_user_id: appUserId }),
    ...(page !== undefined && { [pager.skip]: String(page.skip), [pager.limit]: String(page.limit) }),
  };
  return managementCall(client, "listUsers", "GET", path, fields, inBody);
}

/** A GET sends its fields in the query, unless `inBody` is set; the other methods send them in the body. */
function managementCall(
  client: Client,
  name: string,
  method: Call["method"],
  template: string,
  fields: Record<string, string>,
  inBody: boolean = method !== "GET",
): Call {
  const encoded = form(fields);
  const url = under(client.api, template);
  const query = !inBody;
  const accept = "application/json";
  const client_id = client.clientId;
  const client_secret = client.clientSecret.reveal();
  return describeCall({
    name,
    endpoint: "management",
    method,
    url: query && encoded !== "" ? `${url}?${encoded}` : url,
    template,
    headers: query
      ? { accept, client_id, client_secret }
      : { accept, "content-type": formType, client_id, client_secret },
    body: query ? undefined : encoded,
  });
}

/** The user that a call was made for. */
export interface AskedFor {
  readonly appUserId: string;
  /** Its number at 1upHealth, if known; it never changes. */
  readonly oneupUserId?: number | null | undefined;
}

/**
 * The answer contains another `app_user_id` than the call, or another number than the known one, so it must not be
 * used.
 */
export const anotherUser: Extract<Refusal, { readonly type: "inDoubt" }> = {
  type: "inDoubt",
  why: "another_user",
};

/** Whether it is {@link anotherUser}, which should be reported to a person. */
export function isAboutAnother<T extends { readonly type: string; readonly why?: string }>(
  outcome: T,
): outcome is T & typeof anotherUser {
  return outcome.type === anotherUser.type && outcome.why === anotherUser.why;
}

function namesAnother(body: unknown, { appUserId, oneupUserId }: AskedFor): boolean {
  const echo = echoIn(body);
  // seam: an-answer-is-about-the-user-that-was-asked-for
  if (echo !== undefined && !isEcho(echo, appUserId)) return true;
  const id = idIn(body);
  // seam: a-known-number-never-changes
  return id !== undefined && typeof oneupUserId === "number" && id !== oneupUserId;
}

/** Whether it names a user, whichever it is. */
function namesOne(body: unknown): boolean {
  return echoIn(body) !== undefined || idIn(body) !== undefined;
}

/** The `app_user_id` in an answer; `undefined`: none. */
function echoIn(body: unknown): unknown {
  const echo = namedIn(body);
  return echo === null || echo === "" ? undefined : echo;
}

/** The user is new. Exchange the code at once. */
export interface UserCreated {
  readonly type: "created";
  readonly oneupUserId: number;
  readonly active: boolean;
  readonly code: Secret;
}

/** The user is new, and the answer already contains its tokens, as the guide's text describes. */
export interface UserAuthorized {
  readonly type: "authorized";
  readonly oneupUserId: number;
  readonly active: boolean;
  readonly tokens: Tokens;
}

/**
 * Reads the answer to {@link createUserCall}. `exists` also stands for a success without a code or without an id: the
 * user exists, and {@link issueAuthCodeCall} is the next step.
 */
export function readCreatedUser(
  answer: Answer,
  asked: AskedFor,
): UserCreated | UserAuthorized | { readonly type: "exists" } | Refusal {
  const body = parseWithIds(answer.text);
  const success = succeeded(answer, body);
  const oneupUserId = success ? idIn(body) : undefined;
  const code = codeIn(body);
  const phrase = phraseIn(answer, body, asked.appUserId);
  if ((success || phrase !== undefined) && namesAnother(body, asked)) return anotherUser;
  if (oneupUserId !== undefined) {
    const active = truth(field(body, "active"), true);
    const tokens = tokensIn(answer, body);
    // A code is worth more than tokens that cannot be refreshed.
    if (tokens !== undefined && (tokens.refreshToken !== undefined || code === undefined))
      return { type: "authorized", oneupUserId, active, tokens };
    if (code !== undefined) return { type: "created", oneupUserId, active, code: new Secret(code) };
    return { type: "exists" };
  }
  const there = success && (code !== undefined || truth(field(body, "success"), false));
  return there || phrase === "exists" ? { type: "exists" } : readUserRefusal(answer, body, phrase);
}

/** A one-time code for an existing user. Exchange it at once. */
export interface CodeIssued {
  readonly type: "code";
  readonly oneupUserId?: number;
  readonly active?: boolean;
  readonly code: Secret;
}

/** Reads the answer to {@link issueAuthCodeCall}. `missing`: no user has that `app_user_id`. */
export function readIssuedCode(
  answer: Answer,
  asked: AskedFor,
): CodeIssued | { readonly type: "missing" } | Refusal {
  const body = parseWithIds(answer.text);
  const code = succeeded(answer, body) ? codeIn(body) : undefined;
  const phrase = phraseIn(answer, body, asked.appUserId);
  const isMissing = code === undefined && phrase === "missing";
  if ((code !== undefined || isMissing) && namesAnother(body, asked)) return anotherUser;
  if (isMissing) return { type: "missing" };
  if (code === undefined) return readUserRefusal(answer, body, phrase);
  const oneupUserId = idIn(body);
  const active = field(body, "active");
  return {
    type: "code",
    ...(oneupUserId !== undefined && { oneupUserId }),
    ...(active !== undefined && { active: truth(active, true) }),
    code: new Secret(code),
  };
}

/** The refusal of a call for one user. Only one that names the user's id is final. */
function readUserRefusal(answer: Answer, body: unknown, phrase: Phrase | undefined): Refusal {
  const refusal = readAccountRefusal(answer, body);
  const isNo = refusal.type === "unexplained" || refusal.type === "inDoubt";
  // seam: only-a-known-refusal-is-final
  const isFinal = phrase === "unfit";
  return isNo && isFinal ? { type: "refused", why: `http_${answer.status}` } : refusal;
}

/** A user as 1upHealth lists it. */
export interface RemoteUser {
  readonly oneupUserId: number;
  readonly appUserId?: string;
  readonly active: boolean;
}

/** A list of users from 1upHealth. */
export interface UserList {
  readonly type: "users";
  readonly users: readonly RemoteUser[];
  /** The number of entries in the list; larger than the number of users if some are unreadable. */
  readonly entries: number;
  /** The answer was a 400 without a message about users: either the end of the list or a refused page. */
  readonly isUnexplained?: true;
  /** A user without an `appUserId` may be the requested one: the last digits of its id may be lost. */
  readonly isUnclear?: true;
}

const none: UserList = { type: "users", users: [], entries: 0 };

/**
 * Reads the answer to {@link listUsersCall}: a list in `entry`, a bare list, one user, or none.
 *
 * @param unexplained the meaning of a 400 that does not say that the user does not exist. The guide uses it for "no
 *   match": for one user it means that there is none (`none`); for a page after the first it may be the end (`end`);
 *   for the first page it is a refusal (`refused`)
 * @param appUserId the requested one, if any
 * @param known the ids that the user may have
 */
export function readUserList(
  answer: Answer,
  unexplained: "none" | "end" | "refused" = "refused",
  appUserId = "",
  known: readonly string[] = [appUserId],
): UserList | Refusal {
  const body = parseWithIds(answer.text);
  if (phraseIn(answer, body, appUserId) === "missing") return none;
  const noMatch =
    unexplained !== "refused" &&
    answer.status === 400 &&
    isObject(body) &&
    field(body, "success") === false &&
    oauthCode(body) === undefined;
  const refusal = readAccountRefusal(answer, body);
  if (noMatch && (refusal.type === "refused" || refusal.type === "unexplained"))
    return unexplained === "none" ? none : { ...none, isUnexplained: true };
  if (Array.isArray(body) ? answer.status !== 200 : !succeeded(answer, body)) return refusal;
  const entry = Array.isArray(body)
    ? body
    : (field(body, "entry") ?? (idIn(body) !== undefined ? body : undefined));
  if (entry === undefined) return refusal;
  const entries: readonly unknown[] = Array.isArray(entry) ? entry : [entry];
  const users = entries.flatMap((one) => userIn(one, known) ?? []);
  if (users.length === 0 && entries.length > 0) return { type: "inDoubt", why: "unreadable_body" };
  const isUnclear = entries.some((one) => isRoundedTo(known, one));
  return { type: "users", users, entries: entries.length, ...(isUnclear && { isUnclear }) };
}

/** The refusal of a rename. `isBare`: a 429 without JSON, which a balancer may have sent after a try that succeeded. */
type RenameRefusal = Refusal & { readonly isBare?: boolean };

/** Reads the answer to {@link updateUserCall}; `asked`: the new id. `conflict`: a user has that `app_user_id`. */
export function readUpdatedUser(
  answer: Answer,
  asked: AskedFor,
):
  | { readonly type: "updated" }
  | { readonly type: "conflict" }
  | { readonly type: "missing" }
  | RenameRefusal {
  const body = parseWithIds(answer.text);
  const phrase = phraseIn(answer, body, asked.appUserId);
  if (phrase === "exists") return { type: "conflict" };
  if (phrase === "missing") return { type: "missing" };
  const entry = field(body, "entry") ?? body;
  const user: unknown = Array.isArray(entry) ? entry[0] : entry;
  const confirmed = truth(field(body, "success"), false) || idIn(user) !== undefined;
  if (!succeeded(answer, body) || !confirmed) {
    const refusal = readUserRefusal(answer, body, phrase);
    // A success that denies the rename in unknown words may have carried it out: a look-up decides.
    const isUnclear = refusal.type === "unexplained" && answer.status < 300;
    if (isUnclear) return { type: "inDoubt", why: refusal.why };
    return refusal.type === "throttled" && !isObject(body) ? { ...refusal, isBare: true } : refusal;
  }
  if (namesAnother(user, asked) || namesAnother(body, asked)) return anotherUser;
  // seam: a-rename-is-done-if-its-answer-names-the-user
  return namesOne(user) || namesOne(body) ? { type: "updated" } : { type: "inDoubt", why: "names_no_user" };
}

/** Whether it is a 2xx whose body is an object that does not deny success. */
function succeeded(answer: Answer, body: unknown): boolean {
  return answer.status >= 200 && answer.status < 300 && isObject(body) && truth(field(body, "success"), true);
}

/** A longer code or `app_user_id` is ignored, so that an answer cannot bloat a user's record. */
const longestText = 2_000;

function codeIn(body: unknown): string | undefined {
  return text(field(body, "code"), longestText);
}

function idIn(body: unknown): number | undefined {
  const id = numeric(field(body, "oneup_user_id", "oneUpUserId", "oneupUserId"));
  return id !== undefined && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/** The user of an entry, without an `app_user_id` where it does not tell which one. */
function userIn(body: unknown, known: readonly string[]): RemoteUser | undefined {
  const oneupUserId = idIn(body);
  if (oneupUserId === undefined) return undefined;
  const named = namedIn(body);
  const rounded = roundedIn(named);
  const isKnown = rounded !== undefined && known.includes(rounded);
  const digits = Number.isSafeInteger(named) ? String(named) : undefined;
  const appUserId = (isKnown ? rounded : digits) ?? text(named, longestText);
  return {
    oneupUserId,
    ...(appUserId !== undefined && { appUserId }),
    active: truth(field(body, "active"), true),
  };
}

/** Whether the id of an entry may be one of these, or another one: its last digits may be lost. */
function isRoundedTo(known: readonly string[], body: unknown): boolean {
  const rounded = roundedIn(namedIn(body));
  if (rounded === undefined || known.includes(rounded)) return false;
  return known.some((id) => mayStandFor(rounded, id));
}

function namedIn(body: unknown): unknown {
  return field(body, "app_user_id", "appUserId");
}
