import { setImmediate as turn } from "node:timers/promises";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import type { Commit, Limit, Store } from "../../src/store/contract.ts";
import { manualClock, storeConformance } from "../../src/testing/index.ts";
import { givings } from "../support/keyv-storages.ts";

describe("adapters/keyv on a storage adapter that takes its time", () =>
  storeConformance(it, { open: () => keyv(faultyStorage()), reopen: (adapter) => adapter }));

const writeFaults = ["reject", "answer false", "emit an error", "reject but write", "hang"] as const;
type Fault = (typeof writeFaults)[number] | "hang at reading";

/** A storage adapter as Keyv wants it, that fails when it is told to. */
interface FaultyStorage extends KeyvStoreAdapter {
  readonly data: Map<string, string>;
  /** Its data after each write, for a process that finds them so. */
  readonly history: (() => FaultyStorage)[];
  copy(): FaultyStorage;
  /** What happens to the write that comes after so many others. */
  fail(fault: Fault, nth: number): void;
  /** Holds back all writes, until it is released, or those from then on flow again. */
  hold(): () => void;
  flow(): void;
}

function faultyStorage(data = new Map<string, string>()): FaultyStorage {
  let planned: Fault | undefined;
  let before = 0;
  let gate: Promise<void> | undefined;
  let listeners: ((error: unknown) => void)[] = [];
  const never = new Promise<never>(() => {});
  const storage: FaultyStorage = {
    data,
    history: [],
    opts: { dialect: "sqlite" }, // one of those that Keyv iterates over
    copy: () => faultyStorage(new Map(data)),
    fail: (fault, nth) => void ([planned, before] = [fault, nth]),
    hold() {
      let release = (): void => {};
      gate = new Promise((resolve) => (release = resolve));
      return release;
    },
    flow: () => void (gate = undefined),
    get: async <Value>(key: string) => data.get(key) as Value | undefined,
    async set(key: string, value: string) {
      const fault = planned !== "hang at reading" && before-- === 0 ? planned : undefined;
      if (fault !== undefined) planned = undefined;
      await (gate ?? turn());
      if (fault === "hang") return never;
      if (fault === "reject") throw new Error("planned");
      if (fault === "answer false") return false;
      if (fault === "emit an error") return listeners.forEach((listener) => listener(new Error("planned")));
      data.set(key, value);
      const then = new Map(data);
      storage.history.push(() => faultyStorage(new Map(then)));
      if (fault === "reject but write") throw new Error("planned");
    },
    delete: async (key) => data.delete(key),
    clear: async () => data.clear(),
    async *iterator(namespace?: string) {
      if (planned === "hang at reading") {
        planned = undefined;
        await never;
      }
      for (const [key, value] of data) {
        await turn();
        if (key.includes("::")) continue; // as @keyv/redis does
        if (namespace === undefined || key.startsWith(`${namespace}:`)) yield [key, value];
      }
    },
    on(_event, listener) {
      listeners = [...listeners, listener];
      return storage;
    },
  };
  return storage;
}

const lease = { id: "lease", owner: "test", ms: 60_000 };
const limit: Limit = { name: "calls", calls: 9, windowMs: 3_600_000 };
const take = { limit, holdMs: 1_000, lane: null };

/** No time passes but what the test lets pass, so nothing is given up by accident. */
async function open(storage: Parameters<typeof keyv>[0], clock = manualClock()): Promise<Store> {
  const store = await keyv(storage).open({ account: "account", clock });
  onTestFinished(async () => void (await Promise.all([store.close(), clock.advance(5_000)])));
  return store;
}

async function opened(give: (typeof givings)[number][2] = (storage) => storage) {
  const [storage, clock] = [faultyStorage(), manualClock()];
  return { storage, clock, store: await open(give(storage), clock) };
}

async function used(store: Store): Promise<number> {
  const { used } = await store.slots.forecast({ limit, calls: 1, lane: "bulk" });
  return used.interactive + used.recovery + used.bulk;
}

function write(id: string, change: Partial<Commit> = {}): Commit {
  const usual = { mode: "none", lease, state: "created", dueInMs: null, lane: null } as const;
  return { ...usual, id, expectedRevision: 0, value: `of ${id}`, writeId: `write of ${id}`, ...change };
}

const unavailable = expect.objectContaining({ code: "STORE_UNAVAILABLE", retryable: true });

describe("adapters/keyv over a store that fails", () => {
  const cases = writeFaults.flatMap((fault) => [0, 1].map((nth) => [fault, nth] as const));

  it.each(cases)("commit() after %s at write %i has changed nothing, and works again", async (fault, nth) => {
    const { storage, clock, store } = await opened();
    await store.commit(write("bob", { dueInMs: 0 }));
    storage.fail(fault, nth);
    const commit = write("ada", { take, dueInMs: 0 });
    const failing = store.commit(commit);
    const later = turn().then(turn);
    if (fault === "hang") await Promise.allSettled([failing, later.then(() => clock.advance(5_000))]);
    await expect(failing).rejects.toEqual(unavailable);

    expect(await store.load("ada")).toEqual({ type: "absent" });
    expect(await store.counts()).toEqual({ created: 1 });
    expect(await used(store)).toBe(0);

    const again = store.commit(commit);
    if (fault === "hang") await clock.advance(2_500); // it waits for what hangs, but not for ever
    expect(await again).toMatchObject({ type: "committed", revision: 1 });
    expect(await store.commit(commit)).toMatchObject({ type: "committed", revision: 1 });
    for (const found of [store, await open(storage.copy(), clock)]) {
      expect(await found.counts()).toEqual({ created: 2 });
      expect(await used(found)).toBe(1);
      const { claimed } = await found.claim({ limit: 9, lease });
      expect(claimed.map(({ record }) => record.id).sort()).toEqual(["ada", "bob"]);
    }
  });

  it("commit() that was refused is not found by the next process, once another was written", async () => {
    const { storage, store } = await opened();
    storage.fail("reject but write", 1);
    await expect(store.commit(write("ada", { take }))).rejects.toEqual(unavailable);
    await store.commit(write("bob"));
    const next = await open(storage.copy());
    expect(await next.counts()).toEqual({ created: 1 });
    expect(await used(next)).toBe(0);
  });

  it("load() does not see what Keyv has not acknowledged", async () => {
    const { storage, store } = await opened();
    const release = storage.hold();
    const committing = store.commit(write("ada"));
    await turn();
    expect(await store.load("ada")).toEqual({ type: "absent" });
    release();
    await committing;
    expect(await store.load("ada")).toMatchObject({ type: "record" });
  });

  it.each(["before", "after"])("commit() outlives one that was given up and lands %s it", async (when) => {
    const { storage, clock, store } = await opened();
    await store.commit(write("ada"));
    const release = storage.hold();
    const givenUp = store.commit(write("ada", { expectedRevision: 1, writeId: "late", value: "late" }));
    await Promise.allSettled([givenUp, clock.advance(5_000)]);
    await expect(givenUp).rejects.toEqual(unavailable);
    storage.flow(); // newer writes could pass the one that is held
    const newer = store.commit(write("ada", { expectedRevision: 1, writeId: "newer", value: "newer" }));
    for (let turns = 0; turns < 9; turns++) await turn();
    if (when === "before") release();
    else await clock.advance(2_500);
    await newer;
    release();
    await store.close();
    const landed = storage.history.map(
      (moment) => /late|newer/.exec([...moment().data.values()].join())?.[0],
    );
    expect(landed.at(-1)).toBe("newer");
    expect(landed.lastIndexOf("late") < landed.indexOf("newer")).toBe(when === "before");
  });

  it("commit() shares its write with those that arrive meanwhile", async () => {
    const { storage, store } = await opened();
    const before = storage.history.length;
    const commits = Array.from({ length: 9 }, (_, n) => store.commit(write(`user ${n}`, { take })));
    expect(await Promise.all(commits)).toHaveLength(9);
    expect(storage.history.length - before).toBe(9 + 2); // a row each, and the log twice
  });

  it("open() rejects with STORE_UNAVAILABLE while the store fails, and works afterwards", async () => {
    const storage = faultyStorage();
    for (const fault of [...writeFaults, "hang at reading"] as const) {
      const clock = manualClock();
      storage.fail(fault, 0);
      const opening = open(storage, clock);
      if (fault.startsWith("hang"))
        await Promise.allSettled([
          opening,
          turn()
            .then(turn)
            .then(() => clock.advance(5_000)),
        ]);
      await expect(opening).rejects.toEqual(unavailable);
    }
    await (await open(storage)).commit(write("ada"));
  });
});

describe.each(givings)(
  "adapters/keyv after a crash between two writes (%s, then %s)",
  (_wrote, _found, wrote, find) => {
    it("commit({ take }) has counted its slot wherever its row is found", async () => {
      const { storage, store } = await opened(wrote);
      await store.commit(write("ada", { take }));
      const found = await Promise.all(
        storage.history.map(async (moment) => {
          const next = await open(find(moment()));
          return { rows: (await next.counts())["created"] ?? 0, slots: await used(next) };
        }),
      );
      expect(found.filter(({ rows, slots }) => rows > slots)).toEqual([]);
      expect(found.at(-1)).toEqual({ rows: 1, slots: 1 });
    });

    // A rename writes twice, and once more to tidy up; a failure at the first or the second is put right later.
    it.each(["none", 0, 1, 2] as const)("move() leaves one user if write %s fails", async (nth) => {
      const { storage, store } = await opened(wrote);
      await store.commit(write("ada"));
      await store.move({ from: "ada", commit: write("bob", { expectedRevision: 1, writeId: "there" }) });
      const from = storage.history.length;
      if (nth !== "none") storage.fail("reject but write", nth);
      const back = { from: "bob", commit: write("ada", { expectedRevision: 2, writeId: "back" }) };
      await store.move(back).catch(() => {});
      await store.commit(write("eve", { state: "another" }));
      await store.move(back);
      await store.close();

      for (const moment of storage.history.slice(from)) {
        const next = await open(find(moment()));
        expect((await next.counts())["created"]).toBe(1);
        const [ada, bob] = await Promise.all([next.load("ada"), next.load("bob")]);
        if (ada.type === "record") expect(bob).toEqual({ type: "renamed", to: "ada" });
        else expect([ada, bob]).toMatchObject([{ type: "renamed", to: "bob" }, { type: "record" }]);
      }
      expect(JSON.stringify([...storage.data])).not.toContain("carries");
    });

    it("move() in the midst of others brings the user to the last id", async () => {
      const { storage, store } = await opened(wrote);
      await store.commit(write("a"));
      const from = storage.history.length;
      const release = storage.hold();
      const other = (id: string): Promise<unknown> => store.commit(write(id, { state: "another" }));
      const all = [
        other("first"),
        other("second"),
        store.move({ from: "a", commit: write("b", { expectedRevision: 1 }) }),
        store.move({ from: "b", commit: write("c", { expectedRevision: 2 }) }),
        other("last"),
      ];
      release();
      await Promise.all(all);
      for (const moment of storage.history.slice(from)) {
        const next = await open(find(moment()));
        expect((await next.counts())["created"]).toBe(1);
        const found = await Promise.all(["a", "b", "c"].map((id) => next.load(id)));
        expect(found.map(({ type }) => type).join(" ")).toMatch(/^(renamed )*record( absent)*$/);
        expect(JSON.stringify(found)).toMatch(/"value":"of [abc]"/);
      }
    });
  },
);

describe("adapters/keyv reading what it finds", () => {
  it.each([
    '{"cut',
    '{"value":"{\\"renamedTo\\":\\"x"}',
    '{"value":7}',
    '{"value":"{\\"revision\\":1}"}',
    "null",
  ])("open() passes a damaged row by (%s), and its id says so", async (garbage) => {
    const storage = faultyStorage();
    const first = await open(storage);
    for (const id of ["a", "b", "c"]) await first.commit(write(id, { dueInMs: 0 }));
    const copy = storage.copy();
    copy.data.set("keyv:account:users:b", garbage);
    const store = await open(copy);
    const { claimed } = await store.claim({ limit: 9, lease });
    expect(claimed.map(({ record }) => record.id)).toEqual(["a", "c"]);
    const damaged = expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false });
    await expect(store.load("b")).rejects.toEqual(damaged);
    await expect(store.commit(write("b"))).rejects.toEqual(damaged);
    expect(copy.data.get("keyv:account:users:b")).toBe(garbage);
  });

  it.each(["account", "slots:calls"])("open() refuses a store whose %s is damaged", async (key) => {
    const storage = faultyStorage();
    storage.data.set(`keyv:account:${key}`, '{"value":"[7]"}');
    await expect(open(storage)).rejects.toMatchObject({ code: "RECORD_DAMAGED", retryable: false });
  });

  it("open() needs an iterator that gives what was written", async () => {
    const unusable = { code: "STORE_UNUSABLE", retryable: false };
    const { iterator: _, ...without } = faultyStorage();
    await expect(open(new Keyv({ store: without }))).rejects.toMatchObject(unusable);
    const blind = { ...faultyStorage(), async *iterator() {} };
    await expect(open(new Keyv({ store: blind }))).rejects.toMatchObject(unusable);
    const storage = faultyStorage();
    const caseless = {
      ...storage,
      set: (key: string, value: string) => storage.set(key.toLowerCase(), value),
    };
    await expect(open(new Keyv({ store: caseless }))).rejects.toMatchObject(unusable);
  });

  it.each([
    { namespace: "with:colon" },
    { namespace: "account" },
    { namespace: "" },
    { useKeyPrefix: false, namespace: "" },
    { ttl: 1 },
    { emitErrors: false },
  ])("open() finds everything through a Keyv with %j", async (options) => {
    const storage = faultyStorage();
    const first = await open(new Keyv({ store: storage, ...options }));
    await first.commit(write("ada::1%3A", { take }));
    await first.close();
    const next = await open(new Keyv({ store: storage, ...options }));
    expect(await next.load("ada::1%3A")).toMatchObject({ record: { value: "of ada::1%3A" } });
    expect(await used(next)).toBe(1);
    expect([...storage.data.values()].join()).not.toContain("expires");
  });

  it("open() keeps Keyvs of one store apart by their namespace", async () => {
    const map = new Map<string, string>();
    const app = new Keyv({ store: map, namespace: "app" });
    const other = new Keyv({ store: map, namespace: "app2" });
    await (await open(other)).commit(write("ada"));
    expect(await (await open(app)).counts()).toEqual({});
    expect(await other.get("account:users:ada")).toMatch(/"value":"of ada"/);
  });

  it("keyv() refuses what is no Keyv, and options out of range", () => {
    const refusal = expect.objectContaining({ code: "INVALID_OPTION" });
    for (const store of [undefined, null, 7, {}, { get() {} }]) {
      expect(() => keyv(store as unknown as Keyv)).toThrow(refusal);
    }
    for (const timeoutMs of [0, -1, Number.NaN, "5"]) {
      expect(() => keyv(new Keyv(), { timeoutMs: timeoutMs as number })).toThrow(refusal);
    }
  });
});
