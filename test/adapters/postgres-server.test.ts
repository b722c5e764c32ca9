import { inspect } from "node:util";
import { Pool } from "pg";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import type { PostgresPool, Where } from "../../adapters/postgres.ts";
import { sleep, systemClock } from "../../src/clock.ts";
import type { Limit } from "../../src/store/contract.ts";
import { startChild } from "../support/child.ts";
import { write } from "../support/commits.ts";
import { forgetful, sql, startReplica, withPostgres, withSharedPostgres } from "../support/postgres.ts";
import { lineTo, newStore, openStore, refusal, urlWith } from "./postgres-scene.ts";

const limit: Limit = { name: "calls", calls: 3, windowMs: 3_600_000 };
const { lease } = write("nobody");
const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };
const unusable = { code: "STORE_UNUSABLE", retryable: false };

describe("adapters/postgres without a server", () => {
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
    ];
    for (const where of urls) {
      const telling = { code: "INVALID_OPTION", message: expect.not.stringContaining("secret") };
      expect(() => postgres(where)).toThrow(expect.objectContaining(telling));
    }
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

  it("open() and migrate() reject at once with STORE_UNAVAILABLE where nobody listens, without user and password", async () => {
    const where = "postgresql://grace:secret@127.0.0.1:1/app";
    const [failed] = await Promise.allSettled([postgres(where).migrate()]);
    for (const error of [await refusal(where), (failed as PromiseRejectedResult).reason as Error]) {
      expect(error).toMatchObject(unavailable);
      expect(error.message).toBe("Cannot reach PostgreSQL at postgresql://127.0.0.1:1/app: ECONNREFUSED");
      expect(inspect(error, { depth: null })).not.toMatch(/secret|grace/);
    }
  });
});

withPostgres("adapters/postgres and its server", (server) => {
  it("open() says what to do where migrate() was not called, and who may not be let in", async () => {
    const { url } = await server(forgetful);
    expect(await refusal(url)).toMatchObject({
      ...unusable,
      message: `Cannot open the store in PostgreSQL at ${url.replace("postgres@", "")}: its schema "oneup_lifecycle" is not there: call migrate() of the adapter once, or run oneup-lifecycle migrate`,
    });
    await sql(url, "CREATE DATABASE odd ENCODING 'SQL_ASCII' TEMPLATE template0");
    const odd = await refusal(urlWith(url, { database: "odd" }));
    expect(odd).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/must be in UTF8, not SQL_ASCII$/),
    });
    const none = await refusal(urlWith(url, { database: "none" }));
    expect(none).toMatchObject({ ...unusable, message: expect.stringMatching(/there is no such database$/) });
    await sql(url, "CREATE ROLE guarded LOGIN PASSWORD 'the right one'; CREATE ROLE weak LOGIN");
    const wrong = await refusal(urlWith(url, { user: "guarded:secret" }));
    expect(wrong).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/refused the user or the password$/),
    });
    expect(inspect(wrong, { depth: null })).not.toContain("secret");
    const weak = postgres(urlWith(url, { user: "weak" }), { schema: "other" });
    await expect(weak.migrate()).rejects.toMatchObject(unusable);
    await expect(weak.migrate()).rejects.toThrow(/does not let this user do what the store needs$/);
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
    await sql(url, "UPDATE other.meta SET version = 99");
    const newer = /a newer release made its schema "other": this one knows version \d+, not 99$/;
    expect(await refusal(url, { schema: "other" })).toMatchObject({
      ...unusable,
      message: expect.stringMatching(newer),
    });
    await expect(postgres(url, { schema: "other" }).migrate()).rejects.toThrow(newer);
  });

  it("open() refuses a server that takes no writes; one that stops taking them is unavailable", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    await store.commit(write("ada"));
    await sql(url, "ALTER SYSTEM SET default_transaction_read_only = on");
    await sql(url, "SELECT pg_reload_conf()");
    await vi.waitUntil(
      async () => (await sql(url, "SHOW transaction_read_only"))[0]?.["transaction_read_only"] === "on",
    );
    expect(await refusal(url)).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/takes no writes: default_transaction_read_only is on$/),
    });
    await expect(store.commit(write("bob"))).rejects.toMatchObject(unavailable);
    await expect(store.commit(write("bob"))).rejects.toThrow(/takes no writes: it is a replica, or default_/);
    expect((await store.load("ada")).type).toBe("record");
  });

  it("open() refuses a replica; commit() rejects after a fail-over to one, until it is promoted", async () => {
    const primary = await server(forgetful);
    await newStore(primary.url);
    const replica = await startReplica(primary.url, forgetful);
    onTestFinished(() => replica.stop());
    expect(await refusal(replica.url)).toMatchObject({
      ...unusable,
      message: expect.stringMatching(/it is a replica and takes no writes$/),
    });
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
    await store.commit(write("ada"));
    await vi.waitFor(async () => {
      const rows = await sql(replica.url, "SELECT FROM oneup_lifecycle.users");
      expect(rows).toHaveLength(1);
    });
    await primary.kill("SIGKILL");
    current = after;
    const second = write("ada", { expectedRevision: 1, writeId: "second" });
    await expect(store.commit(second)).rejects.toMatchObject(unavailable);
    await expect(store.commit(second)).rejects.toThrow(/takes no writes: it is a replica/);
    await sql(replica.url, "SELECT pg_promote()");
    expect(await store.commit(second)).toMatchObject({ type: "committed", revision: 2 });
  });

  it("commit() of 64 writers loses nothing acknowledged to kill -9 of the server, and writes nothing twice", async () => {
    const { url, kill, restart } = await server();
    const store = await newStore(url);
    const acknowledged = Array.from({ length: 64 }, () => 0);
    let over = false;
    const writers = acknowledged.map(async (_, n) => {
      for (let revision = 1; !over; revision++) {
        const change = { expectedRevision: revision - 1, writeId: `${n}: ${revision}`, value: revision };
        const done = { type: "committed", revision, slot: null };
        expect(await store.commit(write(`writer ${n}`, change))).toEqual(done);
        acknowledged[n] = revision;
      }
    });
    for (let round = 0; round < 3; round++) {
      const before = [...acknowledged];
      await vi.waitUntil(() => acknowledged.every((revision, n) => revision > (before[n] ?? 0) + 3), 10_000);
      await kill("SIGKILL");
      await restart();
    }
    over = true;
    await Promise.all(writers);
    for (const [n, revision] of acknowledged.entries()) {
      expect(await store.load(`writer ${n}`)).toMatchObject({ record: { revision, value: revision } });
    }
    expect(await store.counts()).toEqual({ created: 64 });
  });

  it("commit() goes on after the server was shut down and came back", async () => {
    const { url, kill, restart } = await server(forgetful);
    const store = await newStore(url);
    await store.commit(write("ada"));
    const down = kill("SIGINT"); // what administrators call fast
    const late = store.commit(write("ada", { expectedRevision: 1, writeId: "second" }));
    await down;
    await restart();
    expect(await late).toEqual({ type: "committed", revision: 2, slot: null });
    expect((await store.claim({ limit: 1, lease })).claimed).toEqual([]);
  });

  it("every verb rejects in time while the server is paused, and answers when it goes on", async () => {
    const { url, kill } = await server(forgetful);
    const store = await newStore(url, { timeoutMs: 400 });
    await kill("SIGSTOP");
    const began = performance.now();
    const slot = { limit: "calls", windowMs: 1_000, lane: "bulk", at: 0 } as const;
    const take = { limit, holdMs: 1, lane: null };
    const asked = await Promise.allSettled([
      store.load("ada"),
      store.commit(write("ada")),
      store.move({ from: "ada", commit: write("eve") }),
      store.claim({ limit: 1, lease }),
      store.grant({ limit, max: 1, holdMs: 1, lease }),
      store.slots.take(take),
      store.slots.settle(slot),
      store.slots.giveBack(slot),
      store.slots.forecast({ limit, calls: 1, lane: "bulk" }),
      store.page({ state: "created", limit: 1 }),
      store.counts(),
      store.account.load(),
      store.account.commit({ value: 1, expectedRevision: 0, writeId: "a" }),
    ]);
    expect(performance.now() - began).toBeLessThan(1_500);
    for (const answer of asked) {
      expect(answer).toMatchObject({ status: "rejected", reason: unavailable });
      expect(String((answer as PromiseRejectedResult).reason)).toMatch(
        /Cannot (read|write to) the PostgreSQL store: (no answer within 400 ms from|the connection to) PostgreSQL at /,
      );
    }
    expect(await refusal(url, { timeoutMs: 200 })).toMatchObject(unavailable);
    await kill("SIGCONT");
    await vi.waitUntil(() => store.counts().catch(() => false), 5_000);
    // Not ada: what was sent may be carried out now, though nobody hears of it.
    expect(await store.commit(write("bob"))).toMatchObject({ type: "committed" });
  });

  it("verbs reject in time while the server is gone, close() ends, and nothing is written afterwards", async () => {
    const { url, kill, restart } = await server(forgetful);
    await newStore(url);
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    for (const where of [url, pool]) {
      const store = await openStore(where, { timeoutMs: 300 });
      await kill("SIGKILL");
      await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
      const last = store.claim({ limit: 1, lease });
      await Promise.all([expect(last).rejects.toMatchObject(unavailable), store.close()]);
      await expect(store.load("ada")).rejects.toMatchObject({ code: "CLOSED" });
      await expect(store.commit(write("ada"))).rejects.toMatchObject({ code: "CLOSED" });
      await restart();
      await sleep(systemClock, 300);
      expect(await (await openStore(url)).load("ada")).toEqual({ type: "absent" });
    }
  });
});

withSharedPostgres("adapters/postgres on a server that others use, too", (place) => {
  it("commit() whose answer is lost is written once, and acknowledged with its slot; claim() rejects", async () => {
    const { url, schema } = place();
    const direct = await newStore(url, { schema });
    const line = await lineTo(url);
    const store = await openStore(line.url, { schema });
    line.cutNextAnswer();
    const take = { limit, holdMs: 60_000, lane: "bulk" } as const;
    const done = await store.commit(write("ada", { take, dueInMs: 0 }));
    expect(done).toMatchObject({ type: "committed", revision: 1, slot: { limit: "calls", lane: "bulk" } });
    expect((await direct.slots.forecast({ limit, calls: 1, lane: "bulk" })).used.bulk).toBe(1);
    line.cutNextAnswer();
    await expect(store.claim({ limit: 1, lease })).rejects.toMatchObject(unavailable);
    expect((await store.load("ada")).type).toBe("record");
    expect(await direct.load("ada")).toMatchObject({ record: { revision: 1, lease: { id: "lease" } } });
  });

  it("a verb after a silent loss of the connections rejects, and the next one has a new connection", async () => {
    const { url, schema } = place();
    await newStore(url, { schema });
    const line = await lineTo(url);
    const store = await openStore(line.url, { schema, timeoutMs: 300 });
    line.silence();
    await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed", revision: 1 });
    line.silence();
    await store.close();
  });

  it("commit({ take }) of three processes at once never takes more slots than are free", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema });
    const script = new URL("./taker.child.ts", import.meta.url);
    const children = ["a", "b", "c"].map((name) => startChild(script, { url, schema, name }).ended);
    const ended = await Promise.all(children);
    for (const { code, err } of ended) expect({ code, err }).toEqual({ code: 0, err: "" });
    const taken = ended.flatMap(({ out }) => out.split("\n")).filter((id) => id !== "");
    expect(new Set(taken).size).toBe(30);
    expect(await store.counts()).toEqual({ created: 30 });
    for (const id of taken) expect((await store.load(id)).type).toBe("record");
  });

  it("commit() of what PostgreSQL cannot hold rejects alone, whatever was asked beside it", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema });
    const names = ["a", "b\0", "c", "d\ud800", "e"];
    const asked = await Promise.allSettled(names.map((id) => store.commit(write(id))));
    for (const [n, answer] of asked.entries()) {
      expect(answer).toMatchObject(
        n % 2 === 0
          ? { value: { type: "committed" } }
          : { reason: { code: "STORE_UNAVAILABLE", retryable: false } },
      );
    }
    expect(await store.counts()).toEqual({ created: 3 });
  });

  it("commit() rejects with STORE_UNAVAILABLE for what passes, with nothing half-written", async () => {
    const { url, schema } = place();
    const direct = await newStore(url, { schema });
    const refusals: Readonly<Record<string, string>> = {
      "53100": "PostgreSQL has no space left on its disk",
      "57014": "PostgreSQL cancelled the statement (statement_timeout, or somebody)",
      "42501": "PostgreSQL does not let this user do what the store needs",
      "42883": "what migrate() made is gone (42883)",
    };
    for (const [code, words] of Object.entries(refusals)) {
      const store = await openStore(failing(url, code), { schema });
      await expect(store.commit(write("ada"))).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        retryable: !code.startsWith("42"),
        message: `Cannot write to the PostgreSQL store: ${words}`,
      });
      expect(await direct.load("ada")).toEqual({ type: "absent" });
    }
  });
});

/** A pool in which commits fail as if the server had said so. */
function failing(url: string, code: string): PostgresPool {
  const pool = new Pool({ connectionString: url, max: 1 });
  onTestFinished(() => pool.end());
  return {
    async connect() {
      const client = await pool.connect();
      return {
        async query(statement) {
          if (!statement.text.includes("commit_users")) return client.query<object>(statement);
          throw Object.assign(new Error("refused"), { code });
        },
        release: (destroy) => client.release(destroy),
      };
    },
  };
}
