/** Several releases on one store, as in a rolling deploy: the last one knows format 1, this one 2, the next one 3. */
import { undiciTransport } from "oneup-lifecycle";
import type { Batch, Lifecycle, LifecycleOptions, Store, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { openLifecycle } from "../../src/runtime/open.ts";
import { accountOf } from "../../src/store/account.ts";
import { afterwards, scene, working } from "../support/scene.ts";
import { soon } from "../support/sealed-users.ts";

const [last, current, next] = [1, 2, 3] as const;

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
  return { sandbox, run, store, adapter, formatOf };
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

describe.each([
  { older: last, newer: current },
  { older: current, newer: next },
])("releases of format $older and $newer on one store", ({ older, newer }) => {
  it("work on each other's users until upgradeFormat(), in either order of starting", async () => {
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
      expect([await formatOf("ada"), await formatOf("bob")]).toEqual(
        first === older ? [Math.max(1, older - 1), Math.max(1, older - 1)] : [newer - 1, newer - 1],
      );
    }
  });

  it("upgradeFormat() is taken up by every process of the newer one; users follow with their next step", async () => {
    const { sandbox, run, formatOf } = await deploy();
    const [a, b] = [await run(newer), await run(newer)];
    await a.onboard("ada");
    await b.onboard("bob");
    expect(await a.upgradeFormat()).toBe(newer);
    expect(await a.upgradeFormat()).toBe(newer);
    expect(await formatOf("ada")).toBe(newer - 1);
    sandbox.clock.advance(3 * 3_600_000);
    for (const id of ["ada", "bob"]) {
      await b.accessToken(id);
      expect(await formatOf(id)).toBe(newer);
    }
    await b.rename("bob", "robert");
    expect(await formatOf("robert")).toBe(newer);
    expect(await a.inspect("robert")).toMatchObject({ usable: true });
  });

  it("upgradeFormat() makes the older one leave alone what it cannot read, begin nothing, and say so once", async () => {
    const { sandbox, run, store, adapter, formatOf } = await deploy();
    const old = await run(older);
    for (const id of ["ada", "bob"]) await old.onboard(id);
    const fresh = await run(newer);
    const claimed: string[] = [];
    const warnings: string[] = [];
    const logger = { debug: () => {}, info: () => {}, warn: (line: string) => void warnings.push(line) };
    const worker = await run(older, {
      store: counting(adapter, claimed),
      logger,
      refresh: { policy: "eager" },
    });
    await fresh.upgradeFormat();
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
      sandbox.clock.advance(3_600_000); // days go by, and everybody is due
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(claimed).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(/^Cannot begin anything new: .*update oneup-lifecycle$/),
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
    const { run, store } = await deploy();
    await (await run(newer)).upgradeFormat();
    const before = await store.account.load();
    await expect(run(older)).rejects.toMatchObject({ code: "RECORD_TOO_NEW", facts: { format: newer } });
    expect(await store.account.load()).toEqual(before);
  });
});

describe("a call in hand", () => {
  it("is saved though the format was raised meanwhile: what it brought is not lost", async () => {
    const { sandbox, run, formatOf } = await deploy();
    const fresh = await run(current);
    const inner = undiciTransport();
    const old = await run(last, {
      transport: {
        async send(request) {
          const answer = await inner.send(request);
          if (sandbox.journal.count("exchangeCode") === 0) {
            await fresh.upgradeFormat();
            sandbox.clock.advance(20_000); // the last look at the account is old now
          }
          return answer;
        },
        close: async () => inner.close?.(),
      },
    });
    await old.onboard("ada");
    expect(await formatOf("ada")).toBe(1); // so it was the old process that saved it
    expect(await fresh.inspect("ada")).toMatchObject({ usable: true, calls: { management: 1, token: 1 } });
    await expect(old.onboard("bob")).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
    expect(sandbox.users()).toHaveLength(1);
  });
});

describe("a record that this release cannot read", () => {
  it("is looked at by a worker once in a lease, not all the time, and costs no slot", async () => {
    const { sandbox, run, store, adapter } = await deploy();
    const claimed: string[] = [];
    const worker = await run(current, { store: counting(adapter, claimed) });
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

it("upgradeFormat() of a process that has not seen a fresh store key leaves a store that opens once the old key is gone", async () => {
  const { sandbox, run } = await deploy();
  const [behind, sealing] = [await run(next), await run(next)];
  await behind.onboard("ada");
  const alias = behind.alias("ada");
  const stop = new AbortController();
  const options = { records: true, signal: stop.signal, onProgress: () => stop.abort(new Error("here")) };
  await expect(sealing.rewrap(options)).rejects.toThrow("here");
  expect(await behind.upgradeFormat()).toBe(next);
  expect(await soon(sandbox, sealing.rewrap({ records: true }))).toMatchObject({ dropped: 1 });
  const after = await run(next);
  expect(await after.inspect("ada")).toMatchObject({ usable: true });
  expect(after.alias("ada")).toBe(alias);
});
