/** Storages beneath a Keyv that fail, refuse, lag or are slow: no user is lost, and one user's trouble is not that of others. */
import { EventEmitter } from "node:events";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import type { Store } from "../../src/store/contract.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
import { write } from "../support/commits.ts";

/** A storage adapter over data that others may have, too. */
class Storage extends EventEmitter implements KeyvStoreAdapter {
  opts: unknown = { dialect: "sqlite" }; // one of those that Keyv iterates over
  readonly data: Map<string, string>;

  constructor(data = new Map<string, string>()) {
    super();
    this.data = data;
  }
  async get<Value>(key: string): Promise<Value | undefined> {
    return this.data.get(key) as Value | undefined;
  }
  async set(key: string, value: string): Promise<void> {
    this.data.set(key, value);
  }
  async delete(key: string): Promise<boolean> {
    return this.data.delete(key);
  }
  async clear(): Promise<void> {
    this.data.clear();
  }
  async *iterator(): AsyncGenerator<[string, string]> {
    yield* this.data;
  }
}

async function open(storage: KeyvStoreAdapter, clock = manualClock()): Promise<Store> {
  const store = await keyv(storage).open({ account: "account", clock });
  onTestFinished(async () => void (await Promise.all([store.close(), clock.advance(60_000)])));
  return store;
}

/** Data of so many users. */
async function filled(users: number): Promise<Map<string, string>> {
  const storage = new Storage();
  const store = await open(storage);
  for (let n = 0; n < users; n++) await store.commit(write(`user-${n}`));
  return new Map(storage.data);
}

/** What `task` resolves with, while the time of its clock passes. */
async function inTime<T>(clock: ManualClock, task: Promise<T>): Promise<T> {
  let isDone = false;
  const settled = (): void => void (isDone = true);
  task.then(settled, settled);
  while (!isDone) await clock.advance(5);
  return task;
}

it("open() rejects where the iterator ends early and only reports an error, and removes nothing", async () => {
  const data = await filled(9);
  class Failing extends Storage {
    override async *iterator(): AsyncGenerator<[string, string]> {
      let left = 6;
      for (const entry of this.data) {
        if (--left < 0) return void this.emit("error", new Error("a page failed"));
        yield entry;
      }
    }
  }
  const failing = new Failing(new Map(data));
  await expect(open(failing)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
  expect([...data.keys()].filter((key) => !failing.data.has(key))).toEqual([]);
  expect(await (await open(new Storage(failing.data))).counts()).toEqual({ created: 9 });
});

it("open() finds all users where an entry that expires meanwhile moves one out of the iterator's pages", async () => {
  let skips = 2;
  class Paging extends Storage {
    override async *iterator(): AsyncGenerator<[string, string]> {
      const skipped = skips-- > 0 ? `user-${skips + 3}` : "none";
      for (const entry of this.data) if (!entry[0].endsWith(skipped)) yield entry;
    }
  }
  const store = await open(new Paging(await filled(9)));
  expect(await store.counts()).toEqual({ created: 9 });
  expect(await store.load("user-4")).toMatchObject({ type: "record" });
});

it("a user whose key the storage refuses holds up no other", async () => {
  class Short extends Storage {
    #check(key: string): void {
      if (key.length > 100) throw Object.assign(new Error(`too long: ${key}`), { code: "ENAMETOOLONG" });
    }
    override async get<Value>(key: string): Promise<Value | undefined> {
      this.#check(key);
      return super.get<Value>(key);
    }
    override async set(key: string, value: string): Promise<void> {
      this.#check(key);
      await super.set(key, value);
    }
    override async delete(key: string): Promise<boolean> {
      this.#check(key);
      return super.delete(key);
    }
  }
  const storage = new Short();
  const store = await open(storage);
  const long = Array.from({ length: 7 }, (_, n) => "x".repeat(200 + n));
  const ids = ["ada", ...long, "bob"];
  const ends = await Promise.allSettled(ids.map((id) => store.commit(write(id))));
  expect(ends.map(({ status }) => status === "fulfilled")).toEqual([true, ...long.map(() => false), true]);
  const refused = store.commit(write(long[0] ?? ""));
  await expect(refused).rejects.toMatchObject({
    cause: { message: expect.stringContaining("ENAMETOOLONG") },
  });
  await expect(refused).rejects.not.toThrow("xxx");
  expect(await store.commit(write("eve"))).toMatchObject({ type: "committed" });
  await store.probe?.();
  expect(await (await open(new Storage(storage.data))).counts()).toEqual({ created: 3 });
});

it("a storage that carries out one write after the other takes a batch that lasts longer than one may", async () => {
  const clock = manualClock();
  let last = Promise.resolve();
  class Slow extends Storage {
    override async set(key: string, value: string): Promise<void> {
      last = last.then(() => new Promise((resolve) => clock.timer(45, resolve)));
      await last;
      await super.set(key, value);
    }
  }
  const storage = new Slow();
  const store = await inTime(clock, open(storage, clock));
  const ids = Array.from({ length: 300 }, (_, n) => `user-${n}`);
  const all = await inTime(clock, Promise.allSettled(ids.map((id) => store.commit(write(id)))));
  expect(all.filter(({ status }) => status === "rejected")).toEqual([]);
  expect(await inTime(clock, store.commit(write("ada")))).toMatchObject({ type: "committed" });
});

it("two that open at the same moment: one works, and the other says why it does not", async () => {
  const data = new Map<string, string>();
  let marks = 0;
  let release = (): void => {};
  const both = new Promise<void>((resolve) => (release = resolve));
  class Turning extends Storage {
    override async set(key: string, value: string): Promise<void> {
      if (key.endsWith(":Probe") && ++marks === 2) release();
      await both;
      await super.set(key, value);
    }
  }
  let drawn = 0;
  const clockOf = () => ({ ...manualClock(), random: () => (drawn += 0.137) % 1 });
  const ends = await Promise.allSettled([1, 2].map(() => open(new Turning(data), clockOf() as ManualClock)));
  const refused = ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : []));
  expect(refused).toEqual([expect.stringContaining("another process has opened it at the same moment")]);
});

it("a storage that shows the mark of the process before for a while is waited for", async () => {
  const clock = manualClock();
  let drawn = 0;
  clock.random = () => (drawn += 0.137) % 1;
  const data = new Map<string, string>();
  await open(new Storage(data), clock).then((store) => store.close());
  let lagging = 0;
  class Lagging extends Storage {
    readonly #before = new Map(this.data);
    override async get<Value>(key: string): Promise<Value | undefined> {
      const from = key.endsWith(":Probe") && lagging-- > 0 ? this.#before : this.data;
      return from.get(key) as Value | undefined;
    }
  }
  const store = await open(new Lagging(data), clock);
  lagging = 3;
  expect(await inTime(clock, store.commit(write("ada")))).toMatchObject({ type: "committed" });
});

it("open() refuses a Keyv whose entries disappear by themselves", async () => {
  const expiring = new Keyv({ store: new Map() });
  expiring.hooks.addHandler("preSet", (data: { ttl?: number }) => void (data.ttl = 60_000));
  await expect(keyv(expiring).open({ account: "account", clock: manualClock() })).rejects.toMatchObject({
    code: "STORE_UNUSABLE",
    message: expect.stringContaining("must not expire"),
  });
});
