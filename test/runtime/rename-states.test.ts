/** What else can be done with a user while it is renamed, and from which states it can be. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { newUser, readUser, writeUser } from "../../src/runtime/user/user.ts";
import type { Json } from "../../src/store/contract.ts";
import { sealerOf } from "../store/sample.ts";
import { afterwards, renamedThere, scene } from "../support/scene.ts";

const emptyList = { status: 200, body: { success: true, entry: [] } };

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ lifecycle: { refresh: { policy: "eager" }, cachedTokens: 0 } });
  afterwards(() => made.close());
  return made;
}

/** Renames ada to "new"; the answer is lost, and look-ups list no user. */
async function inDoubt({ lifecycle, sandbox }: TestLifecycle, drop: "before" | "after"): Promise<void> {
  sandbox.fail({ call: "updateUser", drop });
  sandbox.fail({ call: "listUsers", times: Infinity, ...emptyList });
  await expect(lifecycle.rename("ada", "new", { waitMs: 0 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
}

describe("a rename in doubt", () => {
  it("is decided by a look-up where a success names no user", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    // The server answers, and renames nothing.
    sandbox.fail({ call: "updateUser", status: 200, body: { success: true } });
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
    await lifecycle.rename("ada", "new");
    expect(await lifecycle.inspect("new")).toMatchObject({ usable: true });
    expect(sandbox.users()).toMatchObject([{ appUserId: "new" }]);
  });

  it("shows in the state, and the token works until it is decided", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    const { expiresAt } = await lifecycle.onboard("ada");
    const token = await lifecycle.accessToken("ada");
    await inDoubt(made, "after");
    void lifecycle.work();
    await clock.advance("10m");
    const status = await lifecycle.inspect("ada");
    expect(status).toMatchObject({ state: "renameInDoubt", usable: true, expiresAt, underWay: null });
    expect(status).toMatchObject({ pause: { reason: "missing" } });
    expect(await lifecycle.accessToken("ada")).toBe(token);
    expect(await lifecycle.counts()).toEqual({ renameInDoubt: 1 });
    sandbox.clearFaults();
    await clock.advance("30m");
    expect(await lifecycle.inspect("new")).toMatchObject({ state: "tokenActive", usable: true, expiresAt });
    const steps = (await lifecycle.history("new")).slice(2).map(({ event, to }) => `${event} ${to}`);
    expect([...new Set(steps)]).toEqual([
      "TOKEN_GRANTED tokenActive",
      "RENAME renaming",
      "IN_DOUBT renameInDoubt",
      "USER_MISSING renameInDoubt",
      "FOUND_ELSEWHERE tokenActive",
    ]);
  });

  it.each(["before", "after"] as const)(
    "is followed by the refresh of a token that came to its end meanwhile (%s)",
    async (drop) => {
      const made = await world();
      const { lifecycle, clock, sandbox } = made;
      void lifecycle.work();
      await made.arrange("ada", "tokenActive");
      await clock.advance("100m");
      await inDoubt(made, drop);
      await clock.advance("40m");
      expect(await lifecycle.inspect("ada")).toMatchObject({ state: "renameInDoubt", usable: false });
      sandbox.clearFaults();
      await clock.advance("1h");
      const id = drop === "after" ? "new" : "ada";
      expect(await lifecycle.inspect(id)).toMatchObject({ state: "refreshed", usable: true });
      expect(sandbox.journal.count("issueAuthCode")).toBe(0);
    },
  );

  it("does not keep reauthorize() from discarding the grant, and gets another one after it", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("ada");
    await inDoubt(made, "before");
    expect(await lifecycle.reauthorize("ada", { waitMs: 0 })).toMatchObject({
      state: "renameInDoubt",
      usable: false,
    });
    sandbox.clearFaults();
    expect(await lifecycle.onboard("ada", { waitMs: 3_600_000 })).toMatchObject({ state: "reauthorized" });
    expect(sandbox.journal.count("createUser")).toBe(1);
    await clock.advance(0);
  });

  it("is looked up at once by retry()", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("ada");
    await inDoubt(made, "before");
    await clock.advance("15m");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "renameInDoubt" });
    sandbox.clearFaults();
    await lifecycle.retry("ada");
    await clock.advance(0);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
  });

  it("moves a user to the id under which 1upHealth has it, whichever that is", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    stage.sandbox.fail({ call: "updateUser", drop: "after" });
    await expect(lifecycle.rename("ada", "new", { waitMs: 0 })).rejects.toThrow("Cannot rename");
    await renamedThere(stage, oneupUserId, "third");
    stage.sandbox.clock.advance(60_000);
    await lifecycle.resume();
    expect(await lifecycle.inspect("third")).toMatchObject({ oneupUserId, usable: true });
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ facts: { renamedTo: "third" } });
  });

  it("tells its caller the id under which 1upHealth has the user", async () => {
    const stage = await scene();
    const lifecycle = await stage.open({ timeoutMs: 200, graceMs: 800, leaseMs: 1_000 });
    const { oneupUserId } = await lifecycle.onboard("ada");
    await renamedThere(stage, oneupUserId, "third");
    stage.sandbox.fail({ call: "updateUser", drop: "before" });
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({
      code: "RENAMED",
      facts: { renamedTo: "third" },
    });
    expect(await lifecycle.inspect("third")).toMatchObject({ oneupUserId, usable: true });
  });

  it("is over before the user is offboarded, or onboarded again", async () => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    await made.arrange("ada", "offboarded");
    await inDoubt(made, "after");
    sandbox.clearFaults();
    await expect(lifecycle.onboard("ada", { waitMs: 3_600_000 })).rejects.toMatchObject({ code: "RENAMED" });
    expect(await lifecycle.inspect("new")).toMatchObject({ state: "offboarded" });
    await made.arrange("bob", "renameInDoubt");
    expect(await lifecycle.offboard("bob")).toMatchObject({ state: "offboarded" });
    expect(sandbox.journal.count("listUsers")).toBeGreaterThan(1);
  });
});

describe("rename()", () => {
  it.each(["tokenActive", "expiring", "refreshed", "reauthorized", "failed", "offboarded"] as const)(
    "leaves a user in %s",
    async (state) => {
      const { lifecycle, arrange, sandbox } = await world();
      await arrange("ada", state);
      const oneupUserId = (await lifecycle.inspect("ada")).oneupUserId;
      if (oneupUserId === null) {
        await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({ code: "USER_NOT_READY" });
        return;
      }
      await lifecycle.rename("ada", "new");
      expect(await lifecycle.inspect("new")).toMatchObject({ state, oneupUserId, conflict: null });
      expect(sandbox.journal.count()).toBe(1);
    },
  );

  it.each(["codeIssued", "locating", "identifying", "offboarding"] as const)(
    "refuses a user in %s for now",
    async (state) => {
      const { lifecycle, arrange, sandbox } = await world();
      await arrange("ada", state);
      await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({
        code: "USER_NOT_READY",
        retryable: true,
      });
      expect(sandbox.journal.count()).toBe(0);
    },
  );

  it("waits while an earlier refresh may still arrive, which is then repeated", async () => {
    const { lifecycle, arrange, sandbox, clock } = await world();
    await arrange("ada", "expiring");
    sandbox.fail({ call: "refreshToken", drop: "before" });
    await lifecycle.resume();
    const renamed = lifecycle.rename("ada", "new", { waitMs: 60_000 });
    await clock.advance(1_000);
    expect(sandbox.journal.count("updateUser")).toBe(0);
    await clock.advance("1m");
    expect(await renamed).toMatchObject({ appUserId: "new", usable: true });
    expect(await lifecycle.accessToken("new")).toEqual(expect.any(String));
  });
});

describe("a record of a rename", () => {
  const sealer = sealerOf(2, [new Uint8Array(32)]);
  const sound = { to: "new", from: "refreshed" };
  const read = (state: string, rename: unknown): unknown => {
    const written = writeUser(newUser("ada", "recovery", 0), sealer) as object; // a record is an object
    const value = { ...written, state, context: { rename } } as Json; // of any kind
    return readUser({ id: "ada", value, revision: 1, state, dueInMs: null, lane: null, lease: null }, sealer)
      .position;
  };

  it("is read where it names the new id and the state before", () => {
    expect(read("renameInDoubt", sound)).toMatchObject({
      state: "renameInDoubt",
      context: { rename: sound },
    });
  });

  it.each([
    ["renaming", null],
    ["renameInDoubt", { to: 1, from: "refreshed" }],
    ["renameInDoubt", { to: "new", from: "locating" }],
    ["renameInDoubt", { to: "new", from: "toString" }],
    ["renameInDoubt", "new"],
    ["refreshed", sound],
  ])("is damaged in %s with %j", (state, rename) => {
    expect(() => read(state, rename)).toThrow(expect.objectContaining({ code: "RECORD_DAMAGED" }));
  });
});
