/**
 * A store that is emptied under the processes that have it open, see `OfAccount`. Stores whose contents can be moved to
 * another one, see `MovableStore`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isLostStore } from "../../store/lost-store.ts";
import { isMovable, type KeptRows, type MovableStore, type Transfer } from "../../store/movable.ts";
import { committed, created, type Chapter, type Fixture } from "./fixture.ts";

const pageSize = 4;

export const moving: Chapter = (it, { events: hasEvents = true, empty }) => {
  if (empty !== undefined) {
    it("account.load() returns an identity that stays until the store is emptied", async (bench) => {
      const identity = await created(bench.store, "first");
      const { account } = bench.store;
      assert.equal(
        await account.commit({ value: 2, expectedRevision: 1, writeId: "second", identity }),
        true,
      );
      assert.equal((await account.load())?.identity, identity);
      await bench.empty();
      const anew = await bench.another();
      assert.equal(await anew.account.load(), null);
      assert.notEqual(await created(anew, "third"), identity);
    });

    it("a store that was emptied takes no write with the identity of before", async (bench) => {
      const identity = await created(bench.store, "first");
      await bench.commit("ada", { dueInMs: 0 });
      await bench.empty();
      for (const verb of writes(bench, identity)) await assert.rejects(verb, isLostStore);
      const anew = await bench.another();
      assert.equal(await anew.account.load(), null);
      assert.deepEqual(await anew.counts(), {});
      assert.equal(await bench.used(bench.limit, anew), 0);
    });

    it("nor once another process has created the account again", async (bench) => {
      const identity = await created(bench.store, "first");
      await bench.empty();
      const anew = await bench.another();
      await created(anew, "other");
      await anew.commit(bench.write("ada", { dueInMs: 0 }));
      for (const verb of writes(bench, identity)) await assert.rejects(verb, isLostStore);
      assert.deepEqual(await anew.counts(), { created: 1 });
      assert.equal((await anew.account.load())?.revision, 1);
      assert.deepEqual(await bench.claim(5, "other", anew), ["ada"]);
      assert.equal(await bench.used(bench.limit, anew), 0);
    });

    it("writes with the identity of the account's record succeed", async (bench) => {
      const identity = await created(bench.store, "first");
      const { type } = await bench.commit("ada", { dueInMs: 0, identity });
      assert.equal(type, "committed");
      const batch = await bench.store.claim({ limit: 1, lease: bench.lease("a"), identity });
      assert.equal(batch.claimed.length, 1);
      const slot = await bench.store.slots.take({ ...bench.ask(), identity });
      assert.equal(slot.type, "taken");
    });
  }

  const test = (
    title: string,
    run: (bench: Fixture, from: MovableStore, to: MovableStore) => Promise<void>,
  ): void =>
    it(title, async (bench) => {
      const other = await bench.another("other account");
      if (isMovable(bench.store) && isMovable(other)) await run(bench, bench.store, other);
    });

  test("transfer.rows() reads every row, of users and of former ids, page by page", async (bench, {
    transfer,
  }) => {
    const ids = await filled(bench);
    const rows = await walked(transfer);
    assert.deepEqual([...rows.keys()].toSorted(), ids.toSorted());
    assert.deepEqual(rows.get("former"), { renamedTo: "renamed" });
    const some = new Map(await transfer.rowsOf(["user 1", "unknown", "former"]));
    assert.deepEqual(some, new Map(["user 1", "former"].map((id) => [id, rows.get(id)])));
  });

  test("rows that were copied are loaded, listed, counted, claimed and granted as before", async (bench, from, to) => {
    await filled(bench);
    const identity = await created(to, "moving");
    const rows = await walked(from.transfer);
    for (let times = 0; times < 2; times++) await to.transfer.writeRows({ rows: [...rows], identity });
    await to.transfer.complete?.({ identity });
    assert.deepEqual(await walked(to.transfer), rows);
    assert.deepEqual(await to.counts(), await from.counts());
    assert.deepEqual(await to.tally(), await from.tally());
    assert.deepEqual(await to.page({ limit: 100 }), await from.page({ limit: 100 }));
    assert.deepEqual(await to.load("former"), { type: "renamed", to: "renamed" });
    assert.deepEqual(
      (await to.slots.forecast({ limit: bench.limit, calls: 1, lane: "bulk" })).waiting.bulk,
      2,
    );
    for (const by of [from, to]) {
      assert.deepEqual(await bench.grant(3, "grants", by), ["waits 1", "waits 2"]);
      assert.deepEqual(await bench.claim(100, "claims", by), [
        "user 1",
        "user 2",
        "user 3",
        "user 4",
        "user 5",
      ]);
    }
  });

  test("writeRows() replaces what is there, with its entries in indexes", async (bench, from, to) => {
    await bench.commit("ada", { dueInMs: 0 });
    const identity = await created(to, "moving");
    await to.transfer.writeRows({ rows: [...(await walked(from.transfer))], identity });
    await bench.commit("ada", { expectedRevision: 1, state: "tokenActive", lane: "bulk" });
    await to.transfer.writeRows({ rows: [...(await walked(from.transfer))], identity });
    await to.transfer.complete?.({ identity });
    assert.deepEqual(await to.counts(), { tokenActive: 1 });
    assert.deepEqual(await bench.claim(5, "claims", to), []);
    assert.deepEqual(await bench.grant(5, "grants", to), ["ada"]);
  });

  test("a log that was copied counts its slots, which are settled as before", async (bench, from, to) => {
    const slot = await bench.take("interactive");
    await bench.take("recovery");
    const identity = await created(to, "moving");
    const { name } = bench.limit;
    const logs = await from.transfer.logs(["none", name]);
    assert.deepEqual([...logs.keys()], [name]);
    const log = logs.get(name);
    assert.ok(log);
    for (let times = 0; times < 2; times++) await to.transfer.writeLog({ limit: name, log, identity });
    assert.equal(await bench.used(bench.limit, to), 2);
    await to.slots.giveBack(slot);
    assert.equal(await bench.used(bench.limit, to), 1);
    assert.equal((await to.slots.take(bench.ask("interactive"))).type, "taken");
  });

  test("seat() gives the account's record another identity, after which no write with the former one is taken", async (bench, from) => {
    const identity = await created(from, "first");
    await from.commit(bench.write("ada", { identity }));
    const before = { expectedRevision: 1, expectedIdentity: identity };
    const seat = { ...before, value: { moved: true }, writeId: "fence", identity: "moved" };
    assert.equal(await from.transfer.seat({ ...seat, expectedRevision: 2 }), false);
    assert.equal(await from.transfer.seat({ ...seat, expectedIdentity: "another" }), false);
    for (let times = 0; times < 2; times++) assert.equal(await from.transfer.seat(seat), true);
    assert.deepEqual(await from.account.load(), { value: { moved: true }, revision: 2, identity: "moved" });
    await assert.rejects(from.commit(bench.write("bob", { identity })), isLostStore);
    await assert.rejects(from.slots.take({ ...bench.ask(), identity }), isLostStore);
    assert.equal((await from.load("ada")).type, "record");
    const fenced = { expectedRevision: 2, expectedIdentity: "moved" };
    assert.equal(await from.transfer.seat({ ...seat, ...fenced, writeId: "open", identity }), true);
    committed(await from.commit(bench.write("bob", { identity })));
  });

  test("the verbs that write are refused with an identity that the account's record does not have", async (bench, from, to) => {
    await filled(bench);
    await bench.take("interactive");
    const identity = "another";
    const rows = [...(await walked(from.transfer))];
    const log = (await from.transfer.logs([bench.limit.name])).get(bench.limit.name);
    assert.ok(log);
    await created(to, "moving");
    for (const refused of [
      () => to.transfer.writeRows({ rows, identity }),
      () => to.transfer.writeLog({ limit: bench.limit.name, log, identity }),
      () => to.transfer.clear({ identity, limits: [] }),
      ...(hasEvents ? [() => to.transfer.writeEvents({ events: [], last: 1, trimmed: 0, identity })] : []),
    ])
      await assert.rejects(refused, isLostStore);
    assert.deepEqual(await to.counts(), {});
    assert.equal((await walked(to.transfer)).size, 0);
  });

  test("clear() removes everything, some at a time", async (bench, from, to) => {
    await filled(bench);
    const identity = await created(from, "first");
    await from.transfer.clear({ identity, limits: [bench.limit.name] });
    while ((await from.account.load()) !== null)
      await from.transfer.clear({ identity, limits: [bench.limit.name] });
    assert.deepEqual(await from.counts(), {});
    assert.equal((await walked(from.transfer)).size, 0);
    assert.equal(await bench.used(), 0);
    assert.deepEqual([await bench.claim(5), await bench.grant(5)], [[], []]);
    assert.equal(await to.account.load(), null);
  });

  if (!hasEvents) return;

  test("events that were copied keep their numbers, and the next one is higher", async (bench, from, to) => {
    const event = (n: number): object => ({ events: [{ key: `user ${n}`, value: { n, text: "\u0000:{" } }] });
    for (const n of [1, 2, 3]) await from.commit(bench.write(`user ${n}`, event(n)));
    const page = await from.events?.read({ after: 0, limit: 100 });
    assert.ok(page);
    const identity = await created(to, "moving");
    for (let times = 0; times < 2; times++) await to.transfer.writeEvents({ ...page, identity });
    assert.deepEqual(await to.events?.read({ after: 0, limit: 100 }), page);
    await to.events?.forget({ key: "user 2", events: [] });
    await to.commit(bench.write("user 4", event(4)));
    const [after, last] = (await to.events?.read({ after: 1, limit: 100 }))?.events ?? [];
    assert.deepEqual(after, page.events[2]);
    assert.ok(last && last.number > page.last);
  });
};

/** Users of all kinds; returns the ids of their rows. */
async function filled({ commit, move, wait, lease, ask, pass }: Fixture): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 1; n <= 5; n++) {
    ids.push(`user ${n}`);
    committed(await commit(`user ${n}`, { dueInMs: 0, state: n > 3 ? "tokenActive" : "created" }));
    await pass(0.1);
  }
  await wait("bulk", "waits 1", "waits 2");
  committed(await commit("former"));
  committed(await move("former", "renamed"));
  const held = {
    staleInMs: 1,
    mode: "take" as const,
    lease: lease("works", 1_000),
    take: ask("interactive"),
  };
  committed(await commit("leased", { ...held, value: ["ü", 1.5, null, { "2": 1, "1": 2 }] }));
  return [...ids, "waits 1", "waits 2", "former", "renamed", "leased"];
}

/** All rows by their ids. */
async function walked({ rows }: Transfer): Promise<Map<string, KeptRows[number][1]>> {
  const found = new Map<string, KeptRows[number][1]>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof rows>> = await rows(cursor, pageSize);
    for (const [id, row] of page.rows) found.set(id, row);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

/** Every verb that must be refused. */
function writes(
  { store, commit, move, ask, lease, limit }: Fixture,
  identity: string,
): (() => Promise<unknown>)[] {
  const { events } = store;
  const grant = { limit, max: 1, holdMs: 1_000, lease: lease("a"), identity };
  return [
    () => commit("bob", { identity }),
    () => commit("cleo", { identity, take: ask() }),
    () => move("ada", "dan", { identity }),
    () => store.claim({ limit: 5, lease: lease("a"), identity }),
    () => store.grant(grant),
    () => store.slots.take({ ...ask(), identity }),
    () => store.erase({ ids: ["ada"], to: "bob", identity }),
    ...(events === undefined
      ? []
      : [
          () => events.trim({ olderThanMs: 0, limit: 1, identity }),
          () => events.forget({ key: "ada", events: [], identity }),
          () => events.replace({ number: 1, value: 1, identity }),
        ]),
    () => store.account.commit({ value: "stale", expectedRevision: 0, writeId: "late", identity }),
    () => store.account.commit({ value: "stale", expectedRevision: 1, writeId: "later", identity }),
  ];
}
