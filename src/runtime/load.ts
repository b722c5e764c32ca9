/**
 * Reads users.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { StoredRecord } from "../store/contract.ts";
import type { Engine } from "./engine.ts";
import { readUser } from "./user.ts";
import type { User } from "./user.ts";

/** A user and what the store says about its record. */
export interface Found {
  readonly user: User;
  readonly record: StoredRecord;
}

/**
 * The user of this id; `null` if there is none.
 * @throws {LifecycleError} `RENAMED`, `RECORD_TOO_NEW`, `RECORD_DAMAGED`, `KEY_REFUSED`, `STORE_UNAVAILABLE`
 */
export async function find(engine: Engine, id: string): Promise<Found | null> {
  const record = await recordOf(engine, id);
  return record === null ? null : { user: readUser(record, engine.sealer), record };
}

/**
 * The record of this id, and the keys to it; `null` if there is none.
 * @throws {LifecycleError} as {@link find}, but for what is found out by reading it
 */
export async function recordOf(engine: Engine, id: string): Promise<StoredRecord | null> {
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
      if (!engine.sealer.knows(loaded.record.value)) await engine.keys.renew();
      return loaded.record;
  }
}

/**
 * The user of this id.
 * @throws {LifecycleError} `USER_UNKNOWN`, and what {@link find} throws
 */
export async function load(engine: Engine, id: string): Promise<Found> {
  const found = await find(engine, id);
  if (found !== null) return found;
  throw unknown(engine, id);
}

export function unknown({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_UNKNOWN",
    `Cannot find user ${sealer.alias(id)}: this store has no such app_user_id; call onboard() first`,
  );
}
