/** PostgreSQL servers for tests, each on a free port, with a folder of its own. */
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { freePort, isInstalled, pathOf, startProgram } from "./programs.ts";
import type { Server } from "./programs.ts";

/** What a server is started with, as in `postgresql.conf`. */
export type Settings = Readonly<Record<string, string>>;

/** A server that forgets its last moments with the machine, though not when it is killed: for tests in a hurry. */
export const forgetful: Settings = { fsync: "off", full_page_writes: "off" };

/** Debian keeps the server's programs out of PATH. */
const folders: readonly string[] = versionsIn("/usr/lib/postgresql");

function versionsIn(folder: string): readonly string[] {
  try {
    const versions = readdirSync(folder).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(folder, version, "bin"));
  } catch {
    return [];
  }
}

/** Is PostgreSQL on this machine? If not, says what is left out; under CI that is an error. */
export function isPostgresInstalled(what: string): boolean {
  return ["postgres", "initdb"].every((program) => isInstalled(program, what, folders));
}

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

/** Everybody may do everything, but the role `guarded` must say its password. */
function freshData(): string {
  const initdb = pathOf("initdb", folders) ?? "initdb";
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
    rmSync(mine, { recursive: true }); // somebody else was faster
  }
  return kept;
}

/** A folder that whoever runs the server owns. */
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
  const words = ["-d", url, "-D", data, "-R", "--checkpoint=fast", "--no-sync"];
  await promisify(execFile)(pathOf("pg_basebackup", folders) ?? "pg_basebackup", words);
  own(data);
  return serve(folder, data, settings);
}

/** Serves a folder of data, which is removed in the end. */
async function serve(folder: string, data: string, settings: Settings): Promise<Server> {
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const all: Settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    // After a crash it syncs its thousand files, each by itself, or all at once.
    ...(process.platform === "linux" && { recovery_init_sync_method: "syncfs" }),
    ...settings,
  };
  return startProgram({
    path: pathOf("postgres", folders) ?? "postgres",
    words: ["-D", data, ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    url,
    port,
    as,
    answers: () => answers(url),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  });
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
 * PostgreSQL is missing, says loudly what is left out.
 */
export function withPostgres(
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
): void {
  if (!isPostgresInstalled(title)) return;
  // oxlint-disable-next-line vitest/valid-title -- the test file says it
  describe(title, () =>
    tests(async (settings) => {
      const server = await startPostgres(settings);
      onTestFinished(() => server.stop());
      return server;
    }),
  );
}

/** Debian keeps it out of the PATH of people. */
const sbin: readonly string[] = ["/usr/sbin"];

/**
 * Registers tests that need servers behind PgBouncer, which lends its few connections for a transaction at a time. Where
 * it is missing, says loudly what is left out.
 */
export function withPgbouncer(
  title: string,
  tests: (server: (settings?: Settings) => Promise<Server>) => void,
): void {
  if (!isInstalled("pgbouncer", title, sbin)) return;
  withPostgres(title, (server) =>
    tests(async (settings) => {
      const pooler = await startPgbouncer((await server(settings)).port);
      onTestFinished(() => pooler.stop());
      return pooler;
    }),
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
    path: pathOf("pgbouncer", sbin) ?? "pgbouncer",
    words: [settings],
    url,
    port,
    as,
    answers: () => answers(url),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  });
}

/**
 * Registers tests that share one server. `place` is for one test alone: a URL, and a schema that nobody else has and
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
  if (given === undefined && !isPostgresInstalled(title)) return;
  const group = atOnce ? describe.concurrent : describe;
  group(title, () => {
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
