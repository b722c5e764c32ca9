import { AssertionError } from "node:assert";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import {
  assertInState,
  assertNoSecrets,
  assertSpentCalls,
  assertVisited,
  createTestLifecycle,
} from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import type { UserStatus } from "oneup-lifecycle";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";

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

/** What a failing assertion says: the same, thrown or matched. */
function failures(asserts: () => void, matches: () => void): string {
  const said = [asserts, matches].map((fails) => {
    try {
      fails();
    } catch (error) {
      return (error as Error).message; // anything else would fail below
    }
    return "nothing failed";
  });
  expect(said[0]).toBe(said[1]);
  return said[0] ?? "";
}

describe("assertInState() and toBeInLifecycleState()", () => {
  it("say where the user is, how it came there, and what it waits for", async () => {
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
      "Expected user "ada" to be in state reauthorized, and it is in reauthorizing

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
      "Expected user "ada" to be in state refreshed, and it is in expiring

        2026-01-01 00:00:00  created      ONBOARD
                      +0 ms  codeIssued   USER_CREATED
                      +0 ms  tokenActive  TOKEN_GRANTED
                +1 h 49 min  expiring     by its age"
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
      "Expected user "ada" to be in state tokenActive, and it is in failed

        2026-01-01 00:00:00  created  ONBOARD
                      +0 ms  failed   REFUSED
                             failed in created: refused (invalid_request)"
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

describe("assertVisited() and toHaveVisited()", () => {
  it("take the states in their order, with others between", async () => {
    const { status } = await waiting();
    assertVisited(status, ["created", "tokenActive", "reauthorizing"]);
    expect(status).toHaveVisited(["created", "codeIssued", "tokenActive", "reauthorizing"]);
    expect(status).toHaveVisited(["reauthorizing"]);
    expect(status).not.toHaveVisited(["tokenActive", "codeIssued"]);
    expect(status).not.toHaveVisited(["failed"]);
    expect(
      failures(
        () => assertVisited(status, ["created", "codeIssued", "failed"]),
        () => expect(status).toHaveVisited(["created", "codeIssued", "failed"]),
      ),
    ).toMatchInlineSnapshot(`
      "Expected user "ada" to have visited created → codeIssued → failed, and after codeIssued it did not come to failed

        2026-01-01 00:00:00  created        ONBOARD
                      +0 ms  codeIssued     USER_CREATED
                      +0 ms  tokenActive    TOKEN_GRANTED
                       +1 h  reauthorizing  REAUTHORIZE
                             waits: rateLimit, for attempt 1, until 2026-01-01 02:00:01"
    `);
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
      "Expected the application to have spent 3 management, 2 token calls, and it has spent 2 management, 2 token

        2026-01-01 00:00:00  createUser    ada  created
                      +0 ms  exchangeCode  ada  tokens
                      +0 ms  createUser    bob  created
                      +0 ms  exchangeCode  bob  tokens"
    `);
    expect(() => expect(status).toHaveSpentCalls(0)).toThrow(
      /^Expected user "ada" to have spent 0 management calls, and it has spent 1 management\n\n {2}2026/,
    );
    journal.clear();
    expect(() => expect(journal).toHaveSpentCalls(1)).toThrow(/\n\n {2}no call at all$/);
  });

  it("refuse what nobody counts", async () => {
    const { status } = await waiting();
    expect(() => assertSpentCalls(status, { fhir: 0 })).toThrow(
      "Cannot count the calls: calls must be a number or some of { management, token }, got fhir",
    );
    expect(() => assertSpentCalls(status, {})).toThrow(/got none$/);
    expect(() => expect(3).toHaveSpentCalls(3)).toThrow(
      /must be a user's status, a sandbox or its journal, got number$/,
    );
  });
});

describe("assertNoSecrets() and toContainNoSecrets()", () => {
  /** Each secret of a sandbox. */
  function secrets(sandbox: Sandbox): readonly string[] {
    const { grants, credentials } = sandbox.snapshot();
    return [
      credentials.clientSecret,
      ...grants.codes.map(({ code }) => code),
      ...grants.accessTokens.map(({ token }) => token),
      ...grants.refreshTokens.map(({ token }) => token),
    ];
  }

  const hidingPlaces: readonly [string, (secret: string) => unknown][] = [
    ["a text", (secret) => `GET /x Bearer ${secret}\n`],
    ["bytes", (secret) => Buffer.from(`..${secret}..`)],
    ["base64", (secret) => Buffer.from(secret).toString("base64")],
    ["a Basic header", (secret) => `Basic ${Buffer.from(`a:${secret}`).toString("base64")}`],
    ["base64 of more", (secret) => Buffer.from(JSON.stringify({ at: 1, secret })).toString("base64")],
    ["an error", (secret) => new Error(`refused ${secret}`)],
    ["the cause of an error", (secret) => new Error("refused", { cause: new Error(secret) })],
    [
      "a field of an error",
      (secret) => Object.assign(new Error("refused"), { request: { headers: { secret } } }),
    ],
    ["a key", (secret) => ({ a: [{ [secret]: 1 }] })],
    ["a map in a set", (secret) => new Set([new Map([["token", secret]])])],
    ["what JSON shows", (secret) => ({ [inspect.custom]: () => "[redacted]", toJSON: () => ({ secret }) })],
    ["a circle", (secret) => Object.assign([] as unknown[], [secret]).concat({ big: 1n })],
    ["deep down", (secret) => ({ a: { b: { c: { d: { e: { f: { g: secret } } } } } } })],
  ];

  it.each(hidingPlaces)("find every secret in %s", async (_, hide) => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    await world.clock.advance("2h");
    await world.lifecycle.accessToken("ada");
    const all = secrets(world.sandbox);
    expect(all.length).toBeGreaterThanOrEqual(6);
    for (const secret of all) {
      const given = hide(secret);
      expect(() => assertNoSecrets(given)).toThrow(AssertionError);
      const said = failures(
        () => assertNoSecrets(given),
        () => expect(given).toContainNoSecrets(),
      );
      expect(said).not.toContain(secret);
      expect(given).not.toContainNoSecrets(world.sandbox);
    }
    await world.close();
  });

  it("find none where there is none", async () => {
    const world = await createTestLifecycle();
    const status = await world.lifecycle.onboard("ada");
    const circle: unknown[] = [status, world.sandbox.journal.entries(), await world.lifecycle.health()];
    circle.push(circle);
    for (const value of [status, circle, "", null, undefined, new Error("refused"), world.lifecycle])
      expect(value).toContainNoSecrets();
    const store = await world.store.open({ account: "other", clock: world.clock });
    expect(await store.counts()).toContainNoSecrets();
    await world.close();
  });

  it("say what was found and where, without it", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    const token = await world.lifecycle.accessToken("ada");
    const logged = { level: "info", headers: { authorization: `Bearer ${token}` }, client: "sandbox-secret" };
    expect(
      failures(
        () => assertNoSecrets(logged),
        () => expect(logged).toContainNoSecrets(),
      ),
    ).toMatchInlineSnapshot(`
      "Expected to find no secret, and found

        the client secret: …n: 'Bearer █████' }, client: '█████' }…
        an access token of "ada": …ers: { authorization: 'Bearer █████' }, client: '█████' }…"
    `);
    await world.close();
  });

  it("refuse to look where nothing could be found", async () => {
    const another = "../../src/testing/secrets-in.ts?another"; // here, tests may have left theirs open
    const fresh = (await import(
      /* @vite-ignore */ another
    )) as typeof import("../../src/testing/secrets-in.ts");
    const { sandbox } = await createTestLifecycle();
    const end = fresh.lookInto(sandbox);
    expect(fresh.secretsIn("text")).toEqual([]);
    end();
    expect(() => fresh.secretsIn("text")).toThrow(
      "Cannot look for secrets: a test lifecycle must be open, or a sandbox be given, whose secrets they are",
    );
    assertNoSecrets("text", sandbox);
  });
});
