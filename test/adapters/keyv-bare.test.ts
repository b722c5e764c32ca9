import KeyvRedis from "@keyv/redis";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { createTestLifecycle, manualClock } from "../../src/testing/index.ts";
import { looks, Naming, Private } from "../support/keyv-storages.ts";
import { withSharedServer } from "../support/servers.ts";

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
