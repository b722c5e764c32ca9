import { setTimeout as sleep } from "node:timers/promises";
import type { Lifecycle, Store, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { altered } from "../support/altered.ts";
import { afterwards, scene, spentOn, working } from "../support/scene.ts";
import { storeOf, withUsers } from "../support/sealed-users.ts";

type Fields = Record<string, any>;
const lease = { id: "the test's", owner: "the test", ms: 1 };

/** Changes the record of `ada` in the store, whatever it is stored under. */
async function change(store: Store, turn: (value: Fields) => Fields, dueInMs = 0, id = "ada"): Promise<void> {
  const found = await store.load(id);
  if (found.type !== "record") throw new Error("ada is not here");
  const { revision: expectedRevision, value } = found.record;
  const changed = turn(structuredClone(value as Fields)); // a record is an object
  const write = { id, writeId: `${expectedRevision}`, expectedRevision, mode: "none", lease } as const;
  const state = String(changed["state"] ?? "tokenActive");
  const done = await store.commit({ ...write, value: changed, state, dueInMs, lane: null });
  expect(done.type).toBe("committed");
}

const otherSeal = (value: Fields): Fields => {
  const { text } = value["sealed"];
  return { ...value, sealed: { ...value["sealed"], text: `${text.slice(0, -8)}AAAAAAAA` } };
};
const inState =
  (state: string, facts: Fields = {}) =>
  (value: Fields): Fields =>
    otherSeal({ ...value, state, context: { ...value["context"], ...facts } });

async function upgraded(): Promise<{ sandbox: Sandbox; store: Store; lifecycle: Lifecycle; own: number }> {
  const { sandbox, adapter, first: lifecycle } = await withUsers();
  const { oneupUserId } = await lifecycle.reauthorize("ada");
  return { sandbox, store: await storeOf(adapter, sandbox), lifecycle, own: oneupUserId ?? 0 };
}

describe("reauthorize() of a user whose record is damaged", () => {
  it.each([
    ["a changed byte of the seal", otherSeal],
    ["another oneup_user_id", inState("tokenActive", { oneupUserId: 7 })],
    ["the state created", inState("created")],
    ["the state reauthorizing, a failure counted twice", inState("reauthorizing", { codesRefused: 2 })],
    ["the state codeIssued", inState("codeIssued")],
    ["the state failed", inState("failed")],
    ["the state offboarded", inState("offboarded")],
    [
      "a create in doubt",
      (value: Fields): Fields =>
        inState("created")({ ...value, intent: { call: "createUser", attempt: "x", at: 1 } }),
    ],
  ])("gets a new grant by one call, and believes nothing in clear: %s", async (_, turn) => {
    const { sandbox, store, lifecycle, own } = await upgraded();
    const before = spentOn(sandbox, "ada");
    await change(store, turn);
    const { oneupUserId, usable } = await lifecycle.reauthorize("ada");
    expect({ oneupUserId, usable }).toEqual({ oneupUserId: own, usable: true });
    expect(spentOn(sandbox, "ada").slice(before.length)).toEqual(["issueAuthCode"]);
    expect(await lifecycle.accessToken("ada")).toMatch(/./);
  });

  it("forgets an oneup_user_id that nothing confirms", async () => {
    const { sandbox, store, lifecycle } = await upgraded();
    await change(store, inState("tokenActive", { oneupUserId: 7 }));
    sandbox.fail({ call: "issueAuthCode", omit: ["oneup_user_id"] });
    expect(await lifecycle.reauthorize("ada")).toMatchObject({ usable: true, oneupUserId: null });
  });

  it("is the only way out, and every other call names it", async () => {
    const { sandbox, store, lifecycle } = await upgraded();
    const before = sandbox.journal.entries().length;
    await change(store, otherSeal);
    for (const call of [
      () => lifecycle.inspect("ada"),
      () => lifecycle.accessToken("ada"),
      () => lifecycle.onboard("ada", { expect: "existing" }),
      () => lifecycle.retry("ada"),
      () => lifecycle.rename("ada", "countess"),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: "RECORD_DAMAGED",
        message: expect.stringMatching(/or were changed; reauthorize\(\) gets a new grant$/) as string,
      });
    }
    await lifecycle.resume();
    expect(sandbox.journal.entries()).toHaveLength(before);
  });

  it.each([
    ["its secrets", otherSeal],
    ["anything of it", (): Fields => ["nonsense"]],
  ])("is not kept waiting by a worker that cannot read %s, nor is offboard()", async (_, turn) => {
    const { sandbox, store, lifecycle } = await upgraded();
    await change(store, turn);
    const counts = await store.counts();
    working(lifecycle);
    await expect
      .poll(async () => (await store.load("ada")) as Fields)
      .toMatchObject({
        record: { lease: null, dueInMs: expect.closeTo(3_600_000, -5) as number },
      });
    expect(await store.counts(), "it stays where it was counted").toEqual(counts);
    sandbox.clock.advance(3_600_000); // and again
    expect(await lifecycle.reauthorize("ada", { waitMs: 5_000 })).toMatchObject({ usable: true });
    await change(store, turn);
    expect(await lifecycle.offboard("ada", { waitMs: 5_000 })).toMatchObject({ state: "offboarded" });
  });

  it("resolves for a caller that does not wait, and continues", async () => {
    const { sandbox, adapter, open, first } = await withUsers();
    const slow = altered(adapter, (store) => ({
      commit: (commit) => sleep(20).then(() => store.commit(commit)),
    }));
    const lifecycle = await open({ store: slow });
    await change(await storeOf(adapter, sandbox), otherSeal);
    sandbox.fail({ call: "issueAuthCode", delayMs: 50 });
    expect(await lifecycle.reauthorize("ada", { waitMs: 0 })).toMatchObject({ usable: false });
    await expect.poll(() => first.accessToken("ada")).toMatch(/./);
  });

  it("settles a rename in doubt first", async () => {
    const { sandbox, store, lifecycle, own } = await upgraded();
    const rename = { to: "eva", from: "reauthorized" };
    await change(store, inState("renameInDoubt", { rename }), 3_600_000);
    const before = spentOn(sandbox, "ada").length;
    expect(await lifecycle.reauthorize("ada")).toMatchObject({ usable: true, oneupUserId: own });
    expect(spentOn(sandbox, "ada").slice(before)).toEqual(["listUsers", "issueAuthCode"]);
  });

  it.each([
    ["whose", ({ user, ...id }: Fields): Fields => ({ ...id, user: otherSeal(user) })],
    ["not even whose", (): Fields => ["nonsense"]],
  ])("works where ids are hidden, the record says %s it is, and a worker is there", async (_, turn) => {
    const { sandbox, open } = await scene();
    const adapter = memory();
    const lifecycle = await open({ store: adapter, hideIds: true });
    await lifecycle.onboard("ada");
    const store = await storeOf(adapter, sandbox);
    const [key = ""] = await store.page({ state: "tokenActive", limit: 1 });
    await change(store, turn, 0, key);
    working(lifecycle);
    await expect
      .poll(async () => (await store.load(key)) as Fields)
      .toMatchObject({
        record: { lease: null, dueInMs: expect.closeTo(3_600_000, -5) as number },
      });
    expect(await lifecycle.reauthorize("ada")).toMatchObject({ usable: true });
  });

  it("helps where not even the record reads, unless a later release may read it", async () => {
    const { sandbox, store, lifecycle, own } = await upgraded();
    const before = spentOn(sandbox, "ada").length;
    await change(store, (value) => ({ ...otherSeal(value), calls: "many" }));
    expect(await lifecycle.reauthorize("ada")).toMatchObject({ usable: true, oneupUserId: own });
    expect(spentOn(sandbox, "ada").slice(before)).toEqual(["issueAuthCode"]);
    expect((await lifecycle.inspect("ada")).history.map(({ event }) => event)).toEqual([
      "REAUTHORIZE",
      "CODE_ISSUED",
      "TOKEN_GRANTED",
    ]);
    await change(store, (value) => ({ ...value, format: 99 }));
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({ code: "RECORD_TOO_NEW" });
  });
});

describe("reauthorize() and retry() while something else happens to the user", () => {
  it("gets a new grant, whenever another caller of this process begins a refresh", async () => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle();
    afterwards(close);
    const ids = Array.from({ length: 40 }, (_, turns) => `ada ${turns}`);
    for (const id of ids) await lifecycle.onboard(id);
    await clock.advance("3h"); // the refreshes are due
    for (const [turns, id] of ids.entries()) {
      const token = lifecycle.accessToken(id);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await Promise.all([token, lifecycle.reauthorize(id)]);
    }
    expect(ids.filter((id) => !spentOn(sandbox, id).includes("issueAuthCode"))).toEqual([]);
  });

  it("is written although it does not wait and another process is faster at first", async () => {
    const { sandbox, adapter, open, first } = await withUsers();
    const lifecycle = await open({
      store: beforeCommit(adapter, 1, async () => {
        await sleep(20);
        await first.hold("ada", "a look");
        await first.unhold("ada");
      }),
    });
    await lifecycle.reauthorize("ada", { waitMs: 0 });
    await expect.poll(() => sandbox.journal.count("issueAuthCode")).toBe(1);
  });

  it("is done once, also if another process takes the user over in the middle of it", async () => {
    const { sandbox, adapter, open, first } = await withUsers();
    const lifecycle = await open({
      store: beforeCommit(adapter, 2, async () => {
        sandbox.clock.advance(10_000); // its lease is over
        await first.accessToken("ada");
      }),
    });
    await lifecycle.reauthorize("ada");
    expect(spentOn(sandbox, "ada").filter((call) => call === "issueAuthCode")).toHaveLength(2);
    expect((await first.history("ada")).filter(({ event }) => event === "REAUTHORIZE")).toHaveLength(1);
  });
});

/** The same store, which does something else before its nth write of a user. */
function beforeCommit(adapter: StoreAdapter, nth: number, task: () => Promise<unknown>): StoreAdapter {
  let commits = 0;
  return altered(adapter, (store) => ({
    async commit(commit) {
      if (++commits === nth) await task();
      return store.commit(commit);
    },
  }));
}
