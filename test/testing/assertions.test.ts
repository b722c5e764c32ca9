import { AssertionError } from "node:assert";
import {
  assertInState,
  assertSpentCalls,
  assertVisited,
  createTestLifecycle,
  type TestLifecycle,
} from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import type { UserStatus } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { failures } from "../support/failures.ts";

/** A user whose grant is lost, and who waits for a slot. */
async function waiting(): Promise<{ world: TestLifecycle; status: UserStatus }> {
  const world = await createTestLifecycle({
    lifecycle: { limits: { management: { calls: 2, windowMs: 7_200_000 } } },
  });
  const { lifecycle, sandbox, clock } = world;
  await lifecycle.onboard("ada");
  await lifecycle.onboard("bob");
  await clock.advance("1h");
  sandbox.revokeGrant("ada");
  await lifecycle.reauthorize("ada", { waitMs: 0 });
  return { world, status: await lifecycle.inspect("ada") };
}

describe("assertInState() and toBeInLifecycleState()", () => {
  it("name the user's state, its history, and what it waits for", async () => {
    const { status } = await waiting();
    assertInState(status, "reauthorizing");
    expect(status).toBeInLifecycleState("reauthorizing");
    expect(status).not.toBeInLifecycleState("tokenActive");
    expect(
      failures(
        () => assertInState(status, "reauthorized"),
        () => expect(status).toBeInLifecycleState("reauthorized"),
      ),
    ).toMatchInlineSnapshot(`
      "Expected user "ada" to be in state reauthorized, but it is in reauthorizing

        2026-01-01 00:00:00  created        ONBOARD
                      +0 ms  codeIssued     USER_CREATED
                      +0 ms  tokenActive    TOKEN_GRANTED
                       +1 h  reauthorizing  REAUTHORIZE
                             waits: rateLimit, for attempt 1, until 2026-01-01 02:00:01"
    `);
    expect(() => expect(status).not.toBeInLifecycleState("reauthorizing")).toThrow(
      /^Expected user "ada" not to be in state reauthorizing\n\n {2}2026-01-01 00:00:00 {2}created/,
    );
  });

  it("stand for a user inside of other matchers", async () => {
    const { arrange } = await createTestLifecycle();
    const given: { user: UserStatus } = { user: await arrange("ada", "tokenActive") };
    expect(given).toEqual({ user: expect.toBeInLifecycleState("tokenActive") });
    expect(given).toEqual<typeof given>({ user: expect.not.toHaveVisited(["failed"]) });
    expect([given]).toContainEqual(expect.objectContaining({ user: expect.toHaveSpentCalls(0) }));
    // @ts-expect-error -- it is none of the states
    expect(() => expect(given).toEqual({ user: expect.toBeInLifecycleState("active") })).toThrow();
  });

  it("show a state that the user is in by the clock alone", async () => {
    const { lifecycle, clock } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    await clock.advance("119m");
    const status = await lifecycle.inspect("ada");
    expect(status).toHaveVisited(["tokenActive", "expiring"]);
    expect(
      failures(
        () => assertInState(status, "refreshed"),
        () => expect(status).toBeInLifecycleState("refreshed"),
      ),
    ).toMatchInlineSnapshot(`
      "Expected user "ada" to be in state refreshed, but it is in expiring

        2026-01-01 00:00:00  created      ONBOARD
                      +0 ms  codeIssued   USER_CREATED
                      +0 ms  tokenActive  TOKEN_GRANTED
                +1 h 49 min  expiring     by age"
    `);
  });

  it("show why a user failed", async () => {
    const { arrange } = await createTestLifecycle();
    const status = await arrange("ada", "failed");
    expect(
      failures(
        () => assertInState(status, "tokenActive"),
        () => expect(status).toBeInLifecycleState("tokenActive"),
      ),
    ).toMatchInlineSnapshot(`
      "Expected user "ada" to be in state tokenActive, but it is in failed

        2026-01-01 00:00:00  created  ONBOARD
                      +0 ms  failed   REFUSED
                             failed in created: refused (http_400)"
    `);
  });

  it("fail as assertions do, with both values and the line of the test", async () => {
    const { arrange } = await createTestLifecycle();
    const status = await arrange("ada", "failed");
    try {
      assertInState(status, "created");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(AssertionError);
      expect(error).toMatchObject({ actual: "failed", expected: "created", operator: "assertInState" });
      expect((error as Error).stack).toMatch(/\n {4}at .*assertions\.test\.ts/);
      expect((error as Error).stack).not.toContain("src/testing/assertions.ts");
    }
  });

  it("refuse what is no state, and list the states", async () => {
    const { lifecycle } = await createTestLifecycle();
    const ada = await lifecycle.onboard("ada");
    const mistyped = "tokenActiv" as "tokenActive"; // as JavaScript would pass it
    const says = /^Cannot check this: a state must be one of created, .*tokenActive.*, got "tokenActiv"$/;
    expect(() => assertInState(ada, mistyped)).toThrow(says);
    expect(() => expect(ada).toBeInLifecycleState(mistyped)).toThrow(says);
    expect(() => expect(ada).not.toBeInLifecycleState(mistyped)).toThrow(says);
    expect(() => expect(ada).not.toHaveVisited(["created", mistyped])).toThrow(says);
  });

  it("want a status and no promise of one", async () => {
    const { lifecycle } = await createTestLifecycle();
    const ada = lifecycle.onboard("ada");
    expect(() => expect(ada).toBeInLifecycleState("tokenActive")).toThrow(
      "Cannot check this: it must be what inspect() or onboard() resolves with, got a promise: await it first",
    );
    await expect(ada).resolves.toBeInLifecycleState("tokenActive");
    expect(() => expect(undefined).toHaveVisited(["created"])).toThrow(/got undefined$/);
  });
});

describe("the assertions of a status that came as JSON", () => {
  const asJson = (status: UserStatus): UserStatus => JSON.parse(JSON.stringify(status)) as UserStatus;

  it("pass and fail as those of the status itself", async () => {
    const { status } = await waiting();
    const json = asJson(status);
    assertInState(json, "reauthorizing");
    assertVisited(json, ["created", "reauthorizing"]);
    assertSpentCalls(json, 1);
    expect(json).toBeInLifecycleState("reauthorizing");
    const failing: ((one: UserStatus) => void)[] = [
      (one) => assertInState(one, "failed"),
      (one) => assertVisited(one, ["failed"]),
      (one) => assertSpentCalls(one, 7),
      (one) => expect(one).toBeInLifecycleState("failed"),
      (one) => expect(one).not.toHaveVisited(["created"]),
    ];
    for (const check of failing)
      expect(
        failures(
          () => check(json),
          () => check(status),
        ),
      ).toContain("waits: rateLimit, for attempt 1, until 2026-01-01 02:00:01");
    const { lifecycle, clock } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    await clock.advance("119m");
    const late = asJson(await lifecycle.inspect("ada"));
    expect(() => expect(late).toBeInLifecycleState("failed")).toThrow("+1 h 49 min  expiring     by age");
  });

  it.each([
    ["whose dates are no dates", (status: UserStatus) => ({ ...status, since: "yesterday" })],
    ["without the time of a step", (status: UserStatus) => ({ ...status, history: [{ to: "created" }] })],
    ["whose pause has another time", (status: UserStatus) => ({ ...status, pause: { until: {} } })],
    ["with its state alone", ({ state, history }: UserStatus) => ({ state, history })],
  ])("refuse one %s", async (_, spoilt) => {
    const { status } = await waiting();
    const says = "it must be what inspect() or onboard() resolves with, or all of that as JSON, got less";
    const given = asJson(spoilt(status) as UserStatus);
    expect(() => assertInState(given, "reauthorizing")).toThrow(says);
    expect(() => expect(given).not.toHaveVisited(["failed"])).toThrow(says);
  });
});

describe("assertVisited() and toHaveVisited()", () => {
  it("take the states in their order, with others between", async () => {
    const { status } = await waiting();
    assertVisited(status, ["created", "tokenActive", "reauthorizing"]);
    expect(status).toHaveVisited(["created", "codeIssued", "tokenActive", "reauthorizing"]);
    expect(status).toHaveVisited(["reauthorizing"]);
    expect(status).not.toHaveVisited(["tokenActive", "codeIssued"]);
    expect(status).not.toHaveVisited(["failed"]);
    const { history } = status;
    const long = { ...status, history: Array.from({ length: 12 }, () => history.at(-1)) };
    expect(() => expect(long).not.toHaveVisited(["failed"])).toThrow(
      /not to have visited failed, but only the last 12 steps are stored, so an earlier one may have been in failed\n/,
    );
    expect(() => expect(long).toHaveVisited(["failed"])).toThrow(
      /it did not reach failed; only the last 12 steps/,
    );
    expect(
      failures(
        () => assertVisited(status, ["created", "codeIssued", "failed"]),
        () => expect(status).toHaveVisited(["created", "codeIssued", "failed"]),
      ),
    ).toMatchInlineSnapshot(`
      "Expected user "ada" to have visited created → codeIssued → failed, but after codeIssued it did not reach failed

        2026-01-01 00:00:00  created        ONBOARD
                      +0 ms  codeIssued     USER_CREATED
                      +0 ms  tokenActive    TOKEN_GRANTED
                       +1 h  reauthorizing  REAUTHORIZE
                             waits: rateLimit, for attempt 1, until 2026-01-01 02:00:01"
    `);
  });
});

describe("assertVisited() and toHaveVisited(), of what is no list of states,", () => {
  it.each([
    ["tokenActive", '"tokenActive"'],
    [[], "an empty one"],
    [undefined, "undefined"],
  ])("refuse %j", async (given, got) => {
    const { lifecycle } = await createTestLifecycle();
    const ada = await lifecycle.onboard("ada");
    const states = given as []; // as JavaScript would pass it
    const says = new RegExp(
      `^Cannot check this: states must be a list of some of created, .*offboarded.*, got ${got}$`,
    );
    expect(() => assertVisited(ada, states)).toThrow(says);
    expect(() => expect(ada).toHaveVisited(states)).toThrow(says);
    expect(() => expect(ada).not.toHaveVisited(states)).toThrow(says);
  });
});

describe("assertSpentCalls() and toHaveSpentCalls()", () => {
  it("count the calls of one user, or all that reached the sandbox", async () => {
    const { world, status } = await waiting();
    const { journal } = world.sandbox;
    assertSpentCalls(status, 1);
    expect(status).toHaveSpentCalls({ token: 1 });
    expect(status).not.toHaveSpentCalls(2);
    assertSpentCalls(world.sandbox, { management: 2, token: 2, fhir: 0 });
    expect(journal).toHaveSpentCalls(2);
    expect(
      failures(
        () => assertSpentCalls(world.sandbox, { management: 3, token: 2 }),
        () => expect(world.sandbox).toHaveSpentCalls({ management: 3, token: 2 }),
      ),
    ).toMatchInlineSnapshot(`
      "Expected the application to have spent 3 management, 2 token calls, but it has spent 2 management, 2 token calls

        2026-01-01 00:00:00  createUser    ada  created
                      +0 ms  exchangeCode  ada  tokens
                      +0 ms  createUser    bob  created
                      +0 ms  exchangeCode  bob  tokens"
    `);
    expect(() => expect(status).toHaveSpentCalls(0)).toThrow(
      /^Expected user "ada" to have spent 0 management calls, but it has spent 1 management call\n\n {2}2026/,
    );
    journal.clear();
    expect(() => expect(journal).toHaveSpentCalls(1)).toThrow(/\n\n {2}no calls$/);
  });

  it("refuse what is not counted", async () => {
    const { status } = await waiting();
    expect(() => assertSpentCalls(status, { fhir: 0 })).toThrow(
      "Cannot count the calls: calls must be a number or some of { management, token }, got fhir",
    );
    expect(() => assertSpentCalls(status, {})).toThrow(/got none$/);
    const given: readonly [unknown, string][] = [
      ["1", 'calls must be a number or some of { management, token }, got "1"'],
      [null, "calls must be a number or some of { management, token }, got null"],
      [{ toString: 1 }, "calls must be a number or some of { management, token }, got toString"],
      [{ management: "1" }, 'management must be a whole number from 0, got "1"'],
      [Number.NaN, "management must be a whole number from 0, got NaN"],
    ];
    for (const [calls, says] of given) {
      expect(() => expect(status).toHaveSpentCalls(calls as number)).toThrow(
        `Cannot count the calls: ${says}`,
      );
      expect(() => expect(status).not.toHaveSpentCalls(calls as number)).toThrow(says);
    }
    expect(() => expect(3).toHaveSpentCalls(3)).toThrow(
      /must be a user's status, a sandbox or its journal, got number$/,
    );
  });
});
