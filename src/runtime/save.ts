/**
 * Writes a user back.
 *
 * @module
 */
import { randomName, sleep } from "../clock.ts";
import { isLifecycleError } from "../errors.ts";
import type { Commit, Committed } from "../store/contract.ts";
import type { Engine } from "./engine.ts";
import { afterTrouble, fullJitter } from "./pauses.ts";
import { shelfOf } from "./shelves.ts";
import { writeUser } from "./user.ts";
import type { User } from "./user.ts";

/** What a commit says beside the user itself. */
export type How = Omit<Commit, "id" | "value" | "expectedRevision" | "writeId" | "state">;

/** How a write ended. `unheard`: nobody heard what became of an earlier attempt, so what is there may be ours. */
export type Saved = Committed & { readonly unheard?: boolean };

/**
 * Writes the user. Once a call's outcome is in hand it is not let go because the store is away: whoever insists has the
 * same write repeated until it is there, or somebody else was faster, or the lifecycle closes, or the signal that it
 * insists with aborts. With `from`, the record moves here from that id.
 *
 * @throws {LifecycleError} unless an outcome is in hand, `KEY_REFUSED`, `RECORD_TOO_NEW` or `RECORD_DAMAGED` of the account
 * at once: nothing is lost yet, and it would be, sealed with a key that the others have dropped
 */
export async function save(
  engine: Engine,
  user: User,
  insist: boolean | AbortSignal,
  how: How,
  from?: string,
): Promise<Saved> {
  const writeId = randomName(engine.clock);
  const ends = insist === true ? engine.closing : insist;
  for (let attempt = 1; ; attempt++) {
    try {
      if (!engine.keys.isFresh) await lookAtKeys(engine, insist === true);
      const commit: Commit = {
        id: user.id,
        value: writeUser(user, engine.sealer),
        expectedRevision: user.revision,
        writeId,
        state: shelfOf(user),
        ...how,
      };
      const done = await (from === undefined
        ? engine.store.commit(commit)
        : engine.store.move({ from, commit }));
      return attempt > 1 ? { ...done, unheard: true } : done;
    } catch (error) {
      if (ends === false || ends.aborted || !isLifecycleError(error) || !error.retryable) throw error;
      if (engine.keys.isTrouble(error)) throw error;
      engine.settings.logger.warn(
        `Cannot save user ${engine.sealer.alias(user.id)} yet: ${error.message}; trying again`,
      );
      await sleep(engine.clock, fullJitter(afterTrouble, attempt, engine.clock.random()), ends);
    }
  }
}

/**
 * Nothing new is begun on keys that are out of date. What is in hand is saved with the keys in hand: others read it for
 * as long as such a key is kept after it was replaced.
 */
async function lookAtKeys({ keys }: Engine, isInHand: boolean): Promise<void> {
  try {
    await keys.renew();
  } catch (error) {
    if (!isInHand || isLifecycleError(error, "STORE_UNAVAILABLE")) throw error;
  }
}
