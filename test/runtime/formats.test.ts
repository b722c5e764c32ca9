/**
 * Two releases on one store, as in a rolling deploy: this one knows format 1, the next one an invented format 2. The
 * release after that will raise the account's format; here the test does.
 */
import {
  undiciTransport,
  type Batch,
  type Json,
  type Lifecycle,
  type LifecycleOptions,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { openLifecycle } from "../../src/runtime/open-lifecycle.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { afterwards, scene, working } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

const [older, newer] = [1, 2] as const;

async function deploy() {
  const { sandbox, server } = await scene();
  const adapter = memory();
  const run = async (newestFormat: number, more: Partial<LifecycleOptions> = {}): Promise<Lifecycle> => {
    const base = { credentials: sandbox.credentials, endpoints: server.endpoints, clock: sandbox.clock };
    const options = { ...base, store: adapter, cachedTokens: 0, ...more };
    const lifecycle = await openLifecycle(options, { newestFormat });
    afterwards(() => lifecycle.close());
    return lifecycle;
  };
  const store = await adapter.open({ account: accountOf("sandbox-client"), clock: sandbox.clock });
  const formatOf = async (id: string): Promise<unknown> => {
    const found = await store.load(id);
    return found.type === "record" ? (found.record.value as { format: number }).format : found.type; // ours
  };
  /** Makes all processes write the newer format. */
  const raiseFormat = async (): Promise<void> => {
    const found = await store.account.load();
    if (found === null) throw new Error("a lifecycle has opened the store");
    const value = { ...(found.value as Readonly<Record<string, Json>>), format: newer };
    await store.account.commit({ value, expectedRevision: found.revision, writeId: "the format" });
    sandbox.clock.advance(20_000); // the last look at the account is old now
  };
  return { sandbox, run, store, adapter, formatOf, raiseFormat };
}

/** The store, which counts the users it leases out. */
function counting(adapter: StoreAdapter, claimed: string[]): StoreAdapter {
  return {
    ...adapter,
    async open(options): Promise<Store> {
      const store = await adapter.open(options);
      const counted = async (asked: Promise<Batch>): Promise<Batch> => {
        const batch = await asked;
        claimed.push(...batch.claimed.map(({ record }) => record.id));
        return batch;
      };
      return {
        ...store,
        claim: (ask) => counted(store.claim(ask)),
        grant: (ask) => counted(store.grant(ask)),
      };
    },
  };
}

describe("two releases on one store", () => {
  it("work on each other's users until the format is raised, in either order of starting", async () => {
    for (const [first, second] of [
      [older, newer],
      [newer, older],
    ] as const) {
      const { sandbox, run, formatOf } = await deploy();
      const [a, b] = [await run(first), await run(second)];
      await a.onboard("ada");
      await b.onboard("bob");
      sandbox.clock.advance(3 * 3_600_000);
      expect(await b.accessToken("ada")).toBe(await a.accessToken("ada"));
      expect(await a.accessToken("bob")).toBe(await b.accessToken("bob"));
      expect(await a.reauthorize("bob")).toMatchObject({ usable: true });
      expect(await b.reauthorize("ada")).toMatchObject({ usable: true });
      expect([await formatOf("ada"), await formatOf("bob")]).toEqual([older, older]);
    }
  });

  it("a raised format is taken up by every process of the newer one; users follow with their next step", async () => {
    const { sandbox, run, formatOf, raiseFormat } = await deploy();
    const [a, b] = [await run(newer), await run(newer)];
    await a.onboard("ada");
    await b.onboard("bob");
    await raiseFormat();
    expect(await formatOf("ada")).toBe(older);
    sandbox.clock.advance(3 * 3_600_000);
    for (const id of ["ada", "bob"]) {
      await b.accessToken(id);
      expect(await formatOf(id)).toBe(newer);
    }
    await b.rename("bob", "robert");
    expect(await formatOf("robert")).toBe(newer);
    expect(await a.inspect("robert")).toMatchObject({ usable: true });
  });

  it("a raised format makes the older one leave records that it cannot read, start nothing, and log it once", async () => {
    const { sandbox, run, store, adapter, formatOf, raiseFormat } = await deploy();
    const old = await run(older);
    for (const id of ["ada", "bob"]) await old.onboard(id);
    const fresh = await run(newer);
    const claimed: string[] = [];
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const worker = await run(older, {
      store: counting(adapter, claimed),
      logger,
      refresh: { policy: "eager" },
    });
    await raiseFormat();
    await fresh.reauthorize("ada");
    const before = await store.load("ada");

    await expect(old.inspect("ada")).rejects.toMatchObject({ code: "RECORD_TOO_NEW", retryable: false });
    await expect(old.reauthorize("bob")).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    await expect(old.onboard("new")).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    const list = old.adoptMany([{ appUserId: "listed", oneupUserId: 77, refreshToken: "of-old" }]);
    await expect(list).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    const imported = old.onboardMany(["imported"], { name: "spring", expect: "new" });
    await expect(imported).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    expect(await old.inspect("bob")).toMatchObject({ usable: true });
    expect(await old.accessToken("bob")).toBe(await fresh.accessToken("bob"));
    expect(await old.health()).toMatchObject({ ready: false, problem: "RECORD_TOO_NEW" });
    working(worker);
    const asked = sandbox.journal.entries().length;
    for (let second = 0; second < 200; second++) {
      sandbox.clock.advance(3_600_000); // days go by, and every user is due
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(claimed).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Cannot start new work: .*update oneup-lifecycle; what to do: update this process/,
      ),
    ]);
    expect(sandbox.journal.entries().length).toBe(asked);
    expect(await store.load("ada")).toMatchObject({
      record:
        before.type === "record" ? { value: before.record.value, revision: before.record.revision } : {},
    });
    expect(await fresh.resume()).toMatchObject({ taken: 2, rested: { refreshed: 2 } });
    expect(await formatOf("bob")).toBe(newer);
  });

  it("an account of the newer one refuses to open in the older one, and nothing is changed", async () => {
    const { run, store, raiseFormat } = await deploy();
    await run(newer);
    await raiseFormat();
    const before = await store.account.load();
    await expect(run(older)).rejects.toMatchObject({ code: "RECORD_TOO_NEW", facts: { format: newer } });
    expect(await store.account.load()).toEqual(before);
  });
});

describe("the outcome of a call that was sent before the format was raised", () => {
  it("is saved by the process that sent it", async () => {
    const { sandbox, run, formatOf, raiseFormat } = await deploy();
    const fresh = await run(newer);
    const inner = undiciTransport();
    const old = await run(older, {
      transport: {
        async send(request) {
          const answer = await inner.send(request);
          if (sandbox.journal.count("exchangeCode") === 0) {
            await raiseFormat();
          }
          return answer;
        },
        close: async () => inner.close?.(),
      },
    });
    await old.onboard("ada");
    expect(await formatOf("ada")).toBe(older); // so it was the old process that saved it
    expect(await fresh.inspect("ada")).toMatchObject({ usable: true, calls: { management: 1, token: 1 } });
    await expect(old.onboard("bob")).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    expect(sandbox.users()).toHaveLength(1);
  });
});

describe("a record that this release cannot read", () => {
  it("is looked at by a worker once in a lease, not all the time, and costs no slot", async () => {
    const { sandbox, run, store, adapter } = await deploy();
    const claimed: string[] = [];
    const worker = await run(older, { store: counting(adapter, claimed) });
    const lease = { id: "of the test", owner: "the test", ms: 1 };
    const write = {
      id: "strange",
      value: { format: 99 },
      expectedRevision: 0,
      writeId: "w",
      state: "created",
    };
    await store.commit({ ...write, mode: "none", lease, dueInMs: null, lane: "bulk" });
    working(worker);
    for (let second = 0; second < 100; second++) {
      sandbox.clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(claimed.length).toBeGreaterThan(1);
    expect(claimed.length).toBeLessThanOrEqual(3);
    expect(await worker.forecast()).toMatchObject({ used: 0 });
  });
});
