/**
 * A rename that was begun, and how it comes to its end: the intent stands in the record, so whoever takes the user up
 * next finishes it.
 *
 * @module
 */
import { beforeAskingAgain, slotAfter } from "../guard/guard.ts";
import { listUsersCall, readUserList } from "../http/user-management.ts";
import type { Commit } from "../store/contract.ts";
import type { Intent } from "../store/envelope.ts";
import { conclusiveAt, givenUp, slotFate } from "./doubt.ts";
import type { Pass } from "./account.ts";
import type { Driven, Start } from "./drive.ts";
import { clientOf, laneOfCalls } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { afterTrouble, fullJitter } from "./pauses.ts";
import { isTaken } from "./relocate.ts";
import { untilLookedMs } from "./rest.ts";
import { save } from "./save.ts";
import type { How } from "./save.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** The call whose intent marks a rename. */
export const renameCall = "updateUser";

/** Is a rename of this user under way, or in doubt? */
export function renaming(user: User): boolean {
  return user.intent?.call === renameCall;
}

/** What a rename must remember: the new id, sealed where ids are hidden. */
export function intentTo(engine: Engine, user: User, to: string): NonNullable<Intent["facts"]> {
  return engine.hidden === null ? { to } : { sealedTo: engine.hidden.seal(user.id, to) };
}

function newIdOf(engine: Engine, { id, intent }: User): string {
  const { to = id, sealedTo } = intent?.facts ?? {};
  return sealedTo === undefined || engine.hidden === null ? to : engine.hidden.open(id, sealedTo);
}

/** What becomes of the slot of a call that is over. */
export type Over = Pick<Commit, "settle" | "giveBack">;

/**
 * A rename is in doubt: asks 1upHealth who the user is, then moves the record or leaves it where it is. Without a free
 * slot the doubt stays and the user comes back later: nobody waits here, for others need the worker's place.
 */
export async function finishRename(engine: Engine, user: User, start: Start, pass: Pass): Promise<Driven> {
  const to = newIdOf(engine, user);
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const later = (ms: number, over: Over = {}): Promise<Driven> =>
    end(engine, user, start, { ...over, dueInMs: ms, lane: null });
  const waitMs = stillInconclusiveMs(engine, user, start);
  if (waitMs > 0) return later(waitMs);
  const { account, guard, sender, store } = engine;
  const barrier = await account.enter("listUsers", pass);
  if (barrier !== null) return later(untilLookedMs(engine, barrier));
  const { slot: request, notAfter } = guard.ask("management", laneOfCalls(engine) && user.lane);
  const taken = request === undefined ? null : await store.slots.take(request);
  if (taken?.type === "refused") {
    await account.leave(pass);
    return later(beforeAskingAgain(taken.retryInMs));
  }
  const answer = await sender.send(listUsersCall(clientOf(engine), { oneupUserId }), { notAfter });
  const found = answer.type === "answer" ? readUserList(answer, "nobody") : answer;
  await account.heard("listUsers", found, pass);
  const over = slotAfter(taken?.slot ?? null, slotFate(answer.type));
  if (found.type !== "users") return askLater(engine, user, start, over);
  const there = found.users.find((remote) => remote.oneupUserId === oneupUserId);
  return there?.appUserId === to ? move(engine, user, start, to, over) : stay(engine, user, start, over);
}

/**
 * How much longer the call may still arrive. Whoever claims the user was told by the store, whose clock is everybody's,
 * that this time is over; by its own clock, which another process did not have when it wrote the time down, it might wait
 * for minutes more.
 */
function stillInconclusiveMs({ clock, settings }: Engine, { intent }: User, { by }: Start): number {
  if (intent === null || by === "claimed") return 0;
  return Math.min(conclusiveAt(intent, settings) - clock.now(), settings.timeoutMs + settings.graceMs);
}

/** 1upHealth did not say. How often it was asked stands in the intent: each time it is asked later, whoever asks. */
function askLater(engine: Engine, user: User, start: Start, over: Over): Promise<Driven> {
  const asked = 1 + (Number(user.intent?.facts?.["asked"]) || 0);
  const intent = user.intent && { ...user.intent, facts: { ...user.intent.facts, asked: String(asked) } };
  const dueInMs = fullJitter(afterTrouble, asked, engine.clock.random());
  return end(engine, { ...user, intent }, start, { ...over, dueInMs, lane: null });
}

/** The call is over and nobody heard how it ended: the doubt is written down, with the moment from which it can be settled. */
export function doubt(engine: Engine, user: User, start: Start, over: Over): Promise<Driven> {
  const { graceMs } = engine.settings;
  const intent = user.intent && givenUp(user.intent, { at: engine.clock.now(), graceMs });
  return end(engine, { ...user, intent }, start, { ...over, dueInMs: graceMs, lane: null });
}

/** The record goes to the new id; its secrets are sealed anew, for they are bound to the id. */
export async function move(
  engine: Engine,
  user: User,
  start: Start,
  to: string,
  over: Over,
): Promise<Driven> {
  const moved: User = { ...user, id: to, intent: null, secrets: { ...user.secrets } };
  const driven = await end(engine, moved, start, { ...over, dueInMs: 0, lane: null }, user.id);
  if (driven.type === "rested" || !(await isTaken(engine, user.id, to))) return driven;
  // The id was taken here while 1upHealth gave it to this user. Nothing is overwritten and no grant is thrown away:
  // whoever looks at the user is told, and a person must decide.
  engine.settings.logger.warn(
    `Cannot move user ${engine.sealer.alias(user.id)}: its new id is taken in this store`,
  );
  return stay(engine, stepped(user, { type: "ID_TAKEN", at: engine.clock.now() }), start, over);
}

export function stay(engine: Engine, user: User, start: Start, over: Over): Promise<Driven> {
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
  engine.changes.rested(rested, how);
  return { type: "rested", user: rested };
}
