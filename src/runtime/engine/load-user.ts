/**
 * Reads users.
 *
 * @module
 */
import { isRenaming } from "../../../machines/index.ts";
import { isLifecycleError, LifecycleError, unlogged } from "../../errors.ts";
import type { Loaded, Store, StoredRecord } from "../../store/contract.ts";
import type { Engine } from "./engine.ts";
import { longestPauseMs } from "../options/backoff.ts";
import { formerIn, isTombstone, isTombstoneId, tombstoneId } from "../user/tombstone.ts";
import { furthestAheadMs } from "../user/provisional-until.ts";
import { readUser, type User } from "../user/user.ts";

/** A user and its stored record. */
export interface LoadedUser {
  readonly user: User;
  readonly record: StoredRecord;
}

/** No user has this id. The first write of a user replaces the tombstone of this revision; 0 = there is none. */
export interface MissingUser {
  readonly user: null;
  readonly isForgotten: boolean;
  readonly revision: number;
}

/**
 * The user of this id; `null` if there is none. `read` decodes the record.
 * @throws {LifecycleError} `RENAMED`, `RECORD_TOO_NEW`, `RECORD_DAMAGED`, `KEY_REFUSED`, `STORE_UNAVAILABLE`
 */
export async function findUser(
  engine: Engine,
  id: string,
  read: typeof readUser = readUser,
): Promise<LoadedUser | null> {
  const record = await recordOf(engine, id);
  return record === null ? null : decoded(engine, record, read);
}

/** The user of this id, or a {@link MissingUser}. @throws {LifecycleError} as {@link findUser} */
export async function lookForUser(
  engine: Engine,
  id: string,
  read: typeof readUser = readUser,
): Promise<LoadedUser | MissingUser> {
  const loaded = await engine.store.load(id);
  const record = loaded.type === "absent" ? null : await recordIn(engine, id, loaded);
  if (record !== null) return decoded(engine, record, read);
  const revision = revisionIn(await engine.store.load(tombstoneId(engine, id)));
  return { user: null, isForgotten: revision > 0, revision };
}

/** The revision of the tombstone of a forgotten user; 0 = there is none. */
export async function tombstoneRevision(engine: Engine, id: string): Promise<number> {
  return revisionIn(await engine.store.load(tombstoneId(engine, id)));
}

function revisionIn(left: Loaded): number {
  return left.type === "record" && isTombstone(left.record.value) ? left.record.revision : 0;
}

/** Whether this redirect leads to the tombstone of a user that is being forgotten, not to another id. */
export function leadsToTombstone(engine: Engine, id: string, loaded: Loaded): boolean {
  return loaded.type === "renamed" && loaded.to === tombstoneId(engine, id);
}

/**
 * Loads the record of this id and the keys that it needs; `null` if there is none.
 * @throws {LifecycleError} as {@link findUser}, except errors of decoding
 */
function recordOf(engine: Engine, id: string): Promise<StoredRecord | null> {
  return engine.store.load(id).then((loaded) => recordIn(engine, id, loaded));
}

/** The record that was loaded for this id, once the keys that it needs are known. @throws as {@link recordOf} */
function recordIn(engine: Engine, id: string, loaded: Loaded): StoredRecord | Promise<StoredRecord> | null {
  switch (loaded.type) {
    case "absent":
      return null;
    case "renamed":
      if (leadsToTombstone(engine, id, loaded)) return null;
      return idNow(engine, id, loaded.to).then((to) => {
        throw renamed(engine, id, to);
      });
    case "record":
      // seam: an-unknown-key-is-requested
      if (!engine.sealer.knows(loaded.record.value)) return engine.keys.renew().then(() => loaded.record);
      return loaded.record;
  }
}

/**
 * The id that the user of this former id has now, which `to` leads to. `null`: it cannot be found, because an id that the
 * user had in between has passed to another one.
 */
async function idNow(engine: Engine, id: string, to: string): Promise<string | null> {
  const form = engine.hidden?.form(id) ?? id;
  for (const seen = new Set([id]); !seen.has(to);) {
    seen.add(to);
    const loaded = await engine.store.load(to);
    if (loaded.type === "absent") return null;
    if (loaded.type === "record") {
      // seam: a-former-id-leads-to-its-own-user
      const isTheirs = formerIn(loaded.record.value).includes(form);
      return isTheirs ? to : null;
    }
    to = loaded.to;
  }
  return null;
}

function renamed({ sealer }: Engine, id: string, renamedTo: string | null): LifecycleError {
  const where =
    renamedTo === null
      ? "and which one is not known, because one that it had in between has passed to another user"
      : "see facts.renamedTo";
  return new LifecycleError(
    "RENAMED",
    `Cannot use user ${sealer.alias(id)}: it has another app_user_id now, ${where}`,
    { facts: renamedTo === null ? {} : unlogged("renamedTo", renamedTo) },
  );
}

/**
 * Loads the record of this id and the keys that it needs, even if the record cannot be decoded.
 * @throws {LifecycleError} `USER_UNKNOWN`; as {@link findUser}, except errors of decoding
 */
export function loadRecord(engine: Engine, id: string): Promise<StoredRecord> {
  return engine.store.load(id).then((loaded) => {
    const record = recordIn(engine, id, loaded);
    if (record === null) throw unknownUser(engine, id);
    return record;
  });
}

/**
 * The user of this id.
 * @throws {LifecycleError} `USER_UNKNOWN`, and what {@link findUser} throws
 */
export async function loadUser(
  engine: Engine,
  id: string,
  read: typeof readUser = readUser,
): Promise<LoadedUser> {
  const record = await loadRecord(engine, id);
  return decoded(engine, record, read);
}

/**
 * The user of the record. A pause that ends later than any that the lifecycle sets was written with a wrong clock: it lasts
 * as long as the store says, and is over if that is as wrong.
 */
function decoded({ sealer, clock }: Engine, record: StoredRecord, read: typeof readUser): LoadedUser {
  const user = read(record, sealer);
  const { pause } = user;
  if (pause === null) return { user, record };
  const now = clock.now();
  const longestMs = longestPauseMs(pause.reason) + furthestAheadMs;
  const dueInMs = record.dueInMs ?? 0;
  if (pause.until <= now + longestMs && dueInMs <= longestMs) return { user, record };
  const leftMs = dueInMs <= longestMs ? Math.max(0, dueInMs) : 0;
  const by = now + leftMs - pause.until;
  const { until, arrivedAt } = pause;
  const right = {
    ...pause,
    until: until + by,
    ...(arrivedAt !== undefined && { arrivedAt: arrivedAt + by }),
  };
  return {
    user: { ...user, pause: leftMs > 0 ? right : null },
    record: { ...record, dueInMs: record.dueInMs && leftMs },
  };
}

/** The part of an engine that lists users. */
export interface UserPages {
  readonly store: Pick<Store, "page">;
}

/**
 * The ids of all users, or of those under one index key, in pages of up to `limit`, in the store's order, beginning
 * behind `start`.
 */
export async function* pagesOfUserIds(
  { store }: UserPages,
  limit: number,
  indexKey?: string,
  start?: string,
): AsyncGenerator<readonly string[], void, undefined> {
  for (let after = start, isFull = true; isFull;) {
    const ids = await store.page({ state: indexKey, after, limit });
    yield ids.filter((id) => !isTombstoneId(id));
    after = ids.at(-1);
    isFull = ids.length === limit;
  }
}

/** The same ids, one by one. */
export async function* listUserIds(
  engine: UserPages,
  limit: number,
  indexKey?: string,
  start?: string,
): AsyncGenerator<string, void, undefined> {
  for await (const ids of pagesOfUserIds(engine, limit, indexKey, start)) yield* ids;
}

/** Whether a process runs the user. */
export function isLeased(
  record: StoredRecord,
): record is StoredRecord & { readonly lease: NonNullable<StoredRecord["lease"]> } {
  return record.lease !== null && record.lease.leftMs > 0;
}

/** Whether a call for the user is in flight or in doubt, or a rename whose result decides the id of the user. */
export function isBusy({ user, record }: LoadedUser): boolean {
  return user.intent !== null || isLeased(record) || isRenaming(user.position.state);
}

/** The error for an unknown id. */
export function unknownUser({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot find user ${sealer.alias(id)}: this store has no such app_user_id; check the id and the store, or onboard the user`,
  );
}

/** The error for a call that was under way when its user was forgotten. */
export function forgottenMeanwhile({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot go on with user ${sealer.alias(id)}: it was forgotten while the call was under way; call again to start over`,
  );
}

/** `null` for a permanent error: a call for that user reports it. @throws the error, if it is retryable */
export function nullIfPermanent(error: unknown): null {
  if (isLifecycleError(error) && !error.retryable) return null;
  throw error;
}
