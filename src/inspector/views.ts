/**
 * What the inspector answers about users, whose ids may be masked, and the account.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { check, whole, aText, type Rules } from "../checks.ts";
import { invalidOption, isLifecycleError, LifecycleError } from "../errors.ts";
import type { Lifecycle, UserFilter, UserPage, UserState, UserStatus } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import { version } from "../version.ts";
import type { SealedIds } from "./sealed-ids.ts";
import type { AccountView, UserRow, UserRows, UserView } from "./shapes.ts";

/** What the views are made from. */
export interface Views {
  readonly lifecycle: Lifecycle;
  readonly ids: SealedIds;
}

/** The fields of a request. */
export type Fields = Readonly<Record<string, unknown>>;

/** Users in one answer. */
const [usualUsers, mostUsers] = [50, 100];

/** The options of {@link listUsers}. */
interface UserQuery {
  readonly state?: string;
  readonly after?: string;
  readonly limit?: number;
  readonly id?: string;
}

const query: Rules<UserQuery> = { state: aText, after: aText, limit: whole(1, mostUsers), id: aText };

/**
 * `POST api/users`: a page of users, or the one with exactly this id.
 *
 * @throws {LifecycleError} `INVALID_OPTION`, `INVALID_ID`; `USER_UNKNOWN` if `id` names none; `STORE_UNAVAILABLE`
 */
export async function listUsers(views: Views, fields: Fields, masked: boolean): Promise<UserRows> {
  const { lifecycle, ids } = views;
  const { state, after, limit = usualUsers, id } = check<UserQuery>("list users", fields, query);
  if (id !== undefined) {
    const status = await follow(id, (current) => lifecycle.inspect(current));
    return { users: [rowOf(views, status, masked)], next: null, mark: markOf([status]) };
  }
  const cursor = after === undefined ? undefined : ids.open("cursor", after);
  if (cursor === null) throw invalidOption("Cannot list users: after must be the next of a page");
  const filter = { state: state as UserState | undefined, after: cursor, limit }; // userPage() checks the state
  const { users, next } = await (state === "expiring"
    ? expiring(lifecycle, filter)
    : lifecycle.userPage(filter));
  return {
    users: users.map((status) => rowOf(views, status, masked)),
    next: next === null ? null : ids.seal("cursor", next),
    mark: markOf(users),
  };
}

/** A digest of what their rows show, beside times. */
function markOf(users: readonly UserStatus[]): string {
  const rows = users.map(({ appUserId, state, usable, pause, hold, failure }) => [
    appUserId,
    state,
    usable,
    pause?.reason,
    hold,
    failure,
  ]);
  return createHash("sha256").update(JSON.stringify(rows)).digest("base64url");
}

/** Users that are read at most for a page of those that expire, which no index lists. */
const mostRead = 1_000;

/** Users that expire, among the next ones of the store: perhaps none, though there are more pages. */
async function expiring(
  lifecycle: Lifecycle,
  { after, limit }: UserFilter & { readonly limit: number },
): Promise<UserPage> {
  const { users, next } = await lifecycle.userPage({ after, limit: mostRead });
  const found = users.filter(({ state }) => state === "expiring");
  const shown = found.slice(0, limit);
  return { users: shown, next: found.length > limit ? (shown.at(-1)?.appUserId ?? null) : next };
}

/** `POST api/user`. @throws {LifecycleError} `INVALID_OPTION`; as `lifecycle.inspect()` */
export async function showUser(views: Views, fields: Fields, masked: boolean): Promise<UserView> {
  const { lifecycle } = views;
  const { key = "" } = check<{ readonly key?: string }>("show a user", fields, { key: aText });
  return withUser(views, key, async (id) => {
    const { record, revision, dueAt } = await recordOf(lifecycle, id); // first, so that it is not newer than what is shown
    const [status, explanation] = await Promise.all([lifecycle.inspect(id), lifecycle.explain(id)]);
    const { appUserId: _, ...rest } = status;
    return {
      ...rowOf(views, status, masked),
      status: masked ? rest : status,
      explanation,
      record,
      revision,
      history: status.history,
      dueAt,
    };
  });
}

/** The name of a record whose beginning is not known. */
const unknown = "unknown";

/** What names the user's record, and its revision. @throws {LifecycleError} as `lifecycle.inspect()` */
export async function recordOf(
  lifecycle: Lifecycle,
  id: string,
): Promise<Pick<UserView, "record" | "revision" | "dueAt">> {
  const found = await internalsOf(lifecycle)?.recordOf(id);
  if (found === undefined) return { record: unknown, revision: 0, dueAt: null };
  return { record: found.begun?.toString(36) ?? unknown, revision: found.revision, dueAt: found.dueAt };
}

/** `POST api/account`. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function showAccount({ lifecycle }: Views): Promise<AccountView> {
  const inside = internalsOf(lifecycle);
  const [health, budget, origins, limits, acts, keys] = await Promise.all([
    lifecycle.health(),
    lifecycle.budget.refresh(),
    inside?.origins() ?? null,
    lifecycle.account.limits(),
    lifecycle.account.history(),
    lifecycle.keys.list().catch(() => null), // the ring cannot be read here
  ]);
  return {
    health,
    budget,
    origins,
    limits,
    acts,
    keys,
    version: version(),
    format: inside?.format() ?? null,
  };
}

/** A user as a row. */
export function rowOf({ lifecycle, ids }: Views, status: UserStatus, masked: boolean): UserRow {
  const { appUserId, state, since, usable, expiresAt, oneupUserId, pause, hold, failure } = status;
  return {
    key: ids.seal("user", appUserId),
    alias: lifecycle.alias(appUserId),
    appUserId: masked ? maskId(appUserId) : appUserId,
    state,
    since,
    usable,
    expiresAt,
    oneupUserId,
    pause,
    hold,
    failure,
  };
}

/** Does something with the user that a key names. @throws {LifecycleError} `USER_UNKNOWN`; what `use` throws */
export async function withUser<T>({ ids }: Views, key: string, use: (id: string) => Promise<T>): Promise<T> {
  const id = ids.open("user", key);
  if (id === null) throw new LifecycleError("USER_UNKNOWN", "Cannot find the user: no user has this key");
  return follow(id, use);
}

/** A user that is renamed more often than that meanwhile is not followed. */
const mostRenames = 10;

/** Does something with the user that `id` names, under its new id if it was renamed. */
async function follow<T>(id: string, look: (id: string) => Promise<T>): Promise<T> {
  let current = id;
  for (let renames = 0; ; renames++) {
    try {
      return await look(current);
    } catch (error) {
      const to = isLifecycleError(error, "RENAMED") ? error.facts["renamedTo"] : undefined;
      if (typeof to !== "string" || renames >= mostRenames) throw error;
      current = to;
    }
  }
}

/** The first character of an id, and its domain if it is an address: `a…@example.org`. */
export function maskId(id: string): string {
  const [first = ""] = id; // a character may take two units
  const at = id.lastIndexOf("@");
  return `${first}…${at > 0 ? id.slice(at) : ""}`;
}
