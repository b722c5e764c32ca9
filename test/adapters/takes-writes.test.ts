import { rmSync } from "node:fs";
import { Keyv } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { lmdb } from "../../adapters/lmdb.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import type { LifecycleError } from "../../src/errors.ts";
import { nextStepOf } from "../../src/next-step.ts";
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

withPostgres("probe() of a store in PostgreSQL after a write that failed", (server) => {
  it("rejects until there is space for more, and leaves no row", async () => {
    const { url } = await server();
    const run = (text: string): Promise<unknown> => sql(url, text);
    await postgres(url).migrate();
    const store = await open(postgres(url));
    await store.commit(write("ada"));
    // As on a full disk: what fits in the pages that are there is taken.
    await run(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`);
    await run(`CREATE TRIGGER full_disk BEFORE INSERT ON oneup_lifecycle.users FOR EACH ROW
      WHEN (length(NEW.value::text) > 8192) EXECUTE FUNCTION full_disk()`);
    await store.probe?.();
    await expect(store.probe?.(true)).rejects.toThrow("PostgreSQL has no space left on its disk");
    await run("DROP TRIGGER full_disk ON oneup_lifecycle.users");
    await store.probe?.(true);
    expect(await run("SELECT id FROM oneup_lifecycle.users")).toEqual([{ id: "ada" }]);
  });
});

withPostgres("probe() for a role of PostgreSQL", (server) => {
  it("rejects once a right is missing on any table, or transactions are serializable", async () => {
    const { url } = await server();
    const run = (text: string): Promise<unknown> => sql(url, text);
    await postgres(url).migrate();
    await run(`CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA oneup_lifecycle TO plain;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA oneup_lifecycle TO plain;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA oneup_lifecycle TO plain`);
    const mine = new URL(url);
    mine.username = "plain";
    const store = await open(postgres(mine.href));
    await takesWrites(store);
    const tables = "users, counts, slots, logs, account, arrivals, events, outboxes, joins";
    for (const table of tables.split(", ")) {
      for (const right of ["INSERT", "UPDATE", "DELETE"]) {
        const on = `${right} ON oneup_lifecycle.${table}`;
        await run(`REVOKE ${on} FROM plain`);
        const refusal: unknown = await store.probe?.().catch((error: unknown) => error);
        expect(refusal).toMatchObject({ facts: { reason: "noRight" } });
        expect(nextStepOf(refusal as LifecycleError)).toContain("the right that the message names");
        await run(`GRANT ${on} TO plain`);
        await store.probe?.();
      }
    }
    await run("ALTER ROLE plain SET default_transaction_isolation = 'serializable'");
    await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain'");
    await expect(store.probe?.()).rejects.toThrow("transactions must be read committed");
    await expect(store.commit(write("ben"))).rejects.toThrow("transactions must be read committed");
    await run("ALTER ROLE plain RESET default_transaction_isolation");
    await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain'");
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
