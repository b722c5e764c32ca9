/** Many at once on one PostgreSQL: in each other's way, and behind poolers. */
import { Client, Pool } from "pg";
import { expect, it, onTestFinished, vi } from "vitest";
import { postgres, type PostgresPool } from "../../adapters/postgres.ts";
import { systemClock } from "../../src/clock.ts";
import { headOf, writeOf } from "../../adapters/postgres/rows.ts";
import type { Limit, Slot, Store } from "../../src/store/contract.ts";
import { each } from "../support/child.ts";
import { write } from "../support/commits.ts";
import { forgetful, sql, withPgbouncer, withPostgres, withSharedPostgres } from "../support/postgres.ts";
import { newStore, openStore } from "./postgres-scene.ts";

const limit: Limit = { name: "calls", calls: 40, windowMs: 3_600_000 };
const hour = 3_600_000;

/** Of some of them there is often no user: their counters are removed, and come back. */
const imported = Array.from({ length: 6 }, (_, n) => `created import-${n}`);
const states = ["created", "codeIssued", "failed", ...imported];

/** Numbers that only depend on the one before. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** Does everything a store can do, in any order, on few users; the slots it holds in the end. */
async function bustle(store: Store, name: string, rounds: number): Promise<readonly Slot[]> {
  const roll = dice(name.length * 7_919);
  const slots: Slot[] = [];
  const lease = { id: name, owner: name, ms: 20 };
  const one = async (n: number): Promise<void> => {
    const id = `user ${roll(12)}`;
    const loaded = await store.load(id);
    const expectedRevision = loaded.type === "record" ? loaded.record.revision : 0;
    const commit = write(id, {
      expectedRevision,
      writeId: `${name} ${n}`,
      state: states[roll(states.length)] ?? "",
      lane: roll(3) === 0 ? "bulk" : null,
      dueInMs: roll(2) === 0 ? 0 : null,
      lease,
      ...(roll(3) === 0 && { take: { limit, holdMs: hour, lane: roll(2) === 0 ? null : "bulk" } }),
      ...(roll(4) === 0 && slots.length > 0 && { giveBack: slots.pop() }),
    });
    const kind = roll(8);
    if (kind < 5) {
      const done = await store.commit(commit);
      if (done.type === "committed" && done.slot !== null) slots.push(done.slot);
      if (done.type !== "committed" && commit.giveBack !== undefined) slots.push(commit.giveBack);
    } else if (kind === 5) {
      await store.move({
        from: id,
        commit: { ...commit, id: `user ${roll(12)}`, take: undefined, giveBack: undefined },
      });
      if (commit.giveBack !== undefined) slots.push(commit.giveBack);
    } else if (kind === 6) {
      await store.claim({ limit: 3, lease });
      if (commit.giveBack !== undefined) await store.slots.giveBack(commit.giveBack);
    } else {
      const { claimed } = await store.grant({ limit, max: 3, holdMs: hour, lease });
      for (const { slot } of claimed) if (slot !== null) slots.push(slot);
      if (commit.giveBack !== undefined) slots.push(commit.giveBack);
    }
  };
  await each(
    Array.from({ length: rounds }, (_, n) => n),
    6,
    one,
  );
  return slots;
}

/** Counts, pages and slots must be what is there. */
async function agrees(store: Store, held: readonly Slot[]): Promise<void> {
  const counts = await store.counts();
  for (const state of states) {
    expect(await store.page({ state, limit: 99 })).toHaveLength(counts[state] ?? 0);
  }
  const { used } = await store.slots.forecast({ limit, calls: 1, lane: "bulk" });
  expect(used.interactive + used.recovery + used.bulk).toBe(held.length);
  expect(held.length).toBeLessThanOrEqual(limit.calls);
}

/** A transaction that stays open after this statement. */
async function sessionThat(url: string, statement: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("BEGIN");
  await client.query(statement);
  return client;
}

withSharedPostgres("adapters/postgres among many", (place) => {
  it("every verb of five processes at once leaves counts, pages and slots exact, without a deadlock", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema });
    const stores = [
      store,
      ...(await Promise.all(Array.from({ length: 4 }, () => openStore(url, { schema })))),
    ];
    const held = await Promise.all(stores.map((one, n) => bustle(one, "x".repeat(n + 1), 150)));
    await agrees(store, held.flat());
    const [deadlocks] = await sql(
      url,
      "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = 'postgres'",
    );
    expect(deadlocks).toEqual({ deadlocks: 0 });
    const waiting = await sql(
      url,
      `SELECT count(*)::integer AS n FROM "${schema}".users WHERE lane IS NOT NULL AND lease_id IS NULL`,
    );
    const { waiting: counted } = await store.slots.forecast({ limit, calls: 1, lane: "bulk" });
    expect(waiting).toEqual([{ n: counted.bulk }]);
  });

  it("counters of imports and leaves without users are removed, whichever connections counted them", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema });
    const other = await openStore(url, { schema });
    const ids = ["ada", "bob", "cyd"];
    for (const name of imported) {
      for (const id of ids) await store.commit(write(`${id} ${name}`, { state: name }));
      const goOn = (id: string) =>
        write(`${id} ${name}`, { state: "tokenActive", expectedRevision: 1, writeId: "second" });
      for (const id of ids) await other.commit(goOn(id));
    }
    await store.commit(write("eve", { state: "created import-7" }));
    expect(await sql(url, `SELECT DISTINCT key FROM "${schema}".counts ORDER BY key`)).toEqual([
      { key: "s:created import-7" },
      { key: "s:tokenActive" },
    ]);
    expect(await store.counts()).toEqual({ tokenActive: 18, "created import-7": 1 });
  });

  it("a row that an operator's transaction holds fails its own user, and no other of the batch", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema, timeoutMs: 1_500 });
    for (const id of ["ada", "bob"]) await store.commit(write(id));
    const operator = await sessionThat(url, `SELECT FROM "${schema}".users WHERE id = 'ada' FOR UPDATE`);
    const second = (id: string) => write(id, { expectedRevision: 1, writeId: "second" });
    const moved = { from: "bob", commit: { ...second("ada"), writeId: "third" } };
    const [held, ...others] = await Promise.allSettled([
      store.commit(second("ada")),
      store.commit(second("bob")),
      store.commit(write("eve")),
      store.move(moved),
    ]);
    const message =
      "Cannot write to the PostgreSQL store: another transaction holds this user's row, and has for 1500 ms";
    const refused = {
      status: "rejected",
      reason: { code: "STORE_UNAVAILABLE", retryable: true, message, facts: { waitsFor: "row" } },
    };
    expect(held).toMatchObject(refused);
    expect(others).toMatchObject([
      { value: { type: "committed", revision: 2 } },
      { value: { type: "committed", revision: 1 } },
      refused,
    ]);
    const waited = store.commit(second("ada"));
    await operator.query("ROLLBACK");
    expect(await waited).toEqual({ type: "committed", revision: 2, slot: null });
    expect(await store.load("bob")).toMatchObject({ record: { revision: 2 } });
  });

  it("commit() of the release before, which knows no busy user, waits for the row", async () => {
    const { url, schema } = place();
    const store = await newStore(url, { schema });
    await store.commit(write("ada"));
    const operator = await sessionThat(url, `SELECT FROM "${schema}".users WHERE id = 'ada' FOR UPDATE`);
    const pool = new Pool({ connectionString: url });
    onTestFinished(() => pool.end());
    const [head, locks] = [
      headOf(writeOf({ commit: write("ada", { expectedRevision: 1, writeId: "b" }) }), 0),
      { users: ["ada"] },
    ];
    const waited = pool.query<{ answer: string }>(
      `SELECT "${schema}".commit_users('account', $1, $2, '1', NULL) AS answer`,
      [JSON.stringify({ comers: [], limits: [], ...locks }), JSON.stringify([head])],
    );
    await vi.waitUntil(
      async () => (await sql(url, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length > 0,
    );
    await operator.query("ROLLBACK");
    expect(JSON.parse((await waited).rows[0]?.answer ?? "")).toEqual([
      { type: "committed", revision: 2, slot: null },
    ]);
  });

  it("every verb works where each statement has another connection", async () => {
    const { url, schema } = place();
    await newStore(url, { schema });
    const pool = new Pool({ connectionString: url, maxUses: 1, max: 4 });
    onTestFinished(() => pool.end());
    const store = await openStore(pool, { schema });
    await agrees(store, await bustle(store, "one", 60));
  });

  it("close() leaves a pool that it was given open", async () => {
    const { url, schema } = place();
    const pool: Pool & PostgresPool = new Pool({ connectionString: url }); // it fits
    onTestFinished(() => pool.end());
    for (const n of [0, 1]) {
      await postgres(pool, { schema }).migrate();
      const store = await postgres(pool, { schema }).open({ account: "account", clock: systemClock });
      expect(await store.commit(write(`user ${n}`))).toMatchObject({ type: "committed" });
      expect(await store.counts()).toEqual({ created: n + 1 });
      await store.close();
    }
    expect((await pool.query<{ one: number }>("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});

withPostgres("adapters/postgres on a server with few connections", (server) => {
  it("open() rejects with STORE_UNAVAILABLE where no connection is left; verbs wait for one", async () => {
    const { url } = await server({ ...forgetful, max_connections: "5", superuser_reserved_connections: "0" });
    await postgres(url).migrate();
    const store = await openStore(url, { connections: 1, timeoutMs: 2_000 });
    await store.commit(write("ada"));
    const others = new Pool({ connectionString: url, max: 9 });
    others.on("error", () => {});
    onTestFinished(() => others.end());
    const clients = await Promise.all(Array.from({ length: 4 }, () => others.connect()));
    const failed = postgres(url).open({ account: "account", clock: systemClock });
    await expect(failed).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await expect(failed).rejects.toThrow(/no connection left \(max_connections, or /);
    await expect(store.load("ada")).resolves.toMatchObject({ type: "record" });
    for (const client of clients) client.release(true);
    await vi.waitFor(async () => expect(await openStore(url)).toBeDefined());
  });
});

withPgbouncer("adapters/postgres behind PgBouncer", (server) => {
  it("migrate(), open() and every verb work in transaction mode", async () => {
    const { url } = await server(forgetful);
    const first = await newStore(url);
    const stores = [first, ...(await Promise.all(Array.from({ length: 2 }, () => openStore(url))))];
    const held = await Promise.all(stores.map((one, n) => bustle(one, "x".repeat(n + 1), 60)));
    await agrees(first, held.flat());
  });
});
