/**
 * Repairs what {@link reconcile} found. Creates no user at 1upHealth and changes no grant.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import type { RemoteUser } from "../../http/user-management.ts";
import { randomName } from "../../clock.ts";
import type { ListRetries } from "./list-retries.ts";
import type { Renamed } from "./rename-chains.ts";
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

/** How long 1upHealth's answer to a look-up is used, ms: the store may fail in read after read. */
const lookUpValidMs = 10 * 60_000;

/**
 * A record that moves to the id that its user has at 1upHealth, for one management call, because the list may be out of
 * date. Each method may be repeated after an error of the store: 1upHealth's answer is kept for ten minutes.
 */
export interface Following {
  /** Whether it could move now, if its new id were free here. */
  isMovable(): Promise<boolean>;
  /**
   * Moves it. True as well if another process has just moved the record there. False: the user has another id there by
   * now, the record does not become idle, an operator holds the user, its number is unconfirmed, the id is taken here, or
   * a user with that id was forgotten here.
   */
  move(): Promise<boolean>;
  /**
   * Moves it to an id of no user, from which {@link move} goes on, so that its own id is free for another record. After a
   * crash in between, the next comparison finds it there.
   */
  stepAside(): Promise<boolean>;
}

/** See {@link Following}. */
export function followRename(
  engine: Engine,
  renamed: Renamed,
  signal: AbortSignal,
  retries: ListRetries,
): Following {
  const { clock } = engine;
  const { thereAppUserId, oneupUserId } = renamed;
  let from = renamed.appUserId;
  let aside: string | null = null;
  let answer: { readonly user: RemoteUser | null; readonly at: number } | null = null;

  const movable = (): Promise<LoadedUser | null> => movableUser(engine, from, oneupUserId, signal);

  async function isThere(): Promise<boolean> {
    if (answer === null || clock.monotonic() - answer.at > lookUpValidMs) {
      const query = { lane: "recovery", signal, subject: from } as const;
      const user = await retries.until((onSending) =>
        lookUp(engine, { oneupUserId }, { ...query, onSending }),
      );
      answer = { user, at: clock.monotonic() };
    }
    return answer.user?.appUserId === thereAppUserId;
  }

  async function isMovable(): Promise<boolean> {
    if ((await movable()) === null || !(await isThere())) return false;
    // A forgotten user stays forgotten: rename() refuses such an id too.
    return (await tombstoneRevision(engine, thereAppUserId)) === 0;
  }

  /** Also true if another process, or an earlier attempt, has moved it there. */
  async function moveTo(to: string): Promise<boolean> {
    // A rename() that begins after this point changes the record first.
    const found = (await isMovable()) ? await movable() : null;
    if (found !== null && (await save(found, to))) return true;
    const loaded = await engine.store.load(from);
    // seam: a-user-that-another-process-has-moved-is-moved
    return loaded.type === "renamed" && loaded.to === to;
  }

  async function save({ user, record }: LoadedUser, to: string): Promise<boolean> {
    const { context } = user.position;
    const moved: User = {
      ...underNewId(engine, user, to),
      position: { ...user.position, context: { ...context, idTaken: false } },
      secrets: { ...user.secrets }, // sealed again, because the seal is bound to the id
    };
    const done = await saveIdleStep(engine, moved, samePlace(record), signal, from);
    return done.type === "committed";
  }

  return {
    isMovable,
    move: () => moveTo(thereAppUserId),
    async stepAside() {
      aside ??= `moving-${randomName(clock)}`;
      const isAside = await moveTo(aside);
      if (isAside) from = aside;
      return isAside;
    },
  };
}

/**
 * The user, if it is not held and this is its confirmed number: an unconfirmed one may be another user's. A call under
 * way for the user, such as a refresh, is given time to end.
 */
async function movableUser(
  engine: Engine,
  appUserId: string,
  oneupUserId: number,
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
