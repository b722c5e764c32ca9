/** What `postgres()`, `migrate()` and `open()` refuse, and what they say then. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { Client, Pool } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { postgres, type Where } from "../../adapters/postgres.ts";
import { version } from "../../adapters/postgres/tables.ts";
import { sleep, systemClock } from "../../src/clock.ts";
import { write } from "../support/commits.ts";
import { forgetful, sql, startReplica, withPostgres } from "../support/postgres.ts";
import { listening } from "../support/programs.ts";
import { newStore, openStore, refusal, urlWith } from "./postgres-scene.ts";

const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };
const unusable = { code: "STORE_UNUSABLE", retryable: false };

/** What commands that only look do. */
async function canBeRead(url: string): Promise<void> {
  const adapter = postgres(url);
  const store = await adapter.open({ account: "account", clock: systemClock, readOnly: true });
  try {
    expect((await store.load("ada")).type).toBe("record");
    expect(await store.tally()).toEqual({ created: { all: 1, stale: 0 } });
    expect(await store.page({ limit: 10 })).toEqual(["ada"]);
    const limit = { name: "management", calls: 1, windowMs: 1_000 };
    expect(await store.slots.forecast({ limit, later: [], calls: 1, lane: "bulk" })).toMatchObject({
      inMs: 0,
    });
    expect(await store.account.load()).toBe(null);
    await expect(store.probe?.()).rejects.toMatchObject(unavailable);
  } finally {
    await store.close();
  }
}

/** A server that greets each client and ends the connection at once; its URL. */
async function breathless(): Promise<string> {
  const message = (type: string, body: Buffer): Buffer => {
    const head = Buffer.from(`${type}0000`);
    head.writeInt32BE(4 + body.length, 1);
    return Buffer.concat([head, body]);
  };
  const authenticated = message("R", Buffer.alloc(4));
  const ready = message("Z", Buffer.from("I"));
  const fatal = message("E", Buffer.from("SFATAL\0C57P01\0Mterminating connection\0\0"));
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => void socket.end(Buffer.concat([authenticated, ready, fatal])));
  });
  onTestFinished(() => void server.close());
  return `postgres://postgres@127.0.0.1:${await listening(server)}/postgres`;
}

describe("adapters/postgres without a server", () => {
  it("open() rejects where a connection breaks in the moment in which it stands, and the process goes on", async () => {
    const url = await breathless();
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    for (const where of [url, pool]) {
      expect(await refusal(where, { timeoutMs: 300 })).toMatchObject(unavailable);
    }
  });

  it("postgres() refuses what is no URL of PostgreSQL and no pool, and repeats no password", () => {
    const urls = [
      "http://:secret@h/d",
      "postgres://:secret@h:x/d",
      "secret@h",
      "postgres://:secret@/d",
      "postgres://a:secret@h",
      "postgres://a:secret@h/d/e",
      "postgres://a:sec%ret@h/d",
      "postgres://a@h/d?password=secret",
      "postgres://a:secret@h/d?sslmode=no-verify",
      "postgres://a:secret@h/d?options=x",
      "postgres://a:secret@h/d?sslrootcert=/not/there",
      "postgres://a:12/ab?secret@h/d",
      "postgres://a:12/ab?sslmode=secret@h/d",
      "postgres://a:12/ab?application_name=secret@h/d",
      "postgres://a:12/ab?secret",
      "postgres://a:12/ab?secret=",
      "postgres://h/d?sslmode=secret",
      "postgres://a:secret",
      "postgres://a:secret/d",
      "postgres:a:secret",
      "host=h user=a password=secret dbname=d",
      "Server=h;User Id=a;Password=secret;",
      "postgres://?user=a&password=12@secret",
      "postgresql://?host=/var/run/postgresql&password=12@secret",
    ];
    for (const where of urls) {
      const telling = { code: "INVALID_OPTION", message: expect.not.stringContaining("secret") };
      expect(() => postgres(where)).toThrow(expect.objectContaining(telling));
    }
    const mistyped = ["postgres://a:12#secret@h/d", "postgres://a:se#cret@h/d", "postgres://a:b@h/d#x"];
    for (const where of mistyped)
      expect(() => postgres(where)).toThrow(/percent-encoded \(a # is %23\), not/);
    const named = "postgres://h/d?sslmode=";
    expect(() => postgres(`${named}prefer`)).toThrow(/sslmode is disable, require or verify-full;/);
    for (const mode of ["disable", "require", "verify-full"]) postgres(`${named}${mode}`);
    for (const where of [7, null, {}, { connect: 7 }]) {
      expect(() => postgres(where as Where)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    }
    const options = [
      { timeoutMs: 0 },
      { timeoutMs: NaN },
      { connections: 0 },
      { connections: 1.5 },
      { schema: "" },
      { schema: 'a"b' },
      { schema: "A" },
      { schema: "pg_own" },
      { schema: "a".repeat(64) },
    ];
    for (const wrong of options) {
      expect(() => postgres("postgres://h/d", wrong)).toThrow(
        /^Cannot use a PostgreSQL store: `(timeoutMs|connections|schema)` must /,
      );
    }
  });

  it("open() and migrate() reject at once with STORE_UNAVAILABLE where no server listens, without user and password", async () => {
    const where = "postgresql://grace:secret@127.0.0.1:1/app";
    const [failed] = await Promise.allSettled([postgres(where).migrate()]);
    for (const error of [await refusal(where), (failed as PromiseRejectedResult).reason as Error]) {
      expect(error).toMatchObject(unavailable);
      expect(error.message).toBe("Cannot reach PostgreSQL at postgresql://127.0.0.1:1/app: ECONNREFUSED");
      expect(inspect(error, { depth: null })).not.toMatch(/secret|grace/);
    }
  });
});

withPostgres("adapters/postgres, opened", (server) => {
  it("open() names what to do where migrate() was not called, and which role lacks a right", async () => {
    const { url } = await server(forgetful);
    expect(await refusal(url)).toMatchObject({
      ...unusable,
      message: `Cannot open the store in PostgreSQL at ${url.replace("postgres@", "")}: its schema "oneup_lifecycle" is missing: call migrate() of the adapter once, or run oneup-lifecycle migrate; if users were in it, restore its data instead`,
    });
    await sql(url, "CREATE DATABASE odd ENCODING 'SQL_ASCII' TEMPLATE template0");
    const odd = await refusal(urlWith(url, { database: "odd" }));
    expect(odd).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/must be in UTF8, not SQL_ASCII$/),
    });
    const none = await refusal(urlWith(url, { database: "none" }));
    expect(none).toMatchObject({ ...unusable, message: expect.stringMatching(/there is no such database$/) });
    await sql(
      url,
      "CREATE ROLE strict LOGIN; ALTER ROLE strict SET default_transaction_isolation = 'serializable'",
    );
    const strict = await refusal(urlWith(url, { user: "strict" }));
    expect(strict).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/must be read committed, not serializable$/),
    });
    await sql(url, "CREATE ROLE guarded LOGIN PASSWORD 'the right one'; CREATE ROLE weak LOGIN");
    const unknown = await refusal(urlWith(url, { user: "nosuchrole" }));
    expect(unknown).toMatchObject({ ...unusable, message: expect.stringContaining("there is no such role") });
    const wrong = await refusal(urlWith(url, { user: "guarded:secret" }));
    expect(wrong).toMatchObject({
      ...unusable,
      message: expect.stringMatching(
        /refused the user or the password; correct them in the URL or in the pool$/,
      ),
    });
    expect(inspect(wrong, { depth: null })).not.toContain("secret");
    const weak = postgres(urlWith(url, { user: "weak" }), { schema: "other" });
    await expect(weak.migrate()).rejects.toMatchObject(unusable);
    await expect(weak.migrate()).rejects.toThrow(
      /this PostgreSQL user lacks a right that the store needs: permission denied for database \w+$/,
    );
    const tls = await refusal(urlWith(url, { search: "?sslmode=verify-full" }));
    expect(tls).toMatchObject({ ...unusable, message: expect.stringMatching(/does not support SSL/) });
    await postgres(url).migrate();
    await sql(
      url,
      `GRANT USAGE ON SCHEMA oneup_lifecycle TO guarded;
      GRANT ALL ON ALL TABLES IN SCHEMA oneup_lifecycle TO guarded`,
    );
    const store = await openStore(urlWith(url, { user: "guarded:the%20right%20one" }));
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
    expect(inspect(store, { depth: null })).not.toContain("right");
    await sql(url, "ALTER ROLE guarded SET default_transaction_isolation = 'repeatable read'");
    await sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'");
    await expect(store.commit(write("bob"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: false,
    });
  });

  it("open() verifies the certificate of a server that it is to trust", async () => {
    const { url } = await server(forgetful);
    const pem = (name: string): URL =>
      new URL(`../hardening/fixtures/self-signed.${name}.pem`, import.meta.url);
    for (const [name, file] of [
      ["cert", "server.crt"],
      ["key", "server.key"],
    ] as const) {
      const lines = readFileSync(pem(name), "utf8").trimEnd().split("\n");
      const rows = lines.map((line) => `('${line}')`).join(", ");
      await sql(url, `COPY (VALUES ${rows}) TO PROGRAM 'umask 077; cat > ${file}'`); // in the server's own folder
    }
    await sql(url, "ALTER SYSTEM SET ssl = on");
    await sql(url, "SELECT pg_reload_conf()");
    const near = url.replace("127.0.0.1", "localhost");
    const secured = (words: string): string => urlWith(near, { search: `?sslmode=verify-full${words}` });
    await vi.waitFor(async () => expect((await refusal(secured(""))).message).toMatch(/SELF_SIGNED_CERT$/));
    expect(await refusal(secured(""))).toMatchObject(unusable);
    const required = await refusal(urlWith(near, { search: "?sslmode=require" }));
    expect(required.message, "it verifies, too").toMatch(/SELF_SIGNED_CERT$/);
    const trusted = secured(`&sslrootcert=${encodeURIComponent(fileURLToPath(pem("cert")))}`);
    const store = await newStore(trusted);
    expect(await store.counts()).toEqual({});
    const encrypted =
      "SELECT bool_and(ssl) AS all FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'oneup-lifecycle'";
    expect(await sql(url, encrypted)).toEqual([{ all: true }]);
  });

  it("migrate() of many at once makes one schema, again changes nothing, and refuses that of a newer release", async () => {
    const { url } = await server(forgetful);
    await Promise.all(Array.from({ length: 6 }, () => postgres(url).migrate()));
    const store = await openStore(url);
    await store.commit(write("ada"));
    await postgres(url).migrate();
    expect(await store.counts()).toEqual({ created: 1 });
    const other = await newStore(url, { schema: "other" });
    expect(await other.counts()).toEqual({});
    await sql(url, "UPDATE other.meta SET version = 99, oldest = 98");
    const newer =
      /another release created its schema "other", version 99, and this one knows version \d+: start that release, or a newer one$/;
    expect(await refusal(url, { schema: "other" })).toMatchObject({
      ...unusable,
      message: expect.stringMatching(newer),
    });
    await expect(postgres(url, { schema: "other" }).migrate()).rejects.toThrow(newer);
  });

  it("migrate() upgrades the schema of an earlier release to what a new one is, and its processes go on", async () => {
    const { url } = await server(forgetful);
    const before = await newStore(url);
    await before.commit(write("ada"));
    // Of the release before, but for an invented difference: it had another way to count.
    await sql(
      url,
      `DROP FUNCTION oneup_lifecycle.tally_users;
      ALTER TABLE oneup_lifecycle.logs DROP COLUMN moved_ms, DROP COLUMN moves, DROP COLUMN seen;
      UPDATE oneup_lifecycle.meta SET version = version - 1`,
    );
    expect(await refusal(url)).toMatchObject({
      ...unusable,
      message: expect.stringMatching(
        /has version 5, and this release needs 6: call migrate\(\) of the adapter once, or run oneup-lifecycle migrate$/,
      ),
    });
    await expect(before.tally()).rejects.toThrow("what migrate() creates is missing (42883)");
    await Promise.all([1, 2].map(() => postgres(url).migrate()));
    const store = await openStore(url);
    expect(await store.load("ada")).toMatchObject({ record: { revision: 1 } });
    expect(await store.tally()).toEqual({ created: { all: 1, stale: 0 } });
    await before.commit(write("ada", { expectedRevision: 1 }));
    await newStore(url, { schema: "fresh" });
    expect(await contentsOf(url, "oneup_lifecycle")).toEqual(await contentsOf(url, "fresh"));
  });

  it("migrate() beside a pg_dump upgrades at once what needs no lock of its, and else gives up and holds up no process", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    const dump = new Client({ connectionString: url, application_name: "pg_dump" });
    await dump.connect();
    onTestFinished(() => dump.end());
    const begin = "BEGIN; LOCK TABLE oneup_lifecycle.logs, oneup_lifecycle.users IN ACCESS SHARE MODE";
    await sql(url, "UPDATE oneup_lifecycle.meta SET version = 5");
    await dump.query(begin);
    await postgres(url).migrate();
    expect(await sql(url, "SELECT version FROM oneup_lifecycle.meta")).toEqual([{ version }]);
    await dump.query("COMMIT");

    await sql(
      url,
      `ALTER TABLE oneup_lifecycle.logs DROP COLUMN moved_ms, DROP COLUMN moves, DROP COLUMN seen;
      UPDATE oneup_lifecycle.meta SET version = 1`,
    );
    await dump.query(begin);
    const { rows } = await dump.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    await expect(postgres(url, { timeoutMs: 2_000 }).migrate()).rejects.toMatchObject({
      ...unavailable,
      message: `Cannot migrate the store in PostgreSQL at ${url.replace("postgres@", "")}: another transaction holds a lock on a table of its schema "oneup_lifecycle": process ${rows[0]?.pid} (pg_dump); nothing was changed. Call migrate() again once that transaction has ended, as that of a pg_dump does by itself`,
      facts: { waitsFor: "lock" },
    });
    expect(await sql(url, "SELECT FROM pg_locks WHERE NOT granted")).toEqual([]);
    expect(await sql(url, "SELECT version FROM oneup_lifecycle.meta")).toEqual([{ version: 1 }]);
    await store.commit(write("ada"));
    const migrating = postgres(url).migrate();
    await sleep(systemClock, 600);
    await dump.query("COMMIT");
    await migrating;
    expect(await sql(url, "SELECT version FROM oneup_lifecycle.meta")).toEqual([{ version }]);
  });

  it("open() and migrate() refuse an incomplete restore and leave it so; functions alone are made anew", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    await store.commit(write("ada"));
    const asked = vi.fn<(text: string) => void>();
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    await openStore({
      async connect() {
        const client = await pool.connect();
        return {
          query: (statement) => (asked(statement.text), client.query<object>(statement)),
          release: (destroy) => client.release(destroy),
        };
      },
    });
    expect(asked).toHaveBeenCalledTimes(2);
    const make = await contentsOf(url, "oneup_lifecycle");
    await sql(url, "DROP FUNCTION oneup_lifecycle.forecast, oneup_lifecycle.turn");
    expect(await refusal(url)).toMatchObject({
      ...unusable,
      message: expect.stringMatching(
        /its schema "oneup_lifecycle" lacks functions \(turn, forecast\), as after an incomplete restore: call migrate\(\) of the adapter once, or run oneup-lifecycle migrate, which makes them anew$/,
      ),
    });
    await postgres(url).migrate();
    expect(await contentsOf(url, "oneup_lifecycle")).toEqual(make);
    await sql(url, "DROP TABLE oneup_lifecycle.slots, oneup_lifecycle.joins");
    const incomplete = {
      ...unusable,
      message: expect.stringMatching(
        /its schema "oneup_lifecycle" is incomplete, as after a restore that failed, without its tables slots, joins: restore the whole backup$/,
      ),
    };
    expect(await refusal(url)).toMatchObject(incomplete);
    await expect(postgres(url).migrate()).rejects.toMatchObject(incomplete);
    await sql(url, "DELETE FROM oneup_lifecycle.meta");
    await expect(postgres(url).migrate()).rejects.toThrow(/without the row of its table meta: restore the/);
    await sql(url, "DROP TABLE oneup_lifecycle.meta");
    await expect(postgres(url).migrate()).rejects.toThrow(/without its tables meta, slots, joins: restore/);
    expect(await sql(url, "SELECT id FROM oneup_lifecycle.users")).toEqual([{ id: "ada" }]);
  });

  it("open() refuses a renamed schema, whose functions would use that of the old name, until migrate() makes them anew", async () => {
    const { url } = await server(forgetful);
    const before = await newStore(url);
    await before.commit(write("ada"));
    await sql(url, "ALTER SCHEMA oneup_lifecycle RENAME TO copy");
    await postgres(url).migrate();
    const made = await contentsOf(url, "oneup_lifecycle");
    const renamed =
      'its schema "copy" has the functions of the schema "oneup_lifecycle", which read and write there, as after ALTER SCHEMA … RENAME: ';
    expect(await refusal(url, { schema: "copy" })).toMatchObject({
      ...unusable,
      message: expect.stringContaining(`${renamed}call migrate() of the adapter once`),
    });
    await sql(url, "UPDATE copy.meta SET version = 99");
    await expect(postgres(url, { schema: "copy" }).migrate()).rejects.toThrow(
      `${renamed}run oneup-lifecycle migrate of the release that created it, with version 99, which`,
    );
    await sql(url, `UPDATE copy.meta SET version = ${version}`);
    const copy = await newStore(url, { schema: "copy" });
    await copy.commit(write("bob"));
    expect(await copy.counts()).toEqual({ created: 2 });
    expect(await (await openStore(url)).counts()).toEqual({});
    expect(await contentsOf(url, "copy")).toEqual(made);
  });

  it("open() works on the schema of a newer release that this one is old enough for, and migrate() leaves it so", async () => {
    const { url } = await server(forgetful);
    await postgres(url).migrate();
    const [{ oldest } = {}] = await sql(url, "SELECT oldest FROM oneup_lifecycle.meta");
    await sql(url, "UPDATE oneup_lifecycle.meta SET version = 99");
    await postgres(url).migrate();
    expect(await sql(url, "SELECT version, oldest FROM oneup_lifecycle.meta")).toEqual([
      { version: 99, oldest },
    ]);
    const store = await openStore(url);
    await store.commit(write("ada"));
    expect(await store.counts()).toEqual({ created: 1 });
  });

  it("a server that takes no writes is unavailable, can be read, and gets no new schema", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    await store.commit(write("ada"));
    await sql(url, "ALTER SYSTEM SET default_transaction_read_only = on");
    await sql(url, "SELECT pg_reload_conf()");
    await vi.waitUntil(
      async () => (await sql(url, "SHOW transaction_read_only"))[0]?.["transaction_read_only"] === "on",
    );
    const message = expect.stringMatching(/it is read-only: default_transaction_read_only is on$/);
    expect(await refusal(url)).toMatchObject({ ...unavailable, message });
    const another = postgres(url, { schema: "another" });
    await expect(another.migrate()).rejects.toMatchObject({
      ...unusable,
      message: expect.stringMatching(/is read-only/),
    });
    await postgres(url).migrate(); // there is nothing to do
    await canBeRead(url);
    await expect(store.commit(write("bob"))).rejects.toMatchObject(unavailable);
    await expect(store.commit(write("bob"))).rejects.toThrow(/is read-only: it is a replica, or default_/);
    expect((await store.load("ada")).type).toBe("record");
  });

  it("a replica is unavailable, and can be read; commit() rejects after a fail-over to one, until it is promoted", async () => {
    const primary = await server(forgetful);
    await (await newStore(primary.url)).commit(write("ada"));
    const replica = await startReplica(primary.url, forgetful);
    onTestFinished(() => replica.stop());
    expect(await refusal(replica.url)).toMatchObject({
      ...unavailable,
      message: expect.stringMatching(/it is a replica and therefore read-only$/),
    });
    await vi.waitFor(() => canBeRead(replica.url), 10_000);
    const [before, after] = [
      new Pool({ connectionString: primary.url }),
      new Pool({ connectionString: replica.url }),
    ];
    for (const pool of [before, after]) {
      pool.on("error", () => {}); // this store knows what it was given, not what is behind it
      onTestFinished(() => pool.end());
    }
    let current = before;
    const store = await openStore({ connect: () => current.connect() });
    await store.commit(write("eve"));
    await vi.waitFor(async () => {
      const rows = await sql(replica.url, "SELECT FROM oneup_lifecycle.users");
      expect(rows).toHaveLength(2);
    });
    await primary.kill("SIGKILL");
    current = after;
    const second = write("ada", { expectedRevision: 1, writeId: "second" });
    await expect(store.commit(second)).rejects.toMatchObject(unavailable);
    await expect(store.commit(second)).rejects.toThrow(/is read-only: it is a replica/);
    await sql(replica.url, "SELECT pg_promote()");
    expect(await store.commit(second)).toMatchObject({ type: "committed", revision: 2 });
  });
});

/** Columns, functions and the version of a schema. */
async function contentsOf(url: string, schema: string): Promise<unknown> {
  return [
    await sql(url, `SELECT * FROM "${schema}".meta`),
    await sql(
      url,
      `SELECT table_name, column_name, data_type, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = $1 ORDER BY table_name, column_name`,
      [schema],
    ),
    await sql(
      url,
      `SELECT proname, replace(prosrc, $1, '') AS source FROM pg_proc
      WHERE pronamespace = $1::regnamespace ORDER BY proname`,
      [schema],
    ),
  ];
}
