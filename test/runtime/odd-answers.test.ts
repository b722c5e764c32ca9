import { describe, expect, it } from "vitest";
import { isLifecycleError } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { afterwards } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

const hour = 3_600_000;
const misleading = [
  [500, { message: "User service not found" }],
  [502, { error: 'relation "user" does not exist' }],
  [503, "upstream user: host not found"],
  [503, { success: false, error: "this user does not exist" }],
  [500, { message: "database connection already in use" }],
  [504, { success: false, error: "this user already exists" }],
  [408, { message: "this user does not exist" }],
  [425, { error: "user not found" }],
] as const;

async function world(options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  return made;
}

describe.each(misleading)("a %i whose words are %j", (status, body) => {
  it("creates no user a second time", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "issueAuthCode", times: 2, status, body });
    expect(await lifecycle.reauthorize("ada", { waitMs: hour })).toMatchObject({ usable: true });
    expect(sandbox.journal.count("createUser")).toBe(1);
    expect(sandbox.journal.count("listUsers"), "no user is looked up").toBe(0);
  });

  it("is no end of a purge", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "listUsers", times: 3, status, body });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"], left: [] },
    });
    expect(sandbox.journal.count("fhir.purge")).toBe(1);
  });

  it("decides no rename", async () => {
    const { lifecycle, sandbox } = await world();
    const { oneupUserId } = await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", status, body, commit: true });
    sandbox.fail({ call: "listUsers", times: 2, status, body });
    await lifecycle.rename("ada", "new", { waitMs: hour });
    expect(await lifecycle.inspect("new")).toMatchObject({ oneupUserId });
  });

  it("fails no user that is created", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "createUser", times: 1, status, body });
    expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ usable: true });
    expect(sandbox.users()).toHaveLength(1);
  });
});

describe("an answer about another user", () => {
  const bob = { success: true, code: "c0de", oneup_user_id: 4711, app_user_id: "bob", active: true };
  const warned = (): { readonly lines: string[]; readonly options: TestLifecycleOptions } => {
    const lines: string[] = [];
    const logger = warningsIn(lines);
    return { lines, options: { lifecycle: { logger } } };
  };

  it("to a create grants nothing, is reported without an id in clear, and the user gets its own grant", async () => {
    const { lines, options } = warned();
    const { lifecycle, sandbox } = await world(options);
    sandbox.fail({ call: "createUser", status: 200, body: bob, commit: true });
    const status = await lifecycle.onboard("ada", { waitMs: 1_000 });
    expect(status).toMatchObject({ usable: false, pause: { reason: "otherUsers" } });
    expect(status.oneupUserId).toBeNull();
    expect(sandbox.journal.count("exchangeCode")).toBe(0);
    expect(lines.join()).toMatch(/createUser for user #\w+ is about another user of 1upHealth/);
    expect(lines.join()).not.toMatch(/ada|bob|4711|c0de/);
    expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ usable: true });
    expect(sandbox.users()).toHaveLength(1);
  });

  it("to a request for a code replaces no user's number, and is repeated later and later", async () => {
    const { lines, options } = warned();
    const { lifecycle, sandbox } = await world(options);
    const { oneupUserId } = await lifecycle.onboard("ada");
    sandbox.fail({ call: "issueAuthCode", times: 1_000, status: 200, body: { ...bob, app_user_id: "ada" } });
    expect(await lifecycle.reauthorize("ada", { waitMs: 24 * hour })).toMatchObject({
      usable: false,
      oneupUserId,
      pause: { reason: "otherUsers" },
    });
    expect(sandbox.journal.count("exchangeCode")).toBe(1);
    expect(sandbox.journal.count("issueAuthCode")).toBeLessThan(20);
    expect(lines.length).toBe(sandbox.journal.count("issueAuthCode"));
  });

  it("to a rename is in doubt: the look-up decides", async () => {
    const { lifecycle, sandbox } = await world();
    const { oneupUserId } = await lifecycle.onboard("ada");
    const body = { oneUpUserId: 4711, success: true };
    sandbox.fail({ call: "updateUser", status: 200, body });
    await lifecycle.rename("ada", "new", { waitMs: hour }).catch((error: unknown) => {
      expect(isLifecycleError(error, "UNAVAILABLE")).toBe(true);
    });
    expect(await lifecycle.inspect("ada")).toMatchObject({ oneupUserId, underWay: null });
    await lifecycle.rename("ada", "new", { waitMs: hour });
    expect(await lifecycle.inspect("new")).toMatchObject({ oneupUserId });
  });
});

describe("a 400 without a reason", () => {
  const bodies = ["", "Bad Request", { message: "Bad Request" }, { success: false }, [], "null"] as const;

  it.each(bodies.map((body) => [body]))("(%j) is waited for, and the user goes on", async (body) => {
    const { lifecycle, sandbox } = await world();
    for (const call of ["createUser", "issueAuthCode"] as const) {
      sandbox.fail({ call, times: 2, status: 400, body });
      const asked = () =>
        call === "createUser"
          ? lifecycle.onboard("ada", { waitMs: 1_000 })
          : lifecycle.reauthorize("ada", { waitMs: 1_000 });
      expect(await asked()).toMatchObject({ failure: null, pause: { reason: "unexplained" } });
      expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ usable: true });
    }
  });

  it("fails the user once it has lasted a day, in a dozen calls; retry() starts over", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail({ call: "createUser", times: 1_000, status: 400, body: "" });
    const begun = clock.now();
    await expect(lifecycle.onboard("ada", { waitMs: 72 * hour })).rejects.toMatchObject({
      code: "USER_FAILED",
    });
    expect(clock.now() - begun).toBeGreaterThanOrEqual(24 * hour);
    const calls = sandbox.journal.count("createUser");
    expect(calls).toBeGreaterThanOrEqual(5);
    expect(calls).toBeLessThan(20);
    expect(await lifecycle.inspect("ada")).toMatchObject({ failure: { reason: "refused", why: "http_400" } });
    expect(await lifecycle.retry("ada", { waitMs: 1_000 })).toMatchObject({ failure: null });
  });

  it("is asked again at once by retry(), long before the day is over", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "createUser", times: 8, status: 400, body: "" });
    await lifecycle.onboard("ada", { waitMs: 3 * hour });
    const before = sandbox.journal.count("createUser");
    for (let call = before; call < 8; call++) await lifecycle.retry("ada", { waitMs: 1_000 });
    expect(await lifecycle.retry("ada", { waitMs: 1_000 })).toMatchObject({ usable: true });
  });

  it("to an exchange gives the code up for another one, and fails no user", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "exchangeCode", times: 4, status: 400, body: { message: "Bad Request" } });
    expect(await lifecycle.onboard("ada", { waitMs: 10 * hour })).toMatchObject({ usable: true });
  });

  it("to a purge or its look-up does not end it", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.purge", times: 2, status: 400, body: "" });
    sandbox.fail({ call: "listUsers", times: 2, status: 400, body: "" });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 10 * hour })).toMatchObject({
      purge: { done: ["r4"] },
    });
  });
});
