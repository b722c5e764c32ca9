/**
 * Waits until no process runs a user, for operations that change an idle one.
 *
 * @module
 */
import { firstPollMs, longestPollMs, within } from "./wait-for-user.ts";
import { inTimeFor } from "./deadline.ts";
import { runUser } from "./run-user.ts";
import { callUnderWay } from "./user-errors.ts";
import type { Engine, Deadline } from "./engine.ts";
import { isBusy, type LoadedUser, type MissingUser } from "./load-user.ts";

/** How {@link whenIdle} reads a user and what keeps it waiting. */
export interface IdleOptions<T> {
  /** As in {@link callUnderWay}. */
  readonly verb: string;
  readonly deadline: Deadline;
  /** Reads the user, and throws if it is not one for this operation. */
  readonly load: () => Promise<T>;
  /** @default {@link isBusy} */
  readonly waitsFor?: (found: LoadedUser) => boolean;
}

/**
 * Loads a user, waits until no process runs it, and makes the attempt. An attempt that returns `tryAgain` found that
 * another process was faster; the user is then loaded again.
 *
 * @throws {LifecycleError} `USER_NOT_READY` if the deadline passes while the user is busy; `STORE_UNAVAILABLE` if it
 * passes while the store does not answer; what `load` and `attempt` throw; the signal's reason
 */
export async function whenIdle<T extends LoadedUser | MissingUser | null, R>(
  engine: Engine,
  id: string,
  { verb, deadline, load, waitsFor = isBusy }: IdleOptions<T>,
  attempt: (found: T) => Promise<R | typeof tryAgain>,
): Promise<R> {
  const leftMs = (found: LoadedUser | null): number => {
    const left = deadline.until - engine.clock.monotonic();
    if (left <= 0) throw callUnderWay(engine, verb, id, found);
    return left;
  };
  let lostRaces = 0;
  for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, 2 * pollMs)) {
    deadline.signal.throwIfAborted();
    const read = await load();
    inTimeFor(deadline);
    const either: LoadedUser | MissingUser | null = read;
    const found = either === null || either.user === null ? null : either;
    if (engine.running.has(id) || (found !== null && waitsFor(found))) {
      await untilIdle(engine, id, found, { left: leftMs(found), pollMs, deadline });
      continue;
    }
    const done = await attempt(read);
    if (done !== tryAgain) return done;
    // Another process was faster twice: waits, so that the store is not asked without a pause.
    if (lostRaces++ > 0) await engine.changes.ofUser(id, Math.min(leftMs(found), pollMs), deadline.signal);
  }
}

/** See {@link whenIdle}. */
export const tryAgain: unique symbol = Symbol("tryAgain");

/**
 * Waits at most `left` ms for the process that runs the user (polled after `pollMs`), or resolves a call with an
 * unknown outcome. `null`: the user's first write is pending. @throws the signal's reason
 */
async function untilIdle(
  engine: Engine,
  id: string,
  found: LoadedUser | null,
  { left, pollMs, deadline }: Readonly<Record<"left" | "pollMs", number>> & { readonly deadline: Deadline },
): Promise<void> {
  const ownRun = engine.running.get(id);
  if (ownRun !== undefined || found === null) {
    await within(engine, ownRun?.catch(() => {}) ?? Promise.resolve(), deadline); // the caller that started it gets its error
    return;
  }
  const { user, record } = found;
  const leasedMs = record.lease?.leftMs ?? 0;
  // A rename in doubt waits until the call can no longer arrive, then for a slot, or at a gate.
  // seam: a-user-at-a-gate-is-not-run-again-at-once
  const restsMs = record.lane === null ? (record.dueInMs ?? 0) : longestPollMs;
  if (leasedMs > 0 || restsMs > 0) {
    const ms = leasedMs > 0 ? Math.min(pollMs, leasedMs) : Math.min(longestPollMs, restsMs);
    const queues = record.lane !== null || user.pause?.reason === "rateLimit";
    const leave = queues ? engine.lanes.join() : undefined;
    await engine.changes.ofUser(id, Math.min(left, ms), deadline.signal).finally(leave);
    deadline.signal.throwIfAborted();
  } else await within(engine, runUser(engine, user), deadline);
}
