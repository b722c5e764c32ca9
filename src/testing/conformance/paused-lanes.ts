/**
 * Lanes that a limit pauses.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Limit } from "../../store/contract.ts";
import { committed, type Chapter, type Fixture } from "./fixture.ts";

const pausing = ({ limit }: Fixture, ...paused: NonNullable<Limit["paused"]>): Limit => ({
  ...limit,
  paused,
});

export const pausedLanes: Chapter = (it) => {
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
