/**
 * A store that is emptied under the processes that have it open, see `OfAccount`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { isLostStore } from "../../store/lost-store.ts";
import { created, type Chapter, type Fixture } from "./fixture.ts";

export const emptied: Chapter = (it, { empty }) => {
  if (empty === undefined) return;

  it("account.load() returns an identity that stays until the store is emptied", async (bench) => {
    const identity = await created(bench.store, "first");
    const { account } = bench.store;
    assert.equal(await account.commit({ value: 2, expectedRevision: 1, writeId: "second", identity }), true);
    assert.equal((await account.load())?.identity, identity);
    await bench.empty();
    const anew = await bench.another();
    assert.equal(await anew.account.load(), null);
    assert.notEqual(await created(anew, "third"), identity);
  });

  it("a store that was emptied takes no write with the identity of before", async (bench) => {
    const identity = await created(bench.store, "first");
    await bench.commit("ada", { dueInMs: 0 });
    await bench.empty();
    for (const verb of writes(bench, identity)) await refused(verb);
    const anew = await bench.another();
    assert.equal(await anew.account.load(), null);
    assert.deepEqual(await anew.counts(), {});
    assert.equal(await bench.used(bench.limit, anew), 0);
  });

  it("nor once another process has created the account again", async (bench) => {
    const identity = await created(bench.store, "first");
    await bench.empty();
    const anew = await bench.another();
    await created(anew, "other");
    await anew.commit(bench.write("ada", { dueInMs: 0 }));
    for (const verb of writes(bench, identity)) await refused(verb);
    assert.deepEqual(await anew.counts(), { created: 1 });
    assert.equal((await anew.account.load())?.revision, 1);
    assert.deepEqual(await bench.claim(5, "other", anew), ["ada"]);
    assert.equal(await bench.used(bench.limit, anew), 0);
  });

  it("writes with the identity of the account's record succeed", async (bench) => {
    const identity = await created(bench.store, "first");
    const { type } = await bench.commit("ada", { dueInMs: 0, identity });
    assert.equal(type, "committed");
    const batch = await bench.store.claim({ limit: 1, lease: bench.lease("a"), identity });
    assert.equal(batch.claimed.length, 1);
    const slot = await bench.store.slots.take({ ...bench.ask(), identity });
    assert.equal(slot.type, "taken");
  });
};

/** Every verb that must be refused. */
function writes(
  { store, commit, move, ask, lease, limit }: Fixture,
  identity: string,
): (() => Promise<unknown>)[] {
  const { events } = store;
  const grant = { limit, max: 1, holdMs: 1_000, lease: lease("a"), identity };
  return [
    () => commit("bob", { identity }),
    () => commit("cleo", { identity, take: ask() }),
    () => move("ada", "dan", { identity }),
    () => store.claim({ limit: 5, lease: lease("a"), identity }),
    () => store.grant(grant),
    () => store.slots.take({ ...ask(), identity }),
    () => store.erase({ ids: ["ada"], to: "bob", identity }),
    ...(events === undefined
      ? []
      : [
          () => events.trim({ olderThanMs: 0, limit: 1, identity }),
          () => events.forget({ key: "ada", events: [], identity }),
          () => events.replace({ number: 1, value: 1, identity }),
        ]),
    () => store.account.commit({ value: "stale", expectedRevision: 0, writeId: "late", identity }),
    () => store.account.commit({ value: "stale", expectedRevision: 1, writeId: "later", identity }),
  ];
}

async function refused(verb: () => Promise<unknown>): Promise<void> {
  await assert.rejects(verb, isLostStore);
}
