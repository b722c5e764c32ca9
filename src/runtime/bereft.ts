/**
 * What is left of a user whose record is damaged, for what needs none of its secrets.
 *
 * @module
 */
import { nothingKnown } from "../../machines/index.ts";
import { isLifecycleError } from "../errors.ts";
import type { Sealer } from "../store/seal.ts";
import type { StoredRecord } from "../store/contract.ts";
import { renaming } from "./renaming.ts";
import { newUser, readInClear, readUser } from "./user.ts";
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
 * What is left of the user of a record whose secrets do not open. Of one that does not read at all nothing is known but
 * that it is there: neither a rename nor a purge that it may have spoken of.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW`
 */
export function remainsOf(record: StoredRecord, sealer: Sealer): User {
  try {
    return bereft(readInClear(record, sealer).user);
  } catch (error) {
    if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    const nobody = newUser(record.id, record.lane ?? "interactive", 0, record.revision);
    return bereft({ ...nobody, history: [], meters: [] });
  }
}

/**
 * The user of a record; {@link remainsOf} it if its secrets do not open. For letting it go: a pause of that record is no
 * more to be believed than the rest.
 *
 * @throws {LifecycleError} `RECORD_TOO_NEW`
 */
export function readOrBereft(record: StoredRecord, sealer: Sealer): User {
  try {
    return readUser(record, sealer);
  } catch (error) {
    if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
    return { ...remainsOf(record, sealer), pause: null };
  }
}
