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
import { stopOf, whenNotStopped } from "../engine/stop.ts";
import { readUser, type User } from "../user/user.ts";

/**
 * While an operator has stopped the call that follows, the grant is kept.
 *
 * @throws as {@link sendEvent}, and {@link LifecycleError} `PAUSED`
 */
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
  const cannot = `Cannot reauthorize user ${engine.sealer.alias(id)}`;
  const beforehand = (next: User): Promise<void> =>
    whenNotStopped(engine, () => stopOf(engine, next), cannot, deadline);
  const event = { type: "REAUTHORIZE", at: engine.clock.now() } as const;
  await sendEvent(engine, id, event, deadline, { read, beforehand });
}
