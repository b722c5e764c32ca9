/** The limits belong to the account: its record holds them, and no process forgets what another one counts. */
import { setImmediate as turn } from "node:timers/promises";
import {
  createLifecycle,
  fetchTransport,
  LifecycleError,
  type Lifecycle,
  type LifecycleOptions,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, createVirtualClock } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { readOnly } from "../../src/store/read-only.ts";
import { afterwards } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

const hour = 3_600_000;
const minute = 60_000;

/** Processes on one store, one sandbox and one clock. */
function account() {
  const clock = createVirtualClock({ running: false, now: Date.UTC(2026, 0, 1), seed: 1 });
  const store = memory();
  const sandbox = createSandbox({ clock });
  const warnings: string[] = [];
  const logger = warningsIn(warnings);
  const options = {
    credentials: sandbox.credentials,
    transport: fetchTransport(sandbox.fetch),
    clock,
    store,
    logger,
  };
  async function process(
    limits?: LifecycleOptions["limits"],
    over = store as LifecycleOptions["store"],
  ): Promise<Lifecycle> {
    const lifecycle = await createLifecycle({ ...options, store: over, ...(limits && { limits }) });
    afterwards(() => lifecycle.close());
    return lifecycle;
  }
  /** Does what takes time, in which time passes. */
  async function doing<T>(task: Promise<T>): Promise<T> {
    let isDone = false;
    const done = task.finally(() => (isDone = true));
    for (; !isDone; await turn()) clock.advance(20);
    return done;
  }
  return { clock, store, sandbox, warnings, process, doing };
}

/** The same store; from the `nth` look at the account's record on it is away. */
function failing(adapter: StoreAdapter, nth: number): StoreAdapter {
  let looks = 0;
  return {
    ...adapter,
    open: async (context) => {
      const store = await adapter.open(context);
      const away = new LifecycleError("STORE_UNAVAILABLE", "Cannot look at the account", { retryable: true });
      const load: typeof store.account.load = () =>
        ++looks >= nth ? Promise.reject(away) : store.account.load();
      return { ...store, account: { ...store.account, load } };
    },
  };
}

describe("runtime/limits", () => {
  it("a process without a limit adopts the recorded one, and the usual one stands where none is recorded", async () => {
    const { process } = account();
    expect((await (await process()).forecast()).of).toBe(300);
    await process({ management: { calls: 20, windowMs: hour }, token: { calls: 5, windowMs: minute } });
    const other = await process();
    expect((await other.forecast()).of).toBe(20);
    expect(await other.health()).toMatchObject({ ready: true, limitConflicts: [] });
  });

  it("a process that cannot read the recorded limits does not start", async () => {
    const { process, store } = account();
    await process({ management: { calls: 20, windowMs: hour } });
    for (let nth = 1; nth <= 4; nth++) {
      const opened = await process(undefined, failing(store, nth)).then(
        async (lifecycle) => (await lifecycle.forecast()).of,
        ({ code }: LifecycleError) => code,
      );
      expect([20, "STORE_UNAVAILABLE"], `look ${nth} and all later ones fail`).toContain(opened);
    }
  });

  it("a process with another limit keeps to the stricter of both, warns, and health() names it", async () => {
    const { process, warnings } = account();
    await process({ management: { calls: 20, windowMs: hour } });
    const other = await process({ management: { calls: 60, windowMs: 10 * minute } });
    expect((await other.forecast()).of).toBe(20);
    expect((await other.health()).limitConflicts).toEqual([
      {
        limit: "management",
        configured: { calls: 60, windowMs: 10 * minute },
        recorded: { calls: 20, windowMs: hour },
        inForce: { calls: 20, windowMs: hour },
      },
    ]);
    expect(warnings).toEqual([
      "The management limit of this process is 60 calls in 10 min, and the account's record holds 20 calls in 1 h: " +
        "it applies 20 calls in 1 h; account.setLimits() replaces the record",
    ]);
  });

  it("a process with a shorter window lets no more calls through in the hour than the record allows", async () => {
    const { process, sandbox, clock, doing } = account();
    const one = await process({ management: { calls: 10, windowMs: hour } });
    const two = await process({ management: { calls: 10, windowMs: minute } });
    for (let turn = 0; turn < 40; turn++) {
      await doing((turn % 2 === 0 ? one : two).onboard(`user ${turn}`, { waitMs: 100, lane: "interactive" }));
      clock.advance(minute);
    }
    expect(sandbox.journal.spent().management).toBe(10);
  });

  it("setLimits() replaces the record: processes without a limit follow, those with the former one stay stricter", async () => {
    const { process, clock } = account();
    const old = await process({ management: { calls: 20, windowMs: hour } });
    const open = await process();
    await open.account.setLimits({
      management: { calls: 600, windowMs: hour },
      token: { calls: 9, windowMs: minute },
    });
    expect((await open.forecast()).of).toBe(600);
    clock.advance(2_000);
    await old.budget.refresh();
    expect((await old.forecast()).of).toBe(20);
    expect((await old.health()).limitConflicts).toMatchObject([
      { limit: "management", inForce: { calls: 20 } },
    ]);
    expect((await (await process()).forecast()).of).toBe(600);
    await old.account.setLimits({ management: { calls: 700, windowMs: hour }, token: null });
    expect((await old.forecast()).of).toBe(700);
    expect((await old.health()).limitConflicts).toEqual([]);
    clock.advance(2_000);
    await open.budget.refresh();
    expect((await open.forecast()).of).toBe(700);
  });

  it("setLimits() refuses what is no limit, and changes nothing then", async () => {
    const { process } = account();
    const lifecycle = await process();
    for (const wrong of [{ management: null }, { management: { calls: 0, windowMs: 1 } }, { user: {} }, 7]) {
      await expect(lifecycle.account.setLimits(wrong as never)).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
    expect((await lifecycle.forecast()).of).toBe(300);
  });

  it("a process that only looks is never refused, and writes nothing down", async () => {
    const { process, store } = account();
    await process({ management: { calls: 20, windowMs: hour } });
    const looking = await process(
      { management: { calls: 60, windowMs: minute }, fhir: { calls: 1, windowMs: 1 } },
      readOnly(store),
    );
    expect(await looking.health()).toMatchObject({ ready: true, limitConflicts: [{ limit: "management" }] });
    expect((await looking.forecast()).of).toBe(20);
    expect((await (await process()).health()).limitConflicts).toEqual([]);
  });

  it("refreshes of tokens that still work leave a call of the token endpoint to a user that signs up", async () => {
    const limits = { token: { calls: 2, windowMs: hour } };
    const { lifecycle, clock, sandbox, close } = await createTestLifecycle({
      lifecycle: { limits, refresh: { policy: "eager", windowMs: hour } },
    });
    const stop = new AbortController();
    const done = lifecycle.work({ signal: stop.signal });
    afterwards(async () => {
      stop.abort();
      await done;
      await close();
    });
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    await clock.advance(75 * minute); // both are due, an hour ahead of time
    expect(sandbox.journal.count("refreshToken")).toBe(1);
    expect(await lifecycle.onboard("cy", { waitMs: minute })).toMatchObject({ usable: true });
    await clock.advance(2 * hour);
    for (const id of ["ada", "bob", "cy"])
      expect(await lifecycle.accessToken(id, { waitMs: 2 * hour })).toMatch(/./);
  });
});
