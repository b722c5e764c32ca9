/** An exchange that is not answered for one user alone holds up that user; a token endpoint that is down is noticed at once. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { oneIn, thorough } from "../support/effort.ts";
import { workingWorld } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const manyCalls = { calls: 10_000, windowMs: hour };

const world = (): Promise<TestLifecycle> =>
  workingWorld({ sandbox: { limit: manyCalls }, lifecycle: { limits: { management: manyCalls } } });

const answers: Readonly<Record<string, Fault>> = {
  "are answered 503": { status: 503, body: { error: "server_error" } },
  "are answered 500": { status: 500, body: "" },
  "are cut": { drop: "before" },
  "are silent": { delayMs: 3 * hour },
};
const cases = oneIn(4, Object.entries(answers));
/** How many newcomers come: everyday for ten minutes, thoroughly for thirty. */
const many = thorough ? 300 : 100;

/** How many newcomers, one every six seconds, are usable a second and a half after they came. */
async function served({ lifecycle, clock }: TestLifecycle, rounds: number): Promise<number> {
  let count = 0;
  for (let round = 0; round < rounds; round++) {
    const signedUp = lifecycle.onboard(`newcomer ${round}`, { waitMs: second }).catch(() => null);
    await clock.advance(6 * second);
    if ((await signedUp)?.usable === true) count++;
  }
  return count;
}

function spoil({ sandbox }: TestLifecycle, ids: readonly string[], fault: Fault): void {
  for (const appUserId of ids) sandbox.fail({ ...fault, call: "exchangeCode", appUserId, times: Infinity });
}

const tenOf = (name: string): readonly string[] =>
  Array.from({ length: 10 }, (_, index) => `${name} ${index}`);

describe("users whose exchanges alone", () => {
  it.each(cases)("%s hold up no other, one of them", async (_, fault) => {
    const made = await world();
    spoil(made, ["culprit"], fault);
    void made.lifecycle.onboard("culprit", { waitMs: 0 });
    expect(await served(made, 100)).toBe(100);
    expect(await made.lifecycle.health()).toMatchObject({ ready: true, shut: [] });
  });

  it.each(cases)("%s hold up few, ten of them who come at once and come again", async (_, fault) => {
    const made = await world();
    spoil(made, tenOf("culprit"), fault);
    for (const id of tenOf("culprit")) void made.lifecycle.onboard(id, { waitMs: 0 });
    expect(await served(made, many)).toBeGreaterThanOrEqual(0.95 * many);
    for (const id of tenOf("culprit")) await made.lifecycle.retry(id, { waitMs: 0 }).catch(() => null);
    expect(await served(made, many)).toBeGreaterThanOrEqual(0.95 * many);
    const { management } = (await made.lifecycle.inspect("culprit 0")).calls;
    expect(management).toBeLessThanOrEqual(16);
  });

  it.each(cases)("%s, ten of them, delay no user that comes hours later", async (_, fault) => {
    const made = await world();
    const { lifecycle, clock } = made;
    spoil(made, tenOf("culprit"), fault);
    for (const id of tenOf("culprit")) void lifecycle.onboard(id, { waitMs: 0 });
    for (let round = 0; round < 5; round++) {
      await clock.advance(2 * hour);
      const signedUp = lifecycle.onboard(`late ${round}`, { waitMs: minute });
      await clock.advance(minute);
      expect(await signedUp).toMatchObject({ usable: true });
    }
  });
});

describe("a token endpoint that is down for all", () => {
  it.each(cases)("(exchanges %s) is noticed by one user, and costs few codes", async (_, fault) => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ ...fault, call: "exchangeCode", times: Infinity });
    void lifecycle.onboard("first", { waitMs: 0 });
    await clock.advance(minute);
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "exchange", reason: "unavailable" }]);
    expect(await served(made, many)).toBe(0);
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(6);
    sandbox.clearFaults();
    await clock.advance(20 * minute);
    expect(await served(made, 10)).toBe(10);
    expect(await lifecycle.inspect("first")).toMatchObject({ usable: true });
  });

  it("behind a service that refuses a malformed request as ever, is noticed by the third user", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    const down = { status: 503, body: { error: "server_error" } };
    spoil(made, [...tenOf("newcomer"), "a", "b", "c"], down);
    for (const id of ["a", "b", "c"]) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(second);
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "exchange", reason: "unavailable" }]);
    for (const id of tenOf("newcomer")) void lifecycle.onboard(id, { waitMs: 0 }).catch(() => null);
    await clock.advance(10 * minute);
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(20);
    sandbox.clearFaults();
    await clock.advance(30 * minute);
    for (const id of tenOf("newcomer")) expect(await lifecycle.inspect(id)).toMatchObject({ usable: true });
  });

  it("and has refreshed no user for a while, is noticed by the first user without a token", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    for (const id of ["a", "b", "c"]) await made.arrange(id, "tokenActive");
    const down = { status: 503, body: { error: "server_error" } };
    sandbox.fail({ ...down, call: "refreshToken", times: Infinity });
    spoil(made, ["newcomer"], down);
    await clock.advance(2 * hour);
    for (const id of ["a", "b", "c"]) void lifecycle.accessToken(id, { waitMs: second }).catch(() => null);
    await clock.advance(minute);
    const before = sandbox.journal.spent().management;
    void lifecycle.onboard("newcomer", { waitMs: 0 });
    await clock.advance(5 * minute);
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "exchange", reason: "unavailable" }]);
    expect(
      sandbox.journal.spent().management - before,
      "a user, its code and a neutral call",
    ).toBeLessThanOrEqual(4);
  });
});

describe("a purge while no exchange is answered", () => {
  it("does not wait behind a sign-up that waits for the token endpoint", async () => {
    const made = await workingWorld({});
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("leaver");
    sandbox.fail({ call: "exchangeCode", status: 503, times: Infinity });
    for (const id of ["one", "two", "three", "four"]) await lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(30_000);
    await lifecycle.onboard("newcomer", { waitMs: 0 });
    await clock.advance(1_000);
    expect(await lifecycle.inspect("newcomer")).toMatchObject({ state: "created" });
    const leaving = lifecycle.offboard("leaver", { purge: ["r4"], waitMs: 20_000 });
    await clock.advance(5_000);
    expect(await leaving).toMatchObject({ state: "offboarded", purge: { done: ["r4"] } });
    expect(await lifecycle.inspect("newcomer")).toMatchObject({ state: "created" });
  });
});
