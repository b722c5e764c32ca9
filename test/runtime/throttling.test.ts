import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import type { LifecycleOptions } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { oneIn } from "../support/effort.ts";
import { afterwards, arrivedIn } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;

async function world(limits?: LifecycleOptions["limits"]): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ lifecycle: { ...(limits && { limits }) } });
  afterwards(() => made.close());
  return made;
}

/** A worker that looks once an hour at most, until the test ends. */
function working({ lifecycle }: TestLifecycle): void {
  const stop = new AbortController();
  const done = lifecycle.work({ pollMs: 60 * minute, signal: stop.signal });
  afterwards(async () => {
    stop.abort();
    await done;
  });
}

const told = (retryAfter: string, times = 1) =>
  ({
    call: "createUser",
    times,
    status: 429,
    body: "",
    headers: { "retry-after": retryAfter },
  }) as const;

describe("429 once, to a user who is alone", () => {
  it.each([
    [undefined, 60 * second],
    ["300", 300 * second],
    ["3600", 3_600 * second],
  ])("holds it up for half a minute longer than %s asks for, at most", async (retryAfter, waitMs) => {
    const made = await world();
    working(made);
    const { lifecycle, sandbox, clock } = made;
    const { headers, ...once } = told(retryAfter ?? "");
    sandbox.fail(retryAfter === undefined ? once : { ...once, headers });
    const began = clock.now();
    expect(await lifecycle.onboard("ada", { waitMs: 2 * waitMs })).toMatchObject({ usable: true });
    expect(clock.now() - began).toBeGreaterThanOrEqual(waitMs);
    expect(clock.now() - began).toBeLessThan(waitMs + 35 * second);
  });
});

describe("429 again and again", () => {
  const named = [
    ["no time at all", "0"],
    ["a time in the past", "Thu, 01 Jan 2015 00:00:00 GMT"],
    ["a second", "1"],
    ["a thousandth of a second", "0.001"],
    ["less than nothing", "-5"],
    ["no number", "NaN"],
  ] as const;
  it.each(oneIn(3, named))("is asked for less and less often though it names %s", async (_, retryAfter) => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail(told(retryAfter, 1_000));
    const ids = Array.from({ length: 40 }, (_, index) => `user ${index}`);
    for (const id of ids) await lifecycle.onboard(id, { waitMs: 0, lane: "bulk" });
    const stop = new AbortController();
    const done = lifecycle.work({ pollMs: second, signal: stop.signal });
    const spent = sandbox.journal.count("createUser");
    await clock.advance(8 * second);
    expect(sandbox.journal.count("createUser") - spent).toBeLessThanOrEqual(4);
    await clock.advance(60 * minute);
    expect(sandbox.journal.count("createUser") - spent, "an hour costs no more than a handful").toBeLessThan(
      16,
    );
    sandbox.clearFaults();
    await clock.advance(120 * minute);
    expect(arrivedIn(await lifecycle.counts())).toBe(40);
    stop.abort();
    await done;
  });

  it("is believed when it names a time once, and up to a day however long that is", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail(told("2"));
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(0);
    const at = clock.now();
    const until = async (): Promise<number> =>
      ((await lifecycle.health()).shut[0]?.until.getTime() ?? Number.NaN) - at;
    expect(await until()).toBe(2 * second);
    sandbox.fail(told("999999999999"));
    await clock.advance(2 * second);
    await lifecycle.resume();
    expect(await until()).toBeLessThanOrEqual(24 * 60 * minute + 3 * second);
  });
});

describe("a FHIR call that 1upHealth throttled", () => {
  it.each([
    ["no time", undefined, minute],
    ["eleven days", "999999", 24 * 60 * minute],
    ["nothing", "0", second],
    ["two times", "5, 10", 5 * second],
  ])("carries the wait of the gate where %s is named", async (_, retryAfter, waitMs) => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
    sandbox.fail({ call: "fhir.read", times: 1, status: 429, body: "", headers });
    const client = lifecycle.fhir("ada", "r4");
    const error: unknown = await client
      .read("Patient", "none", { retries: 0 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "RATE_LIMITED", retryable: true, retryAfterMs: waitMs });
    const shut = (await lifecycle.health()).shut.find(({ gate }) => gate === "fhir");
    expect(shut?.until.getTime()).toBe(clock.now() + waitMs);
  });
});

describe("users that 1upHealth throttles one by one, where the limit lets one call through in ten minutes", () => {
  it("do not shut the account again and again: a neutral call uses the slot that one of them was granted", async () => {
    const made = await world({ management: { calls: 1, windowMs: 10 * minute } });
    const { lifecycle, sandbox, clock } = made;
    for (const appUserId of ["ada", "bob", "cy"]) {
      sandbox.fail({ ...told("30", Infinity), appUserId });
      await lifecycle.onboard(appUserId, { waitMs: 0, lane: "bulk" });
    }
    working(made);
    await clock.advance(180 * minute);
    expect(sandbox.journal.count("listUsers")).toBeGreaterThan(4);
  });
});

describe("a user that 1upHealth throttles alone", () => {
  it("waits for minutes at first, however often its calls had no answer before", async () => {
    const made = await world();
    const { lifecycle, sandbox, clock } = made;
    working(made);
    sandbox.fail({ call: "issueAuthCode", appUserId: "ada", times: 7, status: 503, body: "" });
    sandbox.fail({ ...told("1", Infinity), call: "issueAuthCode", appUserId: "ada" });
    await lifecycle.onboard("bob");
    await lifecycle.onboard("ada", { expect: "existing", waitMs: 0, lane: "bulk" });
    let pause = null;
    for (let waited = 0; waited < 120 && pause?.reason !== "throttled"; waited++) {
      await clock.advance(30 * second);
      await lifecycle.reauthorize("bob", { waitMs: second });
      ({ pause } = await lifecycle.inspect("ada"));
    }
    expect(pause?.reason).toBe("throttled");
    expect((pause?.until?.getTime() ?? Infinity) - clock.now()).toBeLessThanOrEqual(4 * minute);
  });
});

describe("a worker that looks once an hour", () => {
  it.each(["createUser", "exchangeCode"] as const)(
    "goes on when the time is over that a 429 of %s named",
    async (call) => {
      const made = await world();
      const { lifecycle, sandbox, clock } = made;
      working(made);
      sandbox.fail({ ...told("30"), call });
      await lifecycle.onboard("ada", { waitMs: 0, lane: "bulk" });
      await lifecycle.onboard("bob", { waitMs: 0, lane: "bulk" });
      await clock.advance(2 * minute);
      expect(await lifecycle.counts()).toEqual({ tokenActive: 2 });
      expect((await lifecycle.health()).shut).toEqual([]);
    },
  );

  it("goes on once refused credentials are tried again", async () => {
    const made = await world();
    const { lifecycle, sandbox, clock } = made;
    working(made);
    sandbox.fail({ call: "createUser", status: 401, body: { error: "invalid_client" } });
    await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => null);
    await clock.advance(5 * minute);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
  });
});

describe("an answer that is no 429", () => {
  it.each([
    ["a server error", { status: 500, body: "" }],
    ["200 without a code", { status: 200, body: { success: true } }],
    ["200 and nothing", { status: 200, body: "" }],
    ["502 as a page", { status: 502, body: "<html><body>Bad Gateway</body></html>" }],
  ])("ends the throttling within seconds though it is %s: its doubt is the user's", async (_, answer) => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail(told("1"));
    sandbox.fail({ call: "createUser", ...answer });
    await lifecycle.onboard("cleo", { waitMs: 0 });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(second);
    await lifecycle.resume(); // ada tries, and hears nothing clear
    expect((await lifecycle.health()).shut.filter(({ reason }) => reason === "throttled")).toEqual([]);
    const began = clock.now();
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(clock.now() - began).toBeLessThan(3 * second);
    expect(await lifecycle.onboard("cleo")).toMatchObject({ usable: true });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it("of the token endpoint ends its throttling, and holds back exchanges alone if it names no time", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("there before");
    await clock.advance(121 * minute);
    sandbox.fail({ ...told("1"), call: "exchangeCode" });
    sandbox.fail({ call: "exchangeCode", status: 500, body: "" });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(3 * second);
    await lifecycle.resume();
    const shut = (await lifecycle.health()).shut.map(({ gate }) => gate);
    expect(shut).not.toContain("token");
    expect(await lifecycle.accessToken("there before", { waitMs: second })).toMatch(/./);
  });

  it("keeps the gate shut for seconds and no more where the one call that tries is lost", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail(told("1"));
    sandbox.fail({ call: "createUser", drop: "before" });
    await lifecycle.onboard("cleo", { waitMs: 0 });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(second);
    await lifecycle.resume(); // ada tries
    const began = clock.now();
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(clock.now() - began).toBeLessThan(10 * second);
  });
});
