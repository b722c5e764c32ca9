/**
 * Sets right what {@link reconcile} found. Nothing is created at 1upHealth, and nobody's grant is touched.
 *
 * @module
 */
import type { RemoteUser } from "../http/user-management.ts";
import { isBusy } from "./at-rest.ts";
import type { Difference } from "./differences.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { find } from "./load.ts";
import type { Found } from "./load.ts";
import { askRemote } from "./remote.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import { newUser, stepped } from "./user.ts";
import type { User } from "./user.ts";

/** Writes a user down who is at 1upHealth and not here: it waits for a code. False: somebody was faster. */
export async function adoptStranger(
  engine: Engine,
  stranger: RemoteUser & { readonly appUserId: string },
  signal: AbortSignal,
): Promise<boolean> {
  const at = engine.clock.now();
  const known = { type: "EXPECT_EXISTING", at, user: stranger } as const;
  const user = stepped(newUser(stranger.appUserId, "bulk", at), known);
  const place = restingPlace(engine, user, "slot");
  const done = await save(engine, user, signal, { mode: "none", lease: newLease(engine), ...place });
  if (done.type !== "committed") return false;
  engine.changes.rested({ ...user, revision: done.revision }, place);
  return true;
}

/**
 * Moves a record to the id that its user has at 1upHealth: one management call, for the list tells how it was when it was
 * read. False: it has another id there by now, the record is not at rest any more, or the id is taken here.
 */
export async function followRename(
  engine: Engine,
  { appUserId, thereAppUserId, oneupUserId }: Extract<Difference, { readonly type: "renamed" }>,
  signal: AbortSignal,
): Promise<boolean> {
  if ((await movable(engine, appUserId, oneupUserId)) === null) return false; // somebody was faster
  const there = await askRemote(engine, { query: { oneupUserId }, lane: "recovery", signal });
  const isThere = there.some((each) => each.oneupUserId === oneupUserId && each.appUserId === thereAppUserId);
  // A rename() that begins from here on changes the record first.
  const found = isThere ? await movable(engine, appUserId, oneupUserId) : null;
  if (found === null) return false;
  const { user, record } = found;
  const { context } = user.position;
  const moved: User = {
    ...user,
    id: thereAppUserId,
    position: { ...user.position, context: { ...context, idTaken: false } },
    secrets: { ...user.secrets }, // sealed anew, for the seal is bound to the id
  };
  const dueInMs = record.dueInMs === null ? null : Math.max(0, record.dueInMs);
  const place = { dueInMs, lane: record.lane };
  const how = { mode: "none", lease: newLease(engine), ...place } as const;
  const done = await save(engine, moved, signal, how, appUserId);
  if (done.type !== "committed") return false;
  engine.changes.rested({ ...moved, revision: done.revision }, place);
  return true;
}

/** The user, if it is at rest and has this number. */
async function movable(engine: Engine, id: string, oneupUserId: number): Promise<Found | null> {
  const found = await find(engine, id);
  if (found === null || isBusy(found) || engine.driving.has(id)) return null;
  return found.user.position.context.oneupUserId === oneupUserId ? found : null;
}
