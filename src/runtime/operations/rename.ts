/**
 * Gives a user another `app_user_id`: at 1upHealth first, then here.
 *
 * @module
 */
import { isRenamable, isRenaming } from "../../../machines/index.ts";
import { sleep } from "../../clock.ts";
import { because, isLifecycleError, LifecycleError, type ErrorCode } from "../../errors.ts";
import { beforeAskingAgain } from "../../guard/guard.ts";
import type { Blocked } from "../gates/account.ts";
import { refusalError, shutError } from "../gates/refusal-error.ts";
import { confirmNumber } from "./confirm-number.ts";
import { hasItsId, waitForUser } from "../engine/wait-for-user.ts";
import type { CallOutcome } from "../user/call-outcome.ts";
import { whenIdle } from "../engine/when-idle.ts";
import { inTimeFor } from "../engine/deadline.ts";
import { mayArriveForMs } from "../engine/in-doubt.ts";
import { heldBy, stopOfLane, whenNotStopped, type OperatorStop } from "../engine/stop.ts";
import { runUser } from "../engine/run-user.ts";
import { causeOfShut, tooSoon } from "../engine/user-errors.ts";
import { newLease, type Engine, type RunResult, type Deadline } from "../engine/engine.ts";
import { isBusy, loadUser, tombstoneRevision, type LoadedUser } from "../engine/load-user.ts";
import { lastCause } from "../user/causes.ts";
import { stepped, type User } from "../user/user.ts";

/** The new id, and who asks for it, if that was named. */
export interface Renaming {
  readonly to: string;
  readonly by: string | undefined;
}

/**
 * Renames an idle user.
 *
 * @throws {LifecycleError} `RENAMED` if 1upHealth turns out to know the user by a third id, which it then has here as
 * well; `USER_CONFLICT` if another user has the new id, here or at 1upHealth, or its number; `PAUSED` while an operator
 * has stopped such calls; `CREDENTIALS_REFUSED`, `FORBIDDEN`, `RATE_LIMITED`, `UNAVAILABLE` also behind a shut gate;
 * `USER_NOT_READY` while another call for the user is under way, while its state does not allow a
 * rename, or while 1upHealth does not know it yet
 */
export async function rename(
  engine: Engine,
  id: string,
  { to, by }: Renaming,
  deadline: Deadline,
): Promise<void> {
  let user = await userOnceIdle(engine, id, deadline);
  if (id === to) return;
  await whenAllowed(engine, user, deadline);
  user = await userOnceIdle(engine, id, deadline);
  await assertFree(engine, user, to);
  if (user.position.context.idTaken) throw shared(engine, id);
  const oneupUserId = numberOf(engine, user);
  // seam: a-rename-confirms-the-number-first
  if (user.position.context.unconfirmed !== null) {
    await confirmNumber(engine, user, "rename", deadline);
    user = await userOnceIdle(engine, id, deadline);
    if (user.position.context.unconfirmed !== null || numberOf(engine, user) !== oneupUserId)
      throw notNow(engine, id, "a call for it is under way");
  }
  const { result, outcome } = await makeCall(engine, user, { to, by }, deadline);
  if (outcome === null) throw notNow(engine, id, "a call for it is under way");
  if (result.type === "rested" && result.user.id === to) return;
  const isDecided = result.type === "rested" && result.user.id === id && hasItsId(engine, result.user, null);
  const ended = isDecided ? result.user : await awaitOutcome(engine, id, to, deadline);
  if (ended === null) return;
  if (ended.position.context.idTaken) throw taken(engine, id);
  throw withCause(keptItsId(ended) ? renameRefused(engine, id, outcome) : unconfirmed(engine, id), result);
}

/** Whether 1upHealth has refused the last rename in its own words, or still lists the user under its id. */
function keptItsId({ history, position }: User): boolean {
  const before = (index: number): string => history[index - 1]?.[1] ?? "";
  const end = history.findLastIndex(([, state], index) => !isRenaming(state) && isRenaming(before(index)));
  return !isRenaming(position.state) && (before(end) === "renaming" || history[end]?.[2] === "USER_FOUND");
}

/** @throws {LifecycleError} `USER_CONFLICT` if a user here has this id, or one that was forgotten here had it */
async function assertFree(engine: Engine, user: User, to: string): Promise<void> {
  const isFree = (await engine.store.load(to)).type !== "record";
  if (!isFree || (await tombstoneRevision(engine, to)) > 0) throw takenBefore(engine, user, isFree);
}

/** The number of a user that can be renamed. */
function numberOf(engine: Engine, { id, position }: User): number {
  const { state, context } = position;
  if (context.oneupUserId === null) throw notNow(engine, id, "1upHealth does not know it yet");
  if (!isRenamable(state)) throw notNow(engine, id, `it is ${state}`);
  return context.oneupUserId;
}

/** The user, once it is idle, and its last call can no longer arrive. */
function userOnceIdle(engine: Engine, id: string, deadline: Deadline): Promise<User> {
  const load = (): Promise<LoadedUser> => loadUser(engine, id);
  const waitsFor = (found: LoadedUser): boolean =>
    isBusy(found) || mayArriveForMs(found.user.pause, found.record.dueInMs ?? 0) > 0;
  return whenIdle(engine, id, { verb: "rename a user", deadline, load, waitsFor }, async ({ user }) => user);
}

/** Makes the call as soon as a slot is free. `outcome`: `null` if another process was faster. */
async function makeCall(
  engine: Engine,
  user: User,
  { to, by }: Renaming,
  deadline: Deadline,
): Promise<{ readonly result: RunResult; readonly outcome: CallOutcome | null }> {
  const { clock, hidden } = engine;
  const form = hidden === null ? to : hidden.seal(user.id, to);
  let outcome: CallOutcome | null = null;
  for (;;) {
    deadline.signal.throwIfAborted();
    const shut = await engine.account.recheck("updateUser");
    if (shut !== null) throw gateShut(engine, user.id, shut);
    await whenAllowed(engine, user, deadline);
    await assertFree(engine, user, to); // it may have been taken while this call waited
    inTimeFor(deadline);
    const begun = stepped(user, { type: "RENAME", at: clock.now(), to: form }, by);
    const result = await runUser(
      engine,
      { ...begun, pause: null },
      { by: "free", lease: newLease(engine), onOutcome: (first) => (outcome ??= first) },
    );
    if (result.type !== "notBegun") return { result, outcome };
    if (result.blocked !== null) throw gateShut(engine, user.id, result.blocked);
    const left = deadline.until - clock.monotonic();
    if (left <= 0) throw notNow(engine, user.id, "no slot of the account's limit is free");
    const stopServing = engine.lanes.join(); // users in the lanes go first, so a process has to serve them
    const waitMs = Math.min(left, beforeAskingAgain(result.retryInMs));
    await sleep(clock, waitMs, deadline.signal).finally(stopServing);
  }
}

/** Waits for the end of a pause that comes in time. @throws {LifecycleError} `PAUSED`; `STORE_UNAVAILABLE` */
function whenAllowed(engine: Engine, { id, hold }: User, deadline: Deadline): Promise<void> {
  const stop = (): OperatorStop | null => (hold === null ? stopOfLane(engine, "interactive") : heldBy(hold));
  return whenNotStopped(engine, stop, `Cannot rename user ${engine.sealer.alias(id)}`, deadline);
}

/** The error for a rename that 1upHealth has refused or never received, or that a look-up shows as not done. */
function renameRefused(engine: Engine, id: string, outcome: CallOutcome): LifecycleError {
  const no = refusing(engine, id);
  switch (outcome.type) {
    case "conflict":
      return conflicting(engine, id, "another user has the new app_user_id");
    case "missing":
      return no(
        "BAD_ANSWER",
        "1upHealth answered that it has no user with its number; reconcile() shows which users it has",
      );
    case "throttled":
    case "credentialsRefused":
    case "blocked":
    case "refused":
    case "unexplained":
      return refusalError(outcome, no);
    default:
      return unanswered(engine, id);
  }
}

/** The error for a rename that was not carried out, retryable if there is a time for that. */
function refusing({ sealer }: Engine, id: string) {
  return (code: ErrorCode, why: string, retryAfterMs?: number): LifecycleError =>
    new LifecycleError(code, `Cannot rename user ${sealer.alias(id)}: ${why}; it keeps its id`, {
      retryable: retryAfterMs !== undefined,
      retryAfterMs,
    });
}

function withCause(error: LifecycleError, result: RunResult): LifecycleError {
  const cause = result.type === "rested" ? lastCause(result.user) : null;
  return cause === null ? error : because(error, cause);
}

/**
 * Waits until the rename in doubt is resolved, and helps to resolve it; `null`: it was carried out. 1upHealth may know the
 * user by a third id.
 */
function awaitOutcome(engine: Engine, id: string, to: string, deadline: Deadline): Promise<User | null> {
  return waitForUser(engine, id, deadline, hasItsId).catch((error: unknown) => {
    if (isLifecycleError(error, "RENAMED") && error.facts.renamedTo === to) return null;
    throw error;
  });
}

function notNow(engine: Engine, id: string, why: string): LifecycleError {
  return tooSoon(engine, "rename user", id, why);
}

function gateShut(engine: Engine, id: string, shut: Blocked): LifecycleError {
  return shutError(shut, engine.clock.now(), causeOfShut(engine, shut), refusing(engine, id));
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

/** With a third id, it would take the number, and with it the data, from the user here that has the id it was given. */
function shared(engine: Engine, id: string): LifecycleError {
  const why = "another user here has its number since an earlier rename";
  return conflicting(engine, id, `${why}: go on with that one, ${andThen}`);
}

const andThen = "then offboard and forget this one without a purge, for both have the same data";

function conflicting({ sealer }: Engine, id: string, why: string): LifecycleError {
  return new LifecycleError("USER_CONFLICT", `Cannot rename user ${sealer.alias(id)}: ${why}`);
}

function unanswered({ sealer }: Engine, id: string): LifecycleError {
  const message = `Cannot rename user ${sealer.alias(id)}: 1upHealth did not carry it out; it keeps its id`;
  return new LifecycleError("UNAVAILABLE", message, { retryable: true });
}

function unconfirmed({ sealer }: Engine, id: string): LifecycleError {
  const why = "1upHealth did not confirm it, and may have carried it out";
  const andSo = "give the new id to no other person unless a later rename() says that the user keeps its id";
  return new LifecycleError("UNAVAILABLE", `Cannot rename user ${sealer.alias(id)} yet: ${why}; ${andSo}`, {
    retryable: true,
  });
}
