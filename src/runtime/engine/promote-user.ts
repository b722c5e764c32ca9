/**
 * Moves a waiting user to a faster lane.
 *
 * @module
 */
import { lanes, type Lane } from "../../store/contract.ts";
import { endpointOf } from "./perform-call.ts";
import type { Engine } from "./engine.ts";
import { findUser, type LoadedUser } from "./load-user.ts";
import { samePlace, saveIdle } from "./save-user.ts";
import { callOf } from "../user/step.ts";

/**
 * Moves a user forward that waits in a lane behind `lane`, or will when its pause or an import's comparison is over,
 * because a caller in the faster lane asks for it.
 */
export async function promoteUser(engine: Engine, found: LoadedUser, lane: Lane): Promise<void> {
  for (
    let current: LoadedUser | null = found;
    current !== null;
    current = await findUser(engine, found.user.id)
  ) {
    const { user, record } = current;
    if (!isBehind(current, lane)) return;
    const place = record.lane === null ? samePlace(record) : { dueInMs: null, lane };
    const done = await saveIdle(engine, { ...user, lane }, place, false);
    if (done.type === "committed") return;
    // Another process was faster: it runs the user, which is even better, or an import has put it into its own lane.
  }
}

/** Whether the user waits in a lane behind this one, or will after its pause. False while a process runs it. */
export function isBehind({ user, record }: LoadedUser, lane: Lane): boolean {
  const call = callOf(user.position.state);
  const needsSlot = call !== undefined && endpointOf(call) === "management";
  const behind = lanes.indexOf(lane) < lanes.indexOf(record.lane ?? user.lane);
  return behind && needsSlot && record.lease === null && user.intent === null;
}
