/**
 * Writes a user.
 *
 * @module
 */
import { randomName, sleep } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import type { Commit, Committed, Store, StoredRecord, TransactionClient } from "../../store/contract.ts";
import { isLostStore } from "../../store/lost-store.ts";
import type { Work } from "../../telemetry.ts";
import { newLease, type Engine } from "./engine.ts";
import { tombstoneId } from "../user/tombstone.ts";
import { retryLimit, type RetryLimit } from "./deadline.ts";
import { afterTrouble, fullJitter, whileClosing } from "../options/backoff.ts";
import { retryWrite, warnOfRetry } from "./retry-write.ts";
import { findUser, isLeased } from "./load-user.ts";
import { firstRevision } from "../user/first-revision.ts";
import { indexKeyOf } from "../user/index-key.ts";
import { eventsOf } from "../user/user-event-value.ts";
import { untilExpiringMs } from "../user/user-status.ts";
import { writeUser, type User } from "../user/user.ts";

/** The parts of a commit that the user itself does not determine. */
export type CommitOptions = Omit<
  Commit,
  | "id"
  | "value"
  | "expectedRevision"
  | "firstRevision"
  | "writeId"
  | "state"
  | "staleInMs"
  | "events"
  | "unless"
  | "identity"
>;

/** The result of a write. `unacknowledged`: an earlier attempt got no answer, so the stored record may be ours. */
export type Saved = Committed & { readonly unacknowledged?: boolean };

/**
 * Writes the user. The outcome of a call must not be lost because the store is unavailable: with `retries` true the
 * same write is repeated until it succeeds, or another process was faster, or the time of a closing lifecycle is over.
 * With a deadline or signal it is repeated until that ends. With `from`, the record moves here from that id; the first
 * write of a forgotten user moves from its tombstone, and a new user is written only where there is no tombstone.
 *
 * @throws {LifecycleError} without an outcome to save, `KEY_REFUSED`, `RECORD_TOO_NEW` or `RECORD_DAMAGED` of the
 * account at once: nothing is lost yet, but a record sealed with a key that other processes have dropped would be
 */
export async function saveUser(
  engine: Engine,
  user: User,
  retries: boolean | RetryLimit,
  how: CommitOptions,
  from: string | undefined = user.tombstoneRevision === user.revision
    ? tombstoneId(engine, user.id)
    : undefined,
): Promise<Saved> {
  const writeId = randomName(engine.clock);
  const hasOutcome = retries === true;
  const { clock, closing, closeDeadline, recorder, store } = engine;
  const limit = retries === false ? null : retryLimit(clock, hasOutcome ? closeDeadline : retries);
  let closingAttempts = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      if (!engine.keys.isFresh) await checkKeys(engine, hasOutcome);
      const commit = commitOf(engine, user, writeId, how, from);
      // It is moved if it has another id here.
      const write = (): Promise<Committed> =>
        from === undefined ? store.commit(commit) : store.move({ from, commit });
      const done = await (recorder === null
        ? write()
        : recorder.during(writeWork(engine, user, from), write, ({ type }) => ({ outcome: type })));
      return attempt > 1 ? { ...done, unacknowledged: true } : done;
    } catch (error) {
      if (limit === null || !isLifecycleError(error)) throw error;
      // An operator may restore a password or a right before the outcome is lost.
      const isRefused = error.code === "STORE_UNUSABLE" || error.facts["reason"] === "noRight";
      const mayRecover = hasOutcome && isRefused && !isLostStore(error);
      if (!error.retryable && !mayRecover) throw error;
      const isClosing = hasOutcome && closing.aborted;
      if (isClosing && /* seam: closing-waits-for-saves */ closeDeadline.aborted) throw error;
      const leftMs = limit.leftMs();
      if (limit.signal.aborted || leftMs <= 0) throw error;
      if (engine.keys.isTrouble(error)) throw error;
      const jitterMs = isClosing
        ? fullJitter(whileClosing, ++closingAttempts, clock.random())
        : fullJitter(afterTrouble, attempt, clock.random());
      const ms = Math.min(leftMs, jitterMs);
      // seam: a-log-names-users-by-alias-only
      const alias = engine.sealer.alias(user.id);
      const { state } = user.position;
      warnOfRetry(engine, error, ms, `Cannot save user ${alias} yet: ${error.message}`, {
        user: alias,
        state,
      });
      const ends = hasOutcome && !isClosing ? closing : limit.signal;
      // A closing lifecycle retries at once.
      await sleep(clock, ms, ends).catch((reason: unknown) => {
        if (ends === limit.signal) throw reason;
      });
    }
  }
}

/** The commit of the user as it is now. */
function commitOf(
  engine: Engine,
  user: User,
  writeId: string,
  how: CommitOptions,
  from: string | undefined,
): Commit {
  return {
    id: user.id,
    value: writeUser(user, engine.sealer),
    expectedRevision: user.revision,
    firstRevision: user.revision === 0 ? firstRevision(writeId) : undefined,
    writeId,
    state: indexKeyOf(user),
    staleInMs: untilExpiringMs(user, engine.settings.refreshWindowMs, engine.clock.now()),
    mode: how.mode,
    lease: how.lease,
    dueInMs: how.dueInMs,
    lane: how.lane,
    take: how.take,
    settle: how.settle,
    giveBack: how.giveBack,
    events: newEvents(engine, user, from),
    unless: user.revision === 0 ? tombstoneId(engine, user.id) : undefined,
    identity: undefined, // the store adds it
  };
}

/** Writes a new user that waits in its lane, in the transaction of the application. */
export async function joinUser(
  engine: Engine,
  user: User,
  join: NonNullable<Store["join"]>,
  client: TransactionClient,
): Promise<void> {
  if (!engine.keys.isFresh) await checkKeys(engine, false);
  const how = { mode: "none", lease: newLease(engine), dueInMs: null, lane: user.lane } as const;
  await join(client, commitOf(engine, user, randomName(engine.clock), how, undefined));
}

/** A write, as it is reported. */
function writeWork({ sealer }: Engine, { id, position }: User, from: string | undefined): Work {
  const user = { alias: sealer.alias(id), state: position.state };
  return { type: "commit", verb: from === undefined ? "commit" : "move", user };
}

/** The events of the steps that this commit makes durable. */
function newEvents(engine: Engine, user: User, from: string | undefined): Commit["events"] {
  const { setting } = engine.outbox;
  if (setting === null || !setting.isOn) return undefined;
  const { clock, owner } = engine;
  const events = eventsOf(engine, user, { epoch: setting.epoch, at: clock.now(), from, process: owner });
  // seam: events-are-in-the-commit-of-their-steps
  return events.length === 0 ? undefined : events;
}

/** Where an idle user waits: until it is due, or in a lane. */
export type Place = Pick<Commit, "dueInMs" | "lane">;

/** The place that an idle user has; an overdue one is due now. */
export function samePlace({ dueInMs, lane }: Pick<StoredRecord, "dueInMs" | "lane">): Place {
  return { dueInMs: dueInMs === null ? null : Math.max(0, dueInMs), lane };
}

/**
 * Writes the user, unless another process is faster or runs it, and so that it stays readable. `retries` and `from`, and
 * errors, as {@link saveUser}.
 */
export async function saveIdle(
  engine: Engine,
  user: User,
  place: Place,
  retries: false | RetryLimit,
  from?: string,
): Promise<Saved> {
  const how = { mode: "none", lease: newLease(engine), ...place } as const;
  const done = await saveUser(engine, user, retries, how, from);
  const hasSecrets = Object.keys(user.secrets).length > 0;
  if (done.type !== "committed" || !hasSecrets || engine.keys.isFresh) return done;
  const again = (): Promise<number | null> => sealAgain(engine, user.id);
  const what = `find out whether user ${engine.sealer.alias(user.id)} stays readable`;
  const revision = await (retries === false ? again() : retryWrite(engine, retries, what, again));
  return revision === null ? done : { ...done, revision };
}

/**
 * Seals a user again that may have been written too late: a rotation waits for the leases of users, so one that drops the
 * key does not wait for a write without a lease. Returns the revision that it has then; `null`: there was nothing to do.
 */
async function sealAgain(engine: Engine, id: string): Promise<number | null> {
  for (let revision: number | null = null; ;) {
    await engine.keys.renew();
    const found = await findUser(engine, id).catch(nullIfRenamed);
    if (found === null || engine.sealer.isWritten(found.record.value) || isLeased(found.record))
      return revision;
    const { user, record } = found;
    const how = { mode: "none", lease: newLease(engine), ...samePlace(record) } as const;
    const done = await saveUser(engine, user, false, how);
    if (done.type === "committed") revision = done.revision;
    if (done.type === "committed" && engine.keys.isFresh) return revision;
  }
}

/** A process that could rename it can read it. */
function nullIfRenamed(error: unknown): null {
  if (isLifecycleError(error, "RENAMED")) return null;
  throw error;
}

/** The same for a user that took a step, of which the listeners and workers of this process are then notified. */
export async function saveIdleStep(
  engine: Engine,
  user: User,
  place: Place,
  limit: RetryLimit,
  from?: string,
): Promise<Saved> {
  const done = await saveIdle(engine, user, place, limit, from);
  if (done.type === "committed") engine.changes.becameIdle({ ...user, revision: done.revision }, place);
  return done;
}

/**
 * No new work starts with outdated keys. A pending outcome is saved with the current keys: other processes can read it
 * for as long as a replaced key is kept.
 */
async function checkKeys({ keys }: Engine, hasOutcome: boolean): Promise<void> {
  try {
    await keys.renew();
  } catch (error) {
    if (!hasOutcome || isLifecycleError(error, "STORE_UNAVAILABLE")) throw error;
  }
}
