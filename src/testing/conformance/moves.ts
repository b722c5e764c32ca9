/**
 * Renaming: `move`. Erasing: `erase`, and commits with `unless`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, refusedAsConflict, type Chapter } from "./fixture.ts";

export const moves: Chapter = (it) => {
  it("move() stores the record under its new id, with the commit applied", async (bench) => {
    const { record, commit, move } = bench;
    await commit("old");
    const moved = await move("old", "new", { value: "moved" });
    assert.deepEqual(moved, { type: "committed", revision: 2, slot: null });
    const { id, value, revision } = await record("new");
    assert.deepEqual({ id, value, revision }, { id: "new", value: "moved", revision: 2 });
  });

  it("load() of the old id returns the new one, after one or two moves", async ({ store, commit, move }) => {
    await commit("a");
    await move("a", "b");
    assert.deepEqual(await store.load("a"), { type: "renamed", to: "b" });
    await move("b", "c", { expectedRevision: 2 });
    assert.deepEqual(await store.load("a"), { type: "renamed", to: "b" });
    assert.deepEqual(await store.load("b"), { type: "renamed", to: "c" });
  });

  it("commit() under an id that was renamed is refused", async ({ store, commit, move }) => {
    await commit("old");
    await move("old", "new");
    for (const expectedRevision of [0, 1, 2]) {
      refusedAsConflict(await commit("old", { expectedRevision }));
    }
    assert.deepEqual(await store.counts(), { created: 1 });
  });

  it("move() to an id that is taken is refused, and changes neither", async ({ record, commit, move }) => {
    await commit("old", { value: "mine" });
    await commit("taken", { value: "hers" });
    for (const expectedRevision of [0, 1]) {
      refusedAsConflict(await move("old", "taken", { expectedRevision }));
    }
    assert.equal((await record("old")).value, "mine");
    assert.equal((await record("taken")).value, "hers");
  });

  it("move() refuses a stale revision", async ({ store, record, commit, move }) => {
    await commit("old");
    await commit("old", { expectedRevision: 1, value: "latest" });
    refusedAsConflict(await move("old", "new"));
    assert.equal((await record("old")).value, "latest");
    assert.deepEqual(await store.load("new"), { type: "absent" });
  });

  it("move() of an unknown id is refused, whatever the revision", async ({ store, move }) => {
    for (const expectedRevision of [0, 1]) {
      refusedAsConflict(await move("nobody", "new", { expectedRevision }));
    }
    assert.deepEqual(await store.load("new"), { type: "absent" });
    assert.deepEqual(await store.load("nobody"), { type: "absent" });
  });

  it("move() of an id that was renamed is refused", async ({ store, commit, move }) => {
    await commit("a");
    await move("a", "b");
    refusedAsConflict(await move("a", "c", { expectedRevision: 2 }));
    assert.deepEqual(await store.load("a"), { type: "renamed", to: "b" });
  });

  it("move() back replaces the redirect that the first move left", async (bench) => {
    const { store, record, commit, move } = bench;
    await commit("a");
    await move("a", "b");
    committed(await move("b", "a", { expectedRevision: 2, value: "home" }));
    assert.equal((await record("a")).value, "home");
    assert.equal((await record("a")).revision, 3);
    assert.deepEqual(await store.load("b"), { type: "renamed", to: "a" });
    assert.deepEqual(await store.page({ state: "created", limit: 9 }), ["a"]);
  });

  it("move() of another user to an id that was renamed succeeds", async ({ record, commit, move }) => {
    await commit("ada");
    await move("ada", "lovelace");
    await commit("eve");
    committed(await move("eve", "ada", { value: "eve" }));
    assert.equal((await record("ada")).value, "eve");
    assert.equal((await record("lovelace")).revision, 2);
  });

  it("move() keeps the due time", async (bench) => {
    const { commit, move } = bench;
    await commit("old", { dueInMs: 0 });
    await move("old", "new", { dueInMs: 0 });
    assert.deepEqual(await bench.claim(9), ["new"]);
  });

  it("move() keeps the place in the lane", async (bench) => {
    await bench.wait("bulk", "old", "later");
    await bench.move("old", "new", { lane: "bulk" });
    assert.deepEqual(await bench.grant(9), ["new", "later"]);
  });

  it("move() updates the state in the record, pages and counts", async ({ store, record, commit, move }) => {
    await commit("old", { state: "created" });
    await move("old", "new", { state: "codeIssued" });
    assert.equal((await record("new")).state, "codeIssued");
    assert.deepEqual(await store.counts(), { codeIssued: 1 });
    assert.deepEqual(await store.page({ state: "codeIssued", limit: 9 }), ["new"]);
    assert.deepEqual(await store.page({ state: "created", limit: 9 }), []);
  });

  it("move() follows the rules of the lease", async (bench) => {
    const { store, lease, write, commit, move } = bench;
    await commit("old", { mode: "take", lease: lease("mine") });
    const change = { expectedRevision: 1, lease: lease("other") };
    for (const mode of ["take", "keep", "end", "none"] as const) {
      refusedAsConflict(await move("old", "new", { ...change, mode }));
    }
    const mine = write("new", { expectedRevision: 1, mode: "keep", lease: lease("mine") });
    committed(await store.move({ from: "old", commit: mine }));
    assert.equal((await bench.record("new")).lease?.id, "mine");
    await bench.pass(11);
    assert.deepEqual(await bench.claim(9), ["new"]);
  });

  it("move({ take }) takes a slot, and moves nothing if none is free", async (bench) => {
    const { store, ask, commit, move } = bench;
    await commit("a");
    const moved = await move("a", "b", { take: ask() });
    assert.ok(committed(moved).slot);
    await bench.take();
    await bench.take();
    const refused = await move("b", "c", { expectedRevision: 2, take: ask() });
    assert.equal(refused.type, "refused");
    assert.equal((await bench.record("b")).revision, 2);
    assert.deepEqual(await store.load("c"), { type: "absent" });
  });

  it("move({ settle }) makes the slot count from now", async (bench) => {
    const { commit, move } = bench;
    await commit("old");
    const settle = await bench.take();
    await move("old", "new", { settle });
    await bench.pass(20.5);
    assert.equal(await bench.used(), 0);
  });

  it("move() that was stored already is acknowledged again, and takes no second slot", async (bench) => {
    const { store, write, ask, commit } = bench;
    await commit("old");
    const move = { from: "old", commit: write("new", { expectedRevision: 1, take: ask() }) };
    assert.equal(committed(await store.move(move)).revision, 2);
    assert.equal(committed(await store.move(move)).revision, 2);
    assert.equal((await bench.record("new")).revision, 2);
    assert.equal(await bench.used(), 1);
  });

  it("move() under the writeId of the old record's own last write is a conflict, and loses no record", async (bench) => {
    const { store, write, commit } = bench;
    await commit("old", { writeId: "the same" });
    const move = { from: "old", commit: write("new", { expectedRevision: 1, writeId: "the same" }) };
    refusedAsConflict(await store.move(move));
    assert.equal((await bench.record("old")).revision, 1);
    assert.deepEqual(await store.load("new"), { type: "absent" });
  });

  it("move() of two users to one id at once succeeds for one", async (bench) => {
    const { store, write, commit, move } = bench;
    const other = await bench.another();
    await commit("a");
    await commit("b");
    const answers = await Promise.all([
      move("a", "new"),
      other.move({ from: "b", commit: write("new", { expectedRevision: 1 }) }),
    ]);
    assert.deepEqual(answers.map(({ type }) => type).sort(), ["committed", "conflict"]);
    assert.deepEqual(await store.counts(), { created: 2 });
  });

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

  it("a new record begins with its first revision, also if its commit is repeated", async (bench) => {
    const { store, record, write, commit } = bench;
    const first = write("ada", { firstRevision: 2_000_000_000 });
    for (let again = 0; again < 2; again++)
      assert.equal(committed(await store.commit(first)).revision, 2_000_000_000);
    assert.equal((await record("ada")).revision, 2_000_000_000);
    refusedAsConflict(await commit("ada", { expectedRevision: 1, firstRevision: 1 }));
    const second = write("ada", { expectedRevision: 2_000_000_000, firstRevision: 7 });
    for (let again = 0; again < 2; again++)
      assert.equal(committed(await store.commit(second)).revision, 2_000_000_001);
    assert.equal((await record("ada")).revision, 2_000_000_001);
  });

  it("a write for the record that had an id before is refused", async ({
    store,
    record,
    write,
    commit,
    move,
  }) => {
    await commit("ann", { firstRevision: 1_000 });
    await commit("bob", { firstRevision: 2_000 });
    const late = write("ann", { expectedRevision: 1_000, value: "late" });
    await move("ann", "ann's", { expectedRevision: 1_000 });
    await move("bob", "ann", { expectedRevision: 2_000, value: "bob" });
    refusedAsConflict(await store.commit(late));
    assert.deepEqual([(await record("ann")).value, (await record("ann")).revision], ["bob", 2_001]);
    assert.equal((await record("ann's")).revision, 1_001);
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
