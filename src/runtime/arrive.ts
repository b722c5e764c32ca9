/**
 * Waits for one user to become usable, and does the work itself whenever nobody else is at it.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { isPurging } from "../../machines/index.ts";
import type { UserEvent } from "../../machines/index.ts";
import type { Lane } from "../store/contract.ts";
import type { Barrier } from "./account.ts";
import { drive } from "./drive.ts";
import type { Engine } from "./engine.ts";
import { comeForward, isBehind } from "./lane.ts";
import { find, load } from "./load.ts";
import type { Found } from "./load.ts";
import { renaming } from "./renaming.ts";
import { awake, isUsable } from "./status.ts";
import { callOf } from "./step.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** How long to wait. */
export interface Patience {
  /** On `clock.monotonic()`. */
  readonly until: number;
  readonly signal: AbortSignal;
  /** Whoever waits in a lane behind this one comes forward. */
  readonly lane?: Lane;
}

/** Shortest pause between two looks at a user on whom another process may work, ms. */
export const firstLookMs = 25;
/** The longest one, ms. */
export const longestLookMs = 1_000;
/** Pause between two looks for the first write of a user, ms. */
const firstWriteMs = 2;

/** Is there nothing more to wait for? */
export type Arrival = (engine: Engine, user: User, barrier: Barrier | null) => boolean;

/**
 * Brings the user to rest in a usable state, or `failed`, or `offboarded`, or before a gate that a person must look at,
 * or to the end of `patience`. The user it resolves with may be any of these. `arrived` puts another end in their place.
 *
 * @throws the signal's reason; {@link LifecycleError} as {@link load}
 */
export async function arrive(
  engine: Engine,
  id: string,
  patience: Patience,
  arrived: Arrival = settled,
): Promise<User> {
  const queue = new Queue(engine);
  try {
    return await arriving(engine, id, { patience, queue, arrived });
  } finally {
    queue.leave();
  }
}

/** Somebody here waits in a lane, so somebody here serves the lanes: from the first time that this is so, to the end. */
class Queue {
  readonly #engine: Engine;
  #leave: (() => void) | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  join(): void {
    this.#leave ??= this.#engine.lanes.join();
  }

  leave(): void {
    this.#leave?.();
  }
}

interface Arriving {
  readonly patience: Patience;
  readonly queue: Queue;
  readonly arrived: Arrival;
}

async function arriving(engine: Engine, id: string, { patience, queue, arrived }: Arriving): Promise<User> {
  let look = firstLookMs;
  for (;;) {
    patience.signal.throwIfAborted();
    const found = await stored(engine, id);
    const { user, record } = found;
    const left = patience.until - engine.clock.monotonic();
    const next = awake(user, engine.settings.windowMs, engine.clock.now());
    const call = callOf(next.position.state);
    const barrier = call === undefined ? null : await engine.account.stands(call);
    if (arrived(engine, user, barrier) || left <= 0) return user;

    const ours = engine.driving.get(id);
    if (ours !== undefined) {
      await within(engine, ours, patience);
    } else if (record.lease !== null && record.lease.leftMs > 0) {
      await engine.changes.ofUser(id, Math.min(left, look, record.lease.leftMs), patience.signal);
      look = Math.min(longestLookMs, look * 2);
    } else if (patience.lane !== undefined && isBehind(found, patience.lane)) {
      await comeForward(engine, found, patience.lane); // it was under way before, in its own lane
    } else if (record.lane !== null && record.lease === null) {
      queue.join();
      await engine.changes.ofUser(id, Math.min(left, longestLookMs), patience.signal);
    } else if (restsMs(engine, found, barrier) > 0) {
      const ms = Math.min(left, restsMs(engine, found, barrier), longestLookMs);
      await engine.changes.ofUser(id, ms, patience.signal);
    } else {
      await within(engine, drive(engine, { ...next, pause: null }), patience);
    }
  }
}

/**
 * How long it must be left alone: it pauses, or the account does, or a rename is in doubt and cannot be settled yet. The
 * store measures it, for another process, whose clock may be another, wrote down until when.
 */
function restsMs(engine: Engine, { user, record }: Found, barrier: Barrier | null): number {
  const ownMs = renaming(user) || user.pause !== null ? (record.dueInMs ?? 0) : 0;
  return renaming(user) ? ownMs : Math.max(ownMs, (barrier?.until ?? 0) - engine.clock.now());
}

/**
 * The user, who may be on the way to its first write here, or to the one that replaces secrets which do not open: whoever
 * waits is told of nobody who is not durable, however short its patience, and of the trouble if that write fails.
 */
async function stored(engine: Engine, id: string): Promise<Found> {
  for (let ours = engine.driving.get(id); ours !== undefined; ours = engine.driving.get(id)) {
    const found = await find(engine, id).catch(nobodyIfDamaged);
    if (found !== null) return found;
    await Promise.race([ours, sleep(engine.clock, firstWriteMs)]);
  }
  return load(engine, id);
}

function nobodyIfDamaged(error: unknown): null {
  if (isLifecycleError(error, "RECORD_DAMAGED")) return null;
  throw error;
}

/** Nothing to wait for: it is usable, or at an end, or a person must look at the account. */
function settled(engine: Engine, user: User, barrier: Barrier | null): boolean {
  const { state } = user.position;
  if (state === "failed" || state === "offboarded" || isPurging(state)) return true;
  if (isUsable(user, engine.clock.now())) return true;
  return barrier?.reason === "credentials" || barrier?.reason === "forbidden";
}

/** How an event finds its user. */
export interface Telling {
  /** @default {@link load} */
  readonly read?: typeof load;
  /** Is it still meant for the user as it is now? Else it counts as taken. @default always */
  readonly isMeant?: (user: User) => boolean;
  /** In which lane the user goes on. @default "interactive" */
  readonly lane?: Lane | undefined;
}

/**
 * Sends an event to a user who is at rest, waiting for whoever works on it, and drives it on.
 * Resolves once the event was taken, or at once if it means nothing in the user's state.
 *
 * @throws the signal's reason; {@link LifecycleError} `USER_NOT_READY` when patience ends first
 */
export async function tell(
  engine: Engine,
  id: string,
  event: UserEvent,
  patience: Patience,
  { read = load, isMeant = () => true, lane = "interactive" }: Telling = {},
): Promise<void> {
  let look = firstLookMs;
  for (;;) {
    patience.signal.throwIfAborted();
    const { user, record } = await read(engine, id);
    if (!isMeant(user)) return;
    const left = patience.until - engine.clock.monotonic();
    const ours = engine.driving.get(id);
    if (ours === undefined && (record.lease === null || record.lease.leftMs <= 0) && user.intent === null) {
      const next = stepped(user, event);
      if (next === user) return;
      const work = drive(engine, { ...next, pause: null, lane });
      const driven = await within(engine, work, patience);
      if (driven === undefined) await firstWrite(engine, user, work, read);
      if (driven?.type === "rested" || driven === undefined) return;
    } else if (left <= 0) {
      throw new LifecycleError(
        "USER_NOT_READY",
        `Cannot send ${event.type} to user ${engine.sealer.alias(id)}: another call for it is under way`,
        { retryable: true },
      );
    } else if (ours !== undefined) {
      await within(engine, ours, patience);
    } else if (renaming(user) && record.lease === null && (record.dueInMs ?? 0) > 0) {
      await engine.changes.ofUser(id, Math.min(left, record.dueInMs ?? 0, longestLookMs), patience.signal);
    } else if (user.intent !== null && (record.lease === null || record.lease.leftMs <= 0)) {
      await within(engine, drive(engine, user), patience);
    } else {
      await engine.changes.ofUser(id, Math.min(left, look), patience.signal);
      look = Math.min(longestLookMs, look * 2);
    }
  }
}

/** However short the patience: whoever sent an event finds it taken, or hears of the trouble if it cannot be written. */
async function firstWrite(
  engine: Engine,
  before: User,
  work: Promise<unknown>,
  read: typeof load,
): Promise<void> {
  while (engine.driving.has(before.id)) {
    const { user } = await read(engine, before.id);
    if (user.revision !== before.revision) return;
    await Promise.race([work, sleep(engine.clock, firstWriteMs)]);
  }
}

/** What `work` comes to, or nothing if patience ends first: the work itself goes on. */
export function within<T>(
  engine: Engine,
  work: Promise<T>,
  { until, signal }: Patience,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      work.catch(() => {}); // nobody waits for it, so nobody wants to hear of its trouble
      return reject(signal.reason);
    }
    // A lifecycle that closes lets its work come to rest: only the caller's own signal need be heard, and it is dear.
    const heard = signal === engine.closing ? undefined : signal;
    const end = (settle: () => void): void => {
      cancel();
      heard?.removeEventListener("abort", stop);
      settle();
    };
    const stop = (): void => end(() => reject(signal.reason));
    const leftMs = Math.max(0, until - engine.clock.monotonic());
    const cancel = engine.clock.timer(leftMs, () => end(() => resolve(undefined)));
    heard?.addEventListener("abort", stop, { once: true });
    work.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
