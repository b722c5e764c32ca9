/** PostgreSQL servers for tests, each on a free port, with a folder of its own. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { needing, pathOf, type Program } from "./needs.ts";
import { freePort, startProgram, type Server } from "./programs.ts";

/** What a server is started with, as in `postgresql.conf`. */
export type Settings = Readonly<Record<string, string>>;

/** A server that forgets its last moments with the machine, though not when it is killed: for tests in a hurry. */
export const forgetful: Settings = { fsync: "off", full_page_writes: "off" };

/** Who runs the server: it refuses root. */
const as = process.getuid?.() === 0 ? otherUser() : undefined;

function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid = 0, gid = 0] = ["-u", "-g"].map((word) => Number(execFileSync("id", [word, name])));
      return { uid, gid };
    } catch {} // the next one
  }
  return undefined; // and the server will say what it thinks of root
}

/** Folders of data that were never used: one is made for each version of PostgreSQL, and then copied. */
const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));

/** All roles may do everything, but `guarded` must give its password. */
function freshData(): string {
  const initdb = pathOf("initdb") ?? "initdb";
  const [version = ""] = /\d[\w.]*/.exec(execFileSync(initdb, ["--version"], { encoding: "utf8" })) ?? [];
  const kept = join(cache, `postgres-${version}`);
  if (existsSync(kept)) return kept;
  const folder = newFolder("template");
  const data = join(folder, "data");
  const words = [
    "-D",
    data,
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--wal-segsize=1",
  ];
  const quickly = ["--no-sync", "--no-instructions"];
  execFileSync(initdb, [...words, ...quickly], { stdio: "pipe", ...as });
  const rules = join(data, "pg_hba.conf");
  const guarded = "host all guarded 127.0.0.1/32 scram-sha-256\n";
  writeFileSync(rules, guarded + readFileSync(rules, "utf8"));
  mkdirSync(cache, { recursive: true });
  const mine = `${kept}-${process.pid}`;
  execFileSync("cp", ["-R", data, mine]);
  rmSync(folder, { recursive: true });
  try {
    renameSync(mine, kept);
  } catch {
    rmSync(mine, { recursive: true }); // another process was faster
  }
  return kept;
}

/** A folder owned by the user that runs the server. */
function newFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `oneup-postgres-${what}-`));
  own(folder);
  return folder;
}

function own(path: string): void {
  if (as !== undefined) execFileSync("chown", ["-R", `${as.uid}:${as.gid}`, path]);
}

/** Starts a server, as durable as PostgreSQL is by itself, unless `settings` say otherwise. */
export async function startPostgres(settings: Settings = {}): Promise<Server> {
  const folder = newFolder("server");
  const data = join(folder, "data");
  const fresh = freshData();
  execFileSync("cp", ["-R", fresh, data]); // many times faster than cpSync()
  chmodSync(data, 0o700);
  own(data);
  return serve(folder, data, settings);
}

/** Starts a replica of the server at `url`, which takes no writes until it is promoted. */
export async function startReplica(url: string, settings: Settings = {}): Promise<Server> {
  const folder = newFolder("replica");
  const data = join(folder, "data");
  const label = await copyRunning(url, data);
  writeFileSync(join(data, "backup_label"), label);
  writeFileSync(join(data, "standby.signal"), "");
  chmodSync(data, 0o700);
  own(data);
  return serve(folder, data, { primary_conninfo: url, ...settings });
}

/** Copies the folder of a running server, as `pg_basebackup` would, which not every build has; the label of the copy. */
async function copyRunning(url: string, to: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const shown = await client.query<Record<string, string>>("SHOW server_version_num");
    const isOld = Number(shown.rows[0]?.["server_version_num"]) < 150_000;
    await client.query(
      isOld ? "SELECT pg_start_backup('replica', true, false)" : "SELECT pg_backup_start('replica', true)",
    );
    const place = await client.query<{ data_directory: string }>("SHOW data_directory");
    execFileSync("cp", ["-R", place.rows[0]?.data_directory ?? "", to]);
    const stop = isOld ? "pg_stop_backup(false, false)" : "pg_backup_stop(false)";
    const ended = await client.query<{ labelfile: string }>(`SELECT labelfile FROM ${stop}`);
    for (const own of ["postmaster.pid", "postmaster.opts"]) rmSync(join(to, own), { force: true });
    return ended.rows[0]?.labelfile ?? "";
  } finally {
    await client.end();
  }
}

/** Serves a folder of data, which is removed in the end. */
async function serve(folder: string, data: string, settings: Settings): Promise<Server> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const all: Settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    dynamic_shared_memory_type: "mmap", // in its folder: what a killed server leaves elsewhere stays there
    // After a crash it syncs its thousand files, each by itself, or all at once.
    ...(process.platform === "linux" && { recovery_init_sync_method: "syncfs" }),
    ...settings,
  };
  return startProgram({
    path: pathOf("postgres") ?? "postgres",
    words: ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    url,
    port,
    as,
    answers: () => answers(url),
    remove: () => {
      removeSegment(data);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** Removes the shared memory that a killed server leaves: the system has room for some thousands of them. */
function removeSegment(data: string): void {
  try {
    const [, segment = ""] = /^ *\d+ +(\d+)$/m.exec(readFileSync(join(data, "postmaster.pid"), "utf8")) ?? [];
    execFileSync(pathOf("ipcrm") ?? "ipcrm", ["-m", segment], { stdio: "ignore" });
  } catch {} // it left none, or the system has no such program
}

function answers(url: string): Promise<boolean> {
  return sql(url, "SELECT 1").then(
    () => true,
    () => false,
  );
}

/** Runs a statement on a connection of its own; its rows. */
export async function sql(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {}); // a server that ends says so
  await client.connect();
  try {
    const { rows } = await client.query<Readonly<Record<string, unknown>>>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

/**
 * Registers tests that need servers; `server` starts an empty one, which ends with the test that asked for it. Where
 * PostgreSQL is missing, they are skipped.
 */
export function withPostgres(
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
  programs: readonly Program[] = ["postgres"],
): void {
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe(title, needing(programs), () =>
    tests(async (settings) => {
      const server = await startPostgres(settings);
      onTestFinished(() => server.stop());
      return server;
    }),
  );
}

/**
 * Registers tests that need servers behind PgBouncer, which lends its few connections for a transaction at a time. Where
 * it is missing, they are skipped.
 */
export function withPgbouncer(
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
): void {
  withPostgres(
    title,
    (server) =>
      tests(async (settings) => {
        const pooler = await startPgbouncer((await server(settings)).port);
        onTestFinished(() => pooler.stop());
        return pooler;
      }),
    ["postgres", "pgbouncer"],
  );
}

async function startPgbouncer(farPort: number): Promise<Server> {
  const folder = newFolder("pooler");
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const lines = [
    "[databases]",
    `postgres = user=postgres host=127.0.0.1 port=${farPort} pool_size=3`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = any",
    "pool_mode = transaction",
  ];
  const settings = join(folder, "pgbouncer.ini");
  writeFileSync(settings, lines.join("\n"));
  return startProgram({
    path: pathOf("pgbouncer") ?? "pgbouncer",
    words: [settings],
    url,
    port,
    as,
    answers: () => answers(url),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  });
}

/**
 * Registers tests that share one server. `place` is for one test alone: a URL, and a schema that no other test has and
 * that is dropped in the end. If `POSTGRES_URL` is set, that server is used.
 *
 * @param atOnce they run at the same time
 */
export function withSharedPostgres(
  title: string,
  tests: (place: () => { readonly url: string; readonly schema: string }) => void,
  atOnce = false,
): void {
  const given = process.env["POSTGRES_URL"];
  const group = atOnce ? describe.concurrent : describe;
  group(title, needing(["postgres"], "POSTGRES_URL"), () => {
    let server: Server | undefined;
    const schemas: string[] = [];
    beforeAll(async () => {
      if (given === undefined) server = await startPostgres(forgetful);
    });
    afterAll(async () => {
      await server?.stop();
      if (given !== undefined) {
        for (const schema of schemas) await sql(given, `DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      }
    });
    tests(() => {
      const schema = `oneup_test_${process.pid}_${schemas.length}`;
      schemas.push(schema);
      return { url: given ?? server?.url ?? "", schema };
    });
  });
}
