/** A user whose tokens live for a moment does not take the slots of others. */
import { isLifecycleError } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { oneIn, thorough } from "../support/effort.ts";
import { afterwards, working } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

type Policy = "eager" | "keepAlive" | "lazy";

/** The tokens of "sick" live so long, from now on. */
async function world(policy: Policy, expiresIn: unknown, isRefreshable: boolean): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ lifecycle: { refresh: { policy } } });
  afterwards(() => made.close());
  working(made.lifecycle);
  const body = { access_token: "token", token_type: "Bearer", expires_in: expiresIn };
  const tokens = isRefreshable ? { ...body, refresh_token: "refresh" } : body;
  for (const call of ["exchangeCode", "refreshToken"] as const)
    made.sandbox.fail({ call, appUserId: "sick", times: Infinity, status: 200, body: tokens });
  if (isRefreshable) made.sandbox.fail({ call: "refreshToken", times: Infinity, status: 200, body: tokens });
  return made;
}

const lives = [1, 60, 0, -5, undefined, "soon", 1e308, 599];
const cases = (["eager", "keepAlive", "lazy"] as const).flatMap((policy) =>
  lives.flatMap((life) => [true, false].map((isRefreshable) => [policy, life, isRefreshable] as const)),
);

describe("a user whose tokens live for a moment", () => {
  it.each(oneIn(7, cases))(
    "costs few calls, polled or not (%s, expires_in %j, refreshable: %j)",
    async (...which) => {
      const { lifecycle, sandbox, clock } = await world(...which);
      void lifecycle.onboard("sick", { waitMs: 0 });
      for (let round = 0; round < 120; round++) {
        if (which[0] !== "eager") void lifecycle.accessToken("sick", { waitMs: 0 }).catch(() => null);
        await clock.advance(30 * second);
      }
      const { management, token } = sandbox.journal.spent();
      expect(management).toBeLessThanOrEqual(which[2] ? 1 : 16);
      expect(token).toBeLessThanOrEqual(which[2] ? 125 : 20);
    },
  );

  it("keeps no other waiting: sixty people sign up beside it", async () => {
    const { lifecycle, clock } = await world("eager", 1, false);
    void lifecycle.onboard("sick", { waitMs: 0 });
    await clock.advance(50 * minute);
    const people = Array.from({ length: 60 }, (_, index) => `person ${index}`);
    const signedUp = people.map((id) => lifecycle.onboard(id, { waitMs: minute }));
    await clock.advance(minute);
    for (const each of await Promise.all(signedUp)) expect(each.usable).toBe(true);
  });

  it("is not taken for one whose tokens came late: their life is what 1upHealth gave them", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle({
      sandbox: { accessTokenLifeMs: 16 * second },
    });
    afterwards(() => lifecycle.close());
    sandbox.fail({ call: "exchangeCode", delayMs: 5 * second });
    void lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(7 * second);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, pause: null });
    const token = await lifecycle.accessToken("ada");
    await clock.advance(16 * second);
    expect(await lifecycle.accessToken("ada")).not.toBe(token);
  });

  it("reports the wait, is renewed at once by reauthorize(), and as usual once its tokens last", async () => {
    const { lifecycle, sandbox, clock } = await world("keepAlive", 1, false);
    await lifecycle.onboard("sick", { waitMs: 0 });
    await clock.advance(10 * minute);
    await lifecycle.accessToken("sick", { waitMs: minute }); // nothing was renewed meanwhile
    await clock.advance(2 * second);
    const failed = await lifecycle.accessToken("sick", { waitMs: second }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "USER_NOT_READY", retryable: true });
    expect((failed as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(second);
    expect(await lifecycle.inspect("sick")).toMatchObject({ pause: { reason: "shortTokens" } });
    sandbox.clearFaults();
    expect(await lifecycle.reauthorize("sick", { waitMs: minute })).toMatchObject({
      usable: true,
      pause: null,
    });
    await clock.advance(3 * hour);
    expect(await lifecycle.accessToken("sick", { waitMs: minute })).toMatch(/./);
  });
});

describe("an idle user", () => {
  it.each([
    ["lazy", 5 * second, true],
    ["keepAlive", 5 * second, true],
    ["lazy", minute, false],
    ["keepAlive", minute, false],
    ["keepAlive", 2 * hour, false],
  ] as const)(
    "costs next to nothing though its tokens live for a moment, or cannot be refreshed (%s, %i ms, refreshable: %j)",
    async (policy, accessTokenLifeMs, isRefreshable) => {
      const { lifecycle, sandbox, clock, close } = await createTestLifecycle({
        lifecycle: { refresh: { policy } },
        sandbox: { accessTokenLifeMs },
      });
      afterwards(close);
      working(lifecycle);
      if (!isRefreshable) sandbox.fail({ call: "exchangeCode", omit: ["refresh_token"], times: Infinity });
      await lifecycle.onboard("ada");
      const before = sandbox.journal.spent();
      await clock.advance(28 * 24 * hour);
      const { management, token } = sandbox.journal.spent();
      expect(management - before.management).toBe(0);
      expect(token - before.token).toBeLessThanOrEqual(policy === "keepAlive" && isRefreshable ? 5 : 0);
      expect(await lifecycle.accessToken("ada", { waitMs: minute })).toMatch(/./);
    },
  );
});

describe("users whose tokens FHIR refuses, all of them", () => {
  it("leave a share of the calls to people who sign up", async () => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle();
    afterwards(close);
    working(lifecycle);
    sandbox.fail({ call: "exchangeCode", omit: ["refresh_token"], times: Infinity });
    const ids = Array.from({ length: 60 }, (_, index) => `user ${index}`);
    for (const id of ids) await lifecycle.onboard(id);
    await clock.advance(2 * hour);
    sandbox.fail({ call: "fhir.search", status: 401, times: Infinity });
    for (let round = 0; round < (thorough ? 24 : 8); round++) {
      for (const id of ids)
        await lifecycle
          .fhir(id, "r4")
          .search("Patient")
          .catch(() => null);
      expect(await lifecycle.onboard(`newcomer ${round}`, { waitMs: minute })).toMatchObject({
        usable: true,
      });
      await clock.advance(5 * minute);
    }
  });
});

describe("a user whose tokens FHIR refuses, each of them", () => {
  it.each([
    ["without a refresh token", { omit: ["refresh_token"] }, 20],
    ["with one", {}, 1],
  ] as const)("costs few calls of the account in an hour (%s)", async (_, answer, most) => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle();
    afterwards(close);
    for (const call of ["exchangeCode", "refreshToken"] as const)
      if ("omit" in answer) sandbox.fail({ ...answer, call, times: Infinity });
    sandbox.fail({ call: "fhir.search", status: 401, times: Infinity });
    await lifecycle.onboard("sick");
    const fhir = lifecycle.fhir("sick", "r4");
    let named = 0;
    for (let round = 0; round < 360; round++) {
      const error: unknown = await fhir.search("Patient", {}).catch((thrown: unknown) => thrown);
      if (isLifecycleError(error, "USER_NOT_READY")) named = Math.max(named, error.retryAfterMs ?? 0);
      await clock.advance(10 * second);
    }
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(most);
    expect(named).toBeGreaterThan(most > 1 ? 3 * minute : 50 * second);
    sandbox.clearFaults();
    await clock.advance(4 * minute);
    expect(await fhir.search("Patient", {})).toMatchObject({ resources: [] });
  });
});
