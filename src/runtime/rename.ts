/**
 * Gives a user another `app_user_id`: at 1upHealth first, then here. The intent stands in the record, so a rename
 * that was cut short is finished by whoever takes the user up next.
 *
 * @module
 */
import { randomName, sleep } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { beforeAskingAgain } from "../guard/guard.ts";
import { listUsersCall, readUpdatedUser, readUserList, updateUserCall } from "../http/user-management.ts";
import type { Commit, Slot } from "../store/contract.ts";
import type { Patience } from "./arrive.ts";
import type { Driven, Start } from "./drive.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { find, load } from "./load.ts";
import { afterTrouble, fullJitter } from "./pauses.ts";
import { save } from "./save.ts";
import type { How } from "./save.ts";
import type { User } from "./user.ts";

const call = "updateUser";

/** Is a rename of this user under way, or in doubt? */
export function renaming(user: User): boolean {
  return user.intent?.call === call;
}

/**
 * Renames a user who is at rest.
 *
 * @throws {LifecycleError} `USER_CONFLICT` if another user has the new id, here or at 1upHealth; `USER_NOT_READY`
 * while another call for the user is under way or it is not known at 1upHealth yet
 */
export async function rename(engine: Engine, id: string, to: string, patience: Patience): Promise<void> {
  const { user, record } = await load(engine, id);
  if (id === to) return;
  const target = await engine.store.load(to);
  if (target.type === "record") throw conflict(engine, id);
  if (record.lease !== null && record.lease.leftMs > 0)
    throw notReady(engine, id, "another call for it is under way");
  const { oneupUserId } = user.position.context;
  if (oneupUserId === null) throw notReady(engine, id, "1upHealth does not know it yet");

  const lease = newLease(engine);
  const intent = { call, attempt: randomName(engine.clock), at: engine.clock.now(), facts: { to } };
  const calls = { ...user.calls, management: user.calls.management + 1 };
  for (;;) {
    patience.signal.throwIfAborted();
    const ask = engine.guard.ask("interactive");
    const intended: User = { ...user, intent, calls };
    const how: How = { mode: "take", lease, dueInMs: null, lane: null, take: ask.slot };
    const done = await save(engine, intended, false, how);
    if (done.type === "conflict") throw notReady(engine, id, "another call for it is under way");
    if (done.type === "committed") {
      const saved = { ...intended, revision: done.revision };
      return put(engine, saved, { by: "claimed", lease }, to, done.slot, ask.notAfter);
    }
    await sleep(engine.clock, beforeAskingAgain(done.retryInMs), patience.signal);
  }
}

async function put(
  engine: Engine,
  user: User,
  start: Start,
  to: string,
  slot: Slot | null,
  notAfter: number,
): Promise<void> {
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const answer = await engine.sender.send(updateUserCall(engine.client, { oneupUserId, appUserId: to }), {
    notAfter,
  });
  const heard = answer.type === "answer" ? readUpdatedUser(answer) : answer;
  const over = slot === null ? {} : heard.type === "notSent" ? { giveBack: slot } : { settle: slot };
  switch (heard.type) {
    case "updated":
      await move(engine, user, start, to, over);
      return;
    case "conflict":
      await stay(engine, user, start, over);
      throw conflict(engine, user.id);
    case "lost":
    case "inDoubt": {
      // Nobody knows whether it was carried out: look, now if possible, else whoever takes the user up next.
      const driven = await finishRename(engine, user, start, over);
      if (driven.type === "rested" && driven.user.id === to) return;
      throw unanswered(engine, user.id);
    }
    default:
      await stay(engine, user, start, over);
      throw unanswered(engine, user.id);
  }
}

type Over = Pick<Commit, "settle" | "giveBack">;

/** A rename is in doubt: asks 1upHealth who the user is, then moves the record or leaves it where it is. */
export async function finishRename(
  engine: Engine,
  user: User,
  start: Start,
  over: Over = {},
): Promise<Driven> {
  const to = user.intent?.facts?.["to"] ?? user.id;
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const answer = await engine.guard.spend(
    user.lane,
    async (notAfter) => {
      const value = await engine.sender.send(listUsersCall(engine.client, { oneupUserId }), { notAfter });
      return { sent: value.type !== "notSent", value };
    },
    engine.closing,
  );
  const found = answer.type === "answer" ? readUserList(answer) : answer;
  if (found.type !== "users") {
    const waitMs = fullJitter(afterTrouble, 3, engine.clock.random());
    return end(engine, user, start, { ...over, dueInMs: waitMs, lane: null });
  }
  const there = found.users.find((remote) => remote.oneupUserId === oneupUserId);
  return there?.appUserId === to ? move(engine, user, start, to, over) : stay(engine, user, start, over);
}

/** The record goes to the new id; its secrets are sealed anew, for they are bound to the id. */
async function move(engine: Engine, user: User, start: Start, to: string, over: Over): Promise<Driven> {
  const moved: User = { ...user, id: to, intent: null, secrets: { ...user.secrets } };
  const driven = await end(engine, moved, start, { ...over, dueInMs: 0, lane: null }, user.id);
  if (driven.type === "lost" && (await find(engine, to)) !== null) {
    // The id was taken here while 1upHealth gave it to this user: nothing is overwritten, a person must decide.
    engine.settings.logger.warn(
      `Cannot move user ${engine.sealer.alias(user.id)}: its new id is taken in this store`,
    );
  }
  return driven;
}

function stay(engine: Engine, user: User, start: Start, over: Over): Promise<Driven> {
  return end(engine, { ...user, intent: null }, start, { ...over, dueInMs: 0, lane: null });
}

async function end(
  engine: Engine,
  user: User,
  start: Start,
  how: Omit<How, "mode" | "lease">,
  from?: string,
): Promise<Driven> {
  const mode = start.by === "claimed" ? "end" : "none";
  const done = await save(engine, user, true, { ...how, mode, lease: start.lease }, from);
  if (done.type !== "committed") return { type: "lost" };
  const rested = { ...user, revision: done.revision };
  engine.changes.rested(rested);
  return { type: "rested", user: rested };
}

function conflict(engine: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_CONFLICT",
    `Cannot rename user ${engine.sealer.alias(id)}: another user has the new app_user_id`,
  );
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
