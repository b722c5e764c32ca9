/**
 * The lane in which a user waits.
 *
 * @module
 */
import { lanes } from "../store/contract.ts";
import type { Lane } from "../store/contract.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { Found } from "./load.ts";
import { save } from "./save.ts";

/** A user who waits in a lane behind `lane` comes forward: somebody asks for it who does not wait like an import. */
export async function comeForward(engine: Engine, { user, record }: Found, lane: Lane): Promise<void> {
  const waits = record.lane !== null && record.lease === null;
  if (!waits || lanes.indexOf(lane) >= lanes.indexOf(record.lane ?? lane)) return;
  // Whoever was faster has taken the user up: that is better still.
  await save(engine, { ...user, lane }, false, {
    mode: "none",
    lease: newLease(engine),
    dueInMs: null,
    lane,
  });
}
