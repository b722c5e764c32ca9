/**
 * `explain()` and `history()`: one user in words.
 *
 * @module
 */
import { ahead } from "../../store/lane-scheduler.ts";
import { refusedSecrets, shutGates } from "./budget.ts";
import { checkId } from "../options/check-id.ts";
import type { Engine } from "../engine/engine.ts";
import { explainUser, type Circumstances } from "./explain-user.ts";
import { unwritable } from "./health.ts";
import { rootCause } from "../user/causes.ts";
import { historyOf, type HistoryStep } from "../user/history-of.ts";
import { loadUser, type LoadedUser } from "../engine/load-user.ts";
import { gateAhead, statusOf } from "../engine/user-errors.ts";

/** Methods for support and on-call engineers. They make no call to 1upHealth and change nothing. */
export interface ExplainVerbs {
  /**
   * The user's last steps, oldest first, at most twelve: the time, the states before and after, the reason, the
   * attempts so far and the number of calls made.
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
   * One paragraph: the user's state, the reason, what happens next and when. It contains neither the id nor a secret.
   * With the option `causes: { text: true }` it may quote the text of a response, which may hold a name.
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

/** Explains users of this engine. `assertOpen` throws once the lifecycle is closed. */
export function createExplainVerbs(engine: Engine, assertOpen: () => void): ExplainVerbs {
  return {
    async history(appUserId) {
      assertOpen();
      return historyOf((await loadUser(engine, checkId(appUserId))).user);
    },
    async explain(appUserId) {
      assertOpen();
      const found = await loadUser(engine, checkId(appUserId));
      const around = await circumstancesOf(engine, found);
      return explainUser(statusOf(engine, found.user), around);
    },
  };
}

async function circumstancesOf(engine: Engine, { user, record }: LoadedUser): Promise<Circumstances> {
  const { account, clock, running, guard } = engine;
  const { dueInMs, lane, lease } = record;
  const [forecast, refusal] = await Promise.all([
    lane && guard.forecast(0, lane), // the user is one of those that wait
    unwritable(engine),
    account.refresh(),
  ]);
  const now = clock.now();
  const isRunning = running.has(user.id);
  return {
    now,
    shut: shutGates(account.gates()),
    refusedSecrets: refusedSecrets(account, now),
    ahead: gateAhead(engine, user, lane),
    cause: rootCause(user),
    text: user.secrets.causeText?.reveal() ?? null,
    unwritable: refusal,
    isRunning,
    leasedUntil: isRunning || lease === null || lease.leftMs <= 0 ? null : new Date(now + lease.leftMs),
    dueAt: dueInMs === null ? null : new Date(now + dueInMs),
    queue:
      lane === null || forecast === null
        ? null
        : { lane, ahead: ahead(forecast.waiting, lane), inMs: forecast.inMs },
  };
}
