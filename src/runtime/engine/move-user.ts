/**
 * Moves a user that 1upHealth lists under another `app_user_id`, because it was renamed there: its record moves to that
 * id, and the old one returns `RENAMED`.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import type { SlotEnd } from "../../guard/guard.ts";
import type { Lease } from "../../store/contract.ts";
import { type RunResult, type Engine } from "./engine.ts";
import { lookForUser } from "./load-user.ts";
import { underNewId } from "../user/tombstone.ts";
import { schedule } from "./schedule.ts";
import { saveUser } from "./save-user.ts";
import type { User } from "../user/user.ts";

/** The lease to release, and what happens to the slot of the call that found the new id. */
export type LastWrite = SlotEnd & { readonly lease: Lease };

/** Moves the record of the user. `null`: another user here has that id, and nothing was written. */
export async function moveUser(
  engine: Engine,
  user: User,
  to: string,
  ending: LastWrite,
): Promise<RunResult | null> {
  const moved = underNewId(engine, user, to);
  const place = schedule(engine, moved, moved.pause === null ? "slot" : null);
  const done = await saveUser(engine, moved, true, { mode: "end", ...ending, ...place }, user.id);
  if (done.type === "committed") {
    const rested = { ...moved, revision: done.revision };
    engine.changes.becameIdle(rested, place);
    return { type: "rested", user: rested };
  }
  return (await isTaken(engine, user.id, to)) ? null : { type: "overtaken" };
}

/** Whether a user here that was not offboarded has this id. An unreadable record counts as one. */
export async function hasUser(engine: Engine, id: string): Promise<boolean> {
  try {
    const { user } = await lookForUser(engine, id);
    return user !== null && user.position.state !== "offboarded";
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable) throw error;
    return error.code !== "RENAMED"; // it has another id now, and its own number
  }
}

/**
 * Whether a move was refused because another user has the new id. False if our own move succeeded and only its result
 * was lost.
 */
async function isTaken({ store }: Engine, from: string, to: string): Promise<boolean> {
  const [there, here] = [await store.load(to), await store.load(from)];
  return there.type === "record" && here.type === "record";
}
