/**
 * Reads users.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { StoredRecord } from "../store/contract.ts";
import type { Engine } from "./engine.ts";
import { isMark } from "./marks.ts";
import { readUser } from "./user.ts";
import type { User } from "./user.ts";

/** A user and what the store says about its record. */
export interface Found {
  readonly user: User;
  readonly record: StoredRecord;
}

/** Nobody has this id. Whoever takes it writes over this revision: that of a user who was forgotten, or 0. */
export interface Vacant {
  readonly user: null;
  readonly isForgotten: boolean;
  readonly revision: number;
}

/**
 * The user of this id; `null` if there is none. `read` makes it of the record.
 * @throws {LifecycleError} `RENAMED`, `RECORD_TOO_NEW`, `RECORD_DAMAGED`, `KEY_REFUSED`, `STORE_UNAVAILABLE`
 */
export async function find(
  engine: Engine,
  id: string,
  read: typeof readUser = readUser,
): Promise<Found | null> {
  const found = await lookFor(engine, id, read);
  return found.user === null ? null : found;
}

/** The user of this id, or that it is free. @throws {LifecycleError} as {@link find} */
export async function lookFor(
  engine: Engine,
  id: string,
  read: typeof readUser = readUser,
): Promise<Found | Vacant> {
  const record = await recordOf(engine, id);
  if (record === null) return { user: null, isForgotten: false, revision: 0 };
  if (isMark(record.value)) return { user: null, isForgotten: true, revision: record.revision };
  return { user: read(record, engine.sealer), record };
}

/**
 * The record of this id, and the keys to it; `null` if there is none.
 * @throws {LifecycleError} as {@link find}, but for what is found out by reading it
 */
async function recordOf(engine: Engine, id: string): Promise<StoredRecord | null> {
  const loaded = await engine.store.load(id);
  switch (loaded.type) {
    case "absent":
      return null;
    case "renamed":
      throw new LifecycleError(
        "RENAMED",
        `Cannot use user ${engine.sealer.alias(id)}: it has another app_user_id now, see facts.renamedTo`,
        { facts: { renamedTo: loaded.to } },
      );
    case "record":
      if (!isMark(loaded.record.value) && !engine.sealer.knows(loaded.record.value))
        await engine.keys.renew();
      return loaded.record;
  }
}

/**
 * The record of a user of this id, and the keys to it, whether it can be read or not.
 * @throws {LifecycleError} `USER_UNKNOWN`; as {@link find}, but for what is found out by reading it
 */
export async function loadRecord(engine: Engine, id: string): Promise<StoredRecord> {
  const record = await recordOf(engine, id);
  if (record !== null && !isMark(record.value)) return record;
  throw unknown(engine, id);
}

/**
 * The user of this id.
 * @throws {LifecycleError} `USER_UNKNOWN`, and what {@link find} throws
 */
export async function load(engine: Engine, id: string, read: typeof readUser = readUser): Promise<Found> {
  const found = await find(engine, id, read);
  if (found !== null) return found;
  throw unknown(engine, id);
}

/** The error for an id that nobody has. */
export function unknown({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot find user ${sealer.alias(id)}: this store has no such app_user_id; call onboard() first`,
  );
}
