/**
 * Gives a user another `app_user_id`: at 1upHealth first, then here.
 *
 * @module
 */
import { randomName, sleep } from "../../clock.ts";
import { LifecycleError } from "../../errors.ts";
import type { ErrorCode } from "../../errors.ts";
import type { Unanswered } from "../../http/call.ts";
import { beforeAskingAgain, slotAfter } from "../../guard/guard.ts";
import { isAboutAnother, readUpdatedUser, updateUserCall } from "../../http/user-management.ts";
import type { Permit } from "../account/account.ts";
import { refusalError } from "../account/refusal-error.ts";
import { confirmNumber } from "./confirm-number.ts";
import { longestLookMs, within } from "../engine/wait-for-user.ts";
import type { Deadline } from "../engine/deadline.ts";
import { whenIdle } from "../engine/until-idle.ts";
import { doubtOf, slotFate } from "../engine/in-doubt.ts";
import { runUser, reportAnother } from "../engine/run-user.ts";
import type { Start } from "../engine/engine.ts";
import { clientOf, laneOfCalls, newLease } from "../engine/engine.ts";
import type { Engine } from "../engine/engine.ts";
import { leadsToTombstone, loadUser, tombstoneRevision } from "../engine/load-user.ts";
import type { LoadedUser } from "../engine/load-user.ts";
import { doubt, intentTo, move, renameCall, renaming, stay } from "../engine/renaming.ts";
import { saveUser } from "../engine/save-user.ts";
import type { How } from "../engine/save-user.ts";
import type { Position } from "../user/step.ts";
import { readUser } from "../user/user.ts";
import type { User } from "../user/user.ts";

/**
 * Renames an idle user.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if another user has the new id, here or at 1upHealth, or its number;
 * `USER_NOT_READY` while another call for the user is under way, or while 1upHealth does not know it yet
 */
export async function rename(engine: Engine, id: string, to: string, deadline: Deadline): Promise<void> {
  let user = await atRest(engine, id, deadline);
  if (id === to) return;
  const isFree = (await engine.store.load(to)).type !== "record";
  if (!isFree || (await tombstoneRevision(engine, to)) > 0) throw takenBefore(engine, user, isFree);
  const { oneupUserId } = user.position.context;
  if (oneupUserId === null) throw notReady(engine, id, "1upHealth does not know it yet");
  // seam: a-rename-confirms-the-number-first
  if (user.position.context.unconfirmed !== null) {
    await confirmNumber(engine, user, "rename", deadline);
    user = await atRest(engine, id, deadline);
    const { context } = user.position;
    if (context.unconfirmed !== null || context.oneupUserId !== oneupUserId)
      throw notReady(engine, id, "another call for it is under way");
  }

  const lease = newLease(engine);
  const intent = {
    call: renameCall,
    attempt: randomName(engine.clock),
    at: engine.clock.now(),
    facts: intentTo(engine, user, to),
  };
  const calls = { ...user.calls, management: user.calls.management + 1 };
  const permit = engine.account.permitFor(user.id);
  const begin = async (): Promise<boolean> => {
    for (;;) {
      deadline.signal.throwIfAborted();
      const blocked =
        (await engine.account.recheck(renameCall)) ?? (await engine.account.enter(renameCall, permit));
      if (blocked !== null) throw notReady(engine, id, `calls to 1upHealth are on hold (${blocked.reason})`);
      const ask = engine.guard.ask("management", laneOfCalls(engine));
      const intended: User = { ...user, position: withoutEarlierResult(user.position), intent, calls };
      const how: How = { mode: "take", lease, dueInMs: null, lane: null, take: ask.slot };
      const done = await saveUser(engine, intended, false, how);
      if (done.type === "conflict") throw notReady(engine, id, "another call for it is under way");
      if (done.type === "committed") {
        const saved = { ...intended, revision: done.revision };
        const { slot } = done;
        return makeCall(engine, saved, { by: "claimed", lease, slot, notAfter: ask.notAfter }, to, permit);
      }
      await engine.account.leave(permit); // a user that has a slot may probe the gate
      const left = deadline.until - engine.clock.monotonic();
      if (left <= 0) throw notReady(engine, id, "no slot of the account's limit is free");
      const served = engine.lanes.join(); // users in the lanes go first, so a process has to serve them
      const waitMs = Math.min(left, beforeAskingAgain(done.retryInMs));
      await sleep(engine.clock, waitMs, deadline.signal).finally(served);
    }
  };
  let isDone = false;
  try {
    isDone = await begin();
  } finally {
    await engine.account.leave(permit);
  }
  if (!isDone) await awaitOutcome(engine, id, deadline);
}

/** The user, once it is idle and any earlier rename in doubt is resolved. */
function atRest(engine: Engine, id: string, deadline: Deadline): Promise<User> {
  const load = (): Promise<LoadedUser> => loadUser(engine, id);
  return whenIdle(engine, id, { verb: "rename a user", deadline, load }, async ({ user }) => user);
}

/** Makes the call. False: its result, or that of the write, must be found out. */
async function makeCall(
  engine: Engine,
  user: User,
  start: Required<Pick<Start, "by" | "lease" | "slot" | "notAfter">>,
  to: string,
  permit: Permit,
): Promise<boolean> {
  const { slot, notAfter } = start;
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const call = updateUserCall(clientOf(engine), { oneupUserId, appUserId: to });
  const answer = await engine.sender.send(call, { notAfter });
  const outcome = answer.type === "answer" ? readUpdatedUser(answer, { appUserId: to, oneupUserId }) : answer;
  await engine.account.recordOutcome(renameCall, outcome, permit);
  if (isAboutAnother(outcome)) reportAnother(engine, user.id, renameCall);
  const over = slotAfter(slot, slotFate(outcome.type));
  if (doubtOf(renameCall, outcome.type)?.next === "listUsers") {
    await doubt(engine, user, start, over);
    return false;
  }
  switch (outcome.type) {
    case "updated": {
      const result = await move(engine, user, start, to, over);
      if (result.type === "rested" && result.user.id !== to) throw taken(engine, user.id);
      return result.type === "rested";
    }
    default:
      await stay(engine, user, start, over);
      throw refusal(engine, user.id, outcome);
  }
}

type RenameOutcome = Unanswered | ReturnType<typeof readUpdatedUser>;

/** The error for a rename that 1upHealth has refused or never received. */
function refusal(engine: Engine, id: string, outcome: RenameOutcome): LifecycleError {
  const no = (code: ErrorCode, why: string, retryAfterMs?: number): LifecycleError =>
    new LifecycleError(code, `Cannot rename user ${engine.sealer.alias(id)}: ${why}; it keeps its id`, {
      retryable: retryAfterMs !== undefined,
      retryAfterMs,
    });
  switch (outcome.type) {
    case "conflict":
      return conflict(engine, id);
    case "missing":
      return no("BAD_ANSWER", "1upHealth has no user with its number; reconcile() shows which users it has");
    case "updated":
    case "notSent":
    case "lost":
    case "inDoubt":
      return unanswered(engine, id);
    default:
      return refusalError(outcome, no);
  }
}

/** Clears the result of an earlier rename. */
function withoutEarlierResult({ state, context }: Position): Position {
  return { state, context: context.idTaken ? { ...context, idTaken: false } : context };
}

/** Waits until the rename in doubt is resolved, and helps to resolve it. */
async function awaitOutcome(engine: Engine, id: string, deadline: Deadline): Promise<void> {
  for (;;) {
    const loaded = await engine.store.load(id);
    if (loaded.type === "renamed" && !leadsToTombstone(engine, id, loaded)) return;
    if (loaded.type === "record" && !engine.sealer.knows(loaded.record.value)) await engine.keys.renew();
    const user = loaded.type === "record" ? readUser(loaded.record, engine.sealer) : null;
    const left = deadline.until - engine.clock.monotonic();
    if (user !== null && !renaming(user) && user.position.context.idTaken) throw taken(engine, id);
    if (loaded.type !== "record" || user === null || !renaming(user) || left <= 0)
      throw unanswered(engine, id);
    const { lease, dueInMs } = loaded.record;
    const busyMs = lease === null ? (dueInMs ?? 0) : lease.leftMs;
    if (busyMs > 0) {
      await engine.changes.ofUser(id, Math.min(left, busyMs, longestLookMs), deadline.signal);
      deadline.signal.throwIfAborted();
    } else await within(engine, runUser(engine, user), deadline);
  }
}

function conflict(engine: Engine, id: string): LifecycleError {
  return conflicting(engine, id, "another user has the new app_user_id");
}

/** Another user here has the id that 1upHealth has just given this one. */
function taken(engine: Engine, id: string): LifecycleError {
  const had = "1upHealth has given it the new app_user_id, and another user here has it, too";
  return conflicting(engine, id, `${had}: go on with that one, ${andThen}`);
}

/** The id is taken here. Whether an earlier rename gave this user that id at 1upHealth was not recorded. */
function takenBefore(engine: Engine, { id, position }: User, isForgotten: boolean): LifecycleError {
  const had = isForgotten ? "a user who was forgotten here had" : "another user has";
  const first = isForgotten ? "onboard() it" : "go on with that one";
  const advice = `; if an earlier rename gave this one that id at 1upHealth, ${first}, ${andThen}`;
  return conflicting(engine, id, `${had} the new app_user_id${position.context.idTaken ? advice : ""}`);
}

const andThen = "then offboard and forget this one without a purge, for both have the same data";

function conflicting({ sealer }: Engine, id: string, why: string): LifecycleError {
  return new LifecycleError("USER_CONFLICT", `Cannot rename user ${sealer.alias(id)}: ${why}`);
}

function notReady(engine: Engine, id: string, why: string): LifecycleError {
  return new LifecycleError("USER_NOT_READY", `Cannot rename user ${engine.sealer.alias(id)}: ${why}`, {
    retryable: true,
  });
}

function unanswered(engine: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "UNAVAILABLE",
    `Cannot rename user ${engine.sealer.alias(id)} yet: 1upHealth did not confirm it; the user keeps its id until it does`,
    { retryable: true },
  );
}
