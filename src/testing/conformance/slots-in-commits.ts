/**
 * Slots that change atomically with a record: `take`, `settle` and `giveBack` of a commit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, refusedAsConflict, resting, retryInMs, type Chapter } from "./fixture.ts";

export const slotsInCommits: Chapter = (it) => {
  it("commit({ take }) takes a slot with the write", async (bench) => {
    const { slot } = committed(await bench.commit("ada", { take: bench.ask() }));
    assert.deepEqual(
      { limit: slot?.limit, windowMs: slot?.windowMs },
      { limit: bench.limit.name, windowMs: bench.limit.windowMs },
    );
    assert.equal(await bench.used(), 1);
    assert.ok(slot);
    await bench.store.slots.giveBack(slot);
    assert.equal(await bench.used(), 0);
  });

  it("commit({ take }) writes nothing if no slot is free, and returns when one will be", async (bench) => {
    const { store, ask, commit } = bench;
    await commit("ada", { state: "created", value: "before" });
    const [first] = [await bench.take(), await bench.take(), await bench.take()];
    const change = { expectedRevision: 1, state: "codeIssued", dueInMs: 0, settle: first, take: ask() };
    for (const refused of [
      await commit("ada", { ...change, mode: "take", lease: bench.lease("mine") }),
      await commit("new", { state: "codeIssued", take: ask() }),
    ]) {
      bench.about(retryInMs(refused), 25, "rounded up");
    }
    assert.deepEqual(await bench.record("ada"), resting("ada", "before", 1));
    assert.deepEqual(await store.load("new"), { type: "absent" });
    assert.deepEqual(await store.counts(), { created: 1 });
    assert.deepEqual(await bench.claim(9), []);
    bench.about((await bench.forecast(1)).inMs, 25, "rounded up"); // nothing was settled
  });

  it("commit({ take }) by any number at once succeeds for exactly the free slots", async (bench) => {
    const { write, ask } = bench;
    const limit = { ...bench.limit, calls: 30 };
    await bench.take("bulk", limit);
    const answers = await bench.atOnce(70, (store, n) =>
      store.commit(write(`user ${n}`, { take: ask("bulk", limit) })),
    );
    const done = answers.flatMap(({ type }, n) => (type === "committed" ? [`user ${n}`] : []));
    assert.equal(done.length, 29);
    assert.ok(answers.every(({ type }) => type === "committed" || type === "refused"));
    assert.equal(await bench.used(limit), 30);
    assert.deepEqual(new Set(await bench.store.page({ state: "created", limit: 99 })), new Set(done));
  });

  it("commit({ take }) that is acknowledged again takes no second slot, and returns the first", async (bench) => {
    const write = bench.write("ada", { take: bench.ask() });
    const { slot } = committed(await bench.store.commit(write));
    assert.ok(slot);
    assert.deepEqual(committed(await bench.store.commit(write)).slot, slot);
    assert.equal(await bench.used(), 1);
    committed(await bench.commit("ada", { expectedRevision: 1, settle: slot }));
    const last = bench.write("ada", { expectedRevision: 2 });
    assert.equal(committed(await bench.store.commit(last)).slot, null);
    assert.equal(
      committed(await bench.store.commit(last)).slot,
      null,
      "the slot of an earlier write is over",
    );
  });

  it("commit({ take }) that meets a conflict takes no slot", async (bench) => {
    refusedAsConflict(await bench.commit("ada", { expectedRevision: 4, take: bench.ask() }));
    assert.equal(await bench.used(), 0);
  });

  it("commit({ settle }) makes the slot of a finished call count from now", async (bench) => {
    const slot = await bench.take();
    await bench.pass(2);
    committed(await bench.commit("ada", { settle: slot }));
    await bench.pass(19.5);
    assert.equal(await bench.used(), 1);
    await bench.pass(1);
    assert.equal(await bench.used(), 0);
  });

  it("commit({ settle }) that is acknowledged again does not settle another call's slot", async (bench) => {
    const slot = await bench.take();
    await bench.take();
    const write = bench.write("ada", { settle: slot });
    committed(await bench.store.commit(write));
    committed(await bench.store.commit(write));
    await bench.pass(20.5);
    assert.equal(await bench.used(), 1, "the other call may still be in flight");
  });

  it("commit({ giveBack }) frees the slot of a call that was not sent", async (bench) => {
    const slot = await bench.take();
    await bench.take();
    committed(await bench.commit("ada", { giveBack: slot }));
    assert.equal(await bench.used(), 1);
  });

  it("commit({ settle, take }) ends one call and starts the next in one write", async (bench) => {
    const settle = await bench.take();
    const done = committed(await bench.commit("ada", { settle, take: bench.ask() }));
    assert.ok(done.slot);
    assert.equal(await bench.used(), 2);
    await bench.pass(20.5);
    assert.equal(await bench.used(), 1);
  });
};
