import type { LifecycleError } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, arrivedIn, heldBack, hurry, pass, scene, spentOn, working } from "../support/scene.ts";

const minute = 60_000;
const hour = 60 * minute;

/** A lifecycle whose clock the test moves, closed after the test. */
async function onVirtualTime(options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const world = await createTestLifecycle(options);
  afterwards(() => world.close());
  return world;
}

describe("a throttled account", () => {
  it("continues within a window after another client has spent half of it", async () => {
    const limit = { calls: 20, windowMs: hour };
    const world = await onVirtualTime({ sandbox: { limit }, lifecycle: { limits: { management: limit } } });
    const { sandbox, clock } = world;
    const lifecycle = working(world.lifecycle);
    sandbox.spend(10);
    const began = sandbox.clock.now();
    const ids = Array.from({ length: 18 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "management", reason: "throttled" }]);
    const refusals = (): number => sandbox.journal.entries().filter(({ status }) => status === 429).length;
    const atFirst = refusals(); // all that were under way
    expect(atFirst).toBeLessThanOrEqual(8);
    while (arrivedIn(await lifecycle.counts()) < 18) {
      expect(sandbox.clock.now() - began).toBeLessThan(2.2 * hour);
      await clock.advance("1m");
    }
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(refusals() - atFirst, "one at a time tries, later and later").toBeLessThan(12);
  });

  it("sends nothing before the time that 1upHealth names, from any process", async () => {
    const { sandbox, open } = await scene();
    const [one, two] = [await open(), await open()];
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "600" } });
    await heldBack(one, "ada");
    expect(await one.inspect("ada")).toMatchObject({ state: "created", pause: { reason: "throttled" } });
    sandbox.clock.advance(2_000); // the other process looks once a second
    await heldBack(two, "bob");
    sandbox.clock.advance(595_000);
    await two.resume();
    expect(sandbox.journal.count("createUser")).toBe(1);
    sandbox.clock.advance(5_000);
    await two.resume(); // the one that was given the time lets the other go first
    sandbox.clock.advance(10_000);
    await two.resume();
    expect(await two.counts()).toEqual({ tokenActive: 2 });
    expect((await one.health()).shut).toEqual([]);
  });

  it("lets one call try, not all that wait", async () => {
    const { lifecycle, sandbox, clock } = await onVirtualTime();
    sandbox.fail({ call: "createUser", times: 3, status: 429, body: "" });
    for (let user = 0; user < 30; user++) await lifecycle.onboard(`user ${user}`, { waitMs: 60 });
    expect(sandbox.journal.count("createUser")).toBe(1);
    for (const [wait, calls] of [
      [minute, 2],
      [2 * minute, 3],
    ] as const) {
      await clock.advance(wait);
      await lifecycle.resume();
      expect(sandbox.journal.count("createUser")).toBe(calls);
    }
    for (const wait of [4 * minute, minute]) {
      await clock.advance(wait);
      await lifecycle.resume();
    }
    expect(await lifecycle.counts()).toEqual({ tokenActive: 30 });
    expect(sandbox.journal.count("createUser")).toBe(33);
  });

  it("leaves the try to others where a process can send nothing", async () => {
    const { sandbox, open } = await scene();
    const nowhere = "http://127.0.0.1:9"; // discard: no server listens there
    const deaf = await open({ endpoints: { api: nowhere, auth: nowhere } });
    const other = await open();
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "60" } });
    await heldBack(other, "ada");
    await heldBack(other, "bob");
    sandbox.clock.advance(61_000);
    await deaf.resume(); // tries in vain
    sandbox.clock.advance(1_000); // a look a second
    expect(await other.onboard("cleo")).toMatchObject({ state: "tokenActive" });
    expect((await other.health()).shut).toEqual([]);
    expect((await deaf.health()).shut, "its own trouble").toMatchObject([{ gate: "management" }]);
  });

  it("holds refreshes and exchanges back when the token endpoint answers 429, and FHIR calls when FHIR does", async () => {
    const { lifecycle, sandbox, clock } = await onVirtualTime();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "30" } });
    await lifecycle.onboard("bob", { waitMs: 60 });
    expect(await lifecycle.inspect("bob")).toMatchObject({
      state: "codeIssued",
      pause: { reason: "throttled" },
    });
    await clock.advance("2.5h");
    sandbox.fail({ call: "refreshToken", status: 429, body: "", headers: { "retry-after": "30" } });
    await expect(lifecycle.accessToken("ada", { waitMs: 60 })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    expect(sandbox.journal.count("refreshToken")).toBe(1);
    await clock.advance("31s");
    expect(await lifecycle.accessToken("ada")).toMatch(/./);

    sandbox.fail({ call: "fhir.read", status: 429, body: "", headers: { "retry-after": "9" } });
    const read = (): Promise<unknown> => lifecycle.fhir("ada", "r4").read("Patient", "none", { retries: 0 });
    const refused = await read().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "RATE_LIMITED" });
    expect((refused as LifecycleError).retryAfterMs).toBeLessThanOrEqual(9_000); // what is left of it
    await expect(read()).rejects.toMatchObject({ code: "RATE_LIMITED" });
    expect(sandbox.journal.count("fhir.read")).toBe(1);
    await clock.advance(9_001);
    await expect(read()).rejects.toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("sends no FHIR call that waited for its slot while the endpoint was throttled", async () => {
    const limits = { fhir: { calls: 1, windowMs: 200 } };
    const { lifecycle, sandbox } = await onVirtualTime({ lifecycle: { limits } });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.read", status: 429, body: "", headers: { "retry-after": "600" } });
    const reads = [1, 2, 3, 4].map((id) => lifecycle.fhir("ada", "r4").read("Patient", String(id)));
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
    expect(sandbox.journal.count("fhir.read")).toBe(1);
  });

  it("asks for no list that waited for its slot while the endpoint was throttled", async () => {
    const limits = { management: { calls: 1, windowMs: 200 } };
    const { lifecycle, sandbox } = await onVirtualTime({ lifecycle: { limits } });
    sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": "600" } });
    const asked = [1, 2, 3, 4].map((oneupUserId) => lifecycle.remote.find({ oneupUserId }));
    for (const each of await Promise.allSettled(asked)) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("requests no list where the probe waited for its slot until another call got a 429", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 1, windowMs: minute } };
    const [one, two] = [await open({ limits }), await open({ limits })];
    const told = (seconds: number): void =>
      sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": `${seconds}` } });
    told(1);
    await expect(one.remote.find({ oneupUserId: 1 })).rejects.toMatchObject({ code: "RATE_LIMITED" });
    sandbox.clock.advance(2_000);
    const first = one.remote.find({ oneupUserId: 1 });
    await pass(sandbox, 45_000, 5);
    told(600);
    const finds = Promise.allSettled([first, two.remote.find({ oneupUserId: 1 })]);
    for (let second = 0; second < 180; second++) await pass(sandbox, 1_000, 1);
    expect(sandbox.journal.count("listUsers")).toBe(2);
    for (const each of await finds) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
  });

  it("keeps to a limit of the token endpoint and of FHIR, if one is set", async () => {
    const ceiling = { calls: 2, windowMs: minute };
    const limits = { token: ceiling, fhir: ceiling };
    const { lifecycle, sandbox } = await onVirtualTime({ lifecycle: { limits } });
    const ids = ["a", "b", "c", "d", "e"];
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: hour })));
    const at = (call: string): number[] =>
      sandbox.journal
        .entries()
        .filter((entry) => entry.call === call)
        .map((entry) => entry.at);
    const spread = (times: number[]): boolean =>
      times.every((time, index) => index < 2 || time - (times[index - 2] ?? 0) >= minute);
    expect(spread(at("exchangeCode"))).toBe(true);
    const fhir = lifecycle.fhir("a", "r4");
    await Promise.all(ids.map(() => fhir.create({ resourceType: "Patient" })));
    expect(spread(at("fhir.create"))).toBe(true);
  });
});

describe("a code that must wait for its exchange", () => {
  it("is not requested while the token endpoint is throttled, and no user fails for the time that passed", async () => {
    const { sandbox, ...world } = await onVirtualTime();
    const lifecycle = working(world.lifecycle);
    const late = { call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "600" } } as const;
    for (let round = 0; round < 4; round++) sandbox.fail({ ...late, skip: round });
    const ids = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 24 * hour })));
    expect(arrivedIn(await lifecycle.counts())).toBe(20);
    // Twenty were under way when it was throttled for longer than a code lives; no other user spends one more.
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(20 + 20 + 4);
  });

  it("is requested once a slot of the token limit is there: none expires, no user fails", async () => {
    const management = { calls: 1_000, windowMs: hour };
    const { sandbox, clock, ...world } = await onVirtualTime({
      sandbox: { limit: management },
      lifecycle: { limits: { management, token: { calls: 6, windowMs: 10 * minute } } },
    });
    const lifecycle = working(world.lifecycle);
    const ids = Array.from({ length: 30 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60, lane: "bulk" })));
    await clock.advance("1h"); // six each ten minutes
    expect(arrivedIn(await lifecycle.counts())).toBe(30);
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(33);
  });
});

describe("account.reopen()", () => {
  it("wakes those who wait at a gate within a minute, before their codes pass", async () => {
    const { sandbox, clock, ...world } = await onVirtualTime();
    const lifecycle = working(world.lifecycle);
    sandbox.fail({ call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "86400" } });
    const ids = Array.from({ length: 8 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    expect(await lifecycle.health()).toMatchObject({ shut: [{}], running: 0 });
    await lifecycle.account.reopen();
    await clock.advance("1m");
    expect(arrivedIn(await lifecycle.counts())).toBe(8);
    expect(sandbox.journal.spent().management).toBe(8);
  });
});

describe("a token endpoint that answers 503 for an hour", () => {
  it("costs no code beyond that of the one user that probes, and all users arrive afterwards", async () => {
    const { sandbox, clock, ...world } = await onVirtualTime({ sandbox: { codeLifeMs: 2 * hour } });
    const lifecycle = working(world.lifecycle);
    sandbox.fail({ call: "exchangeCode", times: 10_000, status: 503, body: { error: "server_error" } });
    const early = ["e0", "e1", "e2", "e3", "e4"];
    await Promise.all(early.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    await clock.advance("10m");
    const late = ["l0", "l1", "l2", "l3", "l4"];
    await Promise.all(late.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    expect(await lifecycle.inspect("l0")).toMatchObject({
      state: "created",
      pause: { reason: "unavailable" },
    });
    await clock.advance("49m");
    // Five creates brought five codes, one more was spent by the user who tried.
    expect(sandbox.journal.spent().management).toBe(6);
    expect(sandbox.journal.count("exchangeCode")).toBeLessThan(45);
    sandbox.clearFaults();
    await clock.advance("1h");
    expect(arrivedIn(await lifecycle.counts())).toBe(10);
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.spent().management).toBe(11);
  });

  it("is told apart from one code that alone gets a 503: that user gets another, and no other user waits for long", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = working(await open());
    sandbox.fail({
      call: "exchangeCode",
      appUserId: "ada",
      times: 2,
      status: 503,
      body: { error: "server_error" },
    });
    hurry(sandbox);
    expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ state: "reauthorized" });
    expect(await lifecycle.onboard("bob", { waitMs: hour })).toMatchObject({ usable: true });
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "issueAuthCode"]);
    expect((await lifecycle.health()).shut).toEqual([]);
  });
});
