/**
 * Is this process fit for work? For readiness probes and pages.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { viewOf } from "./budget.ts";
import type { ShutGate } from "./budget.ts";
import type { Engine } from "./engine.ts";

/** What {@link health} says. */
export interface Health {
  /**
   * The store answers and can be written by this release with this key, and neither the credentials nor the region are
   * refused. A throttled account is healthy.
   */
  readonly ready: boolean;
  /** How long the store took to answer, ms; `null` if it did not. */
  readonly storeMs: number | null;
  /** Why the store did not answer or cannot be written, e.g. `RECORD_TOO_NEW` once a newer release has taken it over. */
  readonly problem: ErrorCode | null;
  /** Gates of the account that are not open. */
  readonly shut: readonly ShutGate[];
  /** Users this process works on. */
  readonly inHand: number;
}

/** Asks the store and the account. Never rejects; makes no call to 1upHealth. */
export async function health(engine: Engine): Promise<Health> {
  const began = engine.clock.monotonic();
  try {
    const { shut, inHand } = await viewOf(engine);
    const trouble = engine.keys.trouble?.code ?? null;
    // Also while one call tries whether that is still so.
    const refused = shut.some(({ reason }) => reason === "credentials" || reason === "forbidden");
    return {
      ready: !refused && trouble === null && !engine.closing.aborted,
      storeMs: engine.clock.monotonic() - began,
      problem: trouble,
      shut,
      inHand,
    };
  } catch (error) {
    const problem = isLifecycleError(error) ? error.code : "STORE_UNAVAILABLE";
    return { ready: false, storeMs: null, problem, shut: [], inHand: engine.driving.size };
  }
}
