/**
 * Throws a grant away and gets a new one. That needs no secret, so it is also the way out for a user whose record is
 * damaged. Nobody but a caller takes it: a record that was tampered with should be seen.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import { tell } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { bereft, remainsOf } from "./bereft.ts";
import type { Engine } from "./engine.ts";
import { loadRecord } from "./load.ts";
import type { Found } from "./load.ts";
import { readUser } from "./user.ts";

/** @throws as {@link tell} */
export async function reauthorize(engine: Engine, id: string, patience: Patience): Promise<void> {
  let lost = false;
  /** The user; once its secrets did not open, what is left of it. */
  const read = async (): Promise<Found> => {
    const record = await loadRecord(engine, id);
    try {
      const user = readUser(record, engine.sealer);
      return { user: lost ? bereft(user) : user, record };
    } catch (error) {
      if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
      const user = remainsOf(record, engine.sealer);
      lost = true;
      // A worker may have put it aside; whoever asks for it need not wait so long.
      return { user, record: { ...record, dueInMs: 0 } };
    }
  };
  await tell(engine, id, { type: "REAUTHORIZE", at: engine.clock.now() }, patience, { read });
}
