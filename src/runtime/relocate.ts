/**
 * A user whom 1upHealth has under another `app_user_id`, because somebody renamed it there: its record goes to that id,
 * and the old one answers `RENAMED`.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { Commit, Lease } from "../store/contract.ts";
import type { Driven } from "./drive.ts";
import type { Engine } from "./engine.ts";
import { lookFor } from "./load.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import type { User } from "./user.ts";

/** The lease that ends with it, and what becomes of the slot of the call that told. */
export type Ending = Pick<Commit, "settle" | "giveBack"> & { readonly lease: Lease };

/** Moves the record of a user who needs a code. `null`: another user here has that id, and nothing was written. */
export async function relocate(
  engine: Engine,
  user: User,
  to: string,
  ending: Ending,
): Promise<Driven | null> {
  const moved: User = { ...user, id: to };
  const place = restingPlace(engine, moved, "slot");
  const done = await save(engine, moved, true, { mode: "end", ...ending, ...place }, user.id);
  if (done.type === "committed") {
    const rested = { ...moved, revision: done.revision };
    engine.changes.rested(rested, place);
    return { type: "rested", user: rested };
  }
  return (await isTaken(engine, user.id, to)) ? null : { type: "lost" };
}

/** Does a user here have this id who was not let go? Whoever cannot be read may be one. */
export async function isSomebodys(engine: Engine, id: string): Promise<boolean> {
  try {
    const { user } = await lookFor(engine, id);
    return user !== null && user.position.state !== "offboarded";
  } catch (error) {
    if (!isLifecycleError(error) || error.retryable) throw error;
    return error.code !== "RENAMED"; // it has another id now, and its own number
  }
}

/** A move was refused: because another user has the new id? Not if it was ours, and nobody heard that it was done. */
export async function isTaken({ store }: Engine, from: string, to: string): Promise<boolean> {
  const [there, here] = [await store.load(to), await store.load(from)];
  return there.type === "record" && here.type === "record";
}
