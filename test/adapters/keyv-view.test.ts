import { Keyv, type KeyvStoreAdapter } from "keyv";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { memory } from "../../adapters/memory.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { accountOf } from "../../src/store/account-of.ts";
import type { Json, Store, StoreAdapter } from "../../src/store/contract.ts";
import type { KeyvView, KeyvViewOptions, KeyvStorage } from "../../src/store/keyv-view.ts";
import { write } from "../support/commits.ts";
import { scene } from "../support/scene.ts";
import { needing } from "../support/needs.ts";
import { forgetful, sql, startPostgres } from "../support/postgres.ts";
import { startServer, type Server } from "../support/servers.ts";
import { newFolder, removeFolder } from "./folders.ts";

type Adapter = StoreAdapter & KeyvView;

const servers = {
  redis: { needs: "redis-server", start: () => startServer("redis-server") },
  postgres: { needs: "postgres", start: () => startPostgres(forgetful) },
} as const;

let server: Server | undefined; // the one that is running
let prefixes = 0;

/** An empty schema, faster than a new one. */
async function emptied(url: string): Promise<Adapter> {
  const adapter = postgres(url);
  await adapter.migrate();
  const names = ["users", "counts", "slots", "account", "texts"];
  await sql(url, `TRUNCATE ${names.map((name) => `oneup_lifecycle.${name}`).join(", ")}`);
  return adapter;
}

const adapters: Readonly<Record<string, () => Adapter | Promise<Adapter>>> = {
  memory,
  // A prefix with all that means something in a pattern of Redis.
  redis: () => redis(server?.url ?? "", { prefix: `one[u]p*?^-\\${prefixes++}` }),
  postgres: () => emptied(server?.url ?? ""),
  lmdb() {
    const folder = newFolder("keyv-view");
    onTestFinished(() => removeFolder(folder));
    return lmdb(folder, { maxAccounts: 2 });
  },
};

const clientId = "a client";

async function open(adapter: Adapter, account = accountOf(clientId)): Promise<Store> {
  const store = await adapter.open({ account, clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

function viewOf(adapter: Adapter, options: KeyvViewOptions): KeyvStorage {
  const view = adapter.keyv(options);
  onTestFinished(() => view.disconnect());
  return view;
}

async function all(keyv: Keyv): Promise<Readonly<Record<string, unknown>>> {
  const found: [string, unknown][] = [];
  for await (const entry of keyv.iterator?.(undefined) ?? []) found.push(entry as [string, unknown]);
  expect(new Set(found.map(([key]) => key)).size).toBe(found.length);
  return Object.fromEntries(found);
}

/** A lease whose id must be seen nowhere. */
const lease = { id: "secret of the lease", owner: "test", ms: 60_000 };

const refusal = expect.objectContaining({ code: "INVALID_OPTION", retryable: false });

for (const name of ["memory", "lmdb"] as const) describe(`adapters/${name} keyv()`, () => isStorage(name));
for (const name of ["redis", "postgres"] as const)
  describe(`adapters/${name} keyv()`, needing([servers[name].needs]), () => {
    beforeAll(async () => void (server = await servers[name].start()));
    afterAll(() => server?.stop());
    isStorage(name);
  });

function isStorage(name: string): void {
  const create = async (): Promise<Adapter> => adapters[name]?.() ?? memory();

  it("keyv() is what Keyv calls a storage adapter", async () => {
    const view: KeyvStoreAdapter = viewOf(await create(), { namespace: "cache" });
    expect(new Keyv({ store: view }).store).toBe(view);
  });

  it("keyv({ namespace: 'users' }) shows snapshots under the users' ids, however Keyv names its keys", async () => {
    const adapter = await create();
    const store = await open(adapter);
    const values: Readonly<Record<string, Json>> = {
      "ada@example.org": { n: 1, text: ":colon", deep: [":base64:x"] },
      "org:7:user": "é",
    };
    for (const [id, value] of Object.entries(values)) await store.commit(write(id, { value, lease }));
    for (const options of [{}, { namespace: "my:app" }, { namespace: "" }, { useKeyPrefix: false }]) {
      const users = new Keyv({ store: viewOf(adapter, { namespace: "users", clientId }), ...options });
      for (const [id, value] of Object.entries(values)) expect(await users.get(id)).toEqual(value);
      expect(await users.get([...Object.keys(values), "bob"])).toEqual([...Object.values(values), undefined]);
      expect([await users.has("org:7:user"), await users.has("bob")]).toEqual([true, false]);
    }
    const users = new Keyv({ store: viewOf(adapter, { namespace: "users", clientId }) });
    expect(await all(users)).toEqual(values);
    expect(await users.store.get("ada@example.org")).not.toContain("secret of the lease");
  });

  it("keyv({ namespace: 'users' }) changes nothing, and warns", async () => {
    const adapter = await create();
    const store = await open(adapter);
    await store.commit(write("ada", { value: "as it was", lease }));
    const view = viewOf(adapter, { namespace: "users", clientId });
    await expect(view.set("ada", "{}")).rejects.toEqual(refusal);
    await expect(view.setMany([{ key: "ada", value: "{}" }])).rejects.toEqual(refusal);
    await expect(view.delete("ada")).rejects.toEqual(refusal);
    await expect(view.deleteMany(["ada"])).rejects.toEqual(refusal);
    await expect(view.clear()).rejects.toEqual(refusal);
    const users = new Keyv({ store: view });
    expect(await users.set("ada", "hers", 1)).toBe(false);
    expect(await users.delete("ada")).toBe(false);
    await users.clear();
    await expect(new Keyv({ store: view, throwOnErrors: true }).set("ada", 1)).rejects.toEqual(refusal);
    expect(await users.get("ada")).toBe("as it was");
    expect(await store.load("ada")).toMatchObject({ record: { value: "as it was", revision: 1 } });
  });

  it("keyv({ namespace: 'users' }) finds no user under an id that was renamed", async () => {
    const adapter = await create();
    const store = await open(adapter);
    await store.commit(write("old", { value: 1, lease }));
    await store.move({
      from: "old",
      commit: write("new", { value: 2, lease, expectedRevision: 1, writeId: "moved" }),
    });
    const users = new Keyv({ store: viewOf(adapter, { namespace: "users", clientId }) });
    expect([await users.get("old"), await users.has("old"), await users.get("new")]).toEqual([
      undefined,
      false,
      2,
    ]);
    expect(await all(users)).toEqual({ new: 2 });
  });

  it("keyv({ namespace: 'users' }) shows one account, and makes none", async () => {
    const adapter = await create();
    const theirs = { namespace: "users", clientId: "another client" };
    expect(() => adapter.keyv({ namespace: "users" })).toThrow(/clientId must name the account/);
    const users = new Keyv({ store: viewOf(adapter, theirs) });
    expect([await users.get("ada"), await all(users)]).toEqual([undefined, {}]);
    await (await open(adapter)).commit(write("ada", { value: "ours", lease }));
    expect(await new Keyv({ store: viewOf(adapter, { namespace: "users" }) }).get("ada")).toBe("ours");
    expect(await users.get("ada")).toBe(undefined);
    await (await open(adapter, accountOf("another client"))).commit(write("ada", { value: "theirs", lease })); // the last place
    expect(await users.get("ada")).toBe("theirs");
    expect(() => adapter.keyv({ namespace: "users" })).toThrow(refusal);
    expect(() => adapter.keyv({ namespace: "users", clientId: "" })).toThrow(refusal);
  });

  it("keyv({ namespace: 'users' }) shows no secret in clear", async () => {
    const adapter = await create();
    const { sandbox, open: openLifecycle } = await scene();
    const lifecycle = await openLifecycle({ store: adapter, encryption: { keys: ["00".repeat(32)] } });
    await lifecycle.onboard("ada@example.org");
    const token = await lifecycle.accessToken("ada@example.org");
    const view = viewOf(adapter, { namespace: "users", clientId: sandbox.credentials.clientId });
    const text = (await view.get("ada@example.org")) ?? "";
    expect(JSON.parse(text)).toMatchObject({ value: { state: expect.any(String), sealed: {} } });
    expect(token.length).toBeGreaterThan(5);
    expect(text).not.toContain(token);
    expect(text).not.toContain("sandbox-secret");
  });

  it("keyv({ namespace }) of any other name cannot reach users, slots or the account", async () => {
    const adapter = await create();
    const account = accountOf(clientId);
    const store = await open(adapter);
    await store.commit(write("ada", { value: "ours", lease, dueInMs: 0 }));
    await store.account.commit({ value: "ours", expectedRevision: 0, writeId: "a" });
    const words = [
      "ada",
      "account",
      "users",
      "",
      `${account}/users`,
      `${account}:users:ada`,
      "../users",
      "*",
    ];
    for (const namespace of [account, "users:x", "../users", "Users", "keyv", "*", "%", `${account}/users`]) {
      for (const inner of ["keyv", "users", account, ""]) {
        const cache = new Keyv({
          store: viewOf(adapter, { namespace }),
          namespace: inner,
          throwOnErrors: true,
        });
        for (const key of words) {
          expect(await cache.get(key)).toBe(undefined);
          await cache.set(key, "theirs");
        }
        await cache.delete(words.slice(1));
        await cache.clear();
        expect(await cache.get("ada")).toBe(undefined);
      }
    }
    expect(await store.load("ada")).toMatchObject({ record: { value: "ours", revision: 1 } });
    expect(await store.account.load()).toMatchObject({ value: "ours", revision: 1 });
    expect(await store.counts()).toEqual({ created: 1 });
    const { claimed } = await store.claim({ limit: 9, lease: { id: "l", owner: "test", ms: 1 } });
    expect(claimed).toHaveLength(1);
  });

  it("keyv({ namespace }) keeps names and Keyvs apart, and clear() empties one of them", async () => {
    const adapter = await create();
    const places = ["a", "a:b", "a*", "b"].flatMap((namespace) =>
      ["", "b", "b:c"].map((inner) => [namespace, inner]),
    );
    const keyvs = places.map(([namespace = "", inner]) => {
      return new Keyv({ store: viewOf(adapter, { namespace }), namespace: inner ?? "", useKeyPrefix: false });
    });
    for (const [n, keyv] of keyvs.entries()) for (const key of ["b:c:k", "k"]) await keyv.set(key, n);
    for (const [n, keyv] of keyvs.entries()) {
      expect(await all(keyv)).toEqual({ "b:c:k": n, k: n });
      await keyv.clear();
      expect(await all(keyv)).toEqual({});
    }
  });

  it("keyv({ namespace }) lets what has a time to live expire", async () => {
    const view = viewOf(await create(), { namespace: "cache" });
    const cache = new Keyv({ store: view });
    await cache.set("long", 1, 600_000);
    await cache.set("stays", 2);
    expect(await cache.get(["long", "stays"])).toEqual([1, 2]);
    expect(await cache.delete("long")).toBe(true);
    await cache.set("short", 1, 30);
    await vi.waitFor(async () => expect(await view.get("keyv:short")).toBe(undefined));
    expect([await cache.has("short"), await cache.delete("short")]).toEqual([false, false]);
    expect(await all(cache)).toEqual({ stays: 2 });
  });

  it("keyv({ namespace }) reads, writes and deletes many", async () => {
    const cache = new Keyv({ store: viewOf(await create(), { namespace: "cache" }) });
    const entries = Array.from({ length: 250 }, (_, n) => ({ key: `key ${n}`, value: n }));
    expect(await cache.setMany(entries)).toEqual(entries.map(() => true));
    expect(await cache.get(entries.map(({ key }) => key))).toEqual(entries.map(({ value }) => value));
    expect(Object.keys(await all(cache))).toHaveLength(250);
    expect(await cache.delete(["key 1", "key 2", "none"])).toBe(true);
    expect(await cache.delete(["none"])).toBe(false);
    expect(Object.keys(await all(cache))).toHaveLength(248);
  });

  it("keyv({ namespace }) keeps keys of every kind, and refuses those it cannot", async () => {
    const view = viewOf(await create(), { namespace: "n".repeat(128) });
    view.namespace = "é".repeat(64);
    for (const key of ["", "\0", "\0\u0001", "é".repeat(512), "😀".repeat(256), "__proto__"]) {
      await view.set(key, `of ${key}`);
      expect(await view.get(key)).toBe(`of ${key}`);
    }
    for (const key of ["k".repeat(1025), "\ud800", 7 as unknown as string]) {
      await expect(view.set(key, "")).rejects.toEqual(refusal);
    }
    await expect(view.set("key", { no: "text" })).rejects.toEqual(refusal);
    for (const namespace of ["", "n".repeat(129), "\ud800", undefined as unknown as string]) {
      expect(() => memory().keyv({ namespace })).toThrow(refusal);
    }
  });

  it("disconnect() ends a view, and no other", async () => {
    const adapter = await create();
    const store = await open(adapter);
    const [one, other] = [viewOf(adapter, { namespace: "a" }), viewOf(adapter, { namespace: "a" })];
    await one.set("key", "text");
    expect(await other.get("key")).toBe("text");
    await Promise.all([one.disconnect(), one.disconnect()]);
    await one.disconnect();
    await expect(one.get("key")).rejects.toMatchObject({ code: "CLOSED" });
    expect(await other.get("key")).toBe("text");
    await store.commit(write("ada", { value: 1, lease }));
  });

  it("disconnect() waits for what is under way, and ends a walk between two entries", async () => {
    const adapter = await create();
    const store = await open(adapter);
    for (const id of ["ada", "bob"]) await store.commit(write(id, { value: id, lease }));
    await store.close(); // the views stand alone
    const [texts, users, walked] = ["cache", "users", "users"].map((namespace) =>
      viewOf(adapter, { namespace, clientId }),
    ) as [KeyvStorage, KeyvStorage, KeyvStorage];
    for (const key of ["kept", "old"]) await texts.set(key, "text");
    const walk = walked.iterator();
    expect(await walk.next()).toMatchObject({ done: false });
    const underWay = Promise.all([
      texts.set("new", "text"),
      texts.get("kept"),
      texts.delete("old"),
      users.get("ada"),
    ]);
    await Promise.all([texts, users, walked].map((view) => view.disconnect()));
    expect(await underWay).toEqual([true, "text", true, expect.any(String)]);
    await expect(walk.next()).rejects.toMatchObject({ code: "CLOSED" });
    const next = viewOf(adapter, { namespace: "cache" });
    expect(await next.getMany(["old", "new"])).toEqual([undefined, "text"]);
  });
}

describe("adapters/lmdb keyv() on disk", () => {
  it("set() is there for the next opening, and an account more than fits is refused as before", async () => {
    const folder = newFolder("keyv-view");
    onTestFinished(() => removeFolder(folder));
    const view = lmdb(folder, { maxAccounts: 1 }).keyv({ namespace: "cache" });
    await view.set("key", "text");
    await view.disconnect();
    const adapter = lmdb(folder, { maxAccounts: 1 });
    await open(adapter, "a");
    await expect(open(adapter, "b")).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(await viewOf(adapter, { namespace: "cache" }).get("key")).toBe("text");
  });

  it("keyv() rejects with STORE_UNUSABLE where no folder can be, when it is used", async () => {
    const view = lmdb("/dev/null/store").keyv({ namespace: "cache" });
    await expect(view.get("key")).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await view.disconnect();
  });

  it("keyv({ namespace: 'users' }) rejects for a damaged row, and shows the others", async () => {
    const adapter = (await adapters["lmdb"]?.()) ?? memory();
    const store = await open(adapter);
    for (const id of ["a", "b"]) await store.commit(write(id, { value: id, lease }));
    const { open: openRaw } = await import("lmdb");
    const raw = openRaw({
      path: adapter.folder ?? "",
      maxDbs: 48,
      overlappingSync: false,
      eventTurnBatching: false,
    });
    onTestFinished(() => raw.close());
    await raw
      .openDB<string, string>({ name: `${accountOf(clientId)}/users`, encoding: "string" })
      .put("a", "{");
    const users = viewOf(adapter, { namespace: "users" });
    await expect(users.get("a")).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
    expect(await users.getMany(["a", "b"])).toEqual([undefined, '{"value":"b"}']);
    expect(await all(new Keyv({ store: users }))).toEqual({ b: "b" });
  });
});
