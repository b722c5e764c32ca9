/**
 * Erasing: `erase`, and commits with `unless`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, refusedAsConflict, type Chapter } from "./fixture.ts";

export const erasing: Chapter = (it) => {
  it("erase() removes the redirect that a move left, and the old id can be created again", async (bench) => {
    const { store, record, commit, move } = bench;
    await commit("old");
    await move("old", "new");
    await store.erase({ ids: ["old"], to: "new" });
    assert.deepEqual(await store.load("old"), { type: "absent" });
    assert.equal((await record("new")).revision, 2);
    assert.equal(committed(await commit("old")).revision, 1);
    assert.deepEqual(await store.counts(), { created: 2 });
  });

  it("erase() follows a chain of moves among the given ids", async ({ store, commit, move }) => {
    await commit("a");
    await move("a", "b");
    await move("b", "c", { expectedRevision: 2 });
    for (let again = 0; again < 2; again++) await store.erase({ ids: ["a", "b"], to: "c" });
    for (const id of ["a", "b"]) assert.deepEqual(await store.load(id), { type: "absent" });
    assert.deepEqual(await store.page({ state: "created", limit: 9 }), ["c"]);
  });

  it("erase() keeps records, and redirects to other ids", async ({ store, record, commit, move }) => {
    for (const id of ["ada", "eve"]) await commit(id);
    await move("eve", "grace");
    await store.erase({ ids: ["ada", "eve", "nobody"], to: "ada" });
    assert.equal((await record("ada")).revision, 1);
    assert.deepEqual(await store.load("eve"), { type: "renamed", to: "grace" });
    assert.deepEqual(await store.load("nobody"), { type: "absent" });
  });

  it("erase() followed by a repeat of the move leaves one record", async ({ store, write, commit }) => {
    await commit("old");
    const move = { from: "old", commit: write("new", { expectedRevision: 1 }) };
    await store.move(move);
    await store.erase({ ids: ["old"], to: "new" });
    assert.equal(committed(await store.move(move)).revision, 2);
    assert.deepEqual(await store.counts(), { created: 1 });
  });

  it("commit({ unless }) of a new record is refused while a record exists under that id", async (bench) => {
    const { store, write, commit, move } = bench;
    await commit("there");
    refusedAsConflict(await commit("new", { unless: "there" }));
    assert.deepEqual(await store.load("new"), { type: "absent" });
    await move("there", "elsewhere");
    const first = write("new", { unless: "there" });
    assert.equal(committed(await store.commit(first)).revision, 1);
    assert.equal(committed(await store.commit(first)).revision, 1);
  });

  it("commit({ unless }) of an existing record checks its revision only", async ({ commit }) => {
    for (const id of ["there", "ada"]) await commit(id);
    committed(await commit("ada", { expectedRevision: 1, unless: "there" }));
  });

  it("commit({ unless, take }) that is refused takes no slot", async (bench) => {
    await bench.commit("there");
    refusedAsConflict(await bench.commit("new", { unless: "there", take: bench.ask() }));
    assert.equal(await bench.used(), 0);
  });
};
