/**
 * What there is to see of the account while work goes on: the limit, the lanes, the gates, users by state. A store of
 * `@xstate/store`, so pages, progress bars and tests subscribe to it as they do to any other.
 *
 * @module
 */
import { createStore } from "@xstate/store";
import { sleep } from "../clock.ts";
import { inWords } from "../errors.ts";
import type { Gate, GateReason, GateState, UserState } from "../../machines/index.ts";
import type { GateName } from "../guard/gates.ts";
import type { Counts } from "../store/contract.ts";
import { none } from "../store/shares.ts";
import { byState } from "./shelves.ts";
import { tell } from "./changes.ts";
import type { Engine } from "./engine.ts";
import { forecast } from "./forecast.ts";

/** A gate of the account that is not open. */
export interface ShutGate {
  readonly gate: GateName;
  readonly state: Exclude<GateState, "open">;
  readonly reason: GateReason | null;
  /** When one call may try. */
  readonly until: Date;
}

/** What the budget store shows. */
export interface BudgetView {
  /** When this was so; `null`: nobody has looked yet. */
  readonly at: Date | null;
  /** Slots of the management limit that count now, by the lane they were taken in, of all processes. */
  readonly used: Counts;
  /** The limit. */
  readonly of: number;
  /** Users who wait for a slot, by lane. */
  readonly waiting: Counts;
  /** In how many ms one more call may leave in the interactive lane; not before shut gates may open. */
  readonly nextInMs: number;
  /** Users by state. */
  readonly users: Readonly<Partial<Record<UserState, number>>>;
  /** Gates of the account that are not open. */
  readonly shut: readonly ShutGate[];
  /** Users this process works on. */
  readonly inHand: number;
}

/** The budget store. Its view is renewed while somebody subscribes, and by {@link Budget.look}. */
export interface Budget {
  /**
   * The view as it was at the last look.
   *
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * console.log(lifecycle.budget.get().inHand); // 0
   * ```
   */
  get(): BudgetView;
  /**
   * Calls `listener` with every new view: soon after news in this process, else once a second. The returned function
   * ends it; the lifecycle's `close()` does, too.
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
   * Looks at the store now.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle();
   * await lifecycle.onboard("ada");
   * const { users } = await lifecycle.budget.look();
   * console.log(users); // { tokenActive: 1 }
   * ```
   */
  look(): Promise<BudgetView>;
}

/** News of this process is shown after so long, ms: many pieces of news make one look. */
const gatherMs = 200;
/** Other processes' news is looked for this often, ms. */
const lookMs = 1_000;

/** The view as it is now. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function viewOf(engine: Engine): Promise<BudgetView> {
  const { account, clock, driving, guard, store } = engine;
  const [{ used, waiting, inMs }, users] = await Promise.all([
    forecast(engine, 1, "interactive"),
    store.counts(),
  ]);
  return {
    at: new Date(clock.now()),
    used,
    of: guard.limits.management.calls,
    waiting,
    nextInMs: inMs,
    users: byState(users),
    shut: shutGates(account.gates()),
    inHand: driving.size,
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
    shut: [],
    inHand: 0,
  };
  const store = createStore({
    context: { view },
    on: { looked: (_, { view }: { view: BudgetView }) => ({ view }) },
  });
  let listeners = 0;
  let looking = false;

  async function look(): Promise<BudgetView> {
    const now = await viewOf(engine);
    store.trigger.looked({ view: now });
    return now;
  }

  /** Looks again and again for as long as somebody listens. */
  async function keepLooking(): Promise<void> {
    if (looking) return; // for those who left, and now for those who came since
    looking = true;
    while (listeners > 0 && !closing.aborted) {
      const { heard } = engine.changes;
      await look().catch((error: unknown) => {
        engine.settings.logger.warn(`Cannot look at the budget: ${inWords(error)}`);
      });
      await sleep(clock, gatherMs, closing).catch(() => {}); // the loop's condition sees the abort
      await engine.changes.ofAnybody(heard, lookMs - gatherMs, closing);
    }
    looking = false;
  }

  return {
    get: () => store.get().context.view,
    look,
    subscribe(listener) {
      const { unsubscribe } = store.subscribe(({ context }) => tell(listener, context.view));
      if (++listeners === 1) void keepLooking();
      let ended = false;
      return () => {
        if (!ended) listeners--;
        ended = true;
        unsubscribe();
      };
    },
  };
}

/** Those that are not open. */
export function shutGates(gates: Readonly<Record<GateName, Gate>>): readonly ShutGate[] {
  const named = Object.entries(gates) as [GateName, Gate][]; // the type of its keys
  return named.flatMap(([gate, { state, reason, until }]) =>
    state === "open" ? [] : [{ gate, state, reason, until: new Date(until) }],
  );
}
