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
import type { Commit, Lease, Slot } from "../store/contract.ts";
import type { UserCall } from "../../machines/index.ts";
import { act, heardBy, heardByNobody, needsSlot } from "./act.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { keepAliveMs } from "./options.ts";
import { finishRename, renaming } from "./renaming.ts";
import { save } from "./save.ts";
import { callOf } from "./step.ts";
import { refreshAt } from "./status.ts";
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
  const way = (renaming(user) ? finishRename(engine, user, from) : onward(engine, user, from)).finally(() =>
    engine.driving.delete(user.id),
  );
  engine.driving.set(user.id, way);
  return way;
}

async function onward(
  engine: Engine,
  start: User,
  { by, lease, slot = null, notAfter = 0 }: Start,
): Promise<Driven> {
  const { clock, guard, settings } = engine;
  let user = start.intent === null ? start : heardByNobody(start, clock.now());
  if (slot !== null) user = { ...user, pause: null }; // what it waited for has come
  let mode: "take" | "keep" = by === "claimed" ? "keep" : "take";
  /** The slot of the call that is over, settled or given back with the next commit. */
  let over: Pick<Commit, "settle" | "giveBack"> = {};
  let heardSomething = false;

  for (;;) {
    const call = nextCall(user, clock.now());
    if (slot !== null && (call === undefined || !needsSlot(call))) {
      over = { giveBack: slot };
      slot = null;
    }
    if (call === undefined) return rest(engine, user, lease, mode, over, heardSomething);

    const ask = needsSlot(call) && slot === null ? guard.ask(user.lane) : null;
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
      return rest(engine, user, lease, mode, over, heardSomething);
    }
    if (ask !== null) {
      slot = done.slot;
      notAfter = ask.notAfter;
    }
    mode = "keep";
    user = { ...intended, revision: done.revision };
    engine.changes.moved(user);
    const deadline = needsSlot(call) ? notAfter : clock.monotonic() + settings.timeoutMs;
    const heard = await act(engine, user, call, deadline);
    over = slot === null ? {} : heard.type === "notSent" ? { giveBack: slot } : { settle: slot };
    slot = null;
    user = heardBy(user, heard, clock.now(), clock.random(), settings.graceMs);
    heardSomething = true;
  }
}

/** The call to make now, unless the user has arrived or must wait. */
function nextCall(user: User, now: number): UserCall | undefined {
  return user.pause !== null && user.pause.until > now ? undefined : callOf(user.position.state);
}

function withIntent(engine: Engine, user: User, call: UserCall): User {
  const kind = needsSlot(call) ? "management" : "token";
  return {
    ...user,
    pause: null,
    intent: { call, attempt: randomName(engine.clock), at: engine.clock.now() },
    calls: { ...user.calls, [kind]: user.calls[kind] + 1 },
  };
}

/** The last commit of a drive: the lease ends, and the record says when it wants to be looked at again. */
async function rest(
  engine: Engine,
  user: User,
  lease: Lease,
  mode: "take" | "keep",
  over: Pick<Commit, "settle" | "giveBack">,
  heardSomething: boolean,
): Promise<Driven> {
  const waitsForSlot = user.pause?.reason === "rateLimit";
  const done = await save(engine, user, heardSomething, {
    mode: mode === "keep" ? "end" : "none",
    lease,
    dueInMs: waitsForSlot ? null : dueInMs(engine, user),
    lane: waitsForSlot ? user.lane : null,
    ...over,
  });
  if (done.type !== "committed") return { type: "lost" };
  const rested = { ...user, revision: done.revision };
  engine.changes.rested(rested);
  return { type: "rested", user: rested };
}

/** When a resting user wants to be looked at again. */
function dueInMs(engine: Engine, user: User): number | null {
  const now = engine.clock.now();
  const { state, context } = user.position;
  if (user.pause !== null) return Math.max(0, user.pause.until - now);
  if (callOf(state) !== undefined) return 0;
  if (context.expiresAt === null || state === "failed" || state === "offboarded") return null;
  switch (engine.settings.policy) {
    case "eager":
      return Math.max(0, refreshAt(user, engine.settings.windowMs) - now);
    case "keepAlive":
      return Math.max(
        0,
        (context.grantedAt ?? now) + keepAliveMs * (0.9 + 0.1 * engine.clock.random()) - now,
      );
    case "lazy":
      return null;
  }
}
