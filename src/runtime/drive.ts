/**
 * Takes one user as far as it goes now: step → commit → act → step → …, until it rests.
 *
 * Every turn of the loop is one commit. It carries what the last call brought **and** the intent of the next one, so
 * the straight way of an onboarding is three durable writes, and whatever instant the process dies at, the record
 * says what was under way.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import type { Commit, Lease, Limit, Slot } from "../store/contract.ts";
import { isPurging } from "../../machines/index.ts";
import type { UserCall } from "../../machines/index.ts";
import { slotAfter } from "../guard/guard.ts";
import type { Barrier, Pass } from "./account.ts";
import { act, bringsCode, endpointOf, heardBy, heardByNobody } from "./act.ts";
import type { Heard, Verdict } from "./act.ts";
import { doubtAbout, slotFate } from "./doubt.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { finishRename, renaming } from "./renaming.ts";
import { isSomebodys, relocate } from "./relocate.ts";
import { restingPlace } from "./rest.ts";
import { save } from "./save.ts";
import { awake } from "./status.ts";
import { callOf } from "./step.ts";
import { stepped } from "./user.ts";
import type { User } from "./user.ts";

/** How a drive ended. */
export type Driven =
  /** The user is stored and waits, or has arrived; no lease is left. */
  | { readonly type: "rested"; readonly user: User }
  /** Somebody else works on the user; nothing of ours was written last. */
  | { readonly type: "lost" };

/** What a driver starts with. */
export interface Start {
  /** `claimed`: the lease is held already. `free`: the first commit takes it. */
  readonly by: "claimed" | "free";
  readonly lease: Lease;
  /** A slot that came with the lease. */
  readonly slot?: Slot | null;
  /** `clock.monotonic()` after which a call on that slot must not leave. */
  readonly notAfter?: number;
  /** Once it aborts no further management call is begun; the call under way, and the exchange of its code, are. */
  readonly stop?: AbortSignal;
}

/**
 * Drives `user` until it rests. One drive a user and process: a second call joins the first, unless it brings a
 * lease of its own; then it follows it, for the first has ended, or has lost the user and does not know it yet.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE` if nothing could be written before the first call
 */
export function drive(engine: Engine, user: User, start?: Start): Promise<Driven> {
  const under = engine.driving.get(user.id);
  if (under !== undefined) {
    const again = (): Promise<Driven> => drive(engine, user, start);
    return start?.by === "claimed" ? under.then(again, again) : under;
  }
  const from = start ?? { by: "free", lease: newLease(engine) };
  const way = withPass(engine, user, from).finally(() => engine.driving.delete(user.id));
  engine.driving.set(user.id, way);
  return way;
}

/** Whatever happens, a gate that this drive was the one to try is left to others. */
async function withPass(engine: Engine, user: User, start: Start): Promise<Driven> {
  const pass = engine.account.pass();
  try {
    return await (renaming(user) ? finishRename : onward)(engine, user, start, pass);
  } finally {
    if (pass.tries.size > 0) await engine.account.leave(pass);
    if (pass.reserved !== null) await engine.store.slots.giveBack(pass.reserved).catch(() => {}); // it passes by itself
  }
}

async function onward(engine: Engine, start: User, from: Start, pass: Pass): Promise<Driven> {
  const { clock, guard, settings } = engine;
  const { by, lease, stop } = from;
  let { slot = null, notAfter = 0 } = from;
  // Whoever was claimed, or brings a slot, has what it waited for: the store says so, whose clock is everybody's.
  const waited = by === "claimed" || slot !== null;
  let user =
    start.intent !== null
      ? awake(heardByNobody(start, clock.now()), settings.windowMs, clock.now())
      : waited
        ? { ...start, pause: null }
        : start;
  let mode: "take" | "keep" = by === "claimed" ? "keep" : "take";
  /** What becomes of the slot of the call that is over, with the next commit. */
  let over: Pick<Commit, "settle" | "giveBack"> = {};
  let heardSomething = false;
  const rest = (waits: Barrier | "slot" | null): Promise<Driven> =>
    end(engine, user, lease, mode, over, heardSomething, waits);

  for (;;) {
    const stopping = engine.closing.aborted || (stop?.aborted ?? false);
    const call = nextCall(user, clock.now(), stopping);
    const endpoint = call === undefined ? undefined : endpointOf(call);
    const barrier = call === undefined ? null : await barrierBefore(engine, call, pass);
    // Whoever came with a slot and may not begin any more goes back to its place in the lane.
    const unserved =
      stopping && slot !== null && !heardSomething && callOf(user.position.state) !== undefined;
    if (slot !== null && (endpoint !== "management" || barrier !== null)) {
      over = { giveBack: slot };
      slot = null;
    }
    if (call === undefined || endpoint === undefined || barrier !== null) {
      return rest(barrier ?? (unserved ? "slot" : null));
    }

    if (endpoint === "token" && pass.reserved !== null) {
      [slot, pass.reserved] = [pass.reserved, null];
      notAfter = clock.monotonic() + settings.timeoutMs;
    }
    const ask = slot === null ? guard.ask(endpoint, user.lane) : null;
    const intended = withIntent(engine, user, call);
    const done = await save(engine, intended, heardSomething, {
      mode,
      lease,
      dueInMs: null,
      lane: null,
      take: ask?.slot,
      ...over,
    });
    if (done.type === "conflict") return { type: "lost" };
    if (done.type === "refused") {
      user = { ...user, pause: { reason: "rateLimit", until: clock.now() + done.retryInMs } };
      return rest(endpoint === "management" ? "slot" : null);
    }
    if (ask !== null) {
      slot = done.slot;
      notAfter = ask.notAfter;
    }
    mode = "keep";
    user = { ...intended, revision: done.revision };
    engine.changes.moved(user);
    const heard = await act(engine, user, call, notAfter);
    over = slotAfter(slot, slotFate(heard.type));
    slot = null;
    const verdict = await reported(engine, user, call, heard, pass);
    user = heardBy(user, heard, clock.now(), clock.random(), settings.graceMs, verdict);
    heardSomething = true;
    if (heard.type === "elsewhere") {
      const isLeaving = isPurging(user.position.state); // its record stays where it is
      const driven = isLeaving ? null : await relocate(engine, user, heard.appUserId, { lease, ...over });
      if (driven !== null) return driven;
      if (!isLeaving || (await isSomebodys(engine, heard.appUserId)))
        user = stepped(user, { type: "ID_TAKEN", at: clock.now() });
    }
  }
}

/** What stands before the call. */
function barrierBefore(engine: Engine, call: UserCall, pass: Pass): Promise<Barrier | null> {
  const limit = engine.guard.limits.token;
  const plain = limit === null || !bringsCode(call) || pass.reserved !== null;
  return plain ? engine.account.enter(call, pass) : withPlaceForItsCode(engine, call, pass, limit);
}

/**
 * Where the token endpoint has a limit, a code is asked for only once a slot for its exchange is taken: it would not
 * live until the next one.
 */
async function withPlaceForItsCode(
  { account, guard, store }: Engine,
  call: UserCall,
  pass: Pass,
  limit: Limit,
): Promise<Barrier | null> {
  const barrier = await account.enter(call, pass);
  if (barrier !== null) return barrier;
  const holdMs = 2 * guard.holdMs; // the call for the code comes first
  const taken = await store.slots.take({ limit, holdMs, lane: null });
  if (taken.type === "taken") pass.reserved = taken.slot;
  else await account.leave(pass);
  return taken.type === "taken" ? null : account.full(taken.retryInMs);
}

/** Of the credentials. */
const saysNothing: readonly Heard["type"][] = ["notSent", "lost", "inDoubt", "throttled", "forbidden"];

/** Tells the account what came of a call, and says what that means for the user beside what was heard. */
async function reported(
  engine: Engine,
  user: User,
  call: UserCall,
  heard: Heard,
  pass: Pass,
): Promise<Verdict> {
  const { account } = engine;
  const tried = pass.tries.size > 0;
  if (!saysNothing.includes(heard.type)) account.isDoubted = heard.type === "credentialsRefused";
  if (heard.type === "credentialsRefused" || heard.type === "forbidden") {
    // A purge is refused as well where 1upHealth has no such user: that says nothing about the account, shut or open.
    if (call === "purge") {
      await account.leave(pass);
      return "own";
    }
    // Put off once more though others get through: it is this user's own trouble and holds nobody else back.
    if (!tried && user.history.at(-1)?.[2] === "HELD") return "own";
    await account.heard(call, heard, pass);
    // Whoever tried a gate in vain would be the first in its lane to try again.
    return tried && endpointOf(call) === "management" ? "own" : "plain";
  }
  if (doubtAbout(user.position, heard.type)?.whileDown !== undefined) {
    // Others get through, so it is this code's own trouble; or one code may be spent to find out whose it is.
    if (!pass.tries.has("exchange") || account.spendCode(pass)) return "plain";
    await account.heard(call, heard, pass);
    return "kept";
  }
  await account.heard(call, heard, pass);
  return "plain";
}

/** The call to make now, unless the user has arrived or must wait. */
function nextCall(user: User, now: number, stopping: boolean): UserCall | undefined {
  if (user.pause !== null && user.pause.until > now) return undefined;
  const call = callOf(user.position.state);
  return stopping && call !== undefined && endpointOf(call) !== "token" ? undefined : call;
}

function withIntent(engine: Engine, user: User, call: UserCall): User {
  const kind = endpointOf(call);
  const { calls } = user;
  return {
    ...user,
    pause: null,
    intent: { call, attempt: randomName(engine.clock), at: engine.clock.now() },
    calls: kind === "fhir" ? calls : { ...calls, [kind]: calls[kind] + 1 },
  };
}

/** The last commit of a drive: the lease ends, and the record says when it wants to be looked at again. */
async function end(
  engine: Engine,
  user: User,
  lease: Lease,
  mode: "take" | "keep",
  over: Pick<Commit, "settle" | "giveBack">,
  heardSomething: boolean,
  waits: Barrier | "slot" | null,
): Promise<Driven> {
  const place = restingPlace(engine, user, waits);
  const done = await save(engine, user, heardSomething, {
    mode: mode === "keep" ? "end" : "none",
    lease,
    ...place,
    ...over,
  });
  if (done.type !== "committed") return { type: "lost" };
  const rested = { ...user, revision: done.revision };
  engine.changes.rested(rested, place);
  return { type: "rested", user: rested };
}
