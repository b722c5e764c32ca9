/**
 * Finishes a rename that was started: its intent is in the record, so the next process that runs the user completes it.
 *
 * @module
 */
import { beforeAskingAgain, slotAfter } from "../../guard/guard.ts";
import type { SlotEnd } from "../../guard/guard.ts";
import { isSameId } from "../../http/echo.ts";
import { listUsersCall } from "../../http/user-management.ts";
import type { Search } from "../../../machines/index.ts";
import type { Intent } from "../../store/envelope.ts";
import { conclusiveAt, givenUp, slotFate } from "./in-doubt.ts";
import type { Permit } from "../account/account.ts";
import type { Start } from "./engine.ts";
import type { RunResult } from "./engine.ts";
import { clientOf, laneOfCalls } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { underNewId } from "../user/tombstone.ts";
import { afterOddAnswer, afterTrouble, fullJitter, halfJitter } from "../options/backoff.ts";
import { isTaken } from "./move-user.ts";
import { untilLookedMs } from "./schedule.ts";
import { saveUser } from "./save-user.ts";
import type { How } from "./save-user.ts";
import { searchFrom } from "../user/located.ts";
import { queryOf, readSeen } from "../user/search-forms.ts";
import { stepped } from "../user/user.ts";
import type { User } from "../user/user.ts";

/** The call whose intent marks a rename. */
export const renameCall = "updateUser";

/** Whether a rename of this user is in flight or in doubt. */
export function renaming(user: User): boolean {
  return user.intent?.call === renameCall;
}

/** The facts of a rename intent: the new id, sealed where ids are hidden. */
export function intentTo(engine: Engine, user: User, to: string): NonNullable<Intent["facts"]> {
  return engine.hidden === null ? { to } : { sealedTo: engine.hidden.seal(user.id, to) };
}

function newIdOf(engine: Engine, { id, intent }: User): string {
  const { to = id, sealedTo } = intent?.facts ?? {};
  return sealedTo === undefined || engine.hidden === null ? to : engine.hidden.open(id, sealedTo);
}

/**
 * Resolves a rename in doubt: looks the user up at 1upHealth, then moves the record or leaves it. Without a free slot
 * the doubt stays and the user is rescheduled, so that it does not occupy a worker.
 */
export async function finishRename(
  engine: Engine,
  user: User,
  start: Start,
  permit: Permit,
): Promise<RunResult> {
  const to = newIdOf(engine, user);
  const oneupUserId = user.position.context.oneupUserId ?? 0; // rename() refuses a user without one
  const later = (ms: number, over: SlotEnd = {}): Promise<RunResult> =>
    end(engine, user, start, { ...over, dueInMs: ms, lane: null });
  const waitMs = stillInconclusiveMs(engine, user, start);
  if (waitMs > 0) return later(waitMs);
  const { account, forms, guard, sender } = engine;
  const blocked = await account.enter("listUsers", permit);
  if (blocked !== null) return later(untilLookedMs(engine, blocked));
  // Takes the lease first: a second look-up by another run, here or in another process, would waste a slot.
  const { slot: request, notAfter } = guard.ask("management", laneOfCalls(engine) && user.lane);
  const mode = start.by === "claimed" ? "keep" : "take";
  const taken = await saveUser(engine, user, false, {
    mode,
    lease: start.lease,
    dueInMs: null,
    lane: null,
    take: request,
  });
  if (taken.type === "committed") {
    const held: Start = { ...start, by: "claimed" };
    const ours = { ...user, revision: taken.revision };
    const absent = absencesOf(user).times;
    const sought = absent % 3 === 2 ? { appUserId: to } : { oneupUserId };
    const search = searchOf(user) ?? searchFrom(forms, absent, sought);
    const call = listUsersCall(clientOf(engine), {
      ...queryOf(search, sought),
      pager: engine.settings.pager,
    });
    const answer = await sender.send(call, { notAfter });
    const seen = answer.type === "answer" ? readSeen(answer, search, sought, forms) : answer;
    await account.recordOutcome("listUsers", seen, permit);
    const over = slotAfter(taken.slot, slotFate(answer.type));
    const noted = absent === 0 ? forms : null;
    switch (seen.type) {
      case "user": {
        noted?.note(search, seen);
        const isDone = isSameId(seen.user.appUserId, to) && seen.user.oneupUserId === oneupUserId;
        // seam: a-rename-in-doubt-is-looked-up
        return isDone ? move(engine, ours, held, to, over) : stay(engine, ours, held, over);
      }
      case "none":
        noted?.note(search, seen);
        return unlisted(engine, ours, held, over);
      case "others":
        noted?.note(search, seen);
        return seen.search === null
          ? askLater(engine, lookingOn(ours, null), held, over)
          : end(engine, lookingOn(ours, seen.search), held, { ...over, dueInMs: 0, lane: null });
      default:
        return askLater(engine, ours, held, over);
    }
  }
  await account.leave(permit);
  return taken.type === "refused" ? later(beforeAskingAgain(taken.retryInMs)) : { type: "overtaken" };
}

/** How long, ms, and how often 1upHealth must not list the user before a rename in doubt counts as not done. */
const unlistedForMs = 3_600_000;
const fewestAbsences = 5;

/** Since when and how often the list of a look-up was empty. */
function absencesOf({ intent }: User): { readonly since: number | null; readonly times: number } {
  const { absent, absentSince } = intent?.facts ?? {};
  return { since: absentSince === undefined ? null : Number(absentSince), times: Number(absent ?? 0) };
}

/**
 * The list is empty, although 1upHealth has confirmed the number: that may be wrong. It is asked in another form, less and
 * less often. After an hour the record stays where it is, which is safe: if 1upHealth has renamed the user, the next
 * request for a code finds it by its number.
 */
function unlisted(engine: Engine, user: User, start: Start, over: SlotEnd): Promise<RunResult> {
  const now = engine.clock.now();
  const before = absencesOf(user);
  const [times, since] = [before.times + 1, before.since ?? now];
  const isBelieved = times >= fewestAbsences && now - since >= unlistedForMs;
  if (isBelieved) return stay(engine, user, start, over);
  const { search: _, ...facts } = user.intent?.facts ?? {};
  const counted = { ...facts, absent: String(times), absentSince: String(since) };
  const intent = user.intent && { ...user.intent, facts: counted };
  const dueInMs = times === 1 ? 0 : halfJitter(afterOddAnswer, times - 1, engine.clock.random());
  return end(engine, { ...user, intent }, start, { ...over, dueInMs, lane: null });
}

/** The progress of the look-up, if 1upHealth has listed only other users so far. */
function searchOf({ intent }: User): Search | null {
  const { search } = intent?.facts ?? {};
  return search === undefined ? null : (JSON.parse(search) as Search); // it was written by lookingOn()
}

function lookingOn(user: User, search: Search | null): User {
  const { search: _, ...facts } = user.intent?.facts ?? {};
  const next = search === null ? facts : { ...facts, search: JSON.stringify(search) };
  return { ...user, intent: user.intent && { ...user.intent, facts: next } };
}

/**
 * How much longer the call may still arrive. For a claimed user this time is over by the store's clock, which all
 * processes share; this process's own clock may differ from the one that wrote the time and could add minutes.
 */
function stillInconclusiveMs({ clock, settings }: Engine, { intent }: User, { by }: Start): number {
  if (intent === null || by === "claimed") return 0;
  return Math.min(conclusiveAt(intent, settings) - clock.now(), settings.timeoutMs + settings.graceMs);
}

/** The look-up was inconclusive. The intent counts the attempts, so that the wait grows whichever process asks. */
function askLater(engine: Engine, user: User, start: Start, over: SlotEnd): Promise<RunResult> {
  const asked = 1 + (Number(user.intent?.facts?.["asked"]) || 0);
  const intent = user.intent && { ...user.intent, facts: { ...user.intent.facts, asked: String(asked) } };
  const dueInMs = fullJitter(afterTrouble, asked, engine.clock.random());
  return end(engine, { ...user, intent }, start, { ...over, dueInMs, lane: null });
}

/** The call ended with an unknown outcome: records the doubt, with the time from which a look-up is conclusive. */
export function doubt(engine: Engine, user: User, start: Start, over: SlotEnd): Promise<RunResult> {
  const { graceMs } = engine.settings;
  const intent = user.intent && givenUp(user.intent, { at: engine.clock.now(), graceMs });
  return end(engine, { ...user, intent }, start, { ...over, dueInMs: graceMs, lane: null });
}

/** Moves the record to the new id; its secrets are sealed again because they are bound to the id. */
export async function move(
  engine: Engine,
  user: User,
  start: Start,
  to: string,
  over: SlotEnd,
): Promise<RunResult> {
  const moved: User = { ...underNewId(engine, user, to), intent: null, secrets: { ...user.secrets } };
  const result = await end(engine, moved, start, { ...over, dueInMs: 0, lane: null }, user.id);
  if (result.type === "rested" || !(await isTaken(engine, user.id, to))) return result;
  // The id was taken in this store while 1upHealth gave it to this user. Nothing is overwritten and no grant is
  // dropped: the conflict is reported in the status of the user, and an operator must decide.
  engine.settings.logger.warn(
    `Cannot move user ${engine.sealer.alias(user.id)}: its new id is taken in this store`,
  );
  return stay(engine, stepped(user, { type: "ID_TAKEN", at: engine.clock.now() }), start, over);
}

export function stay(engine: Engine, user: User, start: Start, over: SlotEnd): Promise<RunResult> {
  return end(engine, { ...user, intent: null }, start, { ...over, dueInMs: 0, lane: null });
}

async function end(
  engine: Engine,
  user: User,
  start: Start,
  how: Omit<How, "mode" | "lease">,
  from?: string,
): Promise<RunResult> {
  const mode = start.by === "claimed" ? "end" : "none";
  const done = await saveUser(engine, user, true, { ...how, mode, lease: start.lease }, from);
  if (done.type !== "committed") return { type: "overtaken" };
  const rested = { ...user, revision: done.revision };
  engine.changes.rested(rested, how);
  return { type: "rested", user: rested };
}
