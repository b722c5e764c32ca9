import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import {
  afterwards,
  heldBack,
  hurry,
  scene,
  spentOn,
  untilPaused,
  working,
  type Scene,
} from "../support/scene.ts";

/** An hour of a clock that hurries. */
const waitMs = 3_600_000;

/** A user with so many resources of each version. */
async function withData({ sandbox, open }: Scene, id = "ada", each = 3): Promise<void> {
  const lifecycle = await open();
  await lifecycle.onboard(id);
  for (const version of ["dstu2", "stu3", "r4"] as const) {
    for (let n = 0; n < each; n++) await lifecycle.fhir(id, version).create({ resourceType: "Patient" });
  }
  expect(sandbox.journal.count("fhir.create")).toBe(3 * each);
}

/** The FHIR versions that were purged, in order, and how each call ended. */
function purges({ sandbox }: Scene): readonly string[] {
  return sandbox.journal
    .entries()
    .filter(({ call }) => call === "fhir.purge")
    .map(({ path, outcome }) => `${path.slice(1, -"/purge".length)} ${outcome}`);
}

describe("offboard()", () => {
  it("erases the secrets at once, makes no call, and can be called again", async () => {
    const adapter = memory();
    const { sandbox, open } = await scene();
    const lifecycle = await open({ store: adapter });
    await lifecycle.onboard("ada");
    const calls = sandbox.journal.count();
    for (let again = 0; again < 2; again++) {
      expect(await lifecycle.offboard("ada")).toMatchObject({
        state: "offboarded",
        usable: false,
        purge: null,
        oneupUserId: expect.any(Number),
      });
    }
    expect(sandbox.journal.count()).toBe(calls);
    const { history } = await lifecycle.inspect("ada");
    expect(history.filter(({ event }) => event === "OFFBOARDED")).toHaveLength(1);
    const account = accountOf(sandbox.credentials.clientId);
    const store = await adapter.open({ account, clock: sandbox.clock });
    const loaded = await store.load("ada");
    expect(loaded).toMatchObject({ type: "record", record: { dueInMs: null, value: { sealed: null } } });
  });

  it("leaves no token in memory: accessToken() and fhir() reject, and onboard() starts over with a code", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    await lifecycle.accessToken("ada");
    await lifecycle.offboard("ada");
    const code = "USER_OFFBOARDED";
    await expect(lifecycle.accessToken("ada")).rejects.toMatchObject({ code, retryable: false });
    const create = lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    await expect(create).rejects.toMatchObject({ code });
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "reauthorized", usable: true });
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "issueAuthCode"]);
  });

  it("refuses an unknown user, an old id, and unknown options", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await expect(lifecycle.offboard("nobody")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "new");
    await expect(lifecycle.offboard("ada")).rejects.toMatchObject({ code: "RENAMED" });
    for (const options of [{ purge: [] }, { purge: ["r5"] }, { purge: "r4" }, { purges: true }]) {
      await expect(lifecycle.offboard("new", options as object)).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
    expect(await lifecycle.inspect("new")).toMatchObject({ usable: true });
  });
});

describe("offboard({ purge })", () => {
  it("erases every version, by the client's credentials, and asks only once for what is erased", async () => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    const done = ["dstu2", "stu3", "r4"];
    expect(await lifecycle.offboard("ada", { purge: true })).toMatchObject({
      state: "offboarded",
      purge: { done, left: [] },
    });
    await lifecycle.offboard("ada", { purge: true });
    await lifecycle.offboard("ada", { purge: ["r4"] });
    expect(purges(stage)).toEqual(done.map((version) => `${version} purged`));
    await lifecycle.onboard("ada");
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: null });
  });

  it("erases the versions it is asked for, also of a user who was offboarded before", async () => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    await lifecycle.offboard("ada", { purge: ["r4"] });
    expect(await lifecycle.offboard("ada", { purge: ["r4", "dstu2"] })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4", "dstu2"], left: [] },
    });
    expect(purges(stage)).toEqual(["r4 purged", "dstu2 purged"]);
  });

  it("erases versions that were added after the process of a smaller purge had died", async () => {
    const world = await createTestLifecycle();
    await world.lifecycle.onboard("ada");
    await world.crash({ before: "fhir.purge" }, () => world.lifecycle.offboard("ada", { purge: ["r4"] }));
    const lifecycle = await world.restart();
    afterwards(() => world.close());
    expect(await lifecycle.offboard("ada", { purge: true, waitMs })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4", "dstu2", "stu3"], left: [] },
    });
  });

  it("continues where 1upHealth stops, until it reports that it is done", async () => {
    const stage = await scene({ purgeBatch: 2 });
    await withData(stage, "ada", 5);
    const lifecycle = await stage.open();
    const begun = await lifecycle.offboard("ada", { purge: ["stu3", "r4"], waitMs: 0 });
    expect(begun).toMatchObject({ state: "identifying", purge: { done: [], left: ["stu3", "r4"] } });
    await expect(lifecycle.accessToken("ada")).rejects.toMatchObject({ code: "USER_OFFBOARDED" });
    hurry(stage.sandbox);
    expect(await lifecycle.offboard("ada", { purge: ["stu3", "r4"], waitMs })).toMatchObject({
      state: "offboarded",
      purge: { done: ["stu3", "r4"], left: [] },
    });
    const cut = (version: string): string[] => [`${version} cut`, `${version} cut`, `${version} purged`];
    expect(purges(stage)).toEqual([...cut("stu3"), ...cut("r4")]);
  });

  it.each([
    { drop: "before" },
    { drop: "after" },
    { status: 500 },
    { status: 504, commit: true },
    { status: 200, commit: true, body: '{"success":tr' },
    { status: 200, body: { success: false, error: "try again" } },
  ] as const)("asks again when the answer that it was done was lost (%o)", async (fault) => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    stage.sandbox.fail({ call: "fhir.purge", ...fault });
    hurry(stage.sandbox);
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs })).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"] },
    });
    expect(purges(stage).length).toBe(2);
  });

  it("does not ask again while a purge may still arrive: it would erase what the user has later", async () => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    stage.sandbox.fail({ call: "fhir.purge", drop: "after" });
    const now = stage.sandbox.clock.now();
    const status = await untilPaused(lifecycle, "ada", (wait) =>
      lifecycle.offboard("ada", { purge: ["r4"], ...wait }),
    );
    expect(status).toMatchObject({ state: "offboarding", pause: { reason: "unavailable" } });
    expect(status.pause?.until?.getTime()).toBeGreaterThanOrEqual(now + 10_000);
    stage.sandbox.clock.advance(9_000);
    await lifecycle.resume();
    expect(purges(stage)).toHaveLength(1);
  });

  it("is finished by a worker, and onboard() waits for that", async () => {
    const stage = await scene({ purgeBatch: 1 });
    await withData(stage, "ada", 4);
    const lifecycle = await stage.open();
    await lifecycle.offboard("ada", { purge: true, waitMs: 0 });
    working(await stage.open());
    hurry(stage.sandbox);
    expect(await lifecycle.onboard("ada", { waitMs })).toMatchObject({ state: "reauthorized" });
    expect(purges(stage).filter((one) => one.endsWith("purged"))).toHaveLength(3);
  });

  it("without purge ends one that is under way", async () => {
    const stage = await scene({ purgeBatch: 1 });
    await withData(stage);
    const lifecycle = await stage.open();
    stage.sandbox.fail({ call: "fhir.purge", status: 503 });
    await lifecycle.offboard("ada", { purge: true, waitMs: 100 });
    expect(await lifecycle.offboard("ada")).toMatchObject({
      state: "offboarded",
      purge: { done: [], left: [], skipped: { versions: ["dstu2", "stu3", "r4"], why: "withdrawn" } },
    });
    await lifecycle.resume();
    expect(purges(stage)).toHaveLength(1);
  });

  it("waits, visibly, while 1upHealth refuses the credentials for it, and costs no other user anything", async () => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    stage.sandbox.fail({ call: "fhir.purge", status: 401, body: {} });
    const status = await untilPaused(lifecycle, "ada", (wait) =>
      lifecycle.offboard("ada", { purge: ["r4"], ...wait }),
    );
    expect(status).toMatchObject({ state: "offboarding", pause: { reason: "credentials" } });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    hurry(stage.sandbox);
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs })).toMatchObject({ state: "offboarded" });
  });

  it("fails where 1upHealth refuses to purge, and retry() goes back there", async () => {
    const stage = await scene();
    await withData(stage);
    const lifecycle = await stage.open();
    stage.sandbox.fail({
      call: "fhir.purge",
      status: 400,
      body: { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "forbidden" }] },
    });
    await expect(lifecycle.offboard("ada", { purge: true })).rejects.toMatchObject({ code: "USER_FAILED" });
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: "failed",
      failure: { in: "offboarding", reason: "refused" },
      purge: { done: [], left: ["dstu2", "stu3", "r4"] },
    });
    expect(await lifecycle.retry("ada")).toMatchObject({ state: "offboarded", purge: { left: [] } });
  });

  it("reads the list where 1upHealth does not state that it has no such user: no purge is skipped silently", async () => {
    const stage = await scene();
    await withData(stage, "ada", 1);
    const lifecycle = await stage.open();
    for (const body of [{ success: false }, { success: false, error: "no" }]) {
      stage.sandbox.fail({ call: "listUsers", status: 400, body });
      expect(await lifecycle.offboard("ada", { purge: true })).toMatchObject({
        state: "offboarded",
        purge: { left: [] },
      });
      expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    }
    expect(purges(stage)).toHaveLength(6);
  });
});

describe("offboard() of a user who may not exist at 1upHealth", () => {
  const limits = { management: { calls: 10, windowMs: 3_600_000 } };
  const times = { graceMs: 3_000 };

  it("while its create may still arrive: onboard() waits that long before it looks it up, and creates no user twice", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits, ...times });
    sandbox.fail({ call: "createUser", drop: "after" });
    await heldBack(lifecycle, "ada");
    expect(await lifecycle.offboard("ada")).toMatchObject({
      state: "offboarded",
      pause: { reason: "unavailable" },
    });
    const asked = sandbox.journal.count();
    expect(await lifecycle.onboard("ada", { waitMs: 100 })).toMatchObject({ usable: false });
    expect(sandbox.journal.count()).toBe(asked);
    hurry(sandbox);
    expect(await lifecycle.onboard("ada", { waitMs })).toMatchObject({ usable: true });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.users()).toHaveLength(1);
  });

  it.each(["before", "after"] as const)(
    "purges the user that its create in doubt has made, and none if it made none (%s)",
    async (drop) => {
      const stage = await scene();
      const lifecycle = await stage.open({ limits, ...times });
      stage.sandbox.fail({ call: "createUser", drop });
      await heldBack(lifecycle, "ada");
      const early = await lifecycle.offboard("ada", { purge: true, waitMs: 0 });
      expect(early).toMatchObject({ state: "identifying", pause: { reason: "unavailable" } });
      stage.sandbox.fail({ call: "listUsers", status: 503 });
      hurry(stage.sandbox);
      const gone = await lifecycle.offboard("ada", { purge: true, waitMs });
      const done = drop === "after" ? ["dstu2", "stu3", "r4"] : [];
      expect(gone).toMatchObject({
        state: "offboarded",
        oneupUserId: drop === "after" ? expect.any(Number) : null,
      });
      const skipped = { versions: ["dstu2", "stu3", "r4"], why: "userUnknown" };
      expect(gone.purge).toEqual({ done, left: [], skipped: drop === "after" ? null : skipped });
      expect(purges(stage)).toHaveLength(done.length);
      expect(stage.sandbox.users()).toHaveLength(drop === "after" ? 1 : 0);
    },
  );

  it("ends the wait in a lane of one who was never created", async () => {
    const stage = await scene({ limit: { calls: 1 } });
    const lifecycle = await stage.open({ limits: { management: { calls: 1, windowMs: 3_600_000 } } });
    await lifecycle.onboard("ada");
    expect(await lifecycle.onboard("bob", { waitMs: 0 })).toMatchObject({ state: "created" });
    await vi.waitFor(async () => expect((await lifecycle.forecast()).ahead).toBe(1));
    expect(await lifecycle.offboard("bob")).toMatchObject({ state: "offboarded", pause: null });
    expect((await lifecycle.forecast()).ahead).toBe(0);
  });

  it("purging a user that waits for a slot: the intent is durable, and 1upHealth is asked, not made to register it", async () => {
    const stage = await scene({ limit: { calls: 1 } });
    const lifecycle = await stage.open({ limits: { management: { calls: 1, windowMs: 3_600_000 } } });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob", { waitMs: 0 });
    const early = await lifecycle.offboard("bob", { purge: true, waitMs: 0 });
    expect(early).toMatchObject({ state: "identifying", purge: { left: ["dstu2", "stu3", "r4"] } });
    stage.sandbox.clock.advance(2 * 3_600_000 + 1_000);
    await lifecycle.resume();
    expect(spentOn(stage.sandbox, "bob")).not.toContain("createUser");
    const gone = await lifecycle.inspect("bob");
    expect(gone).toMatchObject({ state: "offboarded", oneupUserId: null });
    expect(gone.purge).toMatchObject({ done: [], left: [], skipped: { why: "userUnknown" } });
    expect(purges(stage)).toEqual([]);
  });

  it("before any call for it: onboard() of it costs one call, as if it were new", async () => {
    const { sandbox, open } = await scene();
    const tight = await open({ limits: { management: { calls: 1, windowMs: 3_600_000 } } });
    await tight.onboard("ada");
    await tight.onboard("bob", { waitMs: 0 });
    await tight.offboard("bob");
    await tight.onboard("eve", { expect: "existing", waitMs: 0 });
    await tight.offboard("eve");
    sandbox.clock.advance(2 * 3_600_000 + 1_000);
    const lifecycle = await open();
    await lifecycle.account.setLimits({ management: { calls: 300, windowMs: 3_600_000 } });
    expect(await lifecycle.onboard("bob")).toMatchObject({ state: "tokenActive", usable: true });
    expect(spentOn(sandbox, "bob")).toEqual(["createUser"]);
    await lifecycle.onboard("eve");
    expect(spentOn(sandbox, "eve")[0]).toBe("issueAuthCode");
  });
});

describe("onboard() of a user whose data are being erased", () => {
  it("rejects once its time is over, with an error that can be retried", async () => {
    const stage = await scene({ purgeBatch: 1 });
    await withData(stage);
    const lifecycle = await stage.open();
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    const code = "USER_OFFBOARDED";
    const early = lifecycle.onboard("ada", { waitMs: 0 });
    await expect(early).rejects.toMatchObject({ code, retryable: true });
    await expect(lifecycle.accessToken("ada")).rejects.toMatchObject({ code, retryable: false });
    hurry(stage.sandbox);
    expect(await lifecycle.onboard("ada", { waitMs })).toMatchObject({ state: "reauthorized" });
  });
});
