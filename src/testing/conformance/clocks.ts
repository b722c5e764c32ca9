/**
 * Clocks that jump, and processes with different windows. Neither may let more calls through than the limit allows, nor
 * delay calls by more than a window and a hold.
 *
 * @module
 */
import assert from "node:assert/strict";
import { committed, type Chapter } from "./fixture.ts";

const day = 86_400_000;

export const clocks: Chapter = (it, options) => {
  it("slots.take() for a shorter window forgets nothing that a wider one still counts", async (bench) => {
    const other = await bench.another();
    const short = { ...bench.limit, windowMs: bench.limit.windowMs / 5 };
    for (let call = 1; call <= bench.limit.calls; call++) await bench.store.slots.settle(await bench.take());
    await bench.pass(6);
    assert.equal((await other.slots.take(bench.ask("bulk", short))).type, "taken");
    assert.equal(await bench.used(short, other), 1);
    assert.equal(await bench.used(), bench.limit.calls + 1);
    await bench.refused();
  });

  it("grant() and commit({ take }) for a shorter window forget nothing that a wider one still counts", async (bench) => {
    const other = await bench.another();
    const short = { ...bench.limit, windowMs: bench.limit.windowMs / 5 };
    for (let call = 1; call <= bench.limit.calls; call++) await bench.store.slots.settle(await bench.take());
    await bench.pass(6);
    committed(await other.commit(bench.write("ada", { take: bench.ask("interactive", short) })));
    await bench.wait("bulk", "bob");
    const ask = { limit: short, max: 1, holdMs: bench.unit, lease: bench.lease("mine") };
    assert.equal((await other.grant(ask)).claimed.length, 1);
    assert.equal(await bench.used(), bench.limit.calls + 2);
  });

  it("slots.take() forgets what a wide window counts once that window has not been requested for its length", async (bench) => {
    const short = { ...bench.limit, windowMs: bench.limit.windowMs / 5 };
    await bench.take();
    for (let turn = 1; turn <= 12; turn++) {
      await bench.pass(5);
      await bench.store.slots.settle(await bench.take("bulk", short));
    }
    assert.ok((await bench.used()) <= 2, "of the slots of the short window, only the last ones are kept");
  });

  if (!(options.jumps ?? options.clock === undefined)) return;

  it("slots.take() counts the same slots while the clock is a day ahead, and after it was set back", async (bench) => {
    const other = await bench.another();
    await bench.used(bench.limit, other); // it was open before
    for (let call = 1; call <= bench.limit.calls; call++) await bench.take();
    for (const ahead of [day, -day]) {
      await bench.jump(ahead);
      for (const store of [other, bench.store]) {
        assert.equal((await store.slots.take(bench.ask())).type, "refused");
        assert.equal(await bench.used(bench.limit, store), bench.limit.calls);
      }
    }
    await bench.pass(26);
    assert.equal(await bench.used(), 0);
    await bench.take();
  });

  it("slots.take() counts the same slots while the clock is a day behind, and grants more when they are over", async (bench) => {
    const other = await bench.another();
    for (let call = 1; call <= bench.limit.calls; call++) await bench.take();
    await bench.jump(-day);
    for (const store of [other, bench.store]) {
      assert.equal((await store.slots.take(bench.ask())).type, "refused");
      assert.equal(await bench.used(bench.limit, store), bench.limit.calls);
    }
    await bench.pass(27);
    await bench.take();
  });

  it("slots.take() grants slots again within a window and a hold after a clock a day ahead took some", async (bench) => {
    const ahead = await bench.ahead(day);
    for (let call = 1; call <= bench.limit.calls; call++) {
      assert.equal((await ahead.slots.take(bench.ask())).type, "taken");
    }
    await bench.refused();
    await bench.pass(27);
    await bench.take();
  });

  it("commit() does not wait for a lease taken by a clock a day ahead", async (bench) => {
    const ahead = await bench.ahead(day);
    committed(await ahead.commit(bench.write("ada", { mode: "take", lease: bench.lease("ahead") })));
    const next = bench.write("ada", { expectedRevision: 1, mode: "take", lease: bench.lease("mine") });
    committed(await bench.store.commit(next));
  });
};
