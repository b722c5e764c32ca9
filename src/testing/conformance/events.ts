/**
 * The outbox: `commit({ events })`, and the verbs of `events`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { sleep, systemClock } from "../../clock.ts";
import type { EventOutbox, Json, NewEvent, Store } from "../../store/contract.ts";
import { committed, refusedAsConflict, type Chapter, type Fixture } from "./fixture.ts";

export const events: Chapter = (it, options) => {
  if (options.events === false) return;

  it("commit({ events }) appends them in their order, with the time of the commit", async (bench) => {
    const { store, commit } = bench;
    assert.deepEqual(await all(store), []);
    await commit("ada", { events: [event("ada", { n: 1 }), event("ada", "two")] });
    await commit("bob");
    await bench.pass(2);
    await commit("bob", { expectedRevision: 1, events: [event("bob", null)] });
    const { events, trimmed, last } = await outbox(store).read({ after: 0, limit: 9 });
    const [first, second, third] = events;
    assert.ok(first && second && third && events.length === 3);
    assert.deepEqual(
      events.map(({ key, value }) => ({ key, value })),
      [event("ada", { n: 1 }), event("ada", "two"), event("bob", null)],
    );
    assert.ok(first.number >= 1 && second.number > first.number && third.number > second.number);
    assert.deepEqual([trimmed, last], [0, third.number]);
    assert.equal(first.at, second.at);
    bench.about(third.at - first.at, 2);
  });

  it("commit({ events }) keeps any JSON value and any key as they are", async ({ store, commit }) => {
    const values: readonly Json[] = [
      "",
      ',"value":1',
      "\u0000\u2028ä😀",
      { a: [1, { b: null }], value: 1 },
      1e21,
      false,
      [],
    ];
    const keys = ["a", "a\u0001", "ä😀", "a:b", "a%", "x".repeat(300), " "];
    const given = keys.map((key, n) => event(key, values[n] ?? null));
    await commit("ada", { events: given });
    assert.deepEqual(await all(store), given);
  });

  it("commit({ events }) whose value is no JSON changes nothing", async ({ store, commit }) => {
    const none = undefined as unknown as Json; // as a caller without types could pass it
    await assert.rejects(() => commit("ada", { events: [event("ada", 1), event("ada", none)] }));
    assert.deepEqual(await store.load("ada"), { type: "absent" });
    assert.deepEqual(await all(store), []);
  });

  it("commit({ events }) that is acknowledged again appends nothing more", async ({ store, write }) => {
    const first = write("ada", { events: [event("ada", 1)] });
    for (let time = 1; time <= 3; time++) committed(await store.commit(first));
    assert.deepEqual(await all(store), [event("ada", 1)]);
  });

  it("commit({ events }) that conflicts or is refused appends nothing", async (bench) => {
    const { store, commit } = bench;
    const events = [event("ada", "never")];
    await commit("ada");
    refusedAsConflict(await commit("ada", { events }));
    refusedAsConflict(await commit("ada", { expectedRevision: 1, mode: "keep", events }));
    refusedAsConflict(await commit("eve", { unless: "ada", events }));
    for (let call = 1; call <= bench.limit.calls; call++) await bench.take();
    const refused = await commit("ada", { expectedRevision: 1, take: bench.ask(), events });
    assert.equal(refused.type, "refused");
    assert.deepEqual(await all(store), []);
  });

  it("move() appends the events of its commit, once", async ({ store, write, commit, move }) => {
    await commit("old", { events: [event("old", 1)] });
    await commit("taken");
    const events = [event("new", 2)];
    refusedAsConflict(await move("old", "taken", { events }));
    const again = { from: "old", commit: write("new", { expectedRevision: 1, events }) };
    for (let time = 1; time <= 2; time++) committed(await store.move(again));
    assert.deepEqual(await all(store), [event("old", 1), event("new", 2)]);
  });

  it("read() returns at most `limit` events above `after`, and no more once all are read", async (bench) => {
    await fill(bench, "ada", 7);
    const { events: every, last } = await outbox(bench.store).read({ after: 0, limit: 100 });
    assert.equal(every.length, 7);
    const walked: unknown[] = [];
    let after = 0;
    for (;;) {
      const page = await outbox(bench.store).read({ after, limit: 3 });
      assert.equal(page.last, last);
      if (page.events.length === 0) break;
      assert.ok(page.events.length <= 3);
      walked.push(...page.events);
      after = page.events.at(-1)?.number ?? after;
    }
    assert.deepEqual(walked, every);
    assert.equal(after, last);
  });

  it("a reader that follows many writers misses no event, and sees those of one user in order", async (bench) => {
    const { store, write } = bench;
    const stores = [store, await bench.another(), await bench.another()];
    const users = Array.from({ length: 12 }, (_, n) => `user ${n}`);
    const rounds = 8;
    let writing = true;
    const reader = async (): Promise<readonly string[]> => {
      const seen: string[] = [];
      let after = 0;
      for (let isLast = false; ;) {
        const page = await outbox(stores[2] ?? store).read({ after, limit: 5 });
        for (const { number, value } of page.events) {
          assert.ok(number > after);
          after = number;
          seen.push(value as string); // as written below
        }
        if (page.events.length > 0) continue;
        if (isLast) return seen;
        isLast = !writing; // what was written before this moment is read once more
        await sleep(systemClock, 1); // lets the writers go on
      }
    };
    const reading = reader();
    for (let round = 0; round < rounds; round++) {
      await Promise.all(
        users.map(async (id, n) =>
          committed(
            await (stores[n % 2] ?? store).commit(
              write(id, { expectedRevision: round, events: [event(id, `${id}/${round}`)] }),
            ),
          ),
        ),
      );
    }
    writing = false;
    const seen = await reading;
    for (const id of users) {
      const ofUser = seen.filter((value) => value.startsWith(`${id}/`));
      assert.deepEqual(
        ofUser,
        Array.from({ length: rounds }, (_, round) => `${id}/${round}`),
      );
    }
  });

  it("events.trim() removes the old ones, at most `limit` at once, and names the highest", async (bench) => {
    const { store, unit } = bench;
    await fill(bench, "ada", 5);
    await bench.pass(10);
    await fill(bench, "bob", 2);
    const { events: before, last } = await outbox(store).read({ after: 0, limit: 99 });
    const trim = (limit: number): Promise<number> => outbox(store).trim({ olderThanMs: 5 * unit, limit });
    assert.equal(await outbox(store).trim({ olderThanMs: 100 * unit, limit: 9 }), 0);
    assert.equal(await trim(3), 3);
    const then = await outbox(store).read({ after: 0, limit: 99 });
    assert.deepEqual(then, { events: before.slice(3), trimmed: before[2]?.number, last });
    assert.equal(await trim(9), 2);
    assert.equal(await trim(9), 0);
    const rest = await outbox(store).read({ after: 0, limit: 99 });
    assert.deepEqual(rest, { events: before.slice(5), trimmed: before[4]?.number, last });
    await bench.pass(10);
    assert.equal(await trim(9), 2);
    assert.deepEqual(await outbox(store).read({ after: 0, limit: 9 }), { events: [], trimmed: last, last });
    await fill(bench, "eve", 1);
    const { events: fresh } = await outbox(store).read({ after: 0, limit: 9 });
    assert.ok(fresh.length === 1 && (fresh[0]?.number ?? 0) > last, "no number is given twice");
  });

  it("events.forget() removes all events of one key and appends its own", async (bench) => {
    const { store } = bench;
    for (const id of ["ada", "bob", "ad", "adam"]) await fill(bench, id, 3);
    await bench.commit("ada", { expectedRevision: 1, events: [event("bob", 9), event("ada", 9)] });
    const { last } = await outbox(store).read({ after: 0, limit: 1 });
    const gone = event("ada", "forgotten");
    for (let time = 1; time <= 2; time++) await outbox(store).forget({ key: "ada", events: [gone] });
    const { events } = await outbox(store).read({ after: 0, limit: 99 });
    assert.deepEqual(
      events.filter(({ key }) => key === "ada").map(({ value }) => value),
      ["forgotten"],
    );
    assert.equal(events.map(({ key }) => key).join(" "), "bob bob bob ad ad ad adam adam adam bob ada");
    assert.ok((events.at(-1)?.number ?? 0) > last, "what replaces them is new for every reader");
    await outbox(store).forget({ key: "nobody", events: [] });
    await outbox(store).forget({ key: "ada", events: [] });
    assert.equal((await all(store)).length, 10);
  });

  it("events.under() lists those of one key, from the last one down", async (bench) => {
    const { store } = bench;
    for (const id of ["ada", "bob", "ad"]) await fill(bench, id, 3);
    await bench.commit("bob", { expectedRevision: 1, events: [event("ada", 4)] });
    const { events } = await outbox(store).read({ after: 0, limit: 99 });
    const own = events.filter(({ key }) => key === "ada").toReversed();
    const [last, , second] = own;
    const under = (limit: number, before?: number) => outbox(store).under({ key: "ada", before, limit });
    assert.deepEqual(await under(99), own);
    assert.deepEqual(await under(2), own.slice(0, 2));
    assert.deepEqual(await under(2, last?.number), own.slice(1, 3));
    assert.deepEqual(await under(9, second?.number), own.slice(3));
    assert.deepEqual(await under(9, (last?.number ?? 0) - 1), own.slice(1), "a number of another key");
    assert.deepEqual(await outbox(store).under({ key: "eve", limit: 9 }), []);
    await bench.pass(9);
    await outbox(store).trim({ olderThanMs: 0, limit: 2 });
    assert.deepEqual(await under(9), own.slice(0, 2));
  });

  it("events.forget({ above }) keeps the events of the key up to that number", async (bench) => {
    const { store } = bench;
    await fill(bench, "ada", 2_100);
    await fill(bench, "bob", 1);
    const own = await outbox(store).under({ key: "ada", limit: 2_100 });
    const above = own.at(-1_001)?.number ?? 0;
    const forget = (value: Json): Promise<void> =>
      outbox(store).forget({ key: "ada", above, events: [event("ada", value)] });
    for (const time of ["first", "second"]) await forget(time);
    const [left, ...kept] = await outbox(store).under({ key: "ada", limit: 2_100 });
    assert.equal(left?.value, "second");
    assert.deepEqual(kept, own.slice(-1_001));
    const { events } = await outbox(store).read({ after: above, limit: 9 });
    assert.equal(events.map(({ key }) => key).join(" "), "bob ada");
    await outbox(store).forget({ key: "ada", events: [] });
    assert.deepEqual(await outbox(store).under({ key: "ada", limit: 9 }), []);
  });

  it("events.forget() of the latest events gives no number twice", async (bench) => {
    await fill(bench, "ada", 3);
    const { last } = await outbox(bench.store).read({ after: 0, limit: 1 });
    await outbox(bench.store).forget({ key: "ada", events: [] });
    assert.deepEqual(await outbox(bench.store).read({ after: 0, limit: 9 }), {
      events: [],
      trimmed: 0,
      last,
    });
    await fill(bench, "bob", 1);
    const { events } = await outbox(bench.store).read({ after: last, limit: 9 });
    assert.equal(events.length, 1);
  });

  it("events.replace() changes the value of one event, and of none that is gone", async (bench) => {
    const { store } = bench;
    await fill(bench, "ada", 3);
    const { events: before } = await outbox(store).read({ after: 0, limit: 9 });
    const number = before[1]?.number ?? 0;
    await outbox(store).replace({ number, value: { sealed: "anew" } });
    const { events } = await outbox(store).read({ after: 0, limit: 9 });
    assert.deepEqual(
      events,
      before.map((each) => (each.number === number ? { ...each, value: { sealed: "anew" } } : each)),
    );
    await outbox(store).forget({ key: "ada", events: [] });
    await outbox(store).replace({ number, value: "back" });
    await outbox(store).replace({ number: number + 100, value: "new" });
    assert.deepEqual(await all(store), []);
  });

  it("events.replace({ expected }) changes an event that has that value, and no other", async (bench) => {
    const { store } = bench;
    const values: readonly Json[] = [1, "1", { a: 1, b: ["ä\u0000", null] }, null, 1e21];
    await bench.commit("ada", { events: values.map((value) => event("ada", value)) });
    const { events } = await outbox(store).read({ after: 0, limit: 9 });
    for (const { number, value } of events) {
      for (const other of [{ b: ["ä\u0000", null], a: 1 }, "", 11, [value]])
        await outbox(store).replace({ number, value: "wrong", expected: other });
      await outbox(store).replace({ number, value: { was: value }, expected: value });
      await outbox(store).replace({ number, value: "late", expected: value });
    }
    assert.deepEqual(
      await all(store),
      values.map((value) => event("ada", { was: value })),
    );
  });

  it("events belong to their account", async (bench) => {
    const other = await bench.another("another account");
    await fill(bench, "ada", 2);
    assert.deepEqual(await outbox(other).read({ after: 0, limit: 9 }), { events: [], trimmed: 0, last: 0 });
    await outbox(other).forget({ key: "ada", events: [] });
    await bench.pass(9);
    assert.equal(await outbox(other).trim({ olderThanMs: 0, limit: 9 }), 0);
    assert.equal((await all(bench.store)).length, 2);
  });

  if (options.survivesClose ?? true) {
    it("open() after close() finds the events, and goes on with their numbers", async (bench) => {
      await fill(bench, "ada", 3);
      await fill(bench, "bob", 2);
      await outbox(bench.store).forget({ key: "bob", events: [] });
      const before = await outbox(bench.store).read({ after: 0, limit: 9 });
      await bench.store.close();
      const again = await bench.another();
      assert.deepEqual(await outbox(again).read({ after: 0, limit: 9 }), before);
      await again.commit(bench.write("eve", { events: [event("eve", 1)] }));
      const { events } = await outbox(again).read({ after: before.last, limit: 9 });
      assert.equal(events.length, 1);
    });
  }
};

function event(key: string, value: Json): NewEvent {
  return { key, value };
}

function outbox({ events }: Store): EventOutbox {
  assert.ok(events, "a store without an outbox is tested with `events: false`");
  return events;
}

/** All events, without their numbers. */
async function all(store: Store): Promise<readonly NewEvent[]> {
  const { events } = await outbox(store).read({ after: 0, limit: 1_000 });
  return events.map(({ key, value }) => event(key, value));
}

/** Creates a user in one commit with that many events. */
async function fill({ commit }: Fixture, id: string, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, n) => event(id, n + 1));
  committed(await commit(id, { events }));
}
