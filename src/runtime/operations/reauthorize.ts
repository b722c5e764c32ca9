/**
 * Discards a grant and gets a new one. This needs no secret, so it also recovers a user whose record is damaged. Only
 * an explicit call does that: a record that was tampered with should be noticed.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import { sendEvent } from "../engine/wait-for-user.ts";
import type { Deadline } from "../engine/deadline.ts";
import { damagedRecord, remainsOf } from "./damaged-record.ts";
import type { Engine } from "../engine/engine.ts";
import { loadRecord, type LoadedUser } from "../engine/load-user.ts";
import { readUser } from "../user/user.ts";

/** @throws as {@link sendEvent} */
export async function reauthorize(engine: Engine, id: string, deadline: Deadline): Promise<void> {
  let lost = false;
  /** The user, or what is left of it if its secrets cannot be decrypted. */
  const read = async (): Promise<LoadedUser> => {
    const record = await loadRecord(engine, id);
    try {
      const user = readUser(record, engine.sealer);
      return { user: lost ? damagedRecord(user) : user, record };
    } catch (error) {
      if (!isLifecycleError(error, "RECORD_DAMAGED")) throw error;
      const user = remainsOf(record, engine.sealer);
      lost = true;
      // A worker may have deferred the damaged user; an explicit call need not wait that long.
      return { user, record: { ...record, dueInMs: 0 } };
    }
  };
  await sendEvent(engine, id, { type: "REAUTHORIZE", at: engine.clock.now() }, deadline, { read });
}
