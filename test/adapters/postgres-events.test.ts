/** Events in PostgreSQL: transactions that are still open, and many writers and readers. */
import { Client, Pool } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { postgres, type PostgresPool } from "../../adapters/postgres.ts";
import { systemClock } from "../../src/clock.ts";
import type { EventOutbox, Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { forgetful, sql, withPgbouncer, withPostgres, withSharedPostgres } from "../support/postgres.ts";
import { patientMs } from "../support/places.ts";
import { newStore, openStore } from "./postgres-scene.ts";

/** A commit of that revision with one event that names it. */
function step(id: string, revision: number): ReturnType<typeof write> {
  return write(id, { expectedRevision: revision - 1, events: [{ key: id, value: `${id} ${revision}` }] });
}

function outboxOf({ events }: Store): EventOutbox {
  if (events === undefined) throw new Error("an outbox is there");
  return events;
}

async function valuesOf(store: Store, after = 0): Promise<readonly unknown[]> {
  return (await outboxOf(store).read({ after, limit: 1_000 })).events.map(({ value }) => value);
}

/** Writes users' commits one after the other, and reads all events meanwhile, with several stores. */
async function followed(stores: readonly Store[], users: number, rounds: number): Promise<void> {
  const ids = Array.from({ length: users }, (_, n) => `user ${n}`);
  let writing = true;
  const follow = async (store: Store): Promise<readonly string[]> => {
    const seen: string[] = [];
    let after = 0;
    for (let isLast = false; ;) {
      const { events } = await outboxOf(store).read({ after, limit: 20 });
      for (const { number, value } of events) {
        expect(number).toBeGreaterThan(after);
        after = number;
        seen.push(value as string); // as written by step()
      }
      if (events.length > 0) continue;
      if (isLast) return seen;
      isLast = !writing;
    }
  };
  const reading = stores.map(follow);
  await Promise.all(
    ids.map(async (id, n) => {
      for (let revision = 1; revision <= rounds; revision++) {
        const store = stores[(n + revision) % stores.length];
        expect(await store?.commit(step(id, revision))).toMatchObject({ type: "committed" });
      }
    }),
  );
  writing = false;
  for (const seen of await Promise.all(reading)) {
    expect(seen).toHaveLength(users * rounds);
    for (const id of ids) {
      const own = seen.filter((value) => value.startsWith(`${id} `));
      expect(own).toEqual(Array.from({ length: rounds }, (_, n) => `${id} ${n + 1}`));
    }
  }
}

/** A session that counts in other rows than those of that name: each has one of 16, by the id of its process. */
async function sessionBeside(url: string, name: string): Promise<Client> {
  for (;;) {
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const { rowCount } = await client.query(
      "SELECT FROM pg_stat_activity WHERE application_name = $1 AND pid % 16 = pg_backend_pid() % 16",
      [name],
    );
    if (rowCount === 0) return client;
  }
}

withSharedPostgres("adapters/postgres with events", (place) => {
  it("a transaction that stays open between two commits of others is not passed, and nothing waits for it", async () => {
    const { url, schema } = place();
    const named = new URL(url);
    named.searchParams.set("application_name", "short");
    const store = await newStore(named.href, { schema, timeoutMs: patientMs });
    await store.commit(step("first", 1));
    const client = await sessionBeside(url, "short");
    await client.query("SET application_name = 'long'");
    const inClient: PostgresPool = {
      connect: async () => ({ query: (statement) => client.query(statement), release() {} }),
    };
    const slow = await openStore(inClient, { schema, timeoutMs: patientMs });
    await client.query("BEGIN");
    await slow.commit(step("slow", 1)); // its id is lower than those that follow
    await store.commit(step("second", 1));
    await store.commit(step("first", 2));
    const before = await outboxOf(store).read({ after: 0, limit: 9 });
    expect(before.events.map(({ value }) => value)).toEqual(["first 1", "second 1", "first 2"]);
    await outboxOf(store).forget({ key: "second", events: [] });
    await client.query("COMMIT");
    const later = await outboxOf(store).read({ after: before.last, limit: 9 });
    expect(later.events.map(({ value }) => value)).toEqual(["slow 1"]);
    expect(later.last).toBe(before.last + 1);
    await client.query("BEGIN");
    await slow.commit(step("slow", 2));
    await client.query("ROLLBACK");
    await slow.commit(step("slow", 2));
    expect(await valuesOf(store, later.last)).toEqual(["slow 2"]);
  });

  it("readers that follow many writers miss nothing, and see each user in order", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: patientMs });
    const others = await Promise.all([1, 2].map(() => openStore(url, { schema, timeoutMs: patientMs })));
    await followed([store, ...others], 12, 8);
    const [deadlocks] = await sql(
      url,
      "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = 'postgres'",
    );
    expect(deadlocks).toEqual({ deadlocks: 0 });
  });

  it("trim() beside readers never removes what one has yet to read without naming it", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: patientMs });
    const other = await openStore(url, { schema, timeoutMs: patientMs });
    const count = 300;
    const writing = Promise.all(Array.from({ length: count }, (_, n) => store.commit(step(`user ${n}`, 1))));
    let isOver = false;
    const trimming = (async () => {
      while (!isOver) await outboxOf(other).trim({ olderThanMs: -60_000, limit: 7 });
    })();
    let after = 0;
    for (let met = 0; met < count;) {
      const { events, trimmed } = await outboxOf(store).read({ after, limit: 5 });
      const missing = (events[0]?.number ?? after + 1) - after - 1;
      if (missing > 0) expect(trimmed).toBeGreaterThanOrEqual(after + missing);
      met += events.length + missing;
      after = events.at(-1)?.number ?? Math.max(after, trimmed);
      if (events.length === 0) met = Math.max(met, after);
    }
    isOver = true;
    await Promise.all([writing, trimming]);
    expect((await outboxOf(store).read({ after: 0, limit: 1 })).last).toBe(count);
  });

  it("a commit without events touches no table of events", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: patientMs });
    await sql(url, `DROP TABLE "${schema}".arrivals, "${schema}".events, "${schema}".outboxes`);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
    await expect(store.commit(step("ada", 2))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await store.load("ada")).toMatchObject({ record: { revision: 1 } });
  });

  it("forget() of a user with thousands of events among others leaves those of the others", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: patientMs });
    const many = (key: string, count: number) => Array.from({ length: count }, (_, n) => ({ key, value: n }));
    for (const id of ["ada", "bob", "ada2"])
      await store.commit(write(id, { events: many(id, id === "ada" ? 2_500 : 3_000) }));
    await outboxOf(store).forget({ key: "ada", events: [{ key: "ada", value: "forgotten" }] });
    const { events: left, last } = await outboxOf(store).read({ after: 0, limit: 10_000 });
    expect(left).toHaveLength(6_001);
    expect(left.at(-1)).toMatchObject({ number: last, key: "ada", value: "forgotten" });
  });

  it("trim() gives numbers to events that no reader has seen, and asks to be called again for the rest", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: patientMs });
    await sql(
      url,
      `INSERT INTO "${schema}".arrivals (account, key, at, value)
        SELECT 'account', '"ada"', "${schema}".now_ms(), to_json(n) FROM generate_series(1, 12500) AS n`,
    );
    const trimmed = [];
    for (let times = 0; times < 2; times++)
      trimmed.push(await outboxOf(store).trim({ olderThanMs: 60_000, limit: 10 }));
    expect(trimmed).toEqual([10, 0]);
    expect(await sql(url, `SELECT count(*)::integer AS n FROM "${schema}".arrivals`)).toEqual([{ n: 0 }]);
  });
});

withPostgres("adapters/postgres with events, on a server of its own", (server) => {
  it("connections that end in the middle of commits leave each commit with its event, and none without", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    let isOver = false;
    const ending = (async () => {
      while (!isOver)
        await sql(
          url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'oneup-lifecycle'",
        );
    })();
    const ids = Array.from({ length: 8 }, (_, n) => `user ${n}`);
    await Promise.all(
      ids.map(async (id) => {
        for (let revision = 1; revision <= 6; revision++) {
          const commit = step(id, revision);
          while ((await store.commit(commit).catch(() => undefined)) === undefined);
        }
      }),
    );
    isOver = true;
    await ending;
    const found = await valuesOf(store);
    expect(found).toHaveLength(48);
    for (const id of ids)
      expect(found.filter((value) => (value as string).startsWith(`${id} `))).toEqual(
        Array.from({ length: 6 }, (_, n) => `${id} ${n + 1}`),
      );
  });

  it("read() in a session that takes no writes returns what has a number", async () => {
    const { url } = await server(forgetful);
    const store = await newStore(url);
    await store.commit(step("ada", 1));
    expect(await valuesOf(store)).toEqual(["ada 1"]);
    await store.commit(step("ada", 2));
    const pool = new Pool({ connectionString: url, max: 1 });
    onTestFinished(() => pool.end());
    const looking = await openStore(pool);
    await pool.query("SET default_transaction_read_only = on");
    expect(await valuesOf(looking)).toEqual(["ada 1"]);
    expect(await valuesOf(store)).toEqual(["ada 1", "ada 2"]);
  });
});

withPgbouncer("adapters/postgres with events behind PgBouncer", (server) => {
  it("readers that follow many writers miss nothing", async () => {
    const { url } = await server(forgetful);
    const first = await newStore(url);
    await followed([first, await postgres(url).open({ account: "account", clock: systemClock })], 8, 5);
  });
});
