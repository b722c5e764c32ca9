/**
 * Listing: `page`, `counts` and `tally`.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "../../store/contract.ts";
import { refusedAsConflict, type Chapter } from "./fixture.ts";
import { ids } from "./records.ts";

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

export const listing: Chapter = (it) => {
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
