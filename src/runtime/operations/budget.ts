/**
 * A live view of the account: the limit, the lanes, the gates and the users by state. It is a store of
 * `@xstate/store`, so pages, progress bars and tests subscribe to it like to any other.
 *
 * @module
 */
import { createStore } from "@xstate/store";
import { sleep } from "../../clock.ts";
import { inWords } from "../../errors.ts";
import type { Gate, GateReason, GateState, UserState } from "../../../machines/index.ts";
import type { AccountPause } from "../account/pauses.ts";
import type { GateName } from "../../guard/gates.ts";
import type { Counts } from "../../store/contract.ts";
import { none } from "../../store/lane-scheduler.ts";
import { byStateNow, importsIn, type OpenImport } from "../user/index-key.ts";
import type { Engine } from "../engine/engine.ts";
import type { Account } from "../gates/account.ts";
import { callListener } from "../options/call-listener.ts";
import { aFunction, checkValue } from "../../checks.ts";
import { errorField } from "../options/logger.ts";
import { forecast } from "./forecast.ts";

/** A gate of the account that is not open. */
export interface ShutGate {
  readonly gate: GateName;
  readonly state: Exclude<GateState, "open">;
  readonly reason: GateReason | null;
  /** When one call may probe it. */
  readonly until: Date;
}

/** The client secret of another process, which 1upHealth refuses. It is not named: no part of a secret is shown. */
export interface RefusedSecret {
  /** When a call with it was tried last. */
  readonly triedAt: Date;
  /** When the next one may be. */
  readonly until: Date;
}

/** The value of the budget store. */
export interface BudgetView {
  /** When the view was taken; `null`: not yet. */
  readonly at: Date | null;
  /** Slots of the management limit in use by all processes, by the lane they were taken in. */
  readonly used: Counts;
  /** The limit. */
  readonly of: number;
  /** Users waiting for a slot, by lane. */
  readonly waiting: Counts;
  /**
   * In how many ms one more call may leave in the interactive lane, but not before closed gates may open. `Infinity`:
   * that lane is paused without an end.
   */
  readonly nextInMs: number;
  /** Users by state. */
  readonly users: Readonly<Partial<Record<UserState, number>>>;
  /** Imports that are not over, or have failed users, whichever process runs them. */
  readonly imports: readonly OpenImport[];
  /** Gates of the account that are not open, as they are for this process. */
  readonly shut: readonly ShutGate[];
  /**
   * Client secrets of other processes that 1upHealth refuses: those processes continue no user, and this one is not
   * affected. One that has not been tried for ten minutes after it could be is left out: no process uses it any more.
   */
  readonly refusedSecrets: readonly RefusedSecret[];
  /** Pauses of the account that are in force. */
  readonly paused: readonly AccountPause[];
  /** Users that this process is working on. */
  readonly running: number;
}

/** The budget store. Its view is refreshed while it has subscribers, and by {@link Budget.refresh}. */
export interface Budget {
  /**
   * The most recent view.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(lifecycle.budget.get().running); // 0
   * ```
   */
  get(): BudgetView;
  /**
   * Calls `listener` with every new view: shortly after a change in this process, otherwise once a second. Returns a
   * function that unsubscribes; `close()` of the lifecycle does so too. A listener that throws or rejects is logged.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * const end = lifecycle.budget.subscribe(({ used, of, users }) => console.log(used, of, users));
   * end();
   * ```
   */
  subscribe(listener: (view: BudgetView) => void): () => void;
  /**
   * Reads the store now.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { users } = await lifecycle.budget.refresh();
   * console.log(users); // { tokenActive: 1 }
   * ```
   */
  refresh(): Promise<BudgetView>;
}

/** Changes in this process are shown after this time, ms, so that many of them cause one read. */
const gatherMs = 200;
/** How often the store is read for changes by other processes, ms. */
const pollMs = 1_000;

/** The current view. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function viewOf(engine: Engine): Promise<BudgetView> {
  const { account, clock, running, guard, pauses, store } = engine;
  const [{ used, waiting, inMs }, tallies] = await Promise.all([
    forecast(engine, 1, "interactive"),
    store.tally(),
  ]);
  return {
    at: new Date(clock.now()),
    used,
    of: guard.limits.management.calls,
    waiting,
    nextInMs: inMs,
    users: byStateNow(tallies),
    imports: importsIn(tallies),
    shut: shutGates(account.gates()),
    refusedSecrets: refusedSecrets(account, clock.now()),
    paused: pauses.all(),
    running: running.size,
  };
}

/** The budget of one lifecycle. */
export function createBudget(engine: Engine): Budget {
  const { clock, closing } = engine;
  const view: BudgetView = {
    at: null,
    used: none,
    of: engine.guard.limits.management.calls,
    waiting: none,
    nextInMs: 0,
    users: {},
    imports: [],
    shut: [],
    refusedSecrets: [],
    paused: [],
    running: 0,
  };
  const store = createStore({
    context: { view },
    on: { refreshed: (_, { view }: { view: BudgetView }) => ({ view }) },
  });
  let listeners = 0;
  let isRefreshing = false;

  async function refresh(): Promise<BudgetView> {
    const now = await viewOf(engine);
    store.trigger.refreshed({ view: now });
    return now;
  }

  /** Refreshes the view for as long as there are subscribers. */
  async function keepFresh(): Promise<void> {
    if (isRefreshing) return; // the loop of earlier subscribers also serves new ones
    isRefreshing = true;
    while (listeners > 0 && !closing.aborted) {
      const { latest } = engine.changes;
      await refresh().catch((error: unknown) => {
        engine.settings.logger.warn(
          { error: errorField(error) },
          `Cannot read the budget: ${inWords(error)}`,
        );
      });
      await sleep(clock, gatherMs, closing).catch(() => {}); // the loop's condition sees the abort
      await engine.changes.ofAnyUser(latest, pollMs - gatherMs, closing);
    }
    isRefreshing = false;
  }

  return {
    get: () => store.get().context.view,
    refresh,
    subscribe(listener) {
      checkValue("subscribe to the budget", "the listener", listener, aFunction);
      const { unsubscribe } = store.subscribe(({ context }) =>
        callListener(engine.settings.logger, "budget.subscribe()", listener, context.view),
      );
      if (++listeners === 1) void keepFresh();
      let ended = false;
      return () => {
        if (!ended) listeners--;
        ended = true;
        unsubscribe();
      };
    },
  };
}

/** A process that has calls to make tries a refused secret as soon as it may; ms. */
const unusedAfterMs = 10 * 60_000;

/** The secrets of other processes that are refused, and in use. */
export function refusedSecrets(account: Account, now: number): readonly RefusedSecret[] {
  return account
    .otherSecrets()
    .filter(({ until }) => now - until < unusedAfterMs)
    .map(({ since, until }) => ({ triedAt: new Date(since), until: new Date(until) }));
}

/** The gates that are not open. */
export function shutGates(gates: Readonly<Record<GateName, Gate>>): readonly ShutGate[] {
  const named = Object.entries(gates) as [GateName, Gate][]; // the type of its keys
  return named.flatMap(([gate, { state, reason, until }]) =>
    state === "open" ? [] : [{ gate, state, reason, until: new Date(until) }],
  );
}
