/**
 * What a lifecycle tells people about one user, in words.
 *
 * @module
 */
import { ahead } from "../store/shares.ts";
import { shutGates } from "./budget.ts";
import { checkId } from "./checks.ts";
import type { Engine } from "./engine.ts";
import { explainUser } from "./explain.ts";
import type { Circumstances } from "./explain.ts";
import { historyOf } from "./history.ts";
import type { HistoryStep } from "./history.ts";
import { load } from "./load.ts";
import type { Found } from "./load.ts";
import { statusOf } from "./verdict.ts";

/** The verbs for whoever is on call. They make no call and change nothing. */
export interface ExplainVerbs {
  /**
   * The user's last steps, oldest first, at most twelve: when, from which state to which, why, the attempts by then and
   * the calls that it took.
   *
   * @throws {LifecycleError} `USER_UNKNOWN`, `RENAMED`, `RECORD_DAMAGED`, `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * for (const { at, from, to, why } of await lifecycle.history("ada")) console.log(at, from, to, why);
   * ```
   */
  history(appUserId: string): Promise<readonly HistoryStep[]>;
  /**
   * One paragraph: what state the user is in, why, what happens next and when. It names neither the user nor a secret.
   *
   * @throws {LifecycleError} as {@link history}
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * console.log(await lifecycle.explain("ada"));
   * // The user is tokenActive (usable: the first token) since 2026-01-01 00:00:00 UTC, …
   * ```
   */
  explain(appUserId: string): Promise<string>;
}

/** Tells of this engine's users. `open` throws once it is closed. */
export function createExplainVerbs(engine: Engine, open: () => void): ExplainVerbs {
  return {
    async history(appUserId) {
      open();
      return historyOf((await load(engine, checkId(appUserId))).user);
    },
    async explain(appUserId) {
      open();
      const found = await load(engine, checkId(appUserId));
      const around = await circumstancesOf(engine, found);
      return explainUser(statusOf(engine, found.user), around);
    },
  };
}

async function circumstancesOf(
  { account, clock, driving, guard }: Engine,
  { user, record }: Found,
): Promise<Circumstances> {
  const { dueInMs, lane, lease } = record;
  const [forecast] = await Promise.all([lane && guard.forecast(1, lane), account.look()]);
  const now = clock.now();
  return {
    now,
    shut: shutGates(account.gates()),
    isInHand: driving.has(user.id) || (lease !== null && lease.leftMs > 0),
    dueAt: dueInMs === null ? null : new Date(now + dueInMs),
    queue:
      lane === null || forecast === null
        ? null
        : { lane, ahead: ahead(forecast.waiting, lane), inMs: forecast.inMs },
  };
}
