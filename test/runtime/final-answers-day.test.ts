/** Refused codes and contradictions end a user only once they have lasted a day; a short trouble costs minutes. */
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, working } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  working(made.lifecycle);
  return made;
}

const isThere = { status: 400, body: { success: false, error: "this user already exists" } };
const isMissing = { status: 404, body: { success: false, error: "this user does not exist" } };

/** Each trouble, from now on. */
const troubles: Readonly<Record<string, (made: TestLifecycle) => void>> = {
  "every code is refused": ({ sandbox }) =>
    sandbox.fail({ call: "exchangeCode", times: Infinity, status: 400, body: { error: "invalid_grant" } }),
  "every code is called invalid": ({ sandbox }) =>
    sandbox.fail({ call: "exchangeCode", times: Infinity, status: 401, body: { message: "Invalid code" } }),
  "a new user exists and does not": ({ sandbox }) => {
    sandbox.fail({ call: "createUser", times: Infinity, ...isThere });
    sandbox.fail({ call: "issueAuthCode", times: Infinity, ...isMissing });
  },
};
const cases = Object.entries(troubles);

describe("while", () => {
  it.each(cases)("%s for two minutes, every newcomer is usable minutes later", async (_, begin) => {
    const made = await world();
    const { lifecycle, sandbox, clock } = made;
    begin(made);
    const ids = Array.from({ length: 10 }, (__, index) => `newcomer ${index}`);
    for (const id of ids) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(2 * minute);
    sandbox.clearFaults();
    await clock.advance(4 * minute);
    for (const id of ids) {
      const status = await lifecycle.inspect(id);
      expect(status).toMatchObject({ usable: true, failure: null });
      expect(status.calls.management).toBeLessThanOrEqual(10);
    }
    expect(sandbox.users()).toHaveLength(ids.length);
  });

  it.each(cases)(
    "%s, a user fails after a day, in few calls; retry() asks at once, before and after",
    async (_, begin) => {
      const made = await world();
      const { lifecycle, sandbox, clock } = made;
      begin(made);
      void lifecycle.onboard("ada", { waitMs: 0 });
      void lifecycle.onboard("bob", { waitMs: 0 });
      await clock.advance(20 * hour);
      expect(await lifecycle.inspect("ada")).toMatchObject({
        state: expect.not.stringMatching("failed") as string,
      });
      const before = (await lifecycle.inspect("ada")).calls;
      expect(before.management).toBeLessThanOrEqual(30);
      await lifecycle.retry("ada", { waitMs: second }).catch(() => null);
      const { calls } = await lifecycle.inspect("ada");
      expect(calls.management + calls.token).toBeGreaterThan(before.management + before.token);
      await clock.advance(28 * hour);
      const { failure, calls: spent } = await lifecycle.inspect("bob");
      expect(failure).toMatchObject({
        reason: expect.stringMatching(/codesRefused|contradiction/) as string,
      });
      expect(spent.management).toBeLessThanOrEqual(36);
      sandbox.clearFaults();
      expect(await lifecycle.retry("bob", { waitMs: minute })).toMatchObject({ usable: true });
    },
  );

  it("1upHealth lists a user and does not know it, the user waits, and goes on once it does", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "issueAuthCode", times: Infinity, ...isMissing } satisfies Fault);
    void lifecycle.reauthorize("ada", { waitMs: 0 }).catch(() => null);
    await clock.advance(12 * hour);
    const status = await lifecycle.inspect("ada");
    expect(status).toMatchObject({ failure: null, pause: { reason: "unexplained" } });
    expect(status.calls.management).toBeLessThanOrEqual(40);
    sandbox.clearFaults();
    expect(await lifecycle.retry("ada", { waitMs: minute })).toMatchObject({ usable: true });
    expect(sandbox.journal.count("createUser")).toBe(1);
  });
});
