/**
 * What is left of a user whose secrets do not open, for what needs none of them.
 *
 * @module
 */
import { nothingKnown } from "../../machines/index.ts";
import { isLifecycleError } from "../errors.ts";
import type { Sealer } from "../store/seal.ts";
import type { StoredRecord } from "../store/contract.ts";
import { renaming } from "./renaming.ts";
import { readInClear, readUser } from "./user.ts";
import type { User } from "./user.ts";

/**
 * The user with a grant that nobody holds. What its record says in clear may have been changed, too, so none of it is
 * believed, neither its state nor its id at 1upHealth: the answer that brings the code tells the true one. A code is asked
 * for, and the user is created only if 1upHealth then says that there is none: a create that was in doubt has ended, for
 * its lease has. A rename in doubt needs its facts until 1upHealth has said what became of it.
 */
export function bereft(user: User): User {
  const inDoubt = renaming(user);
  const oneupUserId = inDoubt ? user.position.context.oneupUserId : null;
  return {
    ...user,
    position: { state: "expiring", context: { ...nothingKnown, oneupUserId } },
    intent: inDoubt ? user.intent : null,
    secrets: {},
  };
}

/**
 * The user of a record; {@link bereft} if its secrets do not open. For letting it go: a pause of that record is no more to
 * be believed than the rest.
 *
 * @throws {LifecycleError} as {@link readInClear}
 */
export function readOrBereft(record: StoredRecord, sealer: Sealer): User {
  try {
    return readUser(record, sealer);
  } catch (error) {
    if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    return { ...bereft(readInClear(record, sealer).user), pause: null };
  }
}
