/** A PostgreSQL server is killed, paused, cut off, asked by many, and refuses. */
import { Client, Pool } from "pg";
import { expect, it, onTestFinished, vi } from "vitest";
import type { PostgresPool } from "../../adapters/postgres.ts";
import { sleep, systemClock } from "../../src/clock.ts";
import type { Limit } from "../../src/store/contract.ts";
import { startChild } from "../support/child.ts";
import { write } from "../support/commits.ts";
import { forgetful, sql, withPostgres, withSharedPostgres } from "../support/postgres.ts";
import { lineTo, newStore, openStore, refusal } from "./postgres-scene.ts";

const limit: Limit = { name: "calls", calls: 3, windowMs: 3_600_000 };
const { lease } = write("nobody");
const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };

/** How many connections stores have, and how many of them wait for locks. */
function backends(url: string): Promise<readonly object[]> {
  return sql(
    url,
    `SELECT count(*)::integer AS all, (count(*) FILTER (WHERE wait_event_type = 'Lock'))::integer AS waiting
      FROM pg_stat_activity WHERE application_name = 'oneup-lifecycle'`,
  );
}

withPostgres("adapters/postgres and its server", (server) => {
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
    const store = await newStore(url, { timeoutMs: 1_500 });
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
    expect(performance.now() - began).toBeLessThan(20_000);
    for (const answer of asked) {
      expect(answer).toMatchObject({ status: "rejected", reason: unavailable });
      expect(String((answer as PromiseRejectedResult).reason)).toMatch(
        /Cannot (read|write to) the PostgreSQL store: (no answer within 1500 ms from|the connection to) PostgreSQL at /,
      );
    }
    expect(await refusal(url, { timeoutMs: 200 })).toMatchObject(unavailable);
    await kill("SIGCONT");
    await vi.waitUntil(() => store.counts().catch(() => false), 5_000);
    // Not ada: what was sent may be carried out now, though no answer arrives.
    const bob = write("bob");
    const committed = await vi.waitUntil(() => store.commit(bob).catch(() => false), 5_000);
    expect(committed).toMatchObject({ type: "committed" });
  });

  it("verbs name why there is no connection while the server is gone", async () => {
    const { url, kill, restart } = await server(forgetful);
    const store = await newStore(url, { timeoutMs: 1_500 });
    await kill("SIGKILL");
    const why = /no answer within 1500 ms from PostgreSQL at \S+ \(ECONNREFUSED\)$/;
    await Promise.all([
      expect(store.commit(write("ada"))).rejects.toThrow(why),
      expect(store.load("ada")).rejects.toThrow(why),
      expect(store.counts()).rejects.toThrow(why),
    ]);
    await restart();
    await kill("SIGSTOP");
    await expect(store.load("ada")).rejects.toMatchObject(unavailable);
    await kill("SIGCONT");
  });

  it("verbs that wait for a lock reject and name it, and leave nothing behind on the server", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url, { timeoutMs: 600 });
    const operator = new Client({ connectionString: url });
    await operator.connect();
    onTestFinished(() => operator.end());
    await operator.query("BEGIN; LOCK TABLE oneup_lifecycle.users IN ACCESS EXCLUSIVE MODE");
    const named = { reason: { ...unavailable, facts: { waitsFor: "lock" } } };
    let rounds = 0;
    // A client that comes late to the processor gives up by its own time limit, just before the server does.
    await vi.waitFor(async () => {
      const asked = [store.commit(write(`${rounds++}`)), store.load("ada"), store.counts(), store.probe?.()];
      const [committed, loaded, counted, probed] = await Promise.allSettled(asked);
      expect(counted).toMatchObject({ status: "fulfilled" });
      for (const held of [committed, loaded, probed]) {
        expect(held).toMatchObject(named);
        expect(String((held as PromiseRejectedResult).reason)).toMatch(/another transaction holds a lock/);
      }
      expect(rounds).toBeGreaterThanOrEqual(4);
    }, 60_000);
    await vi.waitFor(async () => expect(await backends(url)).toMatchObject([{ waiting: 0 }]), 10_000);
    await operator.query("ROLLBACK");
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
  });

  it("commits that wait for a replica take no more connections than the store may have, and reads go on", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url, { timeoutMs: 1_000 });
    await store.commit(write("ada"));
    await sql(url, "ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    await sql(url, "SELECT pg_reload_conf()");
    await vi.waitFor(() => expect(store.commit(write("first"))).rejects.toMatchObject(unavailable));
    for (let round = 0; round < 8; round++) {
      await Promise.allSettled([store.commit(write(`${round}`)), store.claim({ limit: 1, lease })]);
      expect(await store.load("ada")).toMatchObject({ type: "record" });
    }
    const [left] = await backends(url);
    expect((left as { readonly all: number }).all).toBeLessThanOrEqual(5);
    await sql(url, "ALTER SYSTEM RESET synchronous_standby_names");
    await sql(url, "SELECT pg_reload_conf()");
    const bob = write("bob");
    await vi.waitFor(async () => expect(await store.commit(bob)).toMatchObject({ type: "committed" }));
    expect(await store.load("first")).toMatchObject({ type: "record" });
  });

  it("close() lets the process end while the server is paused with its connections open", async () => {
    const { url, kill } = await server(forgetful);
    await newStore(url);
    const child = startChild(new URL("./postgres-leaver.child.ts", import.meta.url), url);
    onTestFinished(() => child.kill("SIGKILL"));
    await child.said(/idle/);
    await kill("SIGSTOP");
    onTestFinished(() => kill("SIGCONT"));
    child.kill("SIGUSR2");
    await child.said(/closed/);
    const began = performance.now();
    expect(await child.ended).toMatchObject({ code: 0, err: "" });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it("verbs reject in time while the server is gone, close() ends, and nothing is written afterwards", async () => {
    const { url, kill, restart } = await server(forgetful);
    await newStore(url);
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    for (const where of [url, pool]) {
      const store = await openStore(where, { timeoutMs: 1_500 });
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
    const store = await openStore(line.url, { schema, timeoutMs: 1_500 });
    line.silence();
    await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed", revision: 1 });
    line.silence();
    await store.close();
  });

  it("after a silent loss of all connections one verb rejects, not one for each of them", async () => {
    const { url, schema } = place();
    await newStore(url, { schema });
    const line = await lineTo(url);
    const store = await openStore(line.url, { schema, timeoutMs: 1_500, connections: 4 });
    await Promise.all(Array.from({ length: 12 }, () => store.counts())); // over all of them
    line.silence();
    await expect(store.load("ada")).rejects.toMatchObject(unavailable);
    for (let n = 0; n < 4; n++) expect(await store.load("ada")).toMatchObject({ type: "absent" });
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

  it("page() reads as many entries of an index as it lists, though no statistics exist yet", async () => {
    const { url, schema } = place();
    await newStore(url, { schema });
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const users = `INSERT INTO "${schema}".users (account, id, state) SELECT 'account', 'user ' || n, 'created'`;
    await client.query(`${users} FROM generate_series(1, 5000) AS n`);
    await client.query("BEGIN");
    for (const state of ["created", null]) {
      const page = `SELECT "${schema}".page_users('account', $1, 'user 1', 5) AS page`;
      const { rows } = await client.query<{ page: string }>(page, [state]);
      expect(JSON.parse(rows[0]?.page ?? "")).toHaveLength(5);
    }
    const read =
      "sum(pg_stat_get_xact_tuples_returned(indexrelid))::integer AS read FROM pg_stat_user_indexes";
    const { rows } = await client.query(`SELECT ${read} WHERE schemaname = $1`, [schema]);
    expect(rows).toEqual([{ read: 10 }]);
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
      "57014": "PostgreSQL cancelled the statement (statement_timeout, or an administrator)",
      "42501": "this PostgreSQL user lacks a right that the store needs",
      "42883":
        "what migrate() creates is missing (42883): call migrate() of the adapter once, or run oneup-lifecycle migrate; if users were in it, restore its data instead",
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
          if (!statement.text.includes(".commit_users(")) return client.query<object>(statement);
          throw Object.assign(new Error("refused"), { code });
        },
        release: (destroy) => client.release(destroy),
      };
    },
  };
}
