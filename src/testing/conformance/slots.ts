/**
 * The log of calls: `slots.take`, `settle`, `giveBack`, `forecast`. No rolling window may hold more calls than the limit,
 * so a slot counts for a whole window after the latest time at which its call may have arrived.
 * Slots also change atomically with a record: by `take`, `settle` and `giveBack` of a commit.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Forecast } from "../../store/contract.ts";
import { type Chapter, committed, refusedAsConflict, resting, retryInMs } from "./fixture.ts";

export const slots: Chapter = (it) => {
  it("slots.take() grants as many slots as the limit has, then returns when to ask again", async (bench) => {
    for (let call = 1; call <= bench.limit.calls; call++) {
      const slot = await bench.take();
      assert.deepEqual(
        { limit: slot.limit, windowMs: slot.windowMs },
        { limit: bench.limit.name, windowMs: bench.limit.windowMs },
      );
      assert.equal(await bench.used(), call);
    }
    bench.about(await bench.refused(), 25, "rounded up");
    assert.equal(await bench.used(), bench.limit.calls);
  });

  it("slots.take() succeeds at the time that a refusal returned", async (bench) => {
    for (let call = 1; call <= bench.limit.calls; call++) await bench.take();
    await bench.pass(3);
    await bench.pass((await bench.refused()) / bench.unit);
    await bench.take();
  });

  it("slots.take() grants exactly the free slots to any number of callers at once", async (bench) => {
    await bench.take();
    const answers = await bench.atOnce(40, ({ slots }) => slots.take(bench.ask()));
    assert.equal(answers.filter(({ type }) => type === "taken").length, bench.limit.calls - 1);
    assert.equal(await bench.used(), bench.limit.calls);
  });

  it("slots.take() keeps one log for each limit", async (bench) => {
    const other = { ...bench.limit, name: "token", calls: 1 };
    for (let call = 1; call <= bench.limit.calls; call++) await bench.take();
    await bench.take("bulk", other);
    await bench.refused("bulk", other);
    assert.deepEqual([await bench.used(), await bench.used(other)], [3, 1]);
  });

  it("slots.take() counts a slot that is never settled for hold and window, no longer", async (bench) => {
    await bench.take();
    await bench.pass(24.5);
    assert.equal(await bench.used(), 1);
    await bench.pass(1);
    assert.equal(await bench.used(), 0);
  });

  it("slots.settle() makes the slot count from now: it is free a window later", async (bench) => {
    const slot = await bench.take();
    await bench.pass(2);
    await bench.store.slots.settle(slot);
    await bench.pass(19.5);
    assert.equal(await bench.used(), 1);
    await bench.pass(1);
    assert.equal(await bench.used(), 0);
  });

  it("slots.settle() of one slot does not change the others", async (bench) => {
    const slot = await bench.take();
    await bench.take();
    await bench.store.slots.settle(slot);
    assert.equal(await bench.used(), 2);
    await bench.pass(20.5);
    assert.equal(await bench.used(), 1);
    await bench.pass(5);
    assert.equal(await bench.used(), 0);
  });

  it("slots.settle() after the hold does not make the slot count longer", async (bench) => {
    const slot = await bench.take();
    await bench.pass(9);
    await bench.store.slots.settle(slot);
    await bench.pass(16.5);
    assert.equal(await bench.used(), 0);
  });

  it("slots.settle() and giveBack() of a slot that no longer counts change nothing", async (bench) => {
    const [settled, given] = [await bench.take(), await bench.take()];
    await bench.pass(26);
    await bench.take();
    await bench.store.slots.settle(settled);
    await bench.store.slots.giveBack(given);
    assert.equal(await bench.used(), 1);
  });

  it("slots.giveBack() frees the slot at once, and only that one", async (bench) => {
    const slot = await bench.take();
    await bench.take();
    await bench.take();
    await bench.store.slots.giveBack(slot);
    assert.equal(await bench.used(), 2);
    await bench.take();
    await bench.refused();
  });

  it("slots.take() for a limit without a queue ignores users that wait for another limit", async (bench) => {
    const other = { ...bench.limit, name: "token" };
    await bench.wait("interactive", "ada");
    for (let call = 1; call <= other.calls; call++) await bench.take(null, other);
    bench.about(await bench.refused(null, other), 25, "rounded up");
    assert.deepEqual((await bench.forecast(1, "interactive", other)).used, {
      interactive: 3,
      recovery: 0,
      bulk: 0,
    });
  });

  it("slots.forecast() counts the used slots by lane and returns the wait for more", async (bench) => {
    const unused = { interactive: 0, recovery: 0, bulk: 0 };
    const told = async (calls: number): Promise<Omit<Forecast, "oldestMs">> => {
      const { used, waiting, inMs } = await bench.forecast(calls);
      return { used, waiting, inMs };
    };
    assert.deepEqual(await told(3), { used: unused, waiting: unused, inMs: 0 });
    const slot = await bench.take("recovery");
    await bench.store.slots.settle(slot);
    await bench.pass(4);
    await bench.take("interactive");
    assert.deepEqual(await told(1), {
      used: { interactive: 1, recovery: 1, bulk: 0 },
      waiting: unused,
      inMs: 0,
    });
    bench.about((await bench.forecast(2)).inMs, 16, "rounded up"); // 20 after the first
    bench.about((await bench.forecast(3)).inMs, 20, "rounded up"); // a window after the free one
    bench.about((await bench.forecast(4)).inMs, 25, "rounded up"); // 25 after the second
    assert.equal(await bench.used(), 2, "a forecast takes no slot");
  });

  it("slots.forecast() returns how long the first user of each lane has waited, if it does so at all", async (bench) => {
    await bench.wait("bulk", "a");
    await bench.pass(3);
    await bench.wait("bulk", "b");
    await bench.wait("recovery", "c");
    await bench.pass(2);
    const { oldestMs } = await bench.forecast(1);
    if (oldestMs === undefined) return;
    assert.equal(oldestMs.interactive, 0);
    bench.about(oldestMs.recovery, 2.1); // bench.wait() itself takes 0.1
    bench.about(oldestMs.bulk, 5.3);
  });

  it("slots.forecast() counts users that wait in the lane or one before it first", async (bench) => {
    await bench.wait("bulk", "a", "b");
    await bench.wait("recovery", "c");
    const { waiting, inMs } = await bench.forecast(1, "recovery");
    assert.deepEqual([waiting, inMs], [{ interactive: 0, recovery: 1, bulk: 2 }, 0]);
    bench.about((await bench.forecast(1, "bulk")).inMs, 20, "rounded up"); // a window after the first of three
  });

  it("slots.forecast() counts with the limits that come later", async (bench) => {
    const { calls } = bench.limit;
    for (let call = 1; call <= calls; call++) await bench.take();
    const told = async (growsInMs: number): Promise<number> => {
      const later = [[growsInMs, { ...bench.limit, calls: calls + 1 }]] as const;
      return (await bench.store.slots.forecast({ limit: bench.limit, later, calls: 1, lane: "bulk" })).inMs;
    };
    assert.equal(await told(1), 1);
    bench.about(await told(5 * bench.limit.windowMs), 25, "rounded up"); // a slot is free before that
  });

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
