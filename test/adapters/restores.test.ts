/** The backups of docs/deployment.md, restored on another server: users go on from them. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLifecycle, type Lifecycle, type StoreAdapter } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it } from "vitest";
import { pathOf } from "../support/needs.ts";
import { startPostgres, withPostgres } from "../support/postgres.ts";
import { afterwards, folder } from "../support/scene.ts";
import { ask, startServer, withServer } from "../support/servers.ts";

const encryption = { keys: [Buffer.alloc(32, 7).toString("base64")] };

async function run(program: string, ...words: readonly string[]): Promise<void> {
  await promisify(execFile)(pathOf(program) ?? program, [...words]);
}

/** Ada signs up on one store; the copy is made and restored; she has her token there, and so does who comes next. */
async function survives(from: StoreAdapter, restored: () => Promise<StoreAdapter>): Promise<void> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const open = async (store: StoreAdapter): Promise<Lifecycle> => {
    const { credentials } = sandbox;
    const lifecycle = await createLifecycle({ credentials, endpoints: server.endpoints, store, encryption });
    afterwards(() => lifecycle.close());
    return lifecycle;
  };
  const before = await open(from);
  await before.onboard("ada");
  const token = await before.accessToken("ada");
  const after = await open(await restored());
  expect(await after.accessToken("ada")).toBe(token);
  expect(await after.forecast(1)).toMatchObject({ used: 1 }); // the log of calls came along
  expect(await after.onboard("bob")).toMatchObject({ usable: true });
  expect(sandbox.journal.createdTwice()).toEqual([]);
}

/** A process that a supervisor has restarted begins a new account in an empty store. */
async function begun(store: StoreAdapter): Promise<void> {
  const { credentials } = createSandbox();
  const lifecycle = await createLifecycle({ credentials, store, encryption });
  await lifecycle.close();
}

withServer("redis", "a copy by redis-cli --rdb", (server) => {
  it("is restored by a server without a log, which is turned on then", async () => {
    const { url } = await server();
    const path = folder("rdb");
    await survives(redis(url), async () => {
      await run("redis-cli", "-u", url, "--rdb", join(path, "dump.rdb"));
      const other = await server({ dir: path, appendonly: "no" });
      await ask(other.url, "CONFIG", "SET", "appendonly", "yes");
      return redis(other.url);
    });
  });

  it("is ignored by a server that starts with a log: it is empty", async () => {
    const { url } = await server();
    const path = folder("rdb");
    await ask(url, "SET", "anything", "here");
    await run("redis-cli", "-u", url, "--rdb", join(path, "dump.rdb"));
    const other = await startServer("redis-server", { dir: path, appendonly: "yes" });
    afterwards(() => other.stop());
    expect(await ask(other.url, "DBSIZE")).toBe(0);
  });
});

withPostgres("a copy by pg_dump", (server) => {
  it("is restored by pg_restore into another server", async () => {
    const { url } = await server();
    const file = join(folder("dump"), "copy");
    await postgres(url).migrate();
    await survives(postgres(url), async () => {
      await run("pg_dump", "--format=custom", "--schema=oneup_lifecycle", `--file=${file}`, url);
      const other = await startPostgres();
      afterwards(() => other.stop());
      await run("pg_restore", "--single-transaction", `--dbname=${other.url}`, file);
      return postgres(other.url);
    });
  });

  it("takes the place of an account that was begun since, and is refused as a whole if that is still there", async () => {
    const { url } = await server();
    const file = join(folder("dump"), "copy");
    await postgres(url).migrate();
    const restore = ["--single-transaction", `--dbname=${url}`, file];
    await survives(postgres(url), async () => {
      await run("pg_dump", "--format=custom", "--schema=oneup_lifecycle", `--file=${file}`, url);
      const drop = ["-q", url, "-c", "DROP SCHEMA IF EXISTS oneup_lifecycle CASCADE"];
      await run("psql", ...drop);
      await postgres(url).migrate();
      await begun(postgres(url));
      await expect(run("pg_restore", ...restore)).rejects.toThrow("already exists");
      await run("psql", ...drop);
      await run("pg_restore", ...restore);
      return postgres(url);
    });
  });
});
