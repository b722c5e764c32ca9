/**
 * Forgets a user that was offboarded: deletes its record, its events and everything stored under an id that it has or
 * had. A tombstone stays for each id, under a keyed name and without any facts ({@link tombstoneId}), and one event for
 * each alias.
 *
 * @module
 */
import { isPurging } from "../../../machines/index.ts";
import { randomName } from "../../clock.ts";
import { LifecycleError } from "../../errors.ts";
import { longestPollMs } from "../engine/wait-for-user.ts";
import { tryAgain, whenIdle } from "../engine/when-idle.ts";
import { readOrDamaged } from "./damaged-record.ts";
import type { Commit, Lease } from "../../store/contract.ts";
import { newLease, type Engine, type Deadline } from "../engine/engine.ts";
import { tooSoon } from "../engine/user-errors.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { samePlace } from "../engine/save-user.ts";
import { findUser, tombstoneRevision, type LoadedUser } from "../engine/load-user.ts";
import { lastStay } from "../events/last-stay.ts";
import { withdrawEvents } from "../events/withdraw-events.ts";
import { firstRevision } from "../user/first-revision.ts";
import { nameOf, tombstone, tombstoneId, tombstoneKey } from "../user/tombstone.ts";
import { forgottenEvent } from "../user/user-event-value.ts";
import type { User } from "../user/user.ts";

/**
 * Forgets the user; does nothing if there is none. `by`: who does it, for the event that is left.
 *
 * @throws {LifecycleError} `USER_NOT_READY` unless it is offboarded, idle, and no create for it may still arrive;
 * `STORE_UNAVAILABLE` if the deadline passes while the store takes no writes: the next call forgets the rest
 */
export async function forget(engine: Engine, id: string, deadline: Deadline, by?: string): Promise<void> {
  const write: Write = (task) => retryWrite(engine, deadline, verb, task);
  const load = (): Promise<LoadedUser | null> => findUser(engine, id, readOrDamaged);
  return whenIdle(engine, id, { verb, deadline, load }, async (found) => {
    if (found === null) {
      await renewTombstone(engine, id, write);
      return eraseId(engine, id, write);
    }
    const { position, pause } = found.user;
    const waitMs = pause === null ? 0 : Math.max(0, found.record.dueInMs ?? 0);
    const notNow = (why: string, afterMs: number): LifecycleError =>
      tooSoon(engine, "forget user", id, why, afterMs);
    if (isPurging(position.state))
      throw notNow("its data at 1upHealth are still being erased", Math.max(waitMs, longestPollMs));
    if (position.state !== "offboarded") {
      const what = `Cannot forget user ${engine.sealer.alias(id)}: ${whatFirst(found.user)}`;
      throw new LifecycleError("USER_NOT_READY", what);
    }
    if (waitMs > 0) {
      const left = deadline.until - engine.clock.monotonic();
      if (left <= 0) throw notNow("a create for it may still arrive", waitMs);
      await engine.changes.ofUser(id, Math.min(left, waitMs, longestPollMs), deadline.signal);
      return tryAgain;
    }
    const leased = await leaseUser(engine, found, write);
    if (leased === null) return tryAgain;
    const { user, revision } = leased;
    // seam: no-former-id-is-left
    await forgetFormer(engine, { ...user, revision }, by, write);
    // Its record is still there, so an interrupted call is repeated.
    // seam: a-forgotten-user-leaves-no-events
    if (engine.outbox.setting !== null) {
      const { until } = leased;
      const ids = [leased.id, ...user.former];
      const isDone = await forgetEvents(engine, leased.id, { ids, revision, by, until }, write);
      if (!isDone) return tryAgain; // it may have come back
    }
    return (await leaveTombstone(engine, leased, write)) ? eraseId(engine, id, write) : tryAgain;
  });
}

/** Repeats a write until it is done or the time is over. */
type Write = <T>(task: () => Promise<T>) => Promise<T>;

/** What is to be done before the user can be forgotten. */
function whatFirst({ position: { state, context } }: User): string {
  if (state === "failed" && isPurging(context.failure?.in ?? ""))
    return `its purge failed (${context.failure?.why}): retry() it, or offboard() it without a purge`;
  return `it is ${state}: offboard() it first`;
}

/** A user that no other process runs while it is forgotten. */
interface LeasedUser {
  readonly id: string;
  readonly user: User;
  readonly revision: number;
  readonly lease: Lease;
  /** When the lease ends, on `clock.monotonic()`. */
  readonly until: number;
}

/**
 * Leases the user, so that it cannot come back while its events are removed, and its record stays what it was. `null`:
 * another process was faster.
 */
async function leaseUser(
  engine: Engine,
  { user, record }: LoadedUser,
  write: Write,
): Promise<LeasedUser | null> {
  const { id, value, state, revision: expectedRevision } = record;
  const [lease, writeId] = [newLease(engine), randomName(engine.clock)];
  const commit: Commit = {
    id,
    value,
    state,
    expectedRevision,
    writeId,
    lease,
    mode: /* seam: a-user-is-leased-while-it-is-forgotten */ "take",
    ...samePlace(record),
  };
  const until = engine.clock.monotonic() + lease.ms;
  const done = await write(() => engine.store.commit(commit));
  return done.type === "committed" ? { id, user, revision: done.revision, lease, until } : null;
}

const verb = "forget a user";

/** Moves the record, without its content, to the tombstone's id. False: another process was faster. */
async function leaveTombstone(
  engine: Engine,
  { id: from, revision, lease }: LeasedUser,
  write: Write,
): Promise<boolean> {
  const { store } = engine;
  const id = tombstoneId(engine, from);
  const there = await tombstoneRevision(engine, from);
  // The id was forgotten before and came to this user by a rename.
  if (there > 0) {
    const commit = tombstoneCommit(engine, `${id}/${randomName(engine.clock)}`, there);
    await write(() => store.move({ from: id, commit }));
  }
  const commit: Commit = { ...tombstoneCommit(engine, id, revision), mode: "end", lease };
  const done = await write(() => store.move({ from, commit }));
  return done.type === "committed";
}

/** Gives the tombstone, if there is one, another revision: an `onboard()` that has read it does not bring the user back. */
async function renewTombstone(engine: Engine, id: string, write: Write): Promise<void> {
  const there = await tombstoneRevision(engine, id);
  if (there === 0) return;
  const commit = tombstoneCommit(engine, tombstoneId(engine, id), there);
  await write(() => engine.store.commit(commit)); // a conflict: it has come back already
}

/** Who forgets which events. */
interface ForgetEvents {
  /** All ids of the user, former ones in the form that its record holds. */
  readonly ids: readonly string[];
  readonly revision: number;
  readonly by: string | undefined;
  /** Until when no event of another life of the user can be among them, on `clock.monotonic()`. @default always */
  readonly until?: number;
}

/**
 * Removes all events of the user under this id, also those from before events were turned off, and none of another who had
 * the id before. In the same unit it appends the one that is left, unless events are off, so that no reader misses a
 * user's events without a word. False: the time was over before the store could do it.
 */
async function forgetEvents(
  engine: Engine,
  id: string,
  { ids, revision, by, until = Number.POSITIVE_INFINITY }: ForgetEvents,
  write: Write,
): Promise<boolean> {
  const { clock, hidden, outbox, sealer } = engine;
  const key = nameOf(engine, id);
  const { above, aliases } = await lastStay(engine, key, write);
  if (above > 0) await withdrawEvents(engine, id, ids, write); // the user may have had the id before, too
  const { setting } = outbox;
  // A hidden id yields no alias.
  const left = hidden?.isForm(id) === true ? [...aliases] : [sealer.alias(id)];
  const events = (setting !== null && outbox.isOn ? left : []).map((alias) =>
    forgottenEvent(key, alias, { at: clock.now(), revision, epoch: setting?.epoch ?? 1, by }),
  );
  return write(async () => {
    if (clock.monotonic() > until) return false;
    await outbox.events.forget({ key, above, events });
    return true;
  });
}

function tombstoneCommit(engine: Engine, id: string, expectedRevision: number): Commit {
  const writeId = randomName(engine.clock);
  return {
    id,
    value: tombstone,
    state: tombstoneKey,
    expectedRevision,
    firstRevision: expectedRevision === 0 ? firstRevision(writeId) : undefined,
    writeId,
    mode: /* seam: a-tombstone-is-not-leased */ "none",
    lease: newLease(engine),
    dueInMs: null,
    lane: null,
  };
}

/** Leaves a tombstone, and nothing else, for each former id of the user. */
async function forgetFormer(
  engine: Engine,
  { id, former, revision }: User,
  by: string | undefined,
  write: Write,
): Promise<void> {
  if (former.length === 0) return;
  const { store } = engine;
  const ids = [id, ...former];
  for (const each of former) {
    const left = await write(() => store.load(each));
    if (left.type !== "renamed" || !ids.includes(left.to)) {
      // Another user has this id now, or had it since and is forgotten.
      // seam: events-under-an-id-that-has-passed-are-withdrawn
      if (engine.outbox.setting !== null) await withdrawEvents(engine, each, ids, write);
      continue;
    }
    if (engine.outbox.setting !== null) await forgetEvents(engine, each, { ids, revision, by }, write);
    const at = tombstoneId(engine, each);
    await write(() => store.erase({ ids: [at], to: each })); // of an earlier user
    const commit = tombstoneCommit(engine, at, 0);
    await write(() => store.commit(commit)); // a conflict: the tombstone exists
  }
  await write(() => store.erase({ ids: former, to: id }));
}

/** Removes what the last move left, also if a process died between the two steps. */
function eraseId(engine: Engine, id: string, write: Write): Promise<void> {
  return write(() => engine.store.erase({ ids: [id], to: tombstoneId(engine, id) }));
}
