/**
 * Gives a user another `app_user_id`: at 1upHealth first, then here.
 *
 * @module
 */
import { randomName, sleep } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { Unanswered } from "../http/call.ts";
import { beforeAskingAgain, slotAfter } from "../guard/guard.ts";
import { readUpdatedUser, updateUserCall } from "../http/user-management.ts";
import type { Pass } from "./account.ts";
import { firstLookMs, longestLookMs, within } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { isBusy, untilAtRest } from "./at-rest.ts";
import { doubtOf, slotFate } from "./doubt.ts";
import { drive } from "./drive.ts";
import type { Start } from "./drive.ts";
import { clientOf, laneOfCalls, newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { load } from "./load.ts";
import { isMark } from "./marks.ts";
import { doubt, intentTo, move, renameCall, renaming, stay } from "./renaming.ts";
import { save } from "./save.ts";
import type { How } from "./save.ts";
import type { Position } from "./step.ts";
import { readUser } from "./user.ts";
import type { User } from "./user.ts";

/**
 * Renames a user who is at rest.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if another user has the new id, here or at 1upHealth; `USER_NOT_READY`
 * while another call for the user is under way or it is not known at 1upHealth yet
 */
export async function rename(engine: Engine, id: string, to: string, patience: Patience): Promise<void> {
  const user = await atRest(engine, id, patience);
  if (id === to) return;
  const target = await engine.store.load(to);
  if (target.type === "record") throw takenBefore(engine, user, isMark(target.record.value));
  const { oneupUserId } = user.position.context;
  if (oneupUserId === null) throw notReady(engine, id, "1upHealth does not know it yet");

  const lease = newLease(engine);
  const intent = {
    call: renameCall,
    attempt: randomName(engine.clock),
    at: engine.clock.now(),
    facts: intentTo(engine, user, to),
  };
  const calls = { ...user.calls, management: user.calls.management + 1 };
  const pass = engine.account.pass();
  const begin = async (): Promise<boolean> => {
    for (;;) {
      patience.signal.throwIfAborted();
      const barrier =
        (await engine.account.stands(renameCall)) ?? (await engine.account.enter(renameCall, pass));
      if (barrier !== null) throw notReady(engine, id, `1upHealth takes no calls now (${barrier.reason})`);
      const ask = engine.guard.ask("management", laneOfCalls(engine));
      const intended: User = { ...user, position: undecided(user.position), intent, calls };
      const how: How = { mode: "take", lease, dueInMs: null, lane: null, take: ask.slot };
      const done = await save(engine, intended, false, how);
      if (done.type === "conflict") throw notReady(engine, id, "another call for it is under way");
      if (done.type === "committed") {
        const saved = { ...intended, revision: done.revision };
        const { slot } = done;
        return put(engine, saved, { by: "claimed", lease, slot, notAfter: ask.notAfter }, to, pass);
      }
      await engine.account.leave(pass); // whoever has a slot may try
      const left = patience.until - engine.clock.monotonic();
      if (left <= 0) throw notReady(engine, id, "no slot of the account's limit is free");
      const served = engine.lanes.join(); // whoever waits goes first, so somebody has to serve them
      const waitMs = Math.min(left, beforeAskingAgain(done.retryInMs));
      await sleep(engine.clock, waitMs, patience.signal).finally(served);
    }
  };
  let isDone = false;
  try {
    isDone = await begin();
  } finally {
    await engine.account.leave(pass);
  }
  if (!isDone) await outcome(engine, id, patience);
}

/** The user, once nobody works on it, and an earlier rename that was in doubt is decided. */
async function atRest(engine: Engine, id: string, patience: Patience): Promise<User> {
  for (let look = firstLookMs; ; look = Math.min(longestLookMs, 2 * look)) {
    const found = await load(engine, id);
    if (!engine.driving.has(id) && !isBusy(found)) return found.user;
    await untilAtRest(engine, "rename a user", { id, found, look, patience });
  }
}

/** Makes the call. False: what became of it, or of the record, must be found out. */
async function put(
  engine: Engine,
  user: User,
  start: Required<Pick<Start, "by" | "lease" | "slot" | "notAfter">>,
  to: string,
  pass: Pass,
): Promise<boolean> {
  const { slot, notAfter } = start;
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const call = updateUserCall(clientOf(engine), { oneupUserId, appUserId: to });
  const answer = await engine.sender.send(call, { notAfter });
  const heard = answer.type === "answer" ? readUpdatedUser(answer) : answer;
  await engine.account.heard(renameCall, heard, pass);
  const over = slotAfter(slot, slotFate(heard.type));
  if (doubtOf(renameCall, heard.type)?.next === "listUsers") {
    await doubt(engine, user, start, over);
    return false;
  }
  switch (heard.type) {
    case "updated": {
      const driven = await move(engine, user, start, to, over);
      if (driven.type === "rested" && driven.user.id !== to) throw taken(engine, user.id);
      return driven.type === "rested";
    }
    default:
      await stay(engine, user, start, over);
      throw refusal(engine, user.id, heard);
  }
}

type Said = Unanswered | ReturnType<typeof readUpdatedUser>;

/** 1upHealth did not do it, and said so, or heard nothing of it. */
function refusal(engine: Engine, id: string, heard: Said): LifecycleError {
  const no = (code: ErrorCode, why: string, retryAfterMs?: number): LifecycleError =>
    new LifecycleError(code, `Cannot rename user ${engine.sealer.alias(id)}: ${why}; it keeps its id`, {
      retryable: retryAfterMs !== undefined,
      retryAfterMs,
    });
  switch (heard.type) {
    case "conflict":
      return conflict(engine, id);
    case "missing":
      return no("BAD_ANSWER", "1upHealth has no user of its number; reconcile() tells who is there");
    case "refused":
      return no("BAD_ANSWER", `1upHealth refused it (${heard.why})`);
    case "throttled":
      return no("RATE_LIMITED", "1upHealth answered 429", heard.retryAfterMs ?? 60_000);
    case "credentialsRefused":
      return no("CREDENTIALS_REFUSED", "1upHealth refuses the client id and secret");
    case "forbidden":
      return no("FORBIDDEN", "1upHealth answered 403, often because of where the call comes from");
    default:
      return unanswered(engine, id);
  }
}

/** What an earlier rename came to is no news any more. */
function undecided({ state, context }: Position): Position {
  return { state, context: context.idTaken ? { ...context, idTaken: false } : context };
}

/** Waits until the rename in doubt is decided, and takes part in deciding it. */
async function outcome(engine: Engine, id: string, patience: Patience): Promise<void> {
  for (;;) {
    const loaded = await engine.store.load(id);
    if (loaded.type === "renamed") return;
    if (loaded.type === "record" && !engine.sealer.knows(loaded.record.value)) await engine.keys.renew();
    const isThere = loaded.type === "record" && !isMark(loaded.record.value);
    const user = isThere ? readUser(loaded.record, engine.sealer) : null;
    const left = patience.until - engine.clock.monotonic();
    if (user !== null && !renaming(user) && user.position.context.idTaken) throw taken(engine, id);
    if (loaded.type !== "record" || user === null || !renaming(user) || left <= 0)
      throw unanswered(engine, id);
    const { lease, dueInMs } = loaded.record;
    const busyMs = lease === null ? (dueInMs ?? 0) : lease.leftMs;
    if (busyMs > 0) {
      await engine.changes.ofUser(id, Math.min(left, busyMs, longestLookMs), patience.signal);
      patience.signal.throwIfAborted();
    } else await within(engine, drive(engine, user), patience);
  }
}

function conflict(engine: Engine, id: string): LifecycleError {
  return conflicting(engine, id, "another user has the new app_user_id");
}

/** The id that 1upHealth has just given it is another user's here. */
function taken(engine: Engine, id: string): LifecycleError {
  const had = "1upHealth has given it the new app_user_id, and another user here has it, too";
  return conflicting(engine, id, `${had}: go on with that one, ${andThen}`);
}

/** The id is taken here. Whether it is the one that an earlier rename has brought the user at 1upHealth, nobody noted. */
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
    `Cannot rename user ${engine.sealer.alias(id)} yet: 1upHealth did not say that it was done; the user keeps its id until it does`,
    { retryable: true },
  );
}
