/** What operators do is recorded with who did it. */
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

const reason = "a complaint is being looked into";
const events = { keep: "7d" };

async function world(options?: TestLifecycleOptions): Promise<TestLifecycle> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  return made;
}

/** The last steps of a user, in short. */
async function lastOf({ lifecycle }: TestLifecycle, steps: number): Promise<readonly unknown[]> {
  return (await lifecycle.history("ada")).slice(-steps).map(({ event, by }) => [event, by]);
}

describe("by", () => {
  it("is kept with the step, shown by explain() and delivered with the event", async () => {
    const made = await world({ lifecycle: { events } });
    const { lifecycle } = made;
    await lifecycle.onboard("ada");
    await lifecycle.reauthorize("ada", { by: "bob" });
    expect(await lastOf(made, 3)).toEqual([
      ["REAUTHORIZE", "bob"],
      ["CODE_ISSUED", null],
      ["TOKEN_GRANTED", null],
    ]);
    await lifecycle.offboard("ada", { by: "eve" });
    expect(await lastOf(made, 1)).toEqual([["OFFBOARDED", "eve"]]);
    expect(await lifecycle.explain("ada")).toContain('Last, the application offboarded it (by "eve").');
    const named: unknown[] = [];
    for await (const { type, by } of lifecycle.events({ follow: false }))
      if (by !== null) named.push([type, by]);
    expect(named).toEqual([
      ["REAUTHORIZE", "bob"],
      ["OFFBOARDED", "eve"],
    ]);
  });

  it("survives the process, and later steps push it out of the history with its own step", async () => {
    const made = await world();
    await made.lifecycle.onboard("ada");
    await made.lifecycle.reauthorize("ada", { by: "bob" });
    await made.restart();
    expect(await lastOf(made, 3)).toMatchObject([["REAUTHORIZE", "bob"], {}, {}]);
    for (let times = 0; times < 3; times++) await made.lifecycle.reauthorize("ada");
    const history = await made.lifecycle.history("ada");
    expect(history).toHaveLength(12);
    expect(history.filter(({ by }) => by !== null)).toMatchObject([{ event: "REAUTHORIZE", by: "bob" }]);
    await made.lifecycle.reauthorize("ada");
    expect((await made.lifecycle.history("ada")).every(({ by }) => by === null)).toBe(true);
  });

  it("is in the facts of PAUSED, with what was done: a pause or a hold", async () => {
    const { lifecycle } = await world();
    await lifecycle.onboard("ada");
    await lifecycle.hold("ada", reason, { by: "bob" });
    const refused = lifecycle.reauthorize("ada", { waitMs: 0 });
    await expect(refused).rejects.toMatchObject({ facts: { type: "held", reason, by: "bob", until: null } });
    await lifecycle.account.pause({ reason, by: "eve" });
    const paused = lifecycle.onboard("cyd", { waitMs: 0 });
    await expect(paused).rejects.toMatchObject({ facts: { type: "paused", reason, by: "eve", until: null } });
  });

  it("is kept with the retry of a failed user", async () => {
    const { lifecycle, arrange } = await world();
    await arrange("ada", "failed");
    await lifecycle.retry("ada", { by: "bob" });
    expect((await lifecycle.history("ada")).find(({ event }) => event === "RETRY")?.by).toBe("bob");
  });

  it("is kept with the rename of a user", async () => {
    const made = await world();
    await made.lifecycle.onboard("ada");
    await made.lifecycle.rename("ada", "eve", { by: "bob" });
    const history = await made.lifecycle.history("eve");
    expect(history.filter(({ by }) => by !== null)).toMatchObject([{ event: "RENAME", by: "bob" }]);
  });

  it("is kept with the adoption of a user", async () => {
    const made = await world();
    const oneupUserId = made.sandbox.createUser("ada");
    await made.lifecycle.adopt("ada", { oneupUserId, refreshToken: "the-one-you-have" }, { by: "bob" });
    const history = await made.lifecycle.history("ada");
    expect(history.filter(({ by }) => by !== null)).toMatchObject([{ event: "ADOPTED", by: "bob" }]);
  });

  it("of a forgotten user is kept with the event that is left, and with the account, and neither names the user", async () => {
    const made = await world({ lifecycle: { events } });
    const { lifecycle } = made;
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "ada-lovelace");
    await lifecycle.offboard("ada-lovelace");
    await lifecycle.forget("ada-lovelace", { by: "bob" });
    const left: unknown[] = [];
    for await (const { type, by, appUserId } of lifecycle.events({ follow: false }))
      left.push([type, by, appUserId]);
    expect(left).toEqual([
      ["FORGOTTEN", "bob", null],
      ["FORGOTTEN", "bob", null],
    ]);
    const acts = await lifecycle.account.history();
    expect(acts).toEqual([{ at: expect.any(Date), what: "forget", lane: null, reason: null, by: "bob" }]);
    await lifecycle.onboard("eve");
    await lifecycle.offboard("eve");
    await lifecycle.forget("eve");
    expect(await lifecycle.account.history()).toEqual(acts);
  });

  it("does not change what a step does, and one that does nothing is not recorded", async () => {
    const made = await world();
    await made.lifecycle.onboard("ada");
    const before = await made.lifecycle.history("ada");
    await made.lifecycle.retry("ada", { by: "bob" });
    expect(await made.lifecycle.history("ada")).toEqual(before);
    await made.lifecycle.offboard("ada", { by: "bob" });
    await made.lifecycle.offboard("ada", { by: "eve" });
    expect(await lastOf(made, 1)).toEqual([["OFFBOARDED", "bob"]]);
  });

  it.each(["", " ", "two\nlines", "\u202Egro", "x".repeat(101), 7 as never])("%j is refused", async (by) => {
    const { lifecycle } = await world();
    await lifecycle.onboard("ada");
    const rule = "must be a text of 1 to 100 characters on one line";
    for (const act of [
      lifecycle.retry("ada", { by }),
      lifecycle.reauthorize("ada", { by }),
      lifecycle.offboard("ada", { by }),
      lifecycle.rename("ada", "eve", { by }),
      lifecycle.adopt("ada", { oneupUserId: 1, refreshToken: "one" }, { by }),
      lifecycle.forget("ada", { by }),
      lifecycle.hold("ada", reason, { by }),
      lifecycle.unhold("ada", { by }),
      lifecycle.account.pause({ reason, by }),
      lifecycle.account.unpause({ by }),
      lifecycle.account.reopen({ by }),
    ])
      await expect(act).rejects.toThrow(rule);
    expect(await lifecycle.account.history()).toEqual([]);
  });
});

describe("hold() and unhold()", () => {
  it("are steps of the history and events, with who did them, and change nothing else", async () => {
    const made = await world({ lifecycle: { events } });
    const { lifecycle } = made;
    const { state, since } = await lifecycle.onboard("ada");
    const held = await lifecycle.hold("ada", reason, { by: "bob" });
    expect(held).toMatchObject({ state, since, hold: { reason, by: "bob" } });
    expect(await lifecycle.explain("ada")).toContain('The operator "bob" holds it since');
    await lifecycle.hold("ada", reason, { by: "eve" }); // it is held for that reason already
    await lifecycle.unhold("ada", { by: "eve" });
    await lifecycle.unhold("ada", { by: "eve" });
    expect(await lastOf(made, 2)).toEqual([
      ["HOLD", "bob"],
      ["UNHOLD", "eve"],
    ]);
    const seen: unknown[] = [];
    for await (const { type, from, to, by } of lifecycle.events({ follow: false, types: ["HOLD", "UNHOLD"] }))
      seen.push([type, from, to, by]);
    expect(seen).toEqual([
      ["HOLD", state, state, "bob"],
      ["UNHOLD", state, state, "eve"],
    ]);
  });

  it("do not count as a call that went through: a row of 429s goes on across them", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail({ call: "createUser", status: 429, times: 3 });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(60_000);
    await lifecycle.hold("ada", reason);
    await lifecycle.unhold("ada");
    await lifecycle.onboard("ada", { waitMs: 3_600_000 });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });
});

describe("account.history()", () => {
  it("lists pauses, their ends and reopened gates, with who did them, for all processes", async () => {
    const made = await world();
    const { lifecycle } = made;
    await lifecycle.account.pause({ reason, lane: "bulk", by: "bob" });
    expect((await lifecycle.health()).paused).toMatchObject([{ reason, lane: "bulk", by: "bob" }]);
    await lifecycle.account.pause({ reason: "a bill" });
    await made.restart();
    await made.lifecycle.account.unpause({ by: "eve" });
    await made.lifecycle.account.reopen({ by: "eve" });
    expect(await made.lifecycle.account.history()).toEqual([
      { at: expect.any(Date), what: "pause", lane: "bulk", reason, by: "bob" },
      { at: expect.any(Date), what: "pause", lane: null, reason: "a bill", by: null },
      { at: expect.any(Date), what: "unpause", lane: null, reason: null, by: "eve" },
      { at: expect.any(Date), what: "reopen", lane: null, reason: null, by: "eve" },
    ]);
  });

  it("keeps the last twelve, and is shown with users that a pause stops", async () => {
    const { lifecycle, arrange } = await world();
    await arrange("ada", "created");
    for (let times = 1; times <= 13; times++)
      await lifecycle.account.pause({ reason: `pause ${times}`, by: "bob" });
    const acts = await lifecycle.account.history();
    expect(acts.map(({ reason: words }) => words)).toEqual(
      Array.from({ length: 12 }, (_, index) => `pause ${index + 2}`),
    );
    expect(await lifecycle.inspect("ada")).toMatchObject({ pause: { reason: "paused", by: "bob" } });
    expect(await lifecycle.explain("ada")).toContain('The operator "bob" has paused management calls');
  });
});
