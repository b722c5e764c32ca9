/**
 * Runs one user as far as possible now: step → commit → call → step → …, until it is idle.
 *
 * Each iteration of the loop is one commit. It holds the outcome of the last call **and** the intent of the next one,
 * so an onboarding without incidents takes three durable writes, and whenever the process dies, the record shows which
 * call was in flight.
 *
 * @module
 */
import { randomName, slept } from "../../clock.ts";
import type { Lane, Limit } from "../../store/contract.ts";
import type { Pause } from "../../store/envelope.ts";
import { isPurging, isRenaming, type UserCall } from "../../../machines/index.ts";
import type { GatedCall } from "../../guard/gates.ts";
import { slotAfter, type SlotEnd } from "../../guard/guard.ts";
import { isAboutAnother } from "../../http/user-management.ts";
import type { Blocked, Outcome, Permit } from "../gates/account.ts";
import { performCall, bringsCode, endpointOf, gatedCall } from "./perform-call.ts";
import { afterDeath, applyOutcome, noteCause } from "./apply-outcome.ts";
import type { CallOutcome, FailureScope } from "../user/call-outcome.ts";
import { doubtAbout, momentOf, slotFate } from "./in-doubt.ts";
import { laneOfCalls, newLease, type Engine, type RunResult, type RunOptions } from "./engine.ts";
import { hasUser, moveUser } from "./move-user.ts";
import { postponedInARow } from "./pause-after.ts";
import { schedule } from "./schedule.ts";
import { stopsAtOnce, stopsOnceRead } from "./stop.ts";
import { saveUser, type CommitOptions } from "./save-user.ts";
import { codeRegistersMs } from "../options/backoff.ts";
import { applyDueNow, isUsableNow } from "../user/token-time.ts";
import { callOf } from "../user/step.ts";
import { grantTime } from "../telemetry/grant-time.ts";
import { stepped, type User } from "../user/user.ts";

/**
 * Runs `user` until it is idle. There is one run per user and process: a second call joins the first, unless it holds a
 * lease of its own. Then it starts after the first, which has ended, or has lost the user without knowing it yet.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE` if nothing could be written before the first call
 */
export function runUser(engine: Engine, user: User, options?: RunOptions): Promise<RunResult> {
  const current = engine.running.get(user.id);
  if (current !== undefined) {
    const startNext = (): Promise<RunResult> => runUser(engine, user, options);
    return options?.by === "claimed" ? current.then(startNext, startNext) : current;
  }
  const runOptions = options ?? { by: "free", lease: newLease(engine) };
  const run = withPermit(engine, user, runOptions);
  engine.running.set(user.id, run);
  const end = (): void => void engine.running.delete(user.id);
  run.then(end, end); // before any other caller's
  return run;
}

/** Releases the gates that this run was probing, and its reserved slot, however the run ends. */
async function withPermit(engine: Engine, user: User, options: RunOptions): Promise<RunResult> {
  const permit = engine.account.permitFor(user.id);
  try {
    return await runLoop(engine, user, options, permit);
  } finally {
    if (permit.probing.size > 0) await engine.account.abandon(permit);
    for (const slot of [permit.exchangeSlot, permit.purgeSlot])
      if (slot !== null) await engine.store.slots.giveBack(slot).catch(() => {}); // the slot expires by itself
  }
}

/** Of a run without a slot of its own: it requests one for each call. */
const always = (): boolean => true;

async function runLoop(
  engine: Engine,
  loaded: User,
  options: RunOptions,
  permit: Permit,
): Promise<RunResult> {
  const initial: User = loaded.leaseMs === undefined ? loaded : { ...loaded, leaseMs: undefined };
  const { clock, guard } = engine;
  const { by, lease, stopSignal } = options;
  if (initial.intent !== null) engine.recorder?.takenOver(initial.intent.call);
  let { slot = null, isOver = always } = options;
  // A claimed user, or one with a slot, has finished its wait by the store's clock, which all processes share.
  const hasWaited = by === "claimed" || slot !== null;
  let user =
    initial.intent !== null
      ? applyDueNow(engine, afterDeath(engine, initial))
      : hasWaited
        ? { ...initial, pause: null }
        : initial;
  let mode: "take" | "keep" = by === "claimed" ? "keep" : "take";
  /** What the next commit does with the slot of the finished call. */
  let slotEnd: SlotEnd = {};
  let hasOutcome = false;
  /** The last commit of the run: releases the lease and schedules the user. */
  const finishRun = async (waits: Blocked | "slot" | null, retryInMs = 0): Promise<RunResult> => {
    // A rename that cannot begin is not stored: its caller decides, and the user's tokens are refreshed meanwhile.
    if (user.position.state === "renaming")
      return { type: "notBegun", blocked: waits === "slot" ? null : waits, retryInMs };
    const place = schedule(engine, user, waits);
    const how: CommitOptions = { mode: mode === "keep" ? "end" : "none", lease, ...place, ...slotEnd };
    const saving = saveUser(engine, user, /* seam: an-outcome-is-saved-in-the-end */ hasOutcome, how);
    let rested = user;
    // seam: only-what-is-saved-is-returned
    {
      const saved = await saving;
      if (saved.type !== "committed") return { type: "overtaken" };
      rested = { ...user, revision: saved.revision };
    }
    const granted = engine.recorder === null || !hasOutcome ? null : grantTime(rested);
    if (granted !== null) engine.recorder?.granted(granted.kind, granted.ms);
    engine.changes.becameIdle(rested, place);
    return { type: "rested", user: rested };
  };

  for (;;) {
    const isPaused = user.pause !== null && user.pause.until > clock.now();
    const wanted = isPaused ? undefined : callOf(user.position.state);
    const isShuttingDown = engine.closing.aborted || (stopSignal?.aborted ?? false);
    const stops = (call: UserCall): boolean | null => stopsAtOnce(engine, user, call, isShuttingDown);
    let isStopped = wanted !== undefined && (stops(wanted) ?? (await stopsOnceRead(engine, user)));
    const endpoint = wanted === undefined || isStopped ? undefined : endpointOf(wanted);
    permit.wasPostponed = postponedInARow(user.history) > 0;
    permit.isRetry = user.position.context.attempt > 0;
    // It brought the user into its lane, or to the look-up before this purge.
    permit.hasTurn = isPurging(user.position.state) && (slot !== null || hasOutcome);
    permit.hasFailed = user.position.context.exchanges > 0 || user.position.context.codesSpent > 0;
    permit.granted = slot === null || endpoint !== "management" ? null : { slot, isOver };
    const gated = wanted && gatedCall(user.position.state, wanted);
    const skipsGates =
      wanted === undefined || gated === undefined || isStopped || entersAtOnce(engine, gated, permit);
    const blocked = skipsGates ? null : await blockedBefore(engine, gated, permit);
    // The gates may have taken a while. From here on the call leaves within its time-out, or not at all.
    isStopped ||= !skipsGates && blocked === null && (stops(wanted) ?? (await stopsOnceRead(engine, user)));
    const call = isStopped ? undefined : wanted;
    if (endpoint === "management" && permit.granted === null) slot = null; // a neutral call has used it
    // A user that was granted a slot for a call that may no longer start.
    const returnsToLane = isStopped && slot !== null && !hasOutcome;
    if (slot !== null && (isStopped || endpoint !== "management" || blocked !== null)) {
      slotEnd = { giveBack: slot };
      slot = null;
    }
    if (blocked?.yields) user = { ...user, pause: pauseFor(blocked) };
    if (call === undefined || endpoint === undefined || blocked !== null) {
      return await finishRun(blocked ?? (returnsToLane ? "slot" : null));
    }

    if (endpoint === "token" && permit.exchangeSlot !== null) {
      [slot, permit.exchangeSlot] = [permit.exchangeSlot, null];
      isOver = guard.deadline();
    }
    if (endpoint === "fhir" && permit.purgeSlot !== null) {
      [slot, permit.purgeSlot] = [permit.purgeSlot, null];
      isOver = guard.deadline();
    }
    // A user whose token still works can wait for longer than one whose code expires.
    const limitName = call === "refreshToken" && isUsableNow(engine, user) ? "refresh" : endpoint;
    const lane = laneFor(engine, user, call);
    const slotRequest = slot === null ? guard.ask(limitName, lane) : null;
    const intended = withIntent(engine, user, call);
    const done = await saveUser(engine, intended, hasOutcome, {
      mode,
      lease,
      dueInMs: null,
      lane: null,
      take: slotRequest?.slot,
      ...slotEnd,
    });
    if (done.type === "conflict") return { type: "overtaken" };
    if (done.type === "refused") {
      const growsInMs = endpoint === "management" ? guard.limits.growth?.[0]?.[0] : undefined;
      const until = clock.now() + Math.min(done.retryInMs, growsInMs ?? done.retryInMs);
      user = { ...user, pause: { reason: "rateLimit", until } };
      return await finishRun(endpoint === "management" ? "slot" : null, done.retryInMs);
    }
    if (slotRequest !== null) {
      slot = done.slot;
      isOver = slotRequest.isOver;
    }
    mode = "keep";
    user = { ...intended, revision: done.revision };
    options.onIntent?.();
    engine.changes.tookStep(user);
    const { outcome, failed } = await performCall(engine, user, call, isOver);
    options.onOutcome?.(outcome);
    if (isAboutAnother(outcome)) reportAnother(engine, user, call);
    slotEnd = slotAfter(slot, slotFate(outcome.type));
    slot = null;
    const isTooEarly = mayBeTooEarly(user, call, outcome, permit);
    const isPlain = isTooEarly || reportOutcomeAtOnce(engine, user, call, outcome, permit);
    const scope = isPlain ? "plain" : await reportOutcome(engine, user, call, outcome, permit);
    if (outcome.type === "notSent") user = { ...user, calls: adjustedCalls(user, call, -1) };
    user = noteCause(engine, user, applyOutcome(user, outcome, momentOf(engine), scope), failed);
    // Once the fresh code has registered, unless the lifecycle closes first.
    if (isTooEarly && (await slept(clock, codeRegistersMs, engine.closing))) user = { ...user, pause: null };
    hasOutcome = true;
    // seam: a-renamed-user-is-moved
    if (outcome.type === "elsewhere" || outcome.type === "updated") {
      const isLeaving = isPurging(user.position.state); // its record stays where it is
      const result = isLeaving
        ? null
        : await moveUser(engine, user, outcome.appUserId, { lease, ...slotEnd });
      if (result !== null) return result;
      if (!isLeaving || (await hasUser(engine, outcome.appUserId)))
        user = stepped(user, { type: "ID_TAKEN", at: clock.now() });
    }
  }
}

/** Warns about a response that concerns another user of 1upHealth. It is not used, and an operator should investigate. */
function reportAnother({ sealer, settings }: Engine, { id, position }: User, call: UserCall): void {
  const alias = sealer.alias(id);
  const flaw =
    endpointOf(call) === "token"
      ? "holds a token that another user has got"
      : "is about another user of 1upHealth";
  settings.logger.warn(
    { user: alias, state: position.state, call },
    `The answer to ${call} for user ${alias} ${flaw}: it is not used, and the call is in doubt`,
  );
}

/**
 * 1upHealth may answer a fresh code that has not registered yet as if it were down. The one code an hour that an account
 * spends on probing the gate is presented a second time before its outcome counts for the gate.
 */
function mayBeTooEarly({ position }: User, call: UserCall, outcome: CallOutcome, permit: Permit): boolean {
  const isFirst = call === "exchangeCode" && position.context.exchanges === 0;
  return (
    isFirst &&
    outcome.type === "inDoubt" &&
    permit.probing.has("exchange") &&
    permit.probeCodeAt !== undefined
  );
}

/** Whether the call passes the gates without a wait: none is shut, and it needs no place for the call after it. */
function entersAtOnce(engine: Engine, call: GatedCall, permit: Permit): boolean {
  return limitAfter(engine, call, permit) === null && engine.account.enterAtOnce(call, permit);
}

/** The limit of the call that follows this one within minutes, if that has no place there yet. */
function limitAfter({ guard }: Engine, call: GatedCall, permit: Permit): Limit | null {
  if (call === "findLeaver") return permit.purgeSlot === null ? guard.limits.fhir : null;
  return bringsCode(call) && permit.exchangeSlot === null ? guard.limits.token : null;
}

/**
 * The gate that blocks the call, if any. Where the token endpoint has a limit, a slot for the exchange is taken before
 * a code is requested: the code would expire before the next free slot. So is one of FHIR's limit before a user is
 * looked up to be purged.
 */
async function blockedBefore(engine: Engine, call: GatedCall, permit: Permit): Promise<Blocked | null> {
  const { account, clock, guard, store } = engine;
  const limit = limitAfter(engine, call, permit);
  const blocked = await account.enter(call, permit);
  if (blocked !== null || limit === null) return blocked;
  const holdMs = 2 * guard.holdMs; // the call for the code, or the look-up, is sent first
  const taken = await store.slots.take({ limit, holdMs, lane: null });
  const isForPurge = call === "findLeaver";
  if (taken.type === "taken") permit[isForPurge ? "purgeSlot" : "exchangeSlot"] = taken.slot;
  else await account.abandon(permit);
  if (taken.type === "taken") return null;
  if (!isForPurge) return account.limitReached(taken.retryInMs);
  const until = clock.now() + taken.retryInMs;
  return { by: "fhir", reason: "rateLimit", until, yields: true, isLong: true };
}

/** Outcomes that show nothing about the credentials. */
const inconclusive: readonly CallOutcome["type"][] = ["notSent", "lost", "inDoubt", "throttled", "blocked"];

/** Outcomes that normally concern the whole account. */
const refusals: readonly CallOutcome["type"][] = ["credentialsRefused", "blocked", "throttled"];

/** Whether the endpoint may be down, or only this user's code at fault. */
function isDoubtful({ position }: User, { type }: CallOutcome): boolean {
  return doubtAbout(position, type)?.whileDown !== undefined;
}

/** Reports an outcome to the account if that needs no wait. It then means nothing for the user beyond itself. */
function reportOutcomeAtOnce(
  { account }: Engine,
  user: User,
  call: UserCall,
  outcome: CallOutcome,
  permit: Permit,
): boolean {
  if (!inconclusive.includes(outcome.type)) account.isDoubted = outcome.type === "credentialsRefused";
  if (refusals.includes(outcome.type) || isDoubtful(user, outcome)) return false;
  return account.recordAtOnce(gatedCall(user.position.state, call), asReported(user, outcome), permit);
}

/** A purge that was cut off this often in a row may be one that a gateway answers in place of FHIR. */
const manyCuts = 8;

/** The outcome as the account learns it: a purge that is cut off again and again has got no answer. */
function asReported({ position }: User, outcome: CallOutcome): Outcome {
  return outcome.type === "cut" && position.context.attempt >= manyCuts ? { type: "inDoubt" } : outcome;
}

/** Reports any other outcome. Returns what it means for the user beyond the outcome itself. */
async function reportOutcome(
  engine: Engine,
  user: User,
  call: UserCall,
  outcome: CallOutcome,
  permit: Permit,
): Promise<FailureScope> {
  const { account } = engine;
  const tried = permit.probing.size > 0;
  const gated = gatedCall(user.position.state, call);
  if (refusals.includes(outcome.type)) {
    // 1upHealth also refuses a purge of a user it does not have, so a refused purge says nothing about the account.
    if (call === "purge" && outcome.type !== "throttled") {
      await account.abandon(permit);
      return "own";
    }
    const trouble = await account.recordOutcome(gated, outcome, permit);
    // A failed probe would otherwise be rescheduled first in its lane.
    const triedInVain = tried && outcome.type === "credentialsRefused" && endpointOf(call) === "management";
    return trouble === "own" || triedInVain ? "own" : "plain";
  }
  if (isDoubtful(user, outcome)) {
    // Other exchanges are answered, so this code is at fault; or one code may be spent to find out whether it is.
    if (!permit.probing.has("exchange") || account.spendCode(permit)) return "plain";
    await account.recordOutcome(gated, outcome, permit);
    return "kept";
  }
  await account.recordOutcome(gated, asReported(user, outcome), permit);
  return "plain";
}

/** The pause of a user that lets others probe a gate first. */
function pauseFor({ reason, until }: Blocked): Pause {
  return { reason: reason === "unavailable" || reason === "rateLimit" ? reason : "throttled", until };
}

/** The lane that its slot is taken in. A call that brings no code need not wait for users whose codes are held up. */
function laneFor(engine: Engine, { lane, position }: User, call: UserCall): Lane | null {
  if (isRenaming(position.state)) return laneOfCalls(engine); // it is in no lane
  return endpointOf(call) === "management" && !bringsCode(call) ? laneOfCalls(engine, lane) : lane;
}

/** The user's calls, with one more or one less. */
function adjustedCalls({ calls }: User, call: UserCall, by: 1 | -1): User["calls"] {
  const kind = endpointOf(call);
  return kind === "fhir" ? calls : { ...calls, [kind]: calls[kind] + by };
}

function withIntent(engine: Engine, user: User, call: UserCall): User {
  return {
    ...user,
    pause: null,
    // seam: an-intent-is-saved-before-its-call-leaves
    intent: { call, attempt: randomName(engine.clock), at: engine.clock.now() },
    calls: adjustedCalls(user, call, 1),
  };
}
