import { describe, expect, it } from "vitest";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { afterwards } from "../support/scene.ts";

const hour = 3_600_000;
const day = 24 * hour;

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  return made;
}

/** A user that the application has adopted with a number that is a typo, and whose grant is lost. */
async function withATypo(made: TestLifecycle): Promise<{ readonly own: number; readonly typo: number }> {
  const own = made.sandbox.createUser("dan");
  const typo = own + 4_000;
  const adopted = await made.lifecycle.adopt(
    "dan",
    { oneupUserId: typo, refreshToken: "revoked" },
    { waitMs: 1_000 },
  );
  expect(adopted).toMatchObject({ usable: false, oneupUserId: typo, pause: { reason: "otherUsers" } });
  return { own, typo };
}

/** It has failed as another user, and costs nothing more. */
async function failed({ lifecycle, sandbox, clock }: TestLifecycle): Promise<void> {
  const begun = clock.now();
  await expect(lifecycle.onboard("dan", { waitMs: 7 * day })).rejects.toMatchObject({
    code: "USER_FAILED",
    retryable: false,
    facts: { reason: "anotherUser" },
  });
  expect(clock.now() - begun).toBeGreaterThan(day - hour);
  expect(await lifecycle.inspect("dan")).toMatchObject({
    state: "failed",
    failure: { in: "reauthorizing", reason: "anotherUser", why: "another_user" },
  });
  const calls = sandbox.journal.count();
  expect(sandbox.journal.count("issueAuthCode")).toBeGreaterThanOrEqual(5);
  expect(sandbox.journal.count("issueAuthCode")).toBeLessThan(20);
  await clock.advance(30 * day);
  await lifecycle.resume();
  expect(sandbox.journal.count(), "a month costs nothing").toBe(calls);
}

describe("a user whose oneup_user_id in the record is wrong", () => {
  it.each(["retry", "reauthorize"] as const)(
    "has failed after a day, and %s() takes the number that 1upHealth lists with its id",
    async (verb) => {
      const made = await world();
      const { lifecycle, sandbox } = made;
      const { own } = await withATypo(made);
      await failed(made);
      expect(await lifecycle.explain("dan")).toMatch(
        /its oneup_user_id and its app_user_id are two users of 1upHealth/,
      );
      const before = sandbox.journal.count();
      expect(await lifecycle[verb]("dan")).toMatchObject({ usable: true, oneupUserId: own, failure: null });
      expect(
        sandbox.journal
          .entries()
          .slice(before)
          .map(({ call }) => call),
      ).toEqual(["listUsers", "issueAuthCode", "exchangeCode"]);
      const steps = (await lifecycle.history("dan")).map(({ event, to }) => `${event}: ${to}`);
      expect(steps).toContain("NUMBER_CORRECTED: reauthorizing");
      expect(await lifecycle.offboard("dan", { purge: ["r4"] })).toMatchObject({ purge: { done: ["r4"] } });
    },
  );

  it.each(["retry", "reauthorize"] as const)(
    "is mended by %s() long before the day is over",
    async (verb) => {
      const made = await world();
      const { own } = await withATypo(made);
      expect(await made.lifecycle[verb]("dan")).toMatchObject({ usable: true, oneupUserId: own });
      expect(made.sandbox.journal.count("listUsers")).toBe(1);
    },
  );

  it("is mended by adopt() with another number once it has failed, and not before", async () => {
    const made = await world();
    const { lifecycle } = made;
    const { own } = await withATypo(made);
    const grant = { oneupUserId: own, refreshToken: "revoked" };
    await expect(lifecycle.adopt("dan", grant)).rejects.toMatchObject({ code: "USER_CONFLICT" });
    await failed(made);
    expect(await lifecycle.adopt("dan", grant, { waitMs: hour })).toMatchObject({
      usable: true,
      oneupUserId: own,
    });
  });

  it("keeps it where the look-up does not tell, and is asked again", async () => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    const { own, typo } = await withATypo(made);
    await failed(made);
    sandbox.fail({ call: "listUsers", status: 503, times: 3 });
    const early = await lifecycle.retry("dan", { waitMs: 0 });
    expect(early).toMatchObject({ state: "locating", oneupUserId: typo });
    expect(await lifecycle.onboard("dan", { waitMs: hour })).toMatchObject({
      oneupUserId: own,
      usable: true,
    });
  });

  it("gets its own data where 1upHealth's list ignores its filter: the row must name the id", async () => {
    const made = await createTestLifecycle({ sandbox: { filter: "never" } });
    afterwards(() => made.close());
    for (const other of ["amy", "bob", "cleo"]) made.sandbox.createUser(other);
    const { own } = await withATypo(made);
    expect(await made.lifecycle.retry("dan", { waitMs: hour })).toMatchObject({
      usable: true,
      oneupUserId: own,
    });
  });
});

describe("a user whose number is right, and about which 1upHealth answers wrongly for a day", () => {
  const wrong = { success: true, code: "c0de", oneup_user_id: 4711, active: true };

  it.each([["dan"], ["bob"], [undefined]])(
    "(naming %s) keeps its number, and no such code is used",
    async (named) => {
      const made = await world();
      const { lifecycle, sandbox } = made;
      const { oneupUserId } = await lifecycle.onboard("dan");
      const body = { ...wrong, app_user_id: named };
      sandbox.fail({ call: "issueAuthCode", times: 1_000, status: 200, body });
      await lifecycle.reauthorize("dan", { waitMs: 1_000 });
      await failed(made);
      expect(sandbox.journal.count("exchangeCode")).toBe(1);
      expect(await lifecycle.retry("dan", { waitMs: 1_000 })).toMatchObject({
        usable: false,
        oneupUserId,
        pause: { reason: "otherUsers" },
      });
      sandbox.clearFaults();
      expect(await lifecycle.retry("dan")).toMatchObject({ usable: true, oneupUserId });
      expect(sandbox.journal.count("exchangeCode")).toBe(2);
    },
  );

  it("without a number of its own has failed as well, and goes on by retry() once the answers are right", async () => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    const own = sandbox.createUser("dan");
    const body = { ...wrong, app_user_id: "bob" };
    sandbox.fail({ call: "issueAuthCode", times: 1_000, status: 200, body });
    await lifecycle.onboard("dan", { expect: "existing", waitMs: 1_000 });
    await failed(made);
    sandbox.clearFaults();
    expect(await lifecycle.retry("dan")).toMatchObject({ usable: true, oneupUserId: own });
    expect(sandbox.journal.count("listUsers"), "there is no number to look up").toBe(0);
  });
});
