import { rmSync } from "node:fs";
import { Keyv } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { lmdb } from "../../adapters/lmdb.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store, StoreAdapter } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { sql, withPostgres } from "../support/postgres.ts";
import { ask, withServer } from "../support/servers.ts";
import { folderOfTest } from "./lmdb-scene.ts";

const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };

async function open(adapter: StoreAdapter): Promise<Store> {
  const store = await adapter.open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

/** What `probe()` does is what a write does: both are refused, and what is there can still be read. */
async function takesNoWrites(store: Store): Promise<void> {
  await expect(store.probe?.()).rejects.toMatchObject(unavailable);
  await expect(store.commit(write("ben"))).rejects.toMatchObject(unavailable);
  expect((await store.load("ada")).type).toBe("record");
}

async function takesWrites(store: Store): Promise<void> {
  await store.probe?.();
  await store.commit(write(`user ${Math.random()}`));
}

for (const name of ["redis", "valkey"] as const) {
  withServer(name, `probe() of a store in ${name}`, (server) => {
    it.each([
      ["is out of memory", "maxmemory"],
      ["has too few replicas", "min-replicas-to-write"],
    ])("rejects while the server %s", async (_, setting) => {
      const { url } = await server();
      const store = await open(redis(url));
      await store.commit(write("ada"));
      await ask(url, "CONFIG", "SET", setting, "1");
      await takesNoWrites(store);
      await ask(url, "CONFIG", "SET", setting, "0");
      await takesWrites(store);
    });

    it("rejects while the server is a replica", async () => {
      const [{ url }, primary] = [await server(), await server()];
      const store = await open(redis(url));
      await store.commit(write("ada"));
      await ask(primary.url, "CONFIG", "SET", "requirepass", "no replica may copy it");
      await ask(url, "REPLICAOF", "127.0.0.1", String(primary.port));
      await takesNoWrites(store);
      await ask(url, "REPLICAOF", "NO", "ONE");
      await takesWrites(store);
    });

    it("writes nothing", async () => {
      const { url } = await server();
      const store = await open(redis(url));
      const sizes = async (): Promise<unknown> => [
        await ask(url, "DBSIZE"),
        /rdb_changes_since_last_save:\d+/.exec(String(await ask(url, "INFO", "persistence")))?.[0],
      ];
      const before = await sizes();
      for (let n = 0; n < 10; n++) await store.probe?.();
      expect(await sizes()).toEqual(before);
    });
  });
}

withPostgres("probe() of a store in PostgreSQL", (server) => {
  it("rejects while the server is read-only, and changes nothing", async () => {
    const { url } = await server();
    const run = (text: string): Promise<unknown> => sql(url, text);
    await postgres(url).migrate();
    const store = await open(postgres(url));
    await store.commit(write("ada"));
    await store.account.commit({ value: "ours", expectedRevision: 0, writeId: "first" });
    const places = (): Promise<unknown> => run("SELECT ctid::text, xmin::text FROM oneup_lifecycle.account");
    const before = await places();
    for (let n = 0; n < 10; n++) await store.probe?.();
    expect(await places()).toEqual(before);
    await run("ALTER SYSTEM SET default_transaction_read_only = on");
    await run("SELECT pg_reload_conf()");
    await expect
      .poll(() =>
        store.probe?.().then(
          () => "taken",
          () => "refused",
        ),
      )
      .toBe("refused");
    await takesNoWrites(store);
    await run("ALTER SYSTEM RESET default_transaction_read_only");
    await run("SELECT pg_reload_conf()");
    await expect
      .poll(() =>
        store.probe?.().then(
          () => "taken",
          () => "refused",
        ),
      )
      .toBe("taken");
    await takesWrites(store);
  });
});

describe("probe() of a store in LMDB", () => {
  it("rejects while the folder is gone", async () => {
    const folder = folderOfTest();
    const store = await open(lmdb(folder));
    await store.probe?.();
    rmSync(folder, { recursive: true });
    await expect(store.probe?.()).rejects.toMatchObject(unavailable);
  });
});

describe("probe() of a store in Keyv", () => {
  it("rejects while the storage beneath refuses, and leaves one key", async () => {
    let isOn = false;
    const storage = new (class extends Map<string, string> {
      override set(key: string, value: string): this {
        if (isOn) throw new Error("refused");
        return super.set(key, value);
      }
    })();
    const store = await open(keyv(new Keyv({ store: storage, throwOnErrors: true })));
    await store.commit(write("ada"));
    const keys = [...storage.keys()];
    for (let n = 0; n < 3; n++) await store.probe?.();
    expect([...storage.keys()]).toEqual(keys);
    isOn = true;
    await takesNoWrites(store);
    isOn = false;
    await takesWrites(store);
  });
});
