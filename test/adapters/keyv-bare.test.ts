import KeyvRedis from "@keyv/redis";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { createTestLifecycle, manualClock } from "../../src/testing/index.ts";
import { withSharedServer } from "../support/servers.ts";

type Listener = (...given: unknown[]) => void;

/** A storage adapter that names its own keys, as @keyv/redis does. */
class Naming implements KeyvStoreAdapter {
  opts = { dialect: "sqlite" }; // one of those that Keyv iterates over
  listeners: Listener[] = [];
  readonly data: Map<string, string> = new Map();
  ownName: string | undefined = undefined;

  get namespace(): string | undefined {
    return this.ownName;
  }
  set namespace(value: string | undefined) {
    this.ownName = value;
  }
  keyOf(key: string): string {
    return this.ownName === undefined ? key : `${this.ownName}/${key}`;
  }
  async get<Value>(key: string): Promise<Value | undefined> {
    return this.data.get(this.keyOf(key)) as Value | undefined; // as it was set
  }
  async set(key: string, value: string): Promise<boolean> {
    this.data.set(this.keyOf(key), value);
    return true;
  }
  async delete(key: string): Promise<boolean> {
    return this.data.delete(this.keyOf(key));
  }
  async clear(): Promise<void> {
    this.data.clear();
  }
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void> {
    const prefix = namespace === undefined ? "" : `${namespace}/`;
    for (const [key, value] of this.data)
      if (key.startsWith(prefix)) yield [key.slice(prefix.length), value as Value]; // as it was set
  }
  on(_event: string, listener: Listener): this {
    this.listeners = [...this.listeners, listener];
    return this;
  }
  off(_event: string, listener: Listener): this {
    this.listeners = this.listeners.filter((each) => each !== listener);
    return this;
  }
}

/** One that cannot be used through anything but itself. */
class Private extends Naming {
  readonly #salt: string = "private";
  override keyOf(key: string): string {
    return super.keyOf(this.#salt === "" ? "" : key);
  }
}

/** What can be seen of an object: its members and what they hold. */
function looks(value: object): string {
  const members = Object.getOwnPropertyNames(value).map((name) => [name, String(Reflect.get(value, name))]);
  return JSON.stringify([...members, ["namespace", String(Reflect.get(value, "namespace"))]]);
}

const adapters = {
  "an adapter that names its own keys": () => new Naming(),
  "an adapter with private fields": () => new Private(),
} as const;

const write = {
  mode: "none",
  lease: { id: "lease", owner: "test", ms: 60_000 },
  state: "created",
  dueInMs: null,
  lane: null,
  writeId: "write",
  expectedRevision: 0,
  value: "a user",
} as const;

async function withUsers(storage: KeyvStoreAdapter, ids: readonly string[]): Promise<void> {
  const encryption = { keys: ["0".repeat(64)] };
  const world = await createTestLifecycle({ lifecycle: { store: keyv(storage), encryption } });
  for (const id of ids) await world.lifecycle.onboard(id);
  const next = await world.restart();
  for (const id of ids) expect(await next.inspect(id)).toMatchObject({ usable: true });
  expect(await next.counts()).toEqual({ tokenActive: ids.length });
  await world.close();
}

describe("keyv() on a storage adapter without a namespace", () => {
  it.each(Object.entries(adapters))("keeps users, and leaves %s as it was", async (_name, make) => {
    const storage = make();
    await storage.set("theirs", "kept");
    const before = looks(storage);
    await withUsers(storage, ["ada", "a::b", "keyv:x"]);
    expect(looks(storage)).toBe(before);
    expect(storage.listeners).toEqual([]);
    expect(await storage.get("theirs")).toBe("kept");
    const users = [...storage.data.keys()].filter((key) => key !== "theirs");
    expect(users.every((key) => /^(keyv\/)?keyv:/.test(key))).toBe(true);
  });

  it("leaves one as it was that has a namespace", async () => {
    const storage = new Naming();
    storage.namespace = "theirs";
    const before = looks(storage);
    await withUsers(storage, ["ada"]);
    expect(looks(storage)).toBe(before);
    expect([...storage.data.keys()].every((key) => key.startsWith("theirs/theirs:"))).toBe(true);
  });

  it("leaves a Map as it was, and finds its users there again, also through a Keyv", async () => {
    const storage = new Map<string, string>();
    await withUsers(storage as unknown as KeyvStoreAdapter, ["ada"]);
    expect(Object.getOwnPropertyNames(storage)).toEqual([]);
    const adapter = keyv(storage as unknown as KeyvStoreAdapter); // which Keyv takes for one
    expect(adapter.durable).toBe(false);
    const clock = manualClock();
    const [bare, through] = [adapter, keyv(new Keyv({ store: new Map(storage) }))];
    const [one, other] = [
      await bare.open({ account: "a", clock }),
      await through.open({ account: "a", clock }),
    ];
    expect(await one.counts()).toEqual(await other.counts());
    await Promise.all([one.close(), other.close()]);
  });

  it("is one store, however often it is given", async () => {
    const storage = new Naming();
    const clock = manualClock();
    const one = await keyv(storage).open({ account: "a", clock });
    const other = await keyv(storage).open({ account: "a", clock });
    await one.commit({ ...write, id: "ada" });
    expect(await other.load("ada")).toMatchObject({ type: "record" });
    await Promise.all([one.close(), other.close()]);
  });
});

withSharedServer("redis", "keyv() on a bare KeyvRedis", (place) => {
  it("keeps users under any id, and leaves it as it was", async () => {
    const { where, prefix } = await place();
    const storage = new KeyvRedis(where);
    await storage.set(`${prefix}theirs`, "kept");
    const opening = { account: prefix, clock: manualClock() };
    for (const round of ["written", "read"]) {
      const store = await keyv(storage).open(opening);
      for (const id of ["ada", "a::b"])
        if (round === "written") await store.commit({ ...write, id });
        else expect(await store.load(id)).toMatchObject({ type: "record" });
      await store.close();
      expect(storage.namespace).toBeUndefined();
    }
    expect(await storage.get(`${prefix}theirs`)).toBe("kept");
    await storage.delete(`${prefix}theirs`);
    await storage.disconnect();
  });
});
