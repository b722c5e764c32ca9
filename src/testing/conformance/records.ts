/**
 * Records: `load` and the compare-and-set of `commit`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isLifecycleError } from "../../errors.ts";
import type { Json } from "../../store/contract.ts";
import { committed, refusedAsConflict, resting, type Chapter } from "./fixture.ts";

/** Values that break careless encoders. */
const values: Readonly<Record<string, Json>> = {
  null: null,
  false: false,
  zero: 0,
  "an empty text": "",
  "an empty list": [],
  "an empty object": {},
  numbers: [0, -1, 0.1, 1e-7, 1e21, 2 ** 53 - 1, 1_767_225_600_000],
  "text of every kind": ["é", "😀", "\u0000", "\u2028", "\ud800", '"', "\\", "</script>", " ", "null"],
  "odd keys": { "": 1, __proto: 2, constructor: 3, "a.b": 4, $set: 5, "0": 6, "😀": 7 },
  "a deep object": { a: [{ b: [[{ c: [null, { d: {} }] }]] }] },
  "a long text": "0123456789abcdef".repeat(4_096),
};

/** Ids that break careless keys, patterns and separators. */
export const ids: readonly string[] = [
  "ada@example.org",
  "ada+oneup@example.org",
  "org/7/user/9",
  "a b",
  " leading and trailing ",
  'she said "so"',
  "it's",
  "%41%2F",
  "user:1:*?[a]{b}",
  "$1; drop table users --",
  "back\\slash",
  "42",
  "-1",
  "true",
  "null",
  "__proto__",
  "constructor",
  "Ада",
  "ADA",
  "ada",
  "e\u0301",
  "\u00e9",
  "😀",
  "\uffff",
];

export const records: Chapter = (it, options) => {
  it("load() returns absent for an id that was never written", async ({ store }) => {
    assert.deepEqual(await store.load("ada"), { type: "absent" });
  });

  it("load() returns the state of the last commit", async ({ record, commit }) => {
    await commit("ada", { state: "created" });
    await commit("ada", { expectedRevision: 1, state: "codeIssued import 7" });
    assert.equal((await record("ada")).state, "codeIssued import 7", "a record must carry `state`");
  });

  it("load() returns everything that commit() wrote", async ({ record, about, commit }) => {
    await commit("ada", { value: { n: 1 }, dueInMs: 7_000 });
    const { dueInMs, ...rest } = await record("ada");
    assert.deepEqual({ ...rest, dueInMs: null }, resting("ada", { n: 1 }, 1));
    assert.equal(typeof dueInMs, "number");
    about(Number(dueInMs) - 7_000, 0);
  });

  it("load() returns a copy of the value, which the caller may change", async ({ record, commit }) => {
    const value = { list: [1] };
    await commit("ada", { value });
    value.list.push(2);
    ((await record("ada")).value as { list: number[] }).list.push(3); // what was written above
    assert.deepEqual((await record("ada")).value, { list: [1] });
  });

  it("commit() creates a record at revision 1 if revision 0 is expected", async ({ commit }) => {
    assert.deepEqual(await commit("ada"), { type: "committed", revision: 1, slot: null });
  });

  it("commit() refuses to create an existing record", async ({ record, commit }) => {
    await commit("ada", { value: "first" });
    refusedAsConflict(await commit("ada", { value: "second" }));
    assert.equal((await record("ada")).value, "first");
  });

  it("commit() refuses to change a record that does not exist", async ({ store, commit }) => {
    refusedAsConflict(await commit("ada", { expectedRevision: 1 }));
    assert.deepEqual(await store.load("ada"), { type: "absent" });
    assert.deepEqual(await store.counts(), {});
  });

  it("commit() adds one to the revision, every time", async ({ record, commit }) => {
    for (let revision = 0; revision < 5; revision++) {
      const done = await commit("ada", { expectedRevision: revision, value: revision });
      assert.equal(committed(done).revision, revision + 1);
    }
    assert.equal((await record("ada")).revision, 5);
    assert.equal((await record("ada")).value, 4);
  });

  it("commit() refuses a stale revision, and a future one", async ({ record, commit }) => {
    await commit("ada");
    await commit("ada", { expectedRevision: 1, value: "latest" });
    for (const expectedRevision of [0, 1, 3]) {
      refusedAsConflict(await commit("ada", { expectedRevision, value: "lost" }));
    }
    assert.deepEqual(await record("ada"), resting("ada", "latest", 2));
  });

  it("commit() that is refused as a conflict changes no state, due time, lane or slot", async (bench) => {
    const { store, ask, take, commit } = bench;
    const [settled, given] = [await take(), await take()];
    await commit("ada", { state: "created" });
    const stale = { expectedRevision: 7, state: "failed", settle: settled, giveBack: given, take: ask() };
    refusedAsConflict(await commit("ada", { ...stale, dueInMs: 0 }));
    refusedAsConflict(await commit("ada", { ...stale, lane: "bulk" }));
    assert.deepEqual(await store.counts(), { created: 1 });
    assert.deepEqual(await bench.claim(9), []);
    assert.deepEqual(await bench.grant(9), []);
    assert.equal(await bench.used(), 2);
    bench.about((await bench.forecast(3)).inMs, 25, "rounded up"); // neither settled nor given back
  });

  it("commit() acknowledges a write again whose first response was lost", async (bench) => {
    const { store, write, commit } = bench;
    await commit("ada");
    const lost = write("ada", { expectedRevision: 1, state: "codeIssued", value: "written once" });
    assert.equal(committed(await store.commit(lost)).revision, 2);
    assert.equal(committed(await store.commit(lost)).revision, 2);
    assert.equal((await bench.record("ada")).revision, 2);
    assert.deepEqual(await store.counts(), { codeIssued: 1 });
  });

  it("commit() acknowledges a creation again", async ({ store, write, record }) => {
    const creation = write("ada");
    await store.commit(creation);
    assert.equal(committed(await store.commit(creation)).revision, 1);
    assert.equal((await record("ada")).revision, 1);
  });

  it("commit() acknowledges a write again after its lease expired and another process claimed the record", async (bench) => {
    const { store, lease, write } = bench;
    const lost = write("ada", { mode: "take", lease: lease("slow") });
    await store.commit(lost);
    await bench.pass(11);
    assert.deepEqual(await bench.claim(1, "faster"), ["ada"]);
    committed(await store.commit(lost));
    assert.equal((await bench.record("ada")).lease?.id, "faster", "the replay changes nothing");
  });

  it("commit() does not acknowledge a write again after a later write", async (bench) => {
    const { store, write, record, commit } = bench;
    const first = write("ada", { value: "first" });
    await store.commit(first);
    await commit("ada", { expectedRevision: 1, value: "second" });
    refusedAsConflict(await store.commit(first));
    assert.equal((await record("ada")).value, "second");
  });

  it("commit() that rejects changes nothing, and does not affect other commits", async (bench) => {
    const { store, write, commit } = bench;
    const unwritable = write("eve", { value: 1n as unknown as Json, dueInMs: 0 }); // no JSON
    const ended = await Promise.allSettled([commit("ada"), store.commit(unwritable), commit("bob")]);
    assert.deepEqual(
      ended.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.ok(
      isLifecycleError((ended[1] as PromiseRejectedResult).reason),
      "a rejection is a LifecycleError",
    );
    assert.deepEqual(await store.load("eve"), { type: "absent" });
    assert.deepEqual(await store.counts(), { created: 2 });
    assert.deepEqual(await bench.claim(9), []);
  });

  for (const [name, value] of Object.entries(values)) {
    it(`commit() preserves ${name}`, async ({ another, record, commit }) => {
      await commit("ada", { value });
      assert.deepEqual((await record("ada")).value, value);
      const elsewhere = await (await another()).load("ada");
      assert.deepEqual(elsewhere.type === "record" && elsewhere.record.value, value);
    });
  }

  it("commit() keeps every id apart, whatever it looks like", async (bench) => {
    const { store, commit } = bench;
    for (const id of ids) await commit(id, { value: `of ${id}`, dueInMs: 0 });
    for (const id of ids) {
      const { value, revision } = await bench.record(id);
      assert.deepEqual({ value, revision }, { value: `of ${id}`, revision: 1 });
    }
    assert.deepEqual(await store.counts(), { created: ids.length });
    assert.deepEqual(new Set(await bench.claim(ids.length + 1)), new Set(ids));
  });

  it("commit() keeps ids of the maximum length, in every index", async (bench) => {
    const { store, commit } = bench;
    const longest = options.longestId ?? 512;
    const long = ["a".repeat(longest), "é".repeat(longest / 2), "😀".repeat(longest / 4)];
    const near = "a".repeat(longest - 1) + "b"; // differs in the last byte
    for (const id of [...long, near]) await commit(id, { dueInMs: 0 });
    assert.deepEqual(new Set(await bench.claim(9)), new Set([...long, near]));
    assert.deepEqual(new Set(await store.page({ state: "created", limit: 9 })), new Set([...long, near]));
    await bench.wait("bulk", `w${near.slice(1)}`);
    assert.deepEqual(await bench.grant(9), [`w${near.slice(1)}`]);
  });
};
