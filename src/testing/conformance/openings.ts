/**
 * Several stores over the same data, one after the other and at the same time, and the account's record.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inTime, systemClock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { committed, refusedAsConflict, type Chapter } from "./fixture.ts";
import type { AccountRecord } from "../../store/contract.ts";

/** Fails if `answer` takes more than `ms` real milliseconds, so that a hanging store does not hang the suite. */
function within(ms: number, answer: Promise<unknown>): Promise<unknown> {
  const tooLate = (): Error => new assert.AssertionError({ message: `no result within ${ms} ms` });
  return inTime(systemClock, ms, () => answer, tooLate);
}

export const openings: Chapter = (it, options) => {
  it("open() twice gives two stores that see each other's writes", async (bench) => {
    const { store, lease, write, commit } = bench;
    const other = await bench.another();
    await commit("ada", { dueInMs: 0 });
    assert.equal((await other.load("ada")).type, "record");
    assert.deepEqual(await bench.claim(9, "there", other), ["ada"]);
    assert.deepEqual(await bench.claim(9, "here"), []);
    refusedAsConflict(await commit("ada", { expectedRevision: 1 }));
    const back = write("ada", { expectedRevision: 1, mode: "end", lease: lease("there"), state: "failed" });
    committed(await other.commit(back));
    assert.deepEqual(await store.counts(), { failed: 1 });
    await store.account.commit({ value: "ours", expectedRevision: 0, writeId: "a" });
    holds(await other.account.load(), { value: "ours", revision: 1 });
  });

  it("open() twice gives two stores that count the same slots and serve the same lanes", async (bench) => {
    const other = await bench.another();
    const slot = await bench.take();
    assert.equal(await bench.used(bench.limit, other), 1);
    await other.slots.giveBack(slot);
    assert.equal(await bench.used(), 0);
    await bench.wait("bulk", "ada");
    assert.equal((await other.slots.take(bench.ask())).type, "refused");
    assert.deepEqual(await bench.grant(1, "there", other), ["ada"]);
    assert.equal(await bench.used(), 1);
  });

  it("probe(), if there is one, resolves while writes are accepted, and leaves no trace", async (bench) => {
    const { store, commit } = bench;
    await commit("ada", { dueInMs: 0 });
    const seen = async (): Promise<unknown> => [
      await store.load("ada").then((loaded) => loaded.type === "record" && loaded.record.revision),
      await store.counts(),
      await store.account.load(),
      await bench.used(),
    ];
    const before = await seen();
    for (let n = 0; n < 3; n++) await store.probe?.();
    assert.deepEqual(await seen(), before);
    assert.deepEqual(await bench.claim(9), ["ada"]);
  });

  it("open() keeps accounts apart", async (bench) => {
    const { store, limit, write, commit } = bench;
    const other = await bench.another("another account");
    await commit("ada", { dueInMs: 0 });
    await bench.take();
    await bench.wait("interactive", "bob");
    await store.account.commit({ value: "first", expectedRevision: 0, writeId: "a" });
    assert.deepEqual(await other.load("ada"), { type: "absent" });
    assert.deepEqual(await other.counts(), {});
    assert.deepEqual(await bench.claim(9, "there", other), []);
    assert.deepEqual(await bench.grant(9, "there", other), []);
    assert.equal(await bench.used(limit, other), 0);
    assert.equal((await other.slots.take(bench.ask())).type, "taken");
    assert.equal(await other.account.load(), null);
    committed(await other.commit(write("ada", { value: "another ada" })));
    assert.deepEqual((await bench.record("ada")).value, { hello: "ada" });
  });

  it("close() of one store leaves the other working", async (bench) => {
    const other = await bench.another();
    await bench.commit("ada");
    await other.close();
    committed(await bench.commit("bob"));
    assert.deepEqual(await bench.store.counts(), { created: 2 });
  });

  it("close() waits for writes that started before it", async (bench) => {
    const other = await bench.another();
    const writes = Array.from({ length: 20 }, (_, n) => other.commit(bench.write(`user ${n}`)));
    await other.close();
    for (const done of await Promise.all(writes)) committed(done);
    assert.deepEqual(await bench.store.counts(), { created: 20 });
  });

  it("close() twice is no error", async (bench) => {
    const other = await bench.another();
    await other.close();
    await other.close();
  });

  it("close() leaves a store that resolves or rejects with a LifecycleError, and never hangs", async (bench) => {
    const other = await bench.another();
    await other.close();
    const { events } = other;
    const asked = [
      () => other.load("ada"),
      () => other.commit(bench.write("ada")),
      () => other.claim({ limit: 1, lease: bench.lease("late") }),
      () => other.slots.take(bench.ask()),
      () => other.slots.forecast({ limit: bench.limit, calls: 1, lane: "bulk" }),
      () => other.page({ state: "created", limit: 1 }),
      () => other.counts(),
      () => other.account.load(),
      ...(events === undefined ? [] : [() => events.read({ after: 0, limit: 1 })]),
    ];
    for (const ask of asked) {
      try {
        await within(2_000, ask());
      } catch (error) {
        assert.ok(isLifecycleError(error), `${String(ask)} rejected with ${String(error)}`);
      }
    }
  });

  if (options.survivesClose ?? true) {
    it("open() after close() finds everything unchanged", async (bench) => {
      const { store, unit, lease, write, commit, move } = bench;
      await commit("ada", { value: { n: 1 }, mode: "take", lease: lease("mine"), state: "codeIssued" });
      await commit("due", { dueInMs: 3 * unit });
      await commit("old");
      await move("old", "new", { state: "failed" });
      await bench.wait("recovery", "waiting");
      const slot = await bench.take("interactive");
      await store.account.commit({ value: "account", expectedRevision: 0, writeId: "a" });
      await store.close();

      const again = await bench.another();
      const loaded = await again.load("ada");
      assert.equal(loaded.type, "record");
      if (loaded.type === "record") {
        assert.deepEqual([loaded.record.value, loaded.record.revision], [{ n: 1 }, 1]);
        assert.equal(loaded.record.lease?.id, "mine");
      }
      assert.deepEqual(await again.load("old"), { type: "renamed", to: "new" });
      assert.deepEqual(await again.counts(), { codeIssued: 1, created: 2, failed: 1 });
      holds(await again.account.load(), { value: "account", revision: 1 });
      assert.equal(await bench.used(bench.limit, again), 1);
      await again.slots.giveBack(slot);
      assert.equal(await bench.used(bench.limit, again), 0);
      assert.deepEqual(await bench.grant(9, "next", again), ["waiting"]);
      await bench.pass(4);
      assert.deepEqual(await bench.claim(9, "next", again), ["due"]);
      committed(await again.commit(write("ada", { expectedRevision: 1, mode: "end", lease: lease("mine") })));
    });
  }

  it("account.load() returns null before the first commit", async ({ store }) => {
    assert.equal(await store.account.load(), null);
  });

  it("account.commit() is a compare-and-set", async ({ store: { account: record } }) => {
    assert.equal(await record.commit({ value: "early", expectedRevision: 1, writeId: "a" }), false);
    assert.equal(await record.load(), null);
    assert.equal(await record.commit({ value: { n: 1 }, expectedRevision: 0, writeId: "b" }), true);
    assert.equal(await record.commit({ value: "again", expectedRevision: 0, writeId: "c" }), false);
    assert.equal(await record.commit({ value: { n: 2 }, expectedRevision: 1, writeId: "d" }), true);
    assert.equal(await record.commit({ value: "stale", expectedRevision: 1, writeId: "e" }), false);
    holds(await record.load(), { value: { n: 2 }, revision: 2 });
  });

  it("account.commit() acknowledges a write that was stored already", async ({
    store: { account: record },
  }) => {
    const write = { value: "once", expectedRevision: 0, writeId: "a" };
    assert.equal(await record.commit(write), true);
    assert.equal(await record.commit(write), true);
    holds(await record.load(), { value: "once", revision: 1 });
  });

  it("account.commit() by many at once succeeds for one", async ({ store, atOnce }) => {
    const answers = await atOnce(32, ({ account }, n) =>
      account.commit({ value: n, expectedRevision: 0, writeId: `${n}` }),
    );
    assert.equal(answers.filter((done) => done).length, 1);
    holds(await store.account.load(), { value: answers.indexOf(true), revision: 1 });
  });

  it("account.commit() creates no user, and no user replaces the account", async ({ store, commit }) => {
    await store.account.commit({ value: "account", expectedRevision: 0, writeId: "a" });
    await commit("account");
    assert.deepEqual(await store.counts(), { created: 1 });
    holds(await store.account.load(), { value: "account", revision: 1 });
  });
};

/** Asserts the account's record; its identity may be missing. */
function holds(found: AccountRecord | null, expected: Pick<AccountRecord, "value" | "revision">): void {
  assert.deepEqual(found && { value: found.value, revision: found.revision }, expected);
}
