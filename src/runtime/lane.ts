/**
 * The lane in which a user waits.
 *
 * @module
 */
import { lanes } from "../store/contract.ts";
import type { Lane } from "../store/contract.ts";
import { endpointOf } from "./act.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { find } from "./load.ts";
import type { Found } from "./load.ts";
import { save } from "./save.ts";
import { callOf } from "./step.ts";

/**
 * A user who waits in a lane behind `lane`, or will when its pause or an import's comparison is over, comes forward:
 * somebody asks for it who does not wait like an import.
 */
export async function comeForward(engine: Engine, found: Found, lane: Lane): Promise<void> {
  for (let now: Found | null = found; now !== null; now = await find(engine, found.user.id)) {
    const { user, record } = now;
    if (!isBehind(now, lane)) return;
    const place =
      record.lane === null
        ? { dueInMs: record.dueInMs === null ? null : Math.max(0, record.dueInMs), lane: null }
        : { dueInMs: null, lane };
    const how = { mode: "none", lease: newLease(engine), ...place } as const;
    const done = await save(engine, { ...user, lane }, false, how);
    if (done.type === "committed") return;
    // Whoever was faster has taken the user up, and that is better still; or an import has put it into its own lane.
  }
}

/** Does the user wait in a lane behind this one, or will it once it need not pause any more? Not while somebody is at it. */
export function isBehind({ user, record }: Found, lane: Lane): boolean {
  const call = callOf(user.position.state);
  const needsSlot = call !== undefined && endpointOf(call) === "management";
  const behind = lanes.indexOf(lane) < lanes.indexOf(record.lane ?? user.lane);
  return behind && needsSlot && record.lease === null && user.intent === null;
}
