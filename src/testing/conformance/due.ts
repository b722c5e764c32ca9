/**
 * The due index: `claim`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, withoutTimes, type Chapter } from "./fixture.ts";

export const due: Chapter = (it) => {
  it("claim() returns due records, oldest first, and none that is due later or never", async (bench) => {
    const { unit, commit } = bench;
    await commit("later", { dueInMs: 30 * unit });
    await commit("third", { dueInMs: 3 * unit });
    await commit("first", { dueInMs: 1 * unit });
    await commit("never", { dueInMs: null });
    await commit("second", { dueInMs: 2 * unit });
    assert.deepEqual(await bench.claim(9), []);
    await bench.pass(4);
    assert.deepEqual(await bench.claim(9), ["first", "second", "third"]);
  });

  it("claim() returns what is due at once in the same moment", async (bench) => {
    await bench.commit("ada", { dueInMs: 0 });
    assert.deepEqual(await bench.claim(1), ["ada"]);
  });

  it("claim() returns at most `limit` records, none for 0", async (bench) => {
    for (const id of ["a", "b", "c"]) await bench.commit(id, { dueInMs: 0 });
    assert.deepEqual(await bench.claim(0), []);
    assert.equal((await bench.claim(2)).length, 2);
    assert.equal((await bench.claim(2)).length, 1);
    assert.equal((await bench.claim(2)).length, 0);
  });

  it("claim() leases each record to the caller, and its revision stays", async (bench) => {
    const { store, lease, commit } = bench;
    await commit("ada", { dueInMs: 0, value: "as it was" });
    const [claimed] = (await store.claim({ limit: 1, lease: lease("mine") })).claimed;
    assert.equal(claimed?.slot, null);
    assert.deepEqual(withoutTimes(claimed.record), withoutTimes(await bench.record("ada")));
    assert.equal(claimed.record.value, "as it was");
    assert.equal(claimed.record.revision, 1);
    assert.equal(claimed.record.lease?.id, "mine");
    bench.about(claimed.record.lease.leftMs, 10);
    committed(await commit("ada", { expectedRevision: 1, mode: "end", lease: lease("mine") }));
  });

  it("claim() skips leased records until their lease expires, so a dead owner's user continues", async (bench) => {
    const { lease, commit } = bench;
    await commit("taken", { mode: "take", lease: lease("dead"), dueInMs: 0 });
    await commit("claimed", { dueInMs: 0 });
    assert.deepEqual(await bench.claim(9, "dead too"), ["claimed"]);
    await bench.pass(9);
    assert.deepEqual(await bench.claim(9, "alive"), []);
    await bench.pass(2);
    assert.deepEqual(new Set(await bench.claim(9, "alive")), new Set(["taken", "claimed"]));
  });

  it("claim() returns a leased record without a due time when its lease expires", async (bench) => {
    const { lease, commit } = bench;
    await commit("ada", { mode: "take", lease: lease("dead"), dueInMs: null });
    await bench.pass(11);
    assert.deepEqual(await bench.claim(9), ["ada"]);
  });

  it("claim() uses only the due time of the last commit", async (bench) => {
    const { unit, commit } = bench;
    for (const id of ["sooner", "later", "never"]) await commit(id, { dueInMs: 5 * unit });
    await commit("sooner", { expectedRevision: 1, dueInMs: 0 });
    await commit("later", { expectedRevision: 1, dueInMs: 8 * unit });
    await commit("never", { expectedRevision: 1, dueInMs: null });
    assert.deepEqual(await bench.claim(9), ["sooner"]);
    await bench.pass(6);
    assert.deepEqual(await bench.claim(9), []);
    await bench.pass(2.5);
    assert.deepEqual(await bench.claim(9), ["later"]);
  });

  it("claim() returns a record again once it is committed as due", async (bench) => {
    const { lease, commit } = bench;
    await commit("ada", { dueInMs: 0 });
    await bench.claim(1, "mine");
    await commit("ada", { expectedRevision: 1, mode: "end", lease: lease("mine"), dueInMs: 0 });
    assert.deepEqual(await bench.claim(1, "next"), ["ada"]);
  });

  it("claim() returns when more will be due, and null when nothing is planned", async (bench) => {
    const { store, unit, lease, commit } = bench;
    const nextInMs = async (limit = 9): Promise<number | null> =>
      (await store.claim({ limit, lease: lease("mine") })).nextInMs;
    await commit("never", { dueInMs: null });
    assert.equal(await nextInMs(), null);
    await commit("ada", { dueInMs: 5 * unit });
    bench.about(await nextInMs(), 5);
    await commit("bob", { dueInMs: 0 });
    await commit("eve", { dueInMs: 0 });
    assert.equal(await nextInMs(1), 0, "more is due now");
    bench.about(await nextInMs(), 5);
    await bench.pass(6);
    await nextInMs();
    bench.about(await nextInMs(), 4); // the end of the first lease
  });

  it("claim() never returns a record twice, however many callers claim at once", async (bench) => {
    await bench.atOnce(40, (store, n) => store.commit(bench.write(`user ${n}`, { dueInMs: 0 })));
    const batches = await bench.atOnce(12, (store, n) => bench.claim(5, `worker ${n}`, store));
    assert.ok(batches.every(({ length }) => length <= 5));
    assert.equal(batches.flat().length, 40);
    assert.equal(new Set(batches.flat()).size, 40);
  });

  it("load() returns the remaining time until due, negative when overdue", async (bench) => {
    await bench.commit("ada", { dueInMs: 3 * bench.unit });
    await bench.pass(1);
    bench.about((await bench.record("ada")).dueInMs, 2);
    await bench.pass(4);
    bench.about((await bench.record("ada")).dueInMs, -2);
  });
};
