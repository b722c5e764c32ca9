/** Only a known refusal of the very endpoint that was asked ends a user for good; every other one is waited for. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, working } from "../support/scene.ts";

const minute = 60_000;
const hour = 60 * minute;
const json = { "content-type": "application/json" };

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  working(made.lifecycle);
  return made;
}

const echo = "app_user_id=ada&client_id=sandbox grant_type=authorization_code&code=used is invalid";
const no = (error: string) => ({ success: false, error });

/** Refusals that are not final, whatever is asked for. */
const answers: readonly (readonly [status: number, body: unknown])[] = [
  [200, no("Internal error")],
  [200, no("E17")],
  [200, { error: "unknown failure" }],
  [400, no("bad")],
  [400, { error: "E17" }],
  [400, no(echo)],
  [422, { error: echo, error_description: echo }],
  [400, { error: "invalid_request" }],
  [400, { error: "unauthorized_client" }],
  [400, { error: "unsupported_grant_type" }],
  [404, no("User pool of the code store is locked")],
  [410, { error: "this api version is gone for user clients" }],
  [400, { resourceType: "OperationOutcome", issue: [{ severity: "fatal", code: "exception" }] }],
];
/** Words that are known, of another endpoint. */
const misplaced: readonly (readonly [
  call: "createUser" | "issueAuthCode" | "exchangeCode",
  body: unknown,
])[] = [
  ["createUser", { error: "invalid_grant" }],
  ["createUser", no("this user does not exist")],
  ["createUser", no("Invalid code")],
  ["issueAuthCode", { error: "invalid_grant" }],
  ["issueAuthCode", no("this user already exists")],
  ["exchangeCode", no("this user does not exist")],
  ["exchangeCode", no("this user already exists")],
  ["exchangeCode", no("app_user_id is not allowed")],
];
const calls = ["createUser", "issueAuthCode", "exchangeCode", "refreshToken"] as const;
const cases = [
  ...answers.flatMap(([status, body]) => calls.map((call) => [call, status, body] as const)),
  ...misplaced.map(([call, body]) => [call, 400, body] as const),
];

describe("a refusal that is not known of the endpoint", () => {
  it.each(cases)(
    "to %s (%i %j) fails no user, and the user continues within minutes",
    async (call, status, body) => {
      const { lifecycle, sandbox, clock } = await world();
      if (call === "issueAuthCode") sandbox.createUser("ada");
      if (call === "refreshToken") {
        await lifecycle.onboard("ada");
        await clock.advance(3 * hour);
      }
      sandbox.fail({ call, status, body, headers: json });
      const expected = call === "issueAuthCode" ? "existing" : "new";
      if (call === "refreshToken") await lifecycle.accessToken("ada", { waitMs: 10 * minute });
      else await lifecycle.onboard("ada", { expect: expected, waitMs: 10 * minute });
      expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, failure: null });
      expect(sandbox.journal.createdTwice()).toEqual([]);
      expect(sandbox.users()).toHaveLength(1);
      expect((await lifecycle.inspect("ada")).calls.management).toBeLessThanOrEqual(3);
    },
  );

  it.each(["createUser", "issueAuthCode", "exchangeCode"] as const)(
    "to %s fails the user once it has lasted a day, in few calls, and retry() starts over at any time",
    async (call) => {
      const { lifecycle, sandbox, clock } = await world();
      sandbox.fail({ call, times: Infinity, status: 400, body: { error: "E17" } });
      if (call === "issueAuthCode") sandbox.createUser("ada");
      const begun = clock.now();
      void lifecycle.onboard("ada", { waitMs: 0, ...(call === "issueAuthCode" && { expect: "existing" }) });
      await clock.advance(23 * hour);
      expect(await lifecycle.inspect("ada")).toMatchObject({ failure: null });
      expect(await lifecycle.retry("ada", { waitMs: 0 })).toMatchObject({ failure: null });
      sandbox.clearFaults();
      expect(await lifecycle.onboard("ada", { waitMs: 10 * minute })).toMatchObject({ usable: true });
      expect(clock.now() - begun).toBeGreaterThan(23 * hour);
      expect((await lifecycle.inspect("ada")).calls.management).toBeLessThanOrEqual(30);
    },
  );

  it("to a purge does not end it", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.purge", status: 400, body: { error: "not now" } });
    sandbox.fail({ call: "fhir.purge", status: 200, body: { success: false, error: "E17" } });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"], left: [] },
    });
  });

  it("to a rename in a 200 is settled by a look-up", async () => {
    const { lifecycle, sandbox } = await world();
    const { oneupUserId } = await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", status: 200, body: no("Internal error"), commit: true });
    await lifecycle.rename("ada", "new", { waitMs: hour });
    expect(await lifecycle.inspect("new")).toMatchObject({ oneupUserId });
  });
});

describe("a limit that is named in words", () => {
  it.each([400, 403, 409, 422])(
    "(%i) is a 429: it is waited for, and nothing else is done",
    async (status) => {
      const { lifecycle, sandbox } = await world();
      sandbox.fail({ call: "createUser", status, body: { error: "Rate limit exceeded" } });
      expect(await lifecycle.onboard("ada", { waitMs: 1_000 })).toMatchObject({
        pause: { reason: "throttled" },
      });
      expect(await lifecycle.onboard("ada", { waitMs: 5 * minute })).toMatchObject({ usable: true });
      expect((await lifecycle.inspect("ada")).calls).toEqual({ management: 2, token: 1 });
    },
  );
});
