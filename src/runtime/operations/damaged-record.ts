/**
 * What an operation that needs no secrets can still use of a damaged record.
 *
 * @module
 */
import { nothingKnown } from "../../../machines/index.ts";
import { unlessDamaged } from "../../errors.ts";
import type { Sealer } from "../../store/sealing/sealer.ts";
import type { StoredRecord } from "../../store/contract.ts";
import { newUser, readInClear, readUser, type User } from "../user/user.ts";

/**
 * The user as one whose grant is lost. The unencrypted part of the record may have been changed too, so none of
 * it is trusted, neither its state nor its id at 1upHealth; the response that brings the code contains the true id. A
 * code is requested, and the user is created only if 1upHealth then reports that it does not exist. An earlier create
 * in doubt can no longer arrive, because its lease has expired. A rename in doubt keeps its facts until 1upHealth has
 * shown its result.
 */
export function damagedRecord(user: User): User {
  const { context } = user.position;
  const rename = context.rename && { ...context.rename, from: "expiring" as const };
  const oneupUserId = rename === null ? null : context.oneupUserId;
  // The record is trusted about one fact, that 1upHealth had the user: it only makes look-ups last longer.
  const wasGranted = context.wasGranted || (context.oneupUserId !== null && context.unconfirmed === null);
  return {
    ...user,
    position: {
      state: rename === null ? "expiring" : "renameInDoubt",
      context: {
        ...nothingKnown,
        oneupUserId,
        unconfirmed: oneupUserId === null ? null : "claimed",
        wasGranted,
        rename,
      },
    },
    intent: null,
    secrets: {},
  };
}

/**
 * What is left of the user of a record whose secrets cannot be decrypted. If the record cannot be parsed at all, only
 * its existence is known, and any rename or purge that it recorded is lost.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW`
 */
export function remainsOf(record: StoredRecord, sealer: Sealer): User {
  const { id, lane, revision } = record;
  const unread = { ...newUser(id, lane ?? "interactive", 0), revision, history: [], meters: [] };
  return damagedRecord(unlessDamaged(() => readInClear(record, sealer).user) ?? unread);
}

/**
 * The user of a record, or {@link remainsOf} it if its secrets cannot be decrypted. For offboarding: a pause in such
 * a record is not trusted either.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW`
 */
export function readOrDamaged(record: StoredRecord, sealer: Sealer): User {
  return unlessDamaged(() => readUser(record, sealer)) ?? { ...remainsOf(record, sealer), pause: null };
}
