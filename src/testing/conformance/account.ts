/**
 * The account's own record.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Chapter } from "./bench.ts";

export const account: Chapter = (it) => {
  it("account.load() answers null before the first commit", async ({ store }) => {
    assert.equal(await store.account.load(), null);
  });

  it("account.commit() is a compare-and-set", async ({ store: { account: record } }) => {
    assert.equal(await record.commit({ value: "early", expectedRevision: 1, writeId: "a" }), false);
    assert.equal(await record.load(), null);
    assert.equal(await record.commit({ value: { n: 1 }, expectedRevision: 0, writeId: "b" }), true);
    assert.equal(await record.commit({ value: "again", expectedRevision: 0, writeId: "c" }), false);
    assert.equal(await record.commit({ value: { n: 2 }, expectedRevision: 1, writeId: "d" }), true);
    assert.equal(await record.commit({ value: "stale", expectedRevision: 1, writeId: "e" }), false);
    assert.deepEqual(await record.load(), { value: { n: 2 }, revision: 2 });
  });

  it("account.commit() acknowledges a write that is there already", async ({
    store: { account: record },
  }) => {
    const write = { value: "once", expectedRevision: 0, writeId: "a" };
    assert.equal(await record.commit(write), true);
    assert.equal(await record.commit(write), true);
    assert.deepEqual(await record.load(), { value: "once", revision: 1 });
  });

  it("account.commit() of many at once succeeds for one", async ({ store, another }) => {
    const stores = [store, await another()];
    const answers = await Promise.all(
      Array.from({ length: 32 }, (_, n) =>
        (stores[n % 2] ?? store).account.commit({ value: n, expectedRevision: 0, writeId: `${n}` }),
      ),
    );
    assert.equal(answers.filter((done) => done).length, 1);
    assert.deepEqual(await store.account.load(), { value: answers.indexOf(true), revision: 1 });
  });

  it("account.commit() is no user, and no user is the account", async ({ store, write }) => {
    await store.account.commit({ value: "account", expectedRevision: 0, writeId: "a" });
    await store.commit(write("account"));
    assert.deepEqual(await store.counts(), { created: 1 });
    assert.deepEqual(await store.account.load(), { value: "account", revision: 1 });
  });
};
