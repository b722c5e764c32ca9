/**
 * Schedules an idle user: in a lane, at a time, or never.
 *
 * @module
 */
import { isRenaming } from "../../../machines/index.ts";
import type { Blocked } from "../gates/account.ts";
import { endpointOf } from "./perform-call.ts";
import type { Engine } from "./engine.ts";
import { keepAliveMs } from "../options/lifecycle-options.ts";
import type { Place } from "./save-user.ts";
import { stopOf } from "./stop.ts";
import { refreshAt } from "../user/user-status.ts";
import { callOf } from "../user/step.ts";
import type { User } from "../user/user.ts";

/** Users that wait for the same gate retry spread over this time, ms. */
const spreadMs = 1_000;
/** A gate may open early without notifying the waiting users, so they poll it at this interval, ms. */
const longestPollMs = 60_000;
/** How often a user that lets others probe a gate first checks whether one succeeded, ms. */
const yieldPollMs = 10_000;

/**
 * The schedule of an idle user. `waits`: for a slot, or at a gate of the account. A user that needs a management call
 * waits in its lane, where a million users cost nothing, and so does one whose call an operator
 * has paused. One that is held is in no lane and never due.
 */
export function schedule(engine: Engine, user: User, waits: Blocked | "slot" | null): Place {
  // Not in a lane, where it would be granted first again and again.
  if (waits !== null && waits !== "slot" && waits.yields) {
    const inMs = Math.max(0, waits.until - engine.clock.now());
    return { dueInMs: waits.isLong ? inMs : Math.min(yieldPollMs, inMs), lane: null };
  }
  const isPaused = user.pause !== null && user.pause.until > engine.clock.now();
  const stop = isPaused ? null : stopOf(engine, user);
  if (stop !== null) return { dueInMs: null, lane: stop.type === "held" ? null : user.lane };
  const call = callOf(user.position.state);
  // A rename is in no lane, not even in doubt: a paused lane would keep its user from being refreshed.
  const needsSlot =
    call !== undefined && endpointOf(call) === "management" && !isRenaming(user.position.state);
  // A look-up before a purge at FHIR's gate: its lane would grant it a slot again and again.
  const isAtFhir = waits !== null && waits !== "slot" && waits.by === "fhir";
  if (waits !== null && needsSlot && !isAtFhir) return { dueInMs: null, lane: user.lane };
  if (waits === null || waits === "slot") return { dueInMs: dueInMs(engine, user), lane: null };
  // This process cannot reach 1upHealth, or its secret is refused: another process may run the user at once.
  const isOwn = waits.by === "region" || waits.reason === "credentials";
  const waitMs = isOwn ? 0 : Math.min(longestPollMs, Math.max(0, waits.until - engine.clock.now()));
  return { dueInMs: waitMs + spreadMs * engine.clock.random(), lane: null };
}

/** When an idle user is due, in ms; `null`: never. */
function dueInMs(engine: Engine, user: User): number | null {
  const now = engine.clock.now();
  const { state, context } = user.position;
  // seam: a-pause-ends
  if (user.pause !== null) return Math.max(0, user.pause.until - now);
  if (callOf(state) !== undefined) return 0;
  if (context.expiresAt === null || state === "failed" || state === "offboarded") return null;
  switch (engine.settings.policy) {
    case "eager":
      return Math.max(0, refreshAt(user, engine.settings.refreshWindowMs) - now);
    case "keepAlive":
      if (user.secrets.refreshToken === undefined) return null; // a code would cost a call, and there is no grant to keep
      return Math.max(
        0,
        Math.min(context.grantedAt ?? now, now) + keepAliveMs * (0.9 + 0.1 * engine.clock.random()) - now,
      );
    case "lazy":
      return null;
  }
}
