import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Keyv } from "keyv";
import type { Lifecycle, LifecycleOptions, UserStatus } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { anyKey } from "../support/places.ts";
import { soon } from "../support/sealed-users.ts";
import { folder, scene, type Scene } from "../support/scene.ts";
import { needing } from "../support/needs.ts";
import { forgetful, sql, startPostgres } from "../support/postgres.ts";
import { ask, startServer, type Server } from "../support/servers.ts";

const servers = {
  redis: { needs: "redis-server", start: () => startServer("redis-server", { appendonly: "no" }) },
  postgres: { needs: "postgres", start: () => startPostgres(forgetful) },
} as const;

let server: Server | undefined; // the one that is running
let prefixes = 0;

interface Place {
  readonly store: ReturnType<typeof memory>;
  /** Everything that is kept, as bytes. */
  raw(): Promise<readonly Buffer[]>;
}

const places: Readonly<Record<string, () => Place | Promise<Place>>> = {
  memory() {
    const store = memory();
    return { store, raw: async () => [Buffer.from(JSON.stringify(await shownBy(store)))] };
  },
  lmdb() {
    const path = folder("hidden");
    return {
      store: lmdb(path),
      raw: async () => readdirSync(path).map((name) => readFileSync(join(path, name))),
    };
  },
  redis() {
    const prefix = `hidden-${prefixes++}`;
    const url = server?.url ?? "";
    return { store: redis(url, { prefix }), raw: () => dumped(url, prefix) };
  },
  async postgres() {
    const schema = `hidden_${prefixes++}`;
    const url = server?.url ?? "";
    const store = postgres(url, { schema });
    await store.migrate();
    return { store, raw: () => rowsIn(url, schema) };
  },
};

/** All rows of all tables of all accounts. */
async function rowsIn(url: string, schema: string): Promise<readonly Buffer[]> {
  const tables = ["users", "counts", "slots", "account", "texts"];
  const rows = tables.map((name) => sql(url, `SELECT t::text FROM ${schema}.${name} AS t`));
  return (await Promise.all(rows)).flat().map((row) => Buffer.from(String(row["t"])));
}

/** What Keyv tools see of the users. */
async function shownBy(store: Place["store"]): Promise<Readonly<Record<string, unknown>>> {
  const view = store.keyv({ namespace: "users" });
  const users = new Keyv({ store: view });
  const found: Record<string, unknown> = {};
  for await (const [key, value] of users.iterator?.(undefined) ?? []) found[String(key)] = value;
  await view.disconnect();
  return found;
}

const readBy: Readonly<Record<string, readonly string[]>> = {
  string: ["GET"],
  hash: ["HGETALL"],
  set: ["SMEMBERS"],
  zset: ["ZRANGE", "0", "-1"],
  list: ["LRANGE", "0", "-1"],
};

async function dumped(url: string, prefix: string): Promise<readonly Buffer[]> {
  const keys = (await ask(url, "KEYS", `*${prefix}*`)) as string[]; // as KEYS answers
  const texts = await Promise.all(
    keys.map(async (key) => {
      const [verb = "", ...rest] = readBy[String(await ask(url, "TYPE", key))] ?? [];
      return JSON.stringify([key, await ask(url, verb, key, ...rest)]);
    }),
  );
  return texts.map((text) => Buffer.from(text));
}

/** The ways in which an id could stand somewhere: in clear, percent-encoded, as hex, as base64 at any offset. */
function spellings(id: string): readonly string[] {
  const hex = Buffer.from(id).toString("hex");
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.from(" ".repeat(offset) + id)
      .toString("base64")
      .slice(offset === 0 ? 0 : 4, -4),
  );
  return [id, encodeURIComponent(id), JSON.stringify(id).slice(1, -1), hex, hex.toUpperCase(), ...base64];
}

function found(ids: readonly string[], raw: readonly Buffer[]): readonly string[] {
  const files = raw.map((bytes) => bytes.toString("latin1"));
  return ids.flatMap(spellings).filter((spelling) => {
    const bytes = Buffer.from(spelling).toString("latin1");
    return files.some((file) => file.includes(bytes) || file.includes(bytes.split("").join("\0")));
  });
}

const ada = "ada.lovelace+planted@example.org";
const countess = "countess.of.lovelace@example.org";
const bob = "bob/planted?of=org 7@example.org";
const eve = "eve.planted@example.org";
const freshKey = "cd".repeat(32);
/** A call that a busy machine delays for longer would leave its user in another state. */
const times = { timeoutMs: 10_000, graceMs: 50, leaseMs: 11_000 };
const options: Partial<LifecycleOptions> = { hideIds: true, encryption: { keys: [anyKey] }, ...times };

async function listed(lifecycle: Lifecycle): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const user of lifecycle.users()) ids.push(user.appUserId);
  return ids.sort();
}

for (const name of ["memory", "lmdb"] as const) describe(`hideIds on ${name}`, () => hidesIds(name));
for (const name of ["redis", "postgres"] as const)
  describe(`hideIds on ${name}`, needing([servers[name].needs]), () => {
    beforeAll(async () => void (server = await servers[name].start()));
    afterAll(() => server?.stop());
    hidesIds(name);
  });

function hidesIds(name: string): void {
  async function opened(): Promise<Scene & { readonly place: Place; readonly lifecycle: Lifecycle }> {
    const place = (await places[name]?.()) ?? { store: memory(), raw: async () => [] };
    const at = await scene();
    return { ...at, place, lifecycle: await at.open({ ...options, store: place.store }) };
  }

  it("keeps users, lanes, renames and doubts as without it, and no id in any spelling", async () => {
    const { sandbox, open, place, lifecycle } = await opened();
    const heard = new Set<string>();
    lifecycle.subscribe((user: UserStatus) => heard.add(user.appUserId));
    const { oneupUserId } = await lifecycle.onboard(ada);
    await Promise.all([lifecycle.onboard(bob), lifecycle.onboard(eve, { lane: "bulk" })]);
    expect([...heard].sort()).toEqual([ada, bob, eve].sort());
    expect(await listed(lifecycle)).toEqual([ada, bob, eve].sort());
    expect(await lifecycle.counts()).toEqual({ tokenActive: 3 });
    expect(await lifecycle.inspect(bob)).toMatchObject({ appUserId: bob, usable: true });
    expect(await lifecycle.remote.find({ appUserId: ada })).toMatchObject({ oneupUserId });
    expect(await lifecycle.reauthorize(bob)).toMatchObject({ state: "reauthorized" });

    sandbox.fail({ call: "updateUser", drop: "after" });
    await expect(lifecycle.rename(ada, countess, { waitMs: 0 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(await lifecycle.inspect(ada)).toMatchObject({ state: "renameInDoubt" });
    const ids = [ada, countess, bob, eve];
    expect(found(ids, await place.raw()), "while a rename is in doubt").toEqual([]);

    const other = await open({ ...options, store: place.store });
    await vi.waitFor(async () => {
      sandbox.clock.advance(1_000);
      await other.resume();
      expect(await other.inspect(countess)).toMatchObject({ usable: true, underWay: null });
    });
    await expect(other.accessToken(ada)).rejects.toMatchObject({
      code: "RENAMED",
      facts: { renamedTo: countess },
    });
    expect(await other.rename(eve, ada)).toMatchObject({ appUserId: ada });
    await expect(lifecycle.onboard(eve)).rejects.toMatchObject({ facts: { renamedTo: ada } });
    expect(await listed(other)).toEqual([ada, bob, countess].sort());
    sandbox.clock.advance(3 * 3_600_000);
    expect(await other.accessToken(bob)).toEqual(expect.any(String));
    expect(sandbox.journal.createdTwice()).toEqual([]);
    const raw = await place.raw();
    expect(found(ids, raw)).toEqual([]);
    expect(found(["refreshed"], raw), "the search finds what is there").not.toEqual([]);
  });

  it("finds all users again once every key was replaced, with a rename in doubt meanwhile", async () => {
    const { sandbox, open, place, lifecycle } = await opened();
    const grace = "grace.planted@example.org";
    for (const id of [ada, bob, eve]) await lifecycle.onboard(id);
    await lifecycle.rename(eve, grace);
    sandbox.fail({ call: "updateUser", drop: "after" });
    await expect(lifecycle.rename(ada, countess, { waitMs: 0 })).rejects.toThrow("Cannot");
    const [before] = await lifecycle.keys.list();
    const both = await open({ ...options, store: place.store, encryption: { keys: [freshKey, anyKey] } });
    await both.rotateKeys();
    await both.keys.retire(before?.id ?? "");
    const sealed = await soon(sandbox, both.rotateKeys({ records: true }), 10);
    expect(sealed).toMatchObject({ storeKeys: 1, resealed: 3, unreadable: 0, dropped: 1 });
    await Promise.all([lifecycle.close(), both.close()]); // no process remembers the old keys

    const after = await open({ ...options, store: place.store, encryption: { keys: [freshKey] } });
    const [key] = await after.keys.list();
    expect(key?.storeKeys).not.toEqual(before?.storeKeys);
    expect(await listed(after)).toEqual([ada, bob, grace].sort());
    expect(await after.inspect(ada)).toMatchObject({ state: "renameInDoubt" });
    await expect(after.inspect(eve)).rejects.toMatchObject({ facts: { renamedTo: grace } });
    await vi.waitFor(async () => {
      await after.resume();
      expect(await after.inspect(countess)).toMatchObject({ usable: true, underWay: null });
    });
    await expect(after.inspect(ada)).rejects.toMatchObject({ facts: { renamedTo: countess } });
    for (const id of [bob, grace, countess])
      expect(await after.reauthorize(id)).toMatchObject({ usable: true });
    expect(await listed(after)).toEqual([bob, countess, grace].sort());
    expect(found([ada, countess, bob, eve, grace], await place.raw())).toEqual([]);
    expect(sandbox.journal.count("createUser")).toBe(3);
  });

  it("shows hidden ids and sealed snapshots through keyv({ namespace: 'users' })", async () => {
    const { place, lifecycle } = await opened();
    const before = Object.keys(await shownBy(place.store));
    await lifecycle.onboard("grace@example.org");
    const shown = await shownBy(place.store);
    const [key = ""] = Object.keys(shown).filter((each) => !before.includes(each));
    expect(key).toMatch(/^[\w-]{43}$/);
    expect(shown[key]).toMatchObject({ sealedId: expect.any(String), user: { state: "tokenActive" } });
  });

  it("is refused for a store that was begun without it, and the other way round; nothing changes", async () => {
    const { open, place, lifecycle } = await opened();
    await lifecycle.onboard("linus@example.org");
    const before = await place.raw();
    await expect(open({ ...options, store: place.store, hideIds: false })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^Cannot open the store: its ids are hidden .* must be true/),
    });
    if (name !== "lmdb") expect(await place.raw()).toEqual(before); // opening writes LMDB's list of readers
    expect(await lifecycle.inspect("linus@example.org")).toMatchObject({ usable: true });

    const other = (await places[name]?.()) ?? place;
    const clear = await open({ ...options, store: other.store, hideIds: false });
    await clear.onboard("linus@example.org");
    expect(found(["linus@example.org"], await other.raw()), "the search finds ids").not.toEqual([]);
    await expect(open({ ...options, store: other.store })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^Cannot open the store: its ids are stored in clear .* must be false/),
    });
    expect(await clear.inspect("linus@example.org")).toMatchObject({ usable: true });
  });
}
