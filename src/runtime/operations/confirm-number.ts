/**
 * Asks 1upHealth whether a number belongs to a user, before a call that identifies the user by the number alone: a
 * rename, or FHIR as the client. A number that the application has supplied may be another user's, and the call would
 * then affect that user.
 *
 * @module
 */
import { linkSignals, untilAborted, type LinkedSignal } from "../../abort.ts";
import { LifecycleError } from "../../errors.ts";
import { isSameId } from "../../http/echo.ts";
import type { RemoteUser } from "../../http/user-management.ts";
import { firstPollMs, longestPollMs } from "../engine/wait-for-user.ts";
import type { Engine, Deadline } from "../engine/engine.ts";
import { isBusy, loadUser } from "../engine/load-user.ts";
import { answerMs, inTimeFor } from "../engine/deadline.ts";
import { lookUp } from "./remote.ts";
import { saveIdleStep, samePlace } from "../engine/save-user.ts";
import { stepped, type User } from "../user/user.ts";
import { notItsNumber } from "../engine/user-errors.ts";

/** A look-up that concurrent callers share. Once none waits for it any more, it ends. */
interface SharedLookUp {
  readonly there: Promise<RemoteUser | null>;
  readonly own: LinkedSignal;
  callers: number;
}

/** The look-ups of each lifecycle that callers wait for, or whose result they store, by number and id. */
const lookUpsOf = new WeakMap<Engine, Map<string, SharedLookUp>>();

/**
 * One look-up by the number, whatever the number of concurrent callers. The result is stored, so this happens once. A
 * user whose number is confirmed, or that has none, costs no call. However short the deadline, the call gets a few
 * seconds.
 *
 * @param verb starts the message: "Cannot rename user …"
 * @throws {LifecycleError} `PAUSED` if it is held; `USER_CONFLICT` if 1upHealth has the number under another `app_user_id`; `BAD_ANSWER` if
 * it has no such number; `USER_NOT_READY` if the deadline passes first; as {@link lookUp}; the signal's reason
 */
export async function confirmNumber(
  engine: Engine,
  user: User,
  verb: string,
  deadline: Deadline,
): Promise<void> {
  const { oneupUserId, unconfirmed } = user.position.context;
  if (oneupUserId === null || unconfirmed === null) return;
  deadline.signal.throwIfAborted();
  const lookUps = lookUpsOf.get(engine) ?? new Map<string, SharedLookUp>();
  lookUpsOf.set(engine, lookUps);
  const key = `${oneupUserId} ${user.id}`;
  const shared = lookUps.get(key) ?? begun(engine, user.id, oneupUserId);
  lookUps.set(key, shared);
  shared.callers++;
  try {
    assertItsNumber(engine, user.id, verb, await inTime(engine, user.id, verb, shared.there, deadline));
    await storeConfirmation(engine, user.id, oneupUserId, deadline);
  } finally {
    if (--shared.callers === 0) {
      lookUps.delete(key);
      shared.own.abort();
    }
  }
}

function begun(engine: Engine, id: string, oneupUserId: number): SharedLookUp {
  const own = linkSignals();
  const there = lookUp(engine, { oneupUserId }, { lane: "interactive", signal: own.signal, subject: id });
  there.catch(() => {}); // every caller may have left
  return { there, own, callers: 0 };
}

/** @throws as {@link confirmNumber} */
function assertItsNumber(engine: Engine, id: string, verb: string, there: RemoteUser | null): void {
  const bad = (why: string): LifecycleError =>
    new LifecycleError("BAD_ANSWER", `Cannot ${verb} user ${engine.sealer.alias(id)}: ${why}`);
  if (there === null)
    throw bad("1upHealth has no user with its number; reconcile() shows which users it has");
  if (there.appUserId === undefined)
    throw bad("1upHealth's response does not name the app_user_id of its number");
  if (!isSameId(there.appUserId, id)) throw notItsNumber(engine, id, verb);
}

/** What the look-up finds, unless this caller's deadline ends first. */
async function inTime<T>(
  engine: Engine,
  id: string,
  verb: string,
  found: Promise<T>,
  { until, signal }: Deadline,
): Promise<T> {
  const { clock } = engine;
  const own = linkSignals(signal);
  const late = new LifecycleError(
    "USER_NOT_READY",
    `Cannot ${verb} user ${engine.sealer.alias(id)} yet: 1upHealth must first confirm its number, and no slot of the account's limit is free`,
    { retryable: true },
  );
  const leftMs = Math.max(until - clock.monotonic(), answerMs);
  const cancel = clock.timer(leftMs, () => own.abort(late));
  try {
    return await untilAborted(own.signal, found);
  } finally {
    cancel();
    own.release();
  }
}

/** Stores that the number is the user's, once no call for the user is under way and within the deadline. */
async function storeConfirmation(
  engine: Engine,
  id: string,
  oneupUserId: number,
  deadline: Deadline,
): Promise<void> {
  for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, 2 * pollMs)) {
    deadline.signal.throwIfAborted();
    const found = await loadUser(engine, id);
    inTimeFor(deadline);
    const { context } = found.user.position;
    if (context.oneupUserId !== oneupUserId || context.unconfirmed === null) return;
    if (engine.running.has(id) || isBusy(found)) {
      const left = deadline.until - engine.clock.monotonic();
      if (left <= 0) return;
      await engine.changes.ofUser(id, Math.min(left, pollMs), deadline.signal);
      continue;
    }
    const user = stepped(found.user, { type: "NUMBER_CONFIRMED", at: engine.clock.now() });
    const done = await saveIdleStep(engine, user, samePlace(found.record), deadline);
    if (done.type === "committed") return; // or another process was faster
  }
}
