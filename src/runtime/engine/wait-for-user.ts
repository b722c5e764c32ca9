/**
 * Waits for one user to become usable, and runs it whenever no other process does.
 *
 * @module
 */
import { onAbort } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import { inWords, isLifecycleError } from "../../errors.ts";
import { isRenaming, type UserEvent } from "../../../machines/index.ts";
import type { Lane } from "../../store/contract.ts";
import type { Pause } from "../../store/envelope.ts";
import type { Blocked } from "../gates/account.ts";
import type { GatedCall } from "../../guard/gates.ts";
import { gatedCall } from "./perform-call.ts";
import { runUser } from "./run-user.ts";
import { mayArriveForMs } from "./in-doubt.ts";
import { newLease, type Engine, type Deadline } from "./engine.ts";
import { promoteUser, isBehind } from "./promote-user.ts";
import { findUser, isLeased, loadUser, type LoadedUser } from "./load-user.ts";
import { inTimeFor } from "./deadline.ts";
import { stopOf } from "./stop.ts";
import { pollIntervalMs } from "../options/backoff.ts";
import { errorField } from "../options/logger.ts";
import { applyDueNow, isUsableNow } from "../user/token-time.ts";
import { callOf, hasLeft } from "../user/step.ts";
import { mayRetryAtOnce, refusedAlone, callUnderWay } from "./user-errors.ts";
import { withHistoryStep, stepped, type User } from "../user/user.ts";

/** Shortest interval between two polls of a user that another process may run, ms. */
export const firstPollMs = 25;
/** The longest such interval, ms. */
export const longestPollMs = 1_000;
/** The longest interval for a user that is paused, which rarely changes meanwhile, ms. */
const longestPausedPollMs = 5_000;
/** Interval between two polls for the first write of a user, ms. */
const firstWriteMs = 2;

/** Whether there is nothing more to wait for. */
export type ArrivalPredicate = (engine: Engine, user: User, blocked: Blocked | null) => boolean;

/**
 * Runs the user until it is usable, `failed`, `offboarded`, blocked by a gate that an operator must look at, or until
 * `deadline` is over. Resolves with the user in any of these conditions. `arrived` replaces the condition.
 *
 * @throws the signal's reason; {@link LifecycleError} as {@link loadUser}
 */
export async function waitForUser(
  engine: Engine,
  id: string,
  deadline: Deadline,
  arrived: ArrivalPredicate = settled,
): Promise<User> {
  return waitAndServe(engine, id, { deadline, arrived, runsAnyway: false });
}

/**
 * The same for a caller that asks for a usable user. Even if it has no time to wait, the user's next call is started, so
 * that a later caller may find the user ready.
 */
export function askForUser(engine: Engine, id: string, deadline: Deadline): Promise<User> {
  return waitAndServe(engine, id, { deadline, arrived: settled, runsAnyway: true });
}

async function waitAndServe(engine: Engine, id: string, wait: Omit<Wait, "queue">): Promise<User> {
  let leave: (() => void) | undefined;
  const queue = (): void => void (leave ??= engine.lanes.join());
  try {
    return await untilArrived(engine, id, { ...wait, queue });
  } finally {
    leave?.();
  }
}

interface Wait {
  readonly deadline: Deadline;
  /** Serves the lanes in this process from the first time that the waiting user is in one, to the end of the wait. */
  readonly queue: () => void;
  readonly arrived: ArrivalPredicate;
  /** Whether the user is run even if there is no time to wait. */
  readonly runsAnyway: boolean;
}

async function untilArrived(
  engine: Engine,
  id: string,
  { deadline, queue, arrived, runsAnyway }: Wait,
): Promise<User> {
  const began = engine.clock.monotonic();
  let pollMs = firstPollMs;
  let pausedPollMs = longestPollMs;
  for (let isFirst = runsAnyway; ; isFirst = false) {
    deadline.signal.throwIfAborted();
    const found = await loadDurable(engine, id);
    const { user, record } = found;
    const left = deadline.until - engine.clock.monotonic();
    const longest = pollIntervalMs(engine.clock.monotonic() - began, longestPollMs);
    const next = applyDueNow(engine, user);
    const { state } = next.position;
    const call = callOf(state);
    const blocked = call === undefined ? null : await gateBlocking(engine, gatedCall(state, call), deadline);
    const isStopped = await isStoppedFor(engine, next, left);
    if (arrived(engine, user, blocked) || isStopped) return user;
    inTimeFor(deadline);
    if (left <= 0) {
      // seam: a-user-that-is-asked-for-is-run
      if (isFirst) startInBackground(engine, found, blocked);
      return user;
    }

    const ownRun = engine.running.get(id);
    if (ownRun !== undefined) {
      await within(engine, ownRun, deadline);
    } else if (isLeased(record)) {
      await engine.changes.ofUser(id, Math.min(left, pollMs, record.lease.leftMs), deadline.signal);
      pollMs = Math.min(longest, pollMs * 2);
    } else if (deadline.lane !== undefined && isBehind(found, deadline.lane)) {
      await promoteUser(engine, found, deadline.lane); // another caller started it in a slower lane
    } else if (record.lane !== null && record.lease === null) {
      queue();
      // While a gate is shut, its lane is not served.
      const shutMs =
        blocked === null ? 0 : Math.min(pausedPollMs, Math.max(0, blocked.until - engine.clock.now()));
      await engine.changes.ofUser(id, Math.min(left, Math.max(longest, shutMs)), deadline.signal);
      if (shutMs > 0) pausedPollMs = Math.min(longestPausedPollMs, pausedPollMs * 2);
    } else if (restsMs(engine, found, blocked) > 0) {
      if (user.pause?.reason === "rateLimit") queue(); // users in the lanes go first
      const ms = Math.min(left, restsMs(engine, found, blocked), Math.max(pausedPollMs, longest));
      await engine.changes.ofUser(id, ms, deadline.signal);
      pausedPollMs = Math.min(longestPausedPollMs, pausedPollMs * 2);
    } else {
      await within(engine, runUser(engine, { ...next, pause: null }), deadline);
    }
  }
}

/** Runs the user, or serves the lanes if it waits in one, unless a process runs it or it has to rest. Waits for nothing. */
export function startInBackground(engine: Engine, found: LoadedUser, blocked: Blocked | null): void {
  const { user, record } = found;
  const next = applyDueNow(engine, user);
  const needsNothing = callOf(next.position.state) === undefined;
  if (needsNothing || engine.running.has(user.id) || isLeased(record)) return;
  if (record.lane !== null && record.lease === null) return engine.lanes.serveAWhile();
  if (restsMs(engine, found, blocked) > 0) return;
  runUser(engine, { ...next, pause: null }).catch((error: unknown) => {
    const alias = engine.sealer.alias(user.id);
    const fields = { user: alias, state: next.position.state, error: errorField(error) };
    engine.settings.logger.warn(fields, `Cannot continue with user ${alias}: ${inWords(error)}`);
  });
}

/**
 * Whether an operator has stopped the user's next call for longer than the caller waits. A pause is read again first: one
 * that this process read long ago may be over.
 * @throws {LifecycleError} `STORE_UNAVAILABLE` if that cannot be read
 */
async function isStoppedFor(engine: Engine, next: User, leftMs: number): Promise<boolean> {
  if (stopOf(engine, next)?.type === "paused") await engine.pauses.renew();
  const stop = engine.running.has(next.id) || next.intent !== null ? null : stopOf(engine, next);
  return stop !== null && (stop.until === null || stop.until.getTime() - engine.clock.now() > leftMs);
}

/**
 * The gate that blocks the call. It may ask for credentials, so at the end of the deadline the last known one is
 * returned.
 */
async function gateBlocking(engine: Engine, call: GatedCall, deadline: Deadline): Promise<Blocked | null> {
  const blocked = await within(engine, engine.account.recheck(call), deadline);
  return blocked === undefined ? engine.account.blocked(call) : blocked;
}

/**
 * How long the user must not be run: it is paused, or a gate is shut. A pause is measured by the store, because the
 * process that wrote its end may have a different clock.
 */
function restsMs(engine: Engine, { user, record }: LoadedUser, blocked: Blocked | null): number {
  // seam: a-stored-pause-is-kept-to
  const pauseMs = user.pause === null ? 0 : (record.dueInMs ?? 0);
  return Math.max(pauseMs, (blocked?.until ?? 0) - engine.clock.now());
}

/**
 * Loads the user, whose first write, or the write that replaces unreadable secrets, may still be pending here: however
 * short its deadline, a caller sees only durable users, and gets the error if that write fails.
 */
async function loadDurable(engine: Engine, id: string): Promise<LoadedUser> {
  for (let ownRun = engine.running.get(id); ownRun !== undefined; ownRun = engine.running.get(id)) {
    const found = await findUser(engine, id).catch(nullIfDamaged);
    if (found !== null) return found;
    await Promise.race([ownRun, sleep(engine.clock, firstWriteMs)]);
  }
  return loadUser(engine, id);
}

function nullIfDamaged(error: unknown): null {
  if (isLifecycleError(error, "RECORD_DAMAGED")) return null;
  throw error;
}

/** Whether there is nothing to wait for: the user is usable or at an end, or an operator must look at the account. */
function settled(engine: Engine, user: User, blocked: Blocked | null): boolean {
  const { state } = user.position;
  if (state === "failed" || hasLeft(state)) return true;
  if (isUsableNow(engine, user)) return true;
  if (blocked?.reason === "credentials" || blocked?.reason === "forbidden") return true;
  return blocked === null && refusedAlone(user, engine.clock.now()) !== null;
}

/** No rename is under way or in doubt. */
export const hasItsId: ArrivalPredicate = (_, { position }) => !isRenaming(position.state);

/** Options of {@link sendEvent}. */
export interface SendOptions {
  /** What the caller does, as in {@link callUnderWay}. */
  readonly verb: string;
  /** @default {@link loadUser} */
  readonly read?: typeof loadUser;
  /** Awaited before the event is sent to the user in the state that it leads to. */
  readonly beforehand?: (next: User) => Promise<void>;
  /** Whether the event still applies to the user as loaded. If not, it counts as handled. @default always */
  readonly stillApplies?: (user: User) => boolean;
  /** The lane in which the user continues. @default "interactive" */
  readonly lane?: Lane | undefined;
  /** Who asks for it, if that was named. */
  readonly by?: string | undefined;
}

/**
 * Waits until the user is idle, sends it an event and runs it. Resolves once the event is durable, or at once if it has
 * no transition in the user's state.
 *
 * @throws the signal's reason; {@link LifecycleError} `USER_NOT_READY` when the deadline ends first
 */
export async function sendEvent(
  engine: Engine,
  id: string,
  event: UserEvent,
  deadline: Deadline,
  { verb, read = loadUser, stillApplies = () => true, lane = "interactive", beforehand, by }: SendOptions,
): Promise<void> {
  let pollMs = firstPollMs;
  for (;;) {
    deadline.signal.throwIfAborted();
    const { user, record } = await read(engine, id);
    inTimeFor(deadline);
    if (!stillApplies(user)) return;
    const left = deadline.until - engine.clock.monotonic();
    const ownRun = engine.running.get(id);
    const isIdle = ownRun === undefined && !isLeased(record) && user.intent === null;
    const next = isIdle ? stepped(user, event, by) : user;
    const isTriedAgain = event.type === "RETRY" && mayRetryAtOnce(user, engine.clock.now());
    if (isIdle && (next !== user || isTriedAgain || !isRenaming(user.position.state))) {
      if (next === user && !isTriedAgain) return;
      await beforehand?.(next);
      if (engine.running.has(id)) continue; // another caller's run has begun meanwhile, without this event
      const pause = pauseAfterEvent(engine, { user, record }, next);
      const named =
        next === user && by !== undefined ? withHistoryStep(user, user.position.state, event, by) : next;
      const ready = isTriedAgain ? withAttemptsReset(named) : named;
      if (await runDurably(engine, { ...ready, pause, lane }, deadline)) return;
    } else if (left <= 0) {
      throw callUnderWay(engine, verb, id, { user, record });
    } else if (ownRun !== undefined) {
      await within(engine, ownRun, deadline);
    } else if (user.intent !== null && !isLeased(record)) {
      await within(engine, runUser(engine, user), deadline);
    } else if (isIdle) {
      await waitForUser(engine, id, deadline, hasItsId); // the event is for the state after the rename
    } else {
      await engine.changes.ofUser(id, Math.min(left, pollMs), deadline.signal);
      pollMs = Math.min(longestPollMs, pollMs * 2);
    }
  }
}

/** Resets the attempts of a user that an operator retries, so that earlier failures do not lengthen its waits. */
function withAttemptsReset(user: User): User {
  const { state, context } = user.position;
  return { ...user, position: { state, context: { ...context, attempt: 0 } } };
}

/** An event ends every pause, except that a call that may still arrive is not repeated early. */
function pauseAfterEvent({ clock }: Engine, { user, record }: LoadedUser, next: User): Pause | null {
  const { pause } = user;
  const leftMs = record.dueInMs ?? 0; // by the store's clock, because another process may have written the pause
  // Refused tokens that live for a moment are no reason to renew them sooner.
  if (pause?.reason === "shortTokens" && next.position.state === "expiring" && leftMs > 0)
    return { ...pause, until: clock.now() + leftMs };
  const isSameCall = callOf(user.position.state) === callOf(next.position.state);
  const arrivesMs = isSameCall ? mayArriveForMs(pause, leftMs) : 0;
  return arrivesMs > 0 ? { reason: "unavailable", until: clock.now() + arrivesMs, mayArrive: true } : null;
}

/**
 * Runs the user until the deadline ends, but, however short that is, until its first write: the caller knows that its
 * event is durable, or gets the error. False: another process was faster, and nothing was written.
 */
async function runDurably(engine: Engine, user: User, deadline: Deadline): Promise<boolean> {
  let isWritten = false;
  let wrote = (): void => {};
  const firstWrite = new Promise<undefined>((resolve) => (wrote = () => resolve(undefined)));
  const onIntent = (): void => {
    isWritten = true;
    wrote();
  };
  const work = runUser(engine, user, { by: "free", lease: newLease(engine), onIntent });
  const result = (await within(engine, work, deadline)) ?? (await Promise.race([work, firstWrite]));
  return isWritten || result?.type === "rested";
}

/** Resolves with the result of `work`, or `undefined` if the deadline ends first; the work itself continues. */
export function within<T>(
  engine: Engine,
  work: Promise<T>,
  { until, signal }: Deadline,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {}); // no caller waits for it any more, so its error is ignored
      return reject(signal.reason);
    }
    // A closing lifecycle lets its work finish, so only the caller's own signal matters; listening to a signal is
    // costly.
    const abortable = signal === engine.closing ? undefined : signal;
    const end = (settle: () => void): void => {
      cancel();
      unsubscribe?.();
      settle();
    };
    const leftMs = Math.max(0, until - engine.clock.monotonic());
    const cancel = engine.clock.timer(leftMs, () => end(() => resolve(undefined)));
    const unsubscribe = abortable && onAbort(abortable, () => end(() => reject(signal.reason)));
    work.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
