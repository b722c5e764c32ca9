/**
 * Records: `load` and the compare-and-set of `commit`. Listing them: `page`, `counts` and `tally`.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store, Json } from "../../store/contract.ts";
import { refusedAsConflict, type Chapter, committed, resting } from "./fixture.ts";
import { isLifecycleError } from "../../errors.ts";

/** Lists the users of a state page by page, which must be all `ids`, once each. */
async function walk(
  store: Store,
  state: string | undefined,
  between?: (round: number) => Promise<void>,
): Promise<void> {
  const seen: string[] = [];
  for (let after: string | undefined, round = 0; round <= ids.length; round++) {
    const page = await store.page({ state, after, limit: 5 });
    seen.push(...page);
    after = page.at(-1);
    if (after === undefined) break;
    await between?.(round);
  }
  assert.equal(seen.length, ids.length);
  assert.deepEqual(new Set(seen), new Set(ids));
}

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
const ids: readonly string[] = [
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

  it("page() lists the ids of one state in ascending order", async ({ store, commit }) => {
    for (const id of ["b", "a10", "c", "a2", "B", "a"]) await commit(id);
    await commit("elsewhere", { state: "failed" });
    assert.deepEqual(await store.page({ state: "created", limit: 99 }), ["B", "a", "a10", "a2", "b", "c"]);
    assert.deepEqual(await store.page({ state: "failed", limit: 99 }), ["elsewhere"]);
    assert.deepEqual(await store.page({ state: "no such state", limit: 99 }), []);
  });

  it("page({ after }) continues after an id, whether that still exists or not", async ({ store, commit }) => {
    for (const id of ["a", "b", "d"]) await commit(id);
    const page = (after: string): Promise<readonly string[]> =>
      store.page({ state: "created", after, limit: 9 });
    assert.deepEqual(await page("a"), ["b", "d"]);
    assert.deepEqual(await page("c"), ["d"]);
    assert.deepEqual(await page("d"), []);
    assert.deepEqual(await page(""), ["a", "b", "d"]);
  });

  it("page({ limit }) returns at most that many", async ({ store, commit }) => {
    for (const id of ["a", "b", "c", "d"]) await commit(id);
    assert.deepEqual(await store.page({ state: "created", limit: 2 }), ["a", "b"]);
    assert.deepEqual(await store.page({ state: "created", after: "a", limit: 2 }), ["b", "c"]);
    assert.deepEqual(await store.page({ state: "created", limit: 0 }), []);
  });

  it("page() lists every id once, whatever the ids look like", async ({ store, commit }) => {
    for (const id of ids) await commit(id);
    await walk(store, "created");
  });

  it("page() without a state lists the ids of all records in ascending order", async (bench) => {
    const { store, commit } = bench;
    const mixed = [
      ["b", "failed"],
      ["a10", "created"],
      ["c", "created import 7"],
      ["a2", "failed"],
      ["B", "created"],
      ["a", "tokenActive"],
    ] as const;
    for (const [id, state] of mixed) await commit(id, { state });
    await bench.wait("bulk", "d");
    await bench.grant(1); // it is leased
    assert.deepEqual(await store.page({ limit: 99 }), ["B", "a", "a10", "a2", "b", "c", "d"]);
    assert.deepEqual(await store.page({ limit: 2 }), ["B", "a"]);
    assert.deepEqual(await store.page({ after: "a", limit: 2 }), ["a10", "a2"]);
    assert.deepEqual(await store.page({ after: "a1", limit: 9 }), ["a10", "a2", "b", "c", "d"]);
    assert.deepEqual(await store.page({ after: "d", limit: 9 }), []);
    assert.deepEqual(await store.page({ limit: 0 }), []);
  });

  it("page() without a state lists a moved record under its new id only", async ({ store, commit, move }) => {
    for (const id of ["a", "b", "c"]) await commit(id);
    await move("b", "z");
    assert.deepEqual(await store.page({ limit: 2 }), ["a", "c"]);
    assert.deepEqual(await store.page({ limit: 99 }), ["a", "c", "z"]);
    assert.deepEqual(await store.page({ after: "b", limit: 99 }), ["c", "z"]);
  });

  it("page() without a state lists every id once, whatever the ids look like and whatever state each gets meanwhile", async (bench) => {
    const { store, commit } = bench;
    for (const id of ids) await commit(id);
    const states = ["tokenActive", "created", "a", "zzz"];
    await walk(store, undefined, async (round) => {
      for (const [n, id] of ids.entries()) {
        const state = states[(n + round) % states.length] ?? "";
        await commit(id, { expectedRevision: 1 + round, state });
      }
    });
  });

  it("counts() is empty for an empty store", async ({ store }) => {
    assert.deepEqual(await store.counts(), {});
  });

  it("counts() stays exact after many changes, some of them refused", async ({ store, commit }) => {
    const states = ["created", "codeIssued", "tokenActive", "failed"];
    const truth = new Map<string, { state: string; revision: number }>();
    for (let turn = 0; turn < 120; turn++) {
      const id = `user ${(turn * 7) % 11}`;
      const state = states[(turn * 5) % 4] ?? "";
      const revision = truth.get(id)?.revision ?? 0;
      const stale = turn % 6 === 5;
      const expectedRevision = stale ? revision + 1 : revision;
      await commit(id, { state, expectedRevision });
      if (!stale) truth.set(id, { state, revision: revision + 1 });
    }
    const expected: Record<string, number> = {};
    for (const { state } of truth.values()) expected[state] = (expected[state] ?? 0) + 1;
    assert.deepEqual({ ...(await store.counts()) }, expected);
    for (const state of states) {
      const listed = await store.page({ state, limit: 99 });
      assert.deepEqual(
        new Set(listed),
        new Set([...truth].flatMap(([id, now]) => (now.state === state ? [id] : []))),
      );
    }
    for (const [id, { revision }] of truth) {
      await commit(id, { state: "offboarded", expectedRevision: revision });
    }
    assert.deepEqual({ ...(await store.counts()) }, { offboarded: truth.size });
  });

  it("tally() counts a record as stale from its time on", async (bench) => {
    const { store, unit, commit } = bench;
    assert.deepEqual(await store.tally(), {});
    await commit("ada", { staleInMs: 2 * unit });
    await commit("ben", { staleInMs: 4 * unit });
    await commit("cleo");
    await commit("dan", { state: "failed", staleInMs: 0 });
    const failed = { all: 1, stale: 1 };
    assert.deepEqual(await store.tally(), { created: { all: 3, stale: 0 }, failed });
    await bench.pass(3);
    assert.deepEqual(await store.tally(), { created: { all: 3, stale: 1 }, failed });
    await bench.pass(2);
    assert.deepEqual(await store.tally(), { created: { all: 3, stale: 2 }, failed });
    assert.deepEqual(await store.counts(), { created: 3, failed: 1 });
  });

  it("a commit sets anew when its record becomes stale", async (bench) => {
    const { store, unit, commit } = bench;
    for (const id of ["ada", "ben", "cleo"]) await commit(id, { staleInMs: 0 });
    await commit("ada", { expectedRevision: 1, staleInMs: 2 * unit });
    await commit("ben", { expectedRevision: 1 });
    await commit("cleo", { expectedRevision: 1, state: "failed", staleInMs: 0 });
    refusedAsConflict(await commit("ben", { expectedRevision: 1, staleInMs: 0 }));
    const failed = { all: 1, stale: 1 };
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 0 }, failed });
    await bench.pass(3);
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 1 }, failed });
  });

  it("claim() and grant() do not change when a record becomes stale", async (bench) => {
    const { store, unit, commit } = bench;
    await commit("ada", { dueInMs: 0, staleInMs: 2 * unit });
    await commit("ben", { lane: "bulk", staleInMs: 2 * unit });
    assert.deepEqual(await bench.claim(9), ["ada"]);
    assert.deepEqual(await bench.grant(9), ["ben"]);
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 0 } });
    await bench.pass(3);
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 2 } });
    await commit("ada", { expectedRevision: 1, mode: "keep", lease: bench.lease("claimed") });
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 1 } });
  });

  it("move() sets anew when its record becomes stale", async ({ store, commit, move }) => {
    for (const id of ["a", "b"]) await commit(id, { staleInMs: 0 });
    await move("a", "y", { staleInMs: 0 });
    await move("b", "z");
    assert.deepEqual(await store.tally(), { created: { all: 2, stale: 1 } });
  });

  it("claim() and grant() change no state", async (bench) => {
    await bench.commit("ada", { dueInMs: 0 });
    await bench.wait("bulk", "bob");
    await bench.claim(9);
    await bench.grant(9);
    assert.deepEqual(await bench.store.counts(), { created: 2 });
  });
};
