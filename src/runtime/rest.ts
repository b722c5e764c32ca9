/**
 * Where a user rests: in a lane, until a time, or for good.
 *
 * @module
 */
import type { Commit } from "../store/contract.ts";
import type { Barrier } from "./account.ts";
import { endpointOf } from "./act.ts";
import type { Engine } from "./engine.ts";
import { keepAliveMs } from "./options.ts";
import { refreshAt } from "./status.ts";
import { callOf } from "./step.ts";
import type { User } from "./user.ts";

/** Users who wait for one gate come back within so long of each other, ms. */
const spreadMs = 1_000;
/** A gate may open early, and nobody tells those who wait: they look again after so long, ms. */
const longestLookMs = 60_000;

/**
 * What the record of a resting user says. `waits`: for a slot, or at a gate of the account. Whoever needs a management
 * call waits in its lane, where a million of them cost nothing.
 */
export function restingPlace(
  engine: Engine,
  user: User,
  waits: Barrier | "slot" | null,
): Pick<Commit, "dueInMs" | "lane"> {
  if (waits === null) return { dueInMs: dueInMs(engine, user), lane: null };
  const call = callOf(user.position.state);
  if (waits === "slot" || (call !== undefined && endpointOf(call) === "management")) {
    return { dueInMs: null, lane: user.lane };
  }
  return { dueInMs: untilLookedMs(engine, waits), lane: null };
}

/** When whoever waits at a gate, and in no lane, looks again. */
export function untilLookedMs({ clock }: Engine, { until }: Barrier): number {
  return Math.min(longestLookMs, Math.max(0, until - clock.now())) + spreadMs * clock.random();
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
