/**
 * Calls to user management, `/user-management/v1/user`, and what their answers mean. Source of the facts: 1upHealth
 * user management guide. Answers are judged by their body, because the same refusal has come with several statuses.
 *
 * @module
 */
import { Secret } from "../secret.ts";
import { oauthCode, readAccountRefusal, saying, withoutPlaces, type Refusal } from "./answer.ts";
import { describeCall, form, formType, under, type Answer, type Call, type Client } from "./call.ts";
import { field, isObject, numeric, parseJson, text, truth } from "./json.ts";
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

/** Names of the paging parameters. The guide says "paginate" and names none, and the server may ignore them. */
export interface Pager {
  readonly skip: string;
  readonly limit: string;
}

/** The names that are used where nobody sets others. */
export const usualPager: Pager = { skip: "skip", limit: "limit" };

export interface UserQuery {
  readonly appUserId?: string | undefined;
  readonly oneupUserId?: number | undefined;
  readonly page?: { readonly skip: number; readonly limit: number } | undefined;
  /** @default usualPager */
  readonly pager?: Pager | undefined;
}

/** Describes `GET /user`, which finds users or lists a page of them; sends nothing. */
export function listUsersCall(client: Client, query: UserQuery = {}): Call {
  const { appUserId, oneupUserId, page, pager = usualPager } = query;
  return managementCall(client, "listUsers", "GET", path, {
    ...(oneupUserId !== undefined && { oneup_user_id: String(oneupUserId) }),
    ...(appUserId !== undefined && { app_user_id: appUserId }),
    ...(page !== undefined && { [pager.skip]: String(page.skip), [pager.limit]: String(page.limit) }),
  });
}

/** A GET has its fields in the query, the others in the body. */
function managementCall(
  client: Client,
  name: string,
  method: Call["method"],
  template: string,
  fields: Record<string, string>,
): Call {
  const encoded = form(fields);
  const url = under(client.api, template);
  const query = method === "GET";
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

/** The user is new. Exchange the code at once. */
export interface UserCreated {
  readonly type: "created";
  readonly oneupUserId: number;
  readonly active: boolean;
  readonly code: Secret;
}

/** The user is new and the answer already holds its tokens, as the guide's prose has it. */
export interface UserAuthorized {
  readonly type: "authorized";
  readonly oneupUserId: number;
  readonly active: boolean;
  readonly tokens: Tokens;
}

/**
 * Reads the answer to {@link createUserCall}. `exists` also stands for a success without a code or without an id:
 * the user is there, and {@link issueAuthCodeCall} is the way on.
 */
export function readCreatedUser(
  answer: Answer,
): UserCreated | UserAuthorized | { readonly type: "exists" } | Refusal {
  const body = parseJson(answer.text);
  const success = succeeded(answer, body);
  const oneupUserId = success ? idIn(body) : undefined;
  const code = codeIn(body);
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
  return there || alreadyExists.test(saying(answer, body))
    ? { type: "exists" }
    : readAccountRefusal(answer, body);
}

/** A one-time code for an existing user. Exchange it at once. */
export interface CodeIssued {
  readonly type: "code";
  readonly oneupUserId?: number;
  readonly active?: boolean;
  readonly code: Secret;
}

/** Reads the answer to {@link issueAuthCodeCall}. `missing`: no user has that `app_user_id`. */
export function readIssuedCode(answer: Answer): CodeIssued | { readonly type: "missing" } | Refusal {
  const body = parseJson(answer.text);
  if (saysMissing(saying(answer, body))) return { type: "missing" };
  const code = codeIn(body);
  if (!succeeded(answer, body) || code === undefined) return readAccountRefusal(answer, body);
  const oneupUserId = idIn(body);
  const active = field(body, "active");
  return {
    type: "code",
    ...(oneupUserId !== undefined && { oneupUserId }),
    ...(active !== undefined && { active: truth(active, true) }),
    code: new Secret(code),
  };
}

/** A user as 1upHealth lists it. */
export interface RemoteUser {
  readonly oneupUserId: number;
  readonly appUserId?: string;
  readonly active: boolean;
}

/** What 1upHealth listed. */
export interface UserList {
  readonly type: "users";
  readonly users: readonly RemoteUser[];
  /** Entries of the list; more than there are users if some cannot be read. */
  readonly entries: number;
  /** It was a 400 without a word about users: perhaps the end of the list, perhaps a page that was not given. */
  readonly isUnexplained?: true;
}

const nobody: UserList = { type: "users", users: [], entries: 0 };

/**
 * Reads the answer to {@link listUsersCall}: a list in `entry`, a bare list, one user, or none.
 *
 * @param unexplained what a 400 means that does not say that the user does not exist. The guide has it for "no match":
 * of one user that is nobody; of a page beyond the first it may be the end; of the first page it is a refusal.
 */
export function readUserList(
  answer: Answer,
  unexplained: "nobody" | "end" | "refused" = "refused",
): UserList | Refusal {
  const body = parseJson(answer.text);
  const said = saying(answer, body);
  if (saysMissing(said)) return nobody;
  const noMatch =
    unexplained !== "refused" && answer.status === 400 && isObject(body) && oauthCode(body) === undefined;
  const refusal = readAccountRefusal(answer, body);
  if (noMatch && refusal.type === "refused")
    return unexplained === "nobody" ? nobody : { ...nobody, isUnexplained: true };
  if (Array.isArray(body) ? answer.status !== 200 : !succeeded(answer, body)) return refusal;
  const entry = Array.isArray(body)
    ? body
    : (field(body, "entry") ?? (idIn(body) !== undefined ? body : undefined));
  if (entry === undefined) return refusal;
  const entries: readonly unknown[] = Array.isArray(entry) ? entry : [entry];
  const users = entries.flatMap((one) => userIn(one) ?? []);
  if (users.length === 0 && entries.length > 0) return { type: "inDoubt", why: "unreadable_body" };
  return { type: "users", users, entries: entries.length };
}

/** Reads the answer to {@link updateUserCall}. `conflict`: another user has that `app_user_id`. */
export function readUpdatedUser(
  answer: Answer,
): { readonly type: "updated" } | { readonly type: "conflict" } | { readonly type: "missing" } | Refusal {
  const body = parseJson(answer.text);
  const said = saying(answer, body);
  if (alreadyExists.test(said)) return { type: "conflict" };
  if (saysMissing(said)) return { type: "missing" };
  const user = field(body, "entry") ?? body;
  const confirmed =
    truth(field(body, "success"), false) || userIn(Array.isArray(user) ? user[0] : user) !== undefined;
  return succeeded(answer, body) && confirmed ? { type: "updated" } : readAccountRefusal(answer, body);
}

const alreadyExists = /\balready\b.{0,20}\b(exists?|registered|in use|taken)\b/;
/** A "user pool" or "user agent" is no user. */
const doesNotExist =
  /user(?:_id)?\b(?! (?:pool|agent)\b).{0,200}\b(does not exist|doesn't exist|doesnt exist|not found)\b|\b(no such|unknown) user\b(?! (?:pool|agent)\b)/;

function saysMissing(said: string): boolean {
  return doesNotExist.test(withoutPlaces(said));
}

/** A 2xx whose body is an object that does not deny success. */
function succeeded(answer: Answer, body: unknown): boolean {
  return answer.status >= 200 && answer.status < 300 && isObject(body) && truth(field(body, "success"), true);
}

/** A code or an `app_user_id` that is longer is none: a user must not grow by what an answer holds. */
const longestText = 2_000;

function codeIn(body: unknown): string | undefined {
  return text(field(body, "code"), longestText);
}

function idIn(body: unknown): number | undefined {
  const id = numeric(field(body, "oneup_user_id", "oneUpUserId", "oneupUserId"));
  return id !== undefined && Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

function userIn(body: unknown): RemoteUser | undefined {
  const oneupUserId = idIn(body);
  if (oneupUserId === undefined) return undefined;
  const named = field(body, "app_user_id", "appUserId");
  const appUserId = Number.isSafeInteger(named) ? String(named) : text(named, longestText);
  return {
    oneupUserId,
    ...(appUserId !== undefined && { appUserId }),
    active: truth(field(body, "active"), true),
  };
}
