/**
 * Lanes: users that wait for a slot, and `grant`. A limit may pause lanes.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Lane, Limit } from "../../store/contract.ts";
import { committed, withoutTimes, type Fixture, type Chapter } from "./fixture.ts";

/** Ten slots: two reserved for interactive; guaranteed minimums of three for recovery and two for bulk. */
function shared({ limit }: Fixture): Limit {
  return { ...limit, calls: 10, reserved: 2, least: { recovery: 3, bulk: 2 } };
}

/** Grants the slots of {@link shared}; returns the ids. */
async function granted(bench: Fixture): Promise<string> {
  return (await bench.grants(shared(bench), 99)).ids.join(" ");
}

export const lanes: Chapter = (it) => {
  it("claim() skips users that wait in a lane", async (bench) => {
    await bench.commit("ada", { lane: "interactive", dueInMs: 0 });
    assert.deepEqual(await bench.store.claim({ limit: 9, lease: bench.lease("mine") }), {
      claimed: [],
      nextInMs: null,
    });
    const { lane, dueInMs } = await bench.record("ada");
    assert.deepEqual({ lane, dueInMs }, { lane: "interactive", dueInMs: null });
  });

  it("grant() takes a slot and leases the user in one unit", async (bench) => {
    await bench.wait("bulk", "ada");
    const [granted] = (await bench.grants()).claimed;
    assert.equal(granted?.slot?.limit, bench.limit.name);
    assert.equal(granted.slot.windowMs, bench.limit.windowMs);
    assert.deepEqual(withoutTimes(granted.record), withoutTimes(await bench.record("ada")));
    assert.equal(granted.record.revision, 1, "the revision stays");
    assert.equal(granted.record.lease?.id, "mine");
    bench.about(granted.record.lease.leftMs, 10);
    assert.equal(await bench.used(), 1);
  });

  it("grant() skips users that wait for no slot, and takes none for them", async (bench) => {
    await bench.commit("ada", { dueInMs: 0 });
    assert.deepEqual(await bench.grant(9), []);
    assert.equal(await bench.used(), 0);
  });

  it("grant() serves interactive before recovery before bulk, first come first served", async (bench) => {
    const limit = { ...bench.limit, calls: 99 };
    await bench.wait("bulk", "z1", "a2");
    await bench.wait("recovery", "z3", "a4");
    await bench.wait("interactive", "z5", "a6");
    await bench.wait("bulk", "a7");
    await bench.commit("due only", { dueInMs: 0 });
    const order: string[] = [];
    for (const max of [1, 2, 9]) order.push(...(await bench.grants(limit, max)).ids);
    assert.deepEqual(order, ["z5", "a6", "z3", "a4", "z1", "a2", "a7"]);
  });

  it("grant() keeps the place of a user that is committed again in its lane", async (bench) => {
    await bench.wait("bulk", "first", "second");
    await bench.commit("first", { expectedRevision: 1, lane: "bulk", value: "edited" });
    assert.deepEqual(await bench.grant(2), ["first", "second"]);
  });

  it("grant() puts a user that changes lanes at the end of the new lane", async (bench) => {
    await bench.wait("bulk", "mover");
    await bench.wait("recovery", "there before");
    await bench.commit("mover", { expectedRevision: 1, lane: "recovery" });
    assert.deepEqual(await bench.grant(2), ["there before", "mover"]);
  });

  it("grant() returns at most `max`, none for 0", async (bench) => {
    await bench.wait("bulk", "a", "b", "c");
    assert.deepEqual(await bench.grant(0), []);
    assert.equal(await bench.used(), 0);
    assert.deepEqual(await bench.grant(2), ["a", "b"]);
    assert.equal(await bench.used(), 2);
  });

  it("grant() never grants more than the free slots", async (bench) => {
    await bench.take();
    await bench.wait("bulk", "a", "b", "c");
    assert.deepEqual(await bench.grant(9), ["a", "b"]);
    assert.deepEqual(await bench.grant(9), []);
    assert.equal(await bench.used(), bench.limit.calls);
    assert.equal((await bench.record("c")).lease, null);
  });

  it("grant() grants exactly the free slots, and no user twice, however many callers ask at once", async (bench) => {
    await bench.take();
    await bench.wait("bulk", ...Array.from({ length: 12 }, (_, n) => `user ${n}`));
    const batches = await bench.atOnce(10, (store, n) => bench.grant(2, `worker ${n}`, store));
    assert.equal(batches.flat().length, bench.limit.calls - 1);
    assert.equal(new Set(batches.flat()).size, bench.limit.calls - 1);
    assert.equal(await bench.used(), bench.limit.calls);
  });

  it("grant() returns when the next slot is free, and null when no user waits", async (bench) => {
    assert.equal((await bench.grants()).nextInMs, null);
    await bench.wait("bulk", "a", "b", "c", "d");
    assert.equal((await bench.grants(bench.limit, 1)).nextInMs, 0, "a slot is free and users wait");
    const full = await bench.grants();
    assert.deepEqual(full.ids, ["b", "c"]);
    bench.about(full.nextInMs, 25, "rounded up"); // hold and window of the first
    await bench.pass(25.5);
    const last = await bench.grants();
    assert.deepEqual([last.claimed.length, last.nextInMs], [1, null]);
  });

  it("grant() skips a leased user; if the owner dies, claim() returns it when the lease expires", async (bench) => {
    await bench.wait("bulk", "ada");
    assert.deepEqual(await bench.grant(1, "dead"), ["ada"]);
    assert.deepEqual(await bench.grant(1, "other"), []);
    await bench.pass(9);
    assert.deepEqual(await bench.claim(1, "other"), []);
    await bench.pass(2);
    const [found] = (await bench.store.claim({ limit: 1, lease: bench.lease("alive") })).claimed;
    assert.equal(found?.record.id, "ada");
    assert.equal(found.slot, null, "the dead owner's slot is not passed on");
    assert.deepEqual(await bench.grant(1, "other"), []);
  });

  it("grant() returns a user again that was put back into the lane", async (bench) => {
    const { lease, commit } = bench;
    await bench.wait("bulk", "ada");
    await bench.grant(1, "mine");
    const back = { expectedRevision: 1, mode: "end", lease: lease("mine"), lane: "bulk" } as const;
    committed(await commit("ada", back));
    assert.deepEqual(await bench.claim(1), []);
    assert.deepEqual(await bench.grant(1, "next"), ["ada"]);
  });

  it("grant() no longer returns a user that left the lane", async (bench) => {
    await bench.wait("bulk", "ada");
    await bench.commit("ada", { expectedRevision: 1, lane: null, dueInMs: 0 });
    assert.deepEqual(await bench.grant(1), []);
    assert.deepEqual(await bench.claim(1), ["ada"]);
  });

  const served: readonly Lane[] = ["interactive", "recovery", "bulk"];
  for (const [place, lane] of served.entries()) {
    it(`slots.take() in ${lane} is refused while users wait in that lane or one before it`, async (bench) => {
      for (const [other, waits] of served.entries()) {
        await bench.wait(waits, waits);
        const taken = await bench.store.slots.take(bench.ask(lane));
        assert.equal(taken.type, other <= place ? "refused" : "taken", `${waits} waits`);
        assert.deepEqual(await bench.claim(9), []);
        await bench.commit(waits, { expectedRevision: 1, lane: null });
      }
    });

    it(`commit({ take }) in ${lane} is refused while users wait in that lane or one before it`, async (bench) => {
      for (const [other, waits] of served.entries()) {
        await bench.wait(waits, waits);
        const id = `behind ${waits}`;
        const done = await bench.commit(id, { take: bench.ask(lane) });
        assert.equal(done.type, other <= place ? "refused" : "committed", `${waits} waits`);
        assert.equal((await bench.store.load(id)).type, other <= place ? "absent" : "record");
        await bench.commit(waits, { expectedRevision: 1, lane: null });
      }
    });
  }

  it("grant() leaves `reserved` slots free for interactive", async (bench) => {
    await bench.wait("bulk", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9");
    assert.equal(await granted(bench), "b1 b2 b3 b4 b5 b6 b7 b8");
    assert.equal(await granted(bench), "");
    await bench.wait("interactive", "i1", "i2", "i3");
    assert.equal(await granted(bench), "i1 i2");
    assert.equal(await bench.used(shared(bench)), 10);
  });

  it("grant() leaves `reserved` slots free for interactive, also from a lane below its minimum", async (bench) => {
    await bench.wait("recovery", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8");
    assert.equal(await granted(bench), "r1 r2 r3 r4 r5 r6 r7 r8");
    await bench.wait("bulk", "b1");
    assert.equal(await granted(bench), "", "its minimum is two, but not from the reserved slots");
    await bench.wait("interactive", "i1");
    assert.equal(await granted(bench), "i1");
  });

  it("slots.take() leaves `reserved` slots free for interactive, and returns when bulk may ask again", async (bench) => {
    const limit = shared(bench);
    for (let call = 1; call <= 8; call++) await bench.take("bulk", limit);
    bench.about(await bench.refused("bulk", limit), 25, "rounded up");
    await bench.take("interactive", limit);
    await bench.take("interactive", limit);
    await bench.refused("interactive", limit);
  });

  it("grant() gives recovery and bulk their minimum, however many users wait in interactive", async (bench) => {
    const names = (lane: string, count: number): string[] =>
      Array.from({ length: count }, (_, n) => `${lane}${n + 1}`);
    await bench.wait("bulk", ...names("b", 5));
    await bench.wait("recovery", ...names("r", 5));
    await bench.wait("interactive", ...names("i", 9));
    assert.equal(await granted(bench), "i1 i2 i3 i4 i5 r1 r2 r3 b1 b2");
    await bench.pass(25.5); // all slots are free again, and the minimums apply anew
    assert.equal(await granted(bench), "i6 i7 i8 i9 r4 r5 b3 b4", "two stay free");
  });

  it("grant() gives bulk its minimum, however many users wait in recovery, and keeps `reserved` free", async (bench) => {
    const names = (lane: string): string[] => Array.from({ length: 9 }, (_, n) => `${lane}${n + 1}`);
    await bench.wait("bulk", ...names("b"));
    await bench.wait("recovery", ...names("r"));
    assert.equal(await granted(bench), "r1 r2 r3 r4 r5 r6 b1 b2", "two stay free");
    await bench.wait("interactive", "i1", "i2", "i3");
    assert.equal(await granted(bench), "i1 i2");
  });

  it("grant() gives a lane its minimum after interactive used those slots while the lane was empty", async (bench) => {
    const limit = shared(bench);
    for (let call = 1; call <= 8; call++) {
      await bench.store.slots.settle(await bench.take("interactive", limit));
      if (call <= 2) await bench.pass(3); // so that the first two expire at different times, on a slow machine too
    }
    await bench.wait("bulk", "b1", "b2", "b3", "b4");
    await bench.wait("recovery", "r1");
    await bench.wait("interactive", "i1");
    assert.equal(await granted(bench), "r1 b1", "two are free, the minimums add up to three");
    await bench.pass(15); // the first interactive call is over
    assert.equal(await granted(bench), "b2");
    await bench.pass(3);
    assert.equal(await granted(bench), "i1", "all minimums are met");
  });

  it("grant() returns when a slot that the waiting lane may use becomes free", async (bench) => {
    const limit = shared(bench);
    for (let call = 1; call <= 5; call++) await bench.store.slots.settle(await bench.take("bulk", limit));
    await bench.pass(3);
    for (let call = 1; call <= 3; call++) await bench.take("bulk", limit);
    await bench.wait("bulk", "late");
    const { ids, nextInMs } = await bench.grants(limit);
    assert.deepEqual(ids, []);
    bench.about(nextInMs, 16.9, "rounded up"); // 20 after the first five
  });

  it("slots.take() does not take a slot of a waiting lane's minimum", async (bench) => {
    const limit = shared(bench);
    await bench.wait("bulk", "b1", "b2");
    for (let call = 1; call <= 8; call++) await bench.take("interactive", limit);
    await bench.refused("interactive", limit);
    assert.equal(await granted(bench), "b1 b2");
  });

  it("grant() skips users in a paused lane, and keeps their places", async (bench) => {
    await bench.wait("bulk", "b1", "b2");
    await bench.wait("recovery", "r1");
    const { ids, nextInMs } = await bench.grants(pausing(bench, "bulk"));
    assert.deepEqual([ids, nextInMs], [["r1"], null]);
    assert.equal(await bench.used(), 1);
    assert.deepEqual(await bench.grant(9), ["b1", "b2"]);
  });

  it("grant() grants nothing while all lanes are paused", async (bench) => {
    await bench.wait("interactive", "i1");
    await bench.wait("bulk", "b1");
    const { ids, nextInMs } = await bench.grants(pausing(bench, "interactive", "recovery", "bulk"));
    assert.deepEqual([ids, nextInMs], [[], null]);
    assert.equal(await bench.used(), 0);
    assert.deepEqual(await bench.grant(9), ["i1", "b1"]);
  });

  it("grant() reserves no minimum for a paused lane", async (bench) => {
    await bench.wait("bulk", "b1");
    await bench.wait("recovery", "r1", "r2", "r3");
    const limit = { ...pausing(bench, "bulk"), least: { recovery: 0, bulk: 2 } };
    assert.deepEqual((await bench.grants(limit)).ids, ["r1", "r2", "r3"]);
  });

  it("slots.take() and commit({ take }) do not wait for users in a paused lane", async (bench) => {
    const { store, ask, commit } = bench;
    const limit = pausing(bench, "interactive", "recovery");
    await bench.wait("interactive", "i1");
    await bench.wait("recovery", "r1");
    assert.equal((await store.slots.take(ask("bulk"))).type, "refused");
    assert.equal((await store.slots.take(ask("bulk", limit))).type, "taken");
    assert.equal((await commit("ada", { take: ask("bulk") })).type, "refused");
    committed(await commit("ada", { take: ask("bulk", limit) }));
    await bench.wait("bulk", "b1");
    assert.equal((await store.slots.take(ask("bulk", limit))).type, "refused", "a lane that is not paused");
  });

  it("slots.take() takes a slot in a paused lane itself", async (bench) => {
    await bench.wait("interactive", "i1");
    await bench.take("interactive", pausing(bench, "interactive"));
    assert.equal(await bench.used(), 1);
  });

  it("slots.forecast() counts users in a paused lane, and does not wait for them", async (bench) => {
    await bench.wait("recovery", "r1", "r2", "r3");
    const { waiting, inMs } = await bench.forecast(1, "bulk", pausing(bench, "recovery"));
    assert.deepEqual([waiting.recovery, inMs], [3, 0]);
    assert.ok((await bench.forecast(1, "bulk")).inMs > 0);
  });
};

const pausing = ({ limit }: Fixture, ...paused: NonNullable<Limit["paused"]>): Limit => ({
  ...limit,
  paused,
});
