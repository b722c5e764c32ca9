import { setTimeout as pause } from "node:timers/promises";
import KeyvRedis from "@keyv/redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { redis, type RedisOptions, type Where } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { lanes, type Store } from "../../src/store/contract.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { withCluster } from "../support/cluster.ts";
import { write } from "../support/commits.ts";
import { drawnTests } from "../support/drawn-test.ts";
import { thorough } from "../support/effort.ts";
import { clientOf, type ClusterClient } from "../support/places.ts";
import { ask } from "../support/servers.ts";
import { redisOnTestsClock } from "../support/steered-redis.ts";

const { lease } = write("nobody");
/** Users that are written at the same time, and the pause of each between two writes, ms. */
const size = thorough ? 16 : 6;
const breath = thorough ? 0 : 5;
const lives = { timeout: 30_000, interval: 50 };

withCluster("adapters/redis on a cluster of three masters", (its) => {
  const clusters: ClusterClient[] = [];
  const urlOf = (node = 0): string => its().nodes[node]?.url ?? "";
  const clusterOf = (): ClusterClient => {
    const client = clientOf([urlOf()]);
    clusters.push(client);
    return client.on("error", () => {});
  };
  /** The two ways there: the URL of any node, and a client that knows the cluster. */
  const ways: Readonly<Record<string, () => Where>> = { "a URL": () => urlOf(2), "a cluster": clusterOf };

  afterAll(() => clusters.forEach((client) => client.destroy()));

  async function openStore(where: Where, account = "account", options?: RedisOptions): Promise<Store> {
    // After a failover, or on a busy machine, a node may take longer to answer than an opening waits.
    const store = await vi.waitFor(() => redis(where, options).open({ account, clock: systemClock }), lives);
    onTestFinished(() => store.close());
    return store;
  }

  /** Names of accounts that begin so, one for each master, in the order of the nodes. */
  async function accounts(beginning: string): Promise<readonly string[]> {
    const found = new Map<number, string>();
    for (let n = 0; found.size < 3; n++) {
      const account = `${beginning} ${n}`;
      const { port } = await its().masterOf(dueOf(account));
      if (!found.has(port)) found.set(port, account);
    }
    return its().nodes.flatMap(({ port }) => found.get(port) ?? []);
  }

  describe.concurrent("conformance", () => {
    let client: ClusterClient;
    let places = 0;
    beforeAll(async () => {
      client = await clusterOf().connect();
    });
    storeConformance(drawnTests(3), {
      open: () => redisOnTestsClock(client, { prefix: `conformance ${places++}` }),
    });
  });

  it("redis() takes a URL of any node, a cluster, and a KeyvRedis on one", async () => {
    const [first = "", second = "", third = ""] = await accounts("ways");
    const keyv = new KeyvRedis(clusterOf());
    for (const where of [urlOf(0), urlOf(1), urlOf(5), clusterOf(), keyv]) {
      for (const account of [first, second, third]) {
        const store = await openStore(where, account, { prefix: `${account}${typeof where}` });
        const { revision } = await latest(store, "ada");
        expect(await store.commit(write("ada", { expectedRevision: revision }))).toMatchObject({
          type: "committed",
        });
      }
    }
  });

  it("accounts lie on different masters and are kept apart", async () => {
    const [first = "", second = "", third = ""] = await accounts("apart");
    const where = clusterOf();
    const stores = await Promise.all([first, second, third].map((account) => openStore(where, account)));
    const limit = { name: "calls", calls: 3, windowMs: 3_600_000 };
    for (const [n, store] of stores.entries()) {
      await store.commit(write("ada", { value: n, dueInMs: 0 }));
      for (let slot = 0; slot < n; slot++) await store.slots.take({ limit, holdMs: 1_000, lane: null });
    }
    for (const [n, store] of stores.entries()) {
      expect(await store.load("ada")).toMatchObject({ record: { value: n } });
      expect(await store.counts()).toEqual({ created: 1 });
      expect(await store.slots.forecast({ limit, calls: 1, lane: "bulk" })).toMatchObject({
        used: { interactive: n },
      });
      expect((await store.claim({ limit: 9, lease })).claimed).toHaveLength(1);
    }
    const masters = await Promise.all([first, second, third].map((each) => its().masterOf(dueOf(each))));
    expect(new Set(masters.map(({ port }) => port)).size).toBe(3);
    for (const { url } of masters) expect(await keysOf(url)).toBe(1);

    async function keysOf(url: string): Promise<number> {
      const keys = (await ask(url, "KEYS", "oneup:{apart*:users:ada")) as string[]; // KEYS answers names
      return keys.length;
    }
  });

  it("verbs wait or reject with STORE_UNAVAILABLE while their slot is moved, and nothing is lost", async () => {
    const [account = ""] = await accounts("moved");
    const from = await its().masterOf(dueOf(account));
    const to = await its().masterOf(dueOf((await accounts("moved"))[1] ?? ""));
    const stores = await Promise.all(Object.values(ways).map((where) => openStore(where(), account)));
    const crowd = await writers(stores);
    const worker = claiming(stores[0]);
    const move = await its().beginMove(dueOf(account), from, to);
    for (let keys = await move.left(5); keys.length > 0; keys = await move.left(5)) {
      await move.carry(keys);
      await pause(30);
    }
    await move.end();
    await crowd.goOn();
    await crowd.end();
    expect(await its().masterOf(dueOf(account))).toBe(to);
    const taken = await worker.end();
    expect(taken).toBeGreaterThan(0);
    for (const store of stores) expect(await store.counts()).toEqual({ created: size, due: 20 });
    const { claimed } = await vi.waitUntil(async () => {
      const batch = await stores[0]?.claim({ limit: 99, lease });
      return batch !== undefined && batch.claimed.length > 0 && batch;
    }, lives);
    expect(claimed).toHaveLength(20);
  });

  it("claim() skips users that move to another master, and loses none", async () => {
    const [account = "", other = ""] = await accounts("on the way");
    const [from, to] = await Promise.all([account, other].map((each) => its().masterOf(dueOf(each))));
    if (from === undefined || to === undefined) throw new Error("two masters");
    const key = (name: string): string => dueOf(account).replace(/due$/, name);
    const store = await openStore(clusterOf(), account);
    for (const id of ["first", "second", "third"]) await store.commit(write(id, { dueInMs: 0 }));
    for (const lane of lanes) await store.commit(write(lane, { lane })); // so that no index is missing
    const claimed = async (): Promise<readonly string[]> =>
      (await store.claim({ limit: 9, lease })).claimed.map(({ record }) => record.id);

    const move = await its().beginMove(dueOf(account), from, to);
    await move.carry([key("users:first")]);
    expect(await claimed(), "its row is not here any more").toEqual(["second", "third"]);
    await ask(from.url, "ZADD", dueOf(account), "1", "second");
    await move.carry(["due", ...lanes, "states", "counts"].map(key));
    expect(await claimed(), "its row is not there yet").toEqual([]);
    await move.carry(await move.left(99));
    await move.end();
    expect(await claimed()).toEqual([]);
    const hour = 3_600_000;
    for (const id of ["first", "second"]) {
      const at = Number(await ask(to.url, "ZSCORE", dueOf(account), id));
      expect(at - Date.now()).toBeGreaterThan(hour - 60_000);
      await ask(to.url, "ZADD", dueOf(account), "1", id);
    }
    expect(await claimed(), "their entries are put right").toEqual([]);
    expect(await claimed()).toEqual(["first"]);
    expect((await store.claim({ limit: 9, lease })).nextInMs, "the leases of the others").toBeGreaterThan(0);
  });

  it("an orderly failover loses nothing that was acknowledged, and the stores go on by themselves", async () => {
    const [account = ""] = await accounts("orderly");
    const stores = await Promise.all(Object.values(ways).map((where) => openStore(where(), account)));
    const crowd = await writers(stores);
    const master = await its().masterOf(dueOf(account));
    await its().failOver(await its().replicaOf(master));
    await crowd.goOn();
    await crowd.end();
  });

  it("kill -9 of a master loses nothing that its replica had, and the stores go on by themselves", async () => {
    const [account = ""] = await accounts("killed");
    const stores = await Promise.all(Object.values(ways).map((where) => openStore(where(), account)));
    const crowd = await writers(stores);
    await crowd.pause();
    const master = await its().masterOf(dueOf(account));
    await its().inStep(master, await its().replicaOf(master));
    await master.kill("SIGKILL");
    await crowd.goOn();
    await crowd.end();
    await master.restart();
    await its().settled();
    for (const store of stores) {
      const { revision } = await latest(store, "writer 0");
      const change = { expectedRevision: revision, writeId: `after ${revision}` };
      expect((await store.commit(write("writer 0", change))).type).toBe("committed");
    }
  });

  it("verbs reject in time with STORE_UNAVAILABLE while no node has their slot, and continue when one has", async () => {
    const [account = ""] = await accounts("gone");
    const stores = await Promise.all(
      Object.values(ways).map((where) => openStore(where(), account, { timeoutMs: 3_000 })),
    );
    await stores[0]?.commit(write("ada"));
    const master = await its().masterOf(dueOf(account));
    const replica = await its().replicaOf(master);
    await Promise.all([master, replica].map((node) => node.kill("SIGKILL")));
    const refused = { code: "STORE_UNAVAILABLE", retryable: true };
    const answers = await Promise.allSettled(
      stores.flatMap((store): Promise<unknown>[] => [store.load("ada"), store.claim({ limit: 1, lease })]),
    );
    for (const answer of answers) expect(answer).toMatchObject({ status: "rejected", reason: refused });
    await Promise.all([master, replica].map((node) => node.restart()));
    for (const store of stores) {
      await vi.waitUntil(() => store.load("ada").catch(() => false), lives);
      expect(await store.load("ada")).toMatchObject({ record: { revision: 1 } });
    }
  });
});

/** The key by which a cluster finds all of an account. */
function dueOf(account: string): string {
  return `oneup:{${account}}:due`;
}

async function latest(store: Store, id: string): Promise<{ readonly revision: number }> {
  const loaded = await store.load(id);
  return loaded.type === "record" ? loaded.record : { revision: 0 };
}

/** Users that are written again and again, each by one writer over one of the stores, all of them seen once at least. */
async function writers(stores: readonly Store[]): Promise<Crowd> {
  const acknowledged = Array.from({ length: size }, () => 0);
  let over = false;
  let held: Promise<void> | undefined;
  let release = (): void => {};
  const write1 = async (n: number, revision: number): Promise<void> => {
    const change = { expectedRevision: revision - 1, writeId: `${n}: ${revision}`, value: revision };
    const store = stores[n % stores.length];
    for (;;) {
      try {
        const answer = await store?.commit(write(`writer ${n}`, change));
        expect(answer).toEqual({ type: "committed", revision, slot: null });
        return;
      } catch (error) {
        expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      }
    }
  };
  const all = acknowledged.map(async (_, n) => {
    for (let revision = 1; !over; revision++) {
      await held;
      await write1(n, revision);
      acknowledged[n] = revision;
      if (breath > 0) await pause(breath);
    }
  });
  const failed = Promise.all(all);
  const seen = async (more: number): Promise<void> => {
    const before = [...acknowledged];
    const enough = vi.waitUntil(
      () => acknowledged.every((revision, n) => revision >= (before[n] ?? 0) + more),
      lives,
    );
    await Promise.race([enough, failed]);
  };
  await seen(2);
  return {
    async pause() {
      held = new Promise((resolve) => (release = resolve));
      for (let before: string | undefined; before !== acknowledged.join();) {
        before = acknowledged.join();
        await pause(50);
      }
    },
    async goOn() {
      release();
      held = undefined;
      await seen(3);
    },
    async end() {
      over = true;
      await failed;
      for (const [n, revision] of acknowledged.entries()) {
        for (const store of stores) {
          expect(await store.load(`writer ${n}`)).toMatchObject({ record: { revision, value: revision } });
        }
      }
    },
  };
}

interface Crowd {
  /** No process writes, and nothing is under way. */
  pause(): Promise<void>;
  /** Resolves when every writer has written three times more. */
  goOn(): Promise<void>;
  /** Ends them, and holds every store to what was acknowledged. */
  end(): Promise<void>;
}

/** A worker that claims twenty due users and puts each back, due at once. Ends with how many it took. */
function claiming(store: Store | undefined): { end(): Promise<number> } {
  let over = false;
  let taken = 0;
  const patiently = async <T>(task: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await task();
      } catch (error) {
        expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      }
    }
  };
  const worked = (async () => {
    if (store === undefined) return;
    for (let n = 0; n < 20; n++) {
      const due = write(`due ${n}`, { state: "due", dueInMs: 0 });
      await patiently(() => store.commit(due));
    }
    while (!over) {
      const own = { id: `lease ${taken}`, owner: "worker", ms: 1_000 };
      const { claimed } = await patiently(() => store.claim({ limit: 5, lease: own }));
      for (const { record } of claimed) {
        const change = { expectedRevision: record.revision, writeId: `back ${taken++}`, lease: own };
        const back = write(record.id, { ...change, state: "due", mode: "end", dueInMs: 0 });
        await patiently(() => store.commit(back));
      }
      if (breath > 0) await pause(breath);
    }
  })();
  return {
    async end() {
      over = true;
      await worked;
      return taken;
    },
  };
}
