/**
 * Lists users in the order of the store's ids, from its indexes: those in one state or all, from any user on.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { leavable } from "../abort.ts";
import type { UserState } from "../../machines/index.ts";
import { isLifecycleError, type LifecycleError } from "../errors.ts";
import type { Engine } from "./engine/engine.ts";
import { findUser, listUserIds } from "./engine/load-user.ts";
import { statusOf } from "./engine/user-errors.ts";
import type { UserFilter } from "./options/call-options.ts";
import { indexKeysOf } from "./user/index-key.ts";
import { behindTombstones } from "./user/tombstone.ts";
import type { UserStatus } from "./user/user-status.ts";

/** A page of users. */
export interface UserPage {
  readonly users: readonly UserStatus[];
  /** Pass it as `after` to get the next page; `null`: there is none. */
  readonly next: string | null;
}

/** Users listed per request to the store. */
const pageSize = 100;

/** A user whose record cannot be read. */
export interface UnreadableUser {
  readonly appUserId: string;
  readonly alias: string;
  readonly error: LifecycleError;
}

/** The users, one by one. */
export function listUsers(engine: Engine, filter: UserFilter): AsyncGenerator<UserStatus, void, undefined> {
  return leavable((left) => usersOf(engine, filter, left));
}

async function* usersOf(
  engine: Engine,
  { state, after, limit = Infinity }: UserFilter,
  left: AbortSignal,
): AsyncGenerator<UserStatus, void, undefined> {
  let rest = limit;
  for await (const id of idsOf(engine, state, after, Math.min(limit, pageSize))) {
    if (left.aborted) return; // few may be in that state
    const status = statusOrWarn(engine, await readStatus(engine, id, state));
    if (status === null) continue;
    yield status;
    if (--rest <= 0) return;
  }
}

/** The users, one by one, and in their places those that cannot be read. */
export async function* listAllUsers(
  engine: Engine,
  { state }: Pick<UserFilter, "state">,
): AsyncGenerator<UserStatus | UnreadableUser, void, undefined> {
  for await (const id of idsOf(engine, state, undefined, pageSize)) {
    const found = await readStatus(engine, id, state);
    if (found !== null) yield found;
  }
}

/** A page of them. It reads one user more, which shows whether there is another page. */
export async function pageOfUsers(
  engine: Engine,
  { state, after, limit = pageSize }: UserFilter,
): Promise<UserPage> {
  const users: UserStatus[] = [];
  for await (const id of idsOf(engine, state, after, limit + 1)) {
    const last = users.at(-1);
    const status = statusOrWarn(engine, await readStatus(engine, id, state));
    if (status === null) continue;
    if (users.length === limit && last !== undefined) return { users, next: last.appUserId };
    users.push(status);
  }
  return { users, next: null };
}

/** A user is `expiring` by the clock alone, so it may still be indexed under one of these states. */
const mayExpire: readonly UserState[] = ["tokenActive", "refreshed", "reauthorized"];

/** The ids in the order of the store. A state has one index for each import that brought users in it: they are merged. */
async function* idsOf(
  engine: Engine,
  state: UserState | undefined,
  after: string | undefined,
  atOnce: number,
): AsyncGenerator<string, void, undefined> {
  const keys = state === undefined ? [undefined] : await indexKeys(engine, state);
  // Hidden, the tombstones of forgotten users are spread among the users.
  const start = after ?? (state === undefined && engine.hidden === null ? behindTombstones : undefined);
  const heads = await Promise.all(
    keys.map(async (key) => {
      const ids = listUserIds(engine, atOnce, key, start);
      return { ids, head: await ids.next() };
    }),
  );
  let last: string | undefined;
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const each of heads) {
      if (each.head.done === true) continue;
      const before = first?.head.done === false ? first.head.value : undefined;
      if (before === undefined || comesBefore(engine, each.head.value, before)) first = each;
    }
    if (first === undefined || first.head.done === true) return;
    const id = first.head.value;
    if (id !== last) yield id; // it may have moved from one index to another meanwhile
    last = id;
    first.head = await first.ids.next();
  }
}

async function indexKeys({ store }: Engine, state: UserState): Promise<readonly string[]> {
  const counts = await store.counts();
  const states = state === "expiring" ? [state, ...mayExpire] : [state];
  return states.flatMap((one) => indexKeysOf(one, counts));
}

/** The order of the store: by the bytes of the ids under which it holds them. */
function comesBefore({ hidden }: Engine, one: string, other: string): boolean {
  const bytes = (id: string): Buffer => Buffer.from(hidden === null ? id : hidden.key(id));
  return Buffer.compare(bytes(one), bytes(other)) < 0;
}

/** The user, unless it is not in that state now or no longer exists. One that cannot be read must not end the listing. */
async function readStatus(
  engine: Engine,
  id: string,
  state: UserState | undefined,
): Promise<UserStatus | UnreadableUser | null> {
  try {
    const found = await findUser(engine, id);
    const status = found && statusOf(engine, found.user);
    return state === undefined || status?.state === state ? status : null;
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable) throw error;
    return error.code === "RENAMED" ? null : { appUserId: id, alias: engine.sealer.alias(id), error };
  }
}

/** The user; `null`, with a warning, in place of one that cannot be read. */
function statusOrWarn({ settings }: Engine, found: UserStatus | UnreadableUser | null): UserStatus | null {
  if (found === null || !("error" in found)) return found;
  const { alias, error } = found;
  settings.logger.warn({ user: alias, error: error.code }, `Cannot list a user: ${error.message}`);
  return null;
}
