/**
 * Repairs what {@link reconcile} found. Creates no user at 1upHealth and changes no grant.
 *
 * @module
 */
import type { RemoteUser } from "../../http/user-management.ts";
import type { Difference } from "./differences.ts";
import type { Engine } from "../engine/engine.ts";
import { findUser, isBusy, tombstoneRevision } from "../engine/load-user.ts";
import type { LoadedUser } from "../engine/load-user.ts";
import { underNewId } from "../user/tombstone.ts";
import { lookUp } from "../operations/remote.ts";
import { schedule } from "../engine/schedule.ts";
import { moveIdle, samePlace } from "../engine/save-user.ts";
import { newUser, stepped } from "../user/user.ts";
import type { User } from "../user/user.ts";

/** Stores a user that is only at 1upHealth; it then waits for a code. False: another process was faster. */
export async function adoptStranger(
  engine: Engine,
  stranger: RemoteUser & { readonly appUserId: string },
  signal: AbortSignal,
): Promise<boolean> {
  const at = engine.clock.now();
  const known = { type: "EXPECT_EXISTING", at, user: stranger } as const;
  const user = stepped(newUser(stranger.appUserId, "bulk", at), known);
  const done = await moveIdle(engine, user, schedule(engine, user, "slot"), signal);
  return done.type === "committed";
}

/**
 * Moves a record to the id that its user has at 1upHealth, for one management call, because the list may be out of
 * date. False: the user has another id there by now, the record is no longer idle, its number is unconfirmed, the id
 * is taken here, or a user with that id was forgotten here.
 */
export async function followRename(
  engine: Engine,
  { appUserId, thereAppUserId, oneupUserId }: Extract<Difference, { readonly type: "renamed" }>,
  signal: AbortSignal,
): Promise<boolean> {
  if ((await movable(engine, appUserId, oneupUserId)) === null) return false; // another process was faster
  const there = await lookUp(engine, { oneupUserId }, { lane: "recovery", signal });
  // A forgotten user stays forgotten: rename() refuses such an id too.
  const isThere =
    there?.appUserId === thereAppUserId && (await tombstoneRevision(engine, thereAppUserId)) === 0;
  // A rename() that begins after this point changes the record first.
  const found = isThere ? await movable(engine, appUserId, oneupUserId) : null;
  if (found === null) return false;
  const { user, record } = found;
  const { context } = user.position;
  const moved: User = {
    ...underNewId(engine, user, thereAppUserId),
    position: { ...user.position, context: { ...context, idTaken: false } },
    secrets: { ...user.secrets }, // sealed again, because the seal is bound to the id
  };
  const done = await moveIdle(engine, moved, samePlace(record), signal, appUserId);
  return done.type === "committed";
}

/** The user, if it is idle and has this number, confirmed: an unconfirmed number may be another user's. */
async function movable(engine: Engine, id: string, oneupUserId: number): Promise<LoadedUser | null> {
  const found = await findUser(engine, id);
  if (found === null || isBusy(found) || engine.running.has(id)) return null;
  const { context } = found.user.position;
  return context.oneupUserId === oneupUserId && context.unconfirmed === null ? found : null;
}
