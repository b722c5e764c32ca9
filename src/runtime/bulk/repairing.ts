/**
 * Repairs what {@link reconcile} found. Creates no user at 1upHealth and changes no grant.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import type { RemoteUser } from "../../http/user-management.ts";
import type { Difference } from "./reconciliation.ts";
import type { Engine } from "../engine/engine.ts";
import { findUser, isBusy, isLeased, tombstoneRevision, type LoadedUser } from "../engine/load-user.ts";
import { longestPollMs } from "../engine/wait-for-user.ts";
import { underNewId } from "../user/tombstone.ts";
import { lookUp } from "../operations/remote.ts";
import { schedule } from "../engine/schedule.ts";
import { saveIdleStep, samePlace } from "../engine/save-user.ts";
import { newUser, stepped, type User } from "../user/user.ts";

/** Stores a user that is only at 1upHealth; it then waits for a code. False: another process was faster. */
export async function adoptRemoteUser(
  engine: Engine,
  remoteUser: RemoteUser & { readonly appUserId: string },
  signal: AbortSignal,
): Promise<boolean> {
  const at = engine.clock.now();
  const known = { type: "EXPECT_EXISTING", at, user: remoteUser } as const;
  const user = stepped(newUser(remoteUser.appUserId, "bulk", at), known);
  const done = await saveIdleStep(engine, user, schedule(engine, user, "slot"), signal);
  return done.type === "committed";
}

type Renamed = Extract<Difference, { readonly type: "renamed" }>;

/** How long 1upHealth's answer to a look-up is used, ms: the store may fail in read after read. */
const lookUpValidMs = 10 * 60_000;

/**
 * Moves a record to the id that its user has at 1upHealth, for one management call, because the list may be out of
 * date. The returned function may be repeated after an error of the store: 1upHealth's answer is kept for ten minutes.
 *
 * It resolves with true as well if another process has just moved the record there. False: the user has another id
 * there by now, the record does not become idle, an operator holds the user, its number is unconfirmed, the id is taken
 * here, or a user with that id was forgotten here.
 */
export function followRename(engine: Engine, renamed: Renamed, signal: AbortSignal): () => Promise<boolean> {
  const { clock } = engine;
  const { appUserId, thereAppUserId, oneupUserId } = renamed;
  let answer: { readonly user: RemoteUser | null; readonly at: number } | null = null;

  async function isThere(): Promise<boolean> {
    if (answer === null || clock.monotonic() - answer.at > lookUpValidMs) {
      const query = { lane: "recovery", signal, subject: appUserId } as const;
      answer = { user: await lookUp(engine, { oneupUserId }, query), at: clock.monotonic() };
    }
    return answer.user?.appUserId === thereAppUserId;
  }

  async function move(): Promise<boolean> {
    if ((await movable(engine, renamed, signal)) === null || !(await isThere())) return false;
    // A forgotten user stays forgotten: rename() refuses such an id too.
    if ((await tombstoneRevision(engine, thereAppUserId)) !== 0) return false;
    // A rename() that begins after this point changes the record first.
    const found = await movable(engine, renamed, signal);
    if (found === null) return false;
    const { user, record } = found;
    const { context } = user.position;
    const moved: User = {
      ...underNewId(engine, user, thereAppUserId),
      position: { ...user.position, context: { ...context, idTaken: false } },
      secrets: { ...user.secrets }, // sealed again, because the seal is bound to the id
    };
    const done = await saveIdleStep(engine, moved, samePlace(record), signal, appUserId);
    return done.type === "committed";
  }

  return async () => {
    if (await move()) return true;
    const loaded = await engine.store.load(appUserId);
    // seam: a-user-that-another-process-has-moved-is-moved
    return loaded.type === "renamed" && loaded.to === thereAppUserId;
  };
}

/**
 * The user, if it is not held and this is its confirmed number: an unconfirmed one may be another user's. A call under
 * way for the user, such as a refresh, is given time to end.
 */
async function movable(
  engine: Engine,
  { appUserId, oneupUserId }: Renamed,
  signal: AbortSignal,
): Promise<LoadedUser | null> {
  const { clock, settings, running, changes } = engine;
  const until = clock.monotonic() + settings.timeoutMs;
  const find = (): Promise<LoadedUser | null> =>
    findUser(engine, appUserId).catch((error: unknown) => {
      if (!isLifecycleError(error, "RENAMED")) throw error;
      return null;
    });
  let found = await find();
  while (found !== null && (isLeased(found.record) || running.has(appUserId))) {
    const leftMs = until - clock.monotonic();
    if (leftMs <= 0) return null;
    await changes.ofUser(appUserId, Math.min(leftMs, longestPollMs), signal);
    signal.throwIfAborted();
    found = await find();
  }
  if (found === null || isBusy(found)) return null;
  const { hold, position } = found.user;
  const { context } = position;
  const isIts = context.oneupUserId === oneupUserId && context.unconfirmed === null;
  return isIts && hold === null ? found : null;
}
