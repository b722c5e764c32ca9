/**
 * The account's record.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { AccountRecord } from "../../store/contract.ts";
import type { Chapter } from "./fixture.ts";

export const account: Chapter = (it) => {
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
export function holds(
  found: AccountRecord | null,
  expected: Pick<AccountRecord, "value" | "revision">,
): void {
  assert.deepEqual(found && { value: found.value, revision: found.revision }, expected);
}
