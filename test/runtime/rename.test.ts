import { inspect } from "node:util";
import { isLifecycleError, type Clock, type Lifecycle, type LifecycleError } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { altered } from "../support/altered.ts";
import { afterwards, heldBack, hurry, scene, spentOn } from "../support/scene.ts";

/** Its methods, to be taken apart. */
function asClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    timer: (ms, task) => clock.timer(ms, task),
    random: () => clock.random(),
  };
}

const minute = 60_000;

/** Renames ada to "new", and the answer is lost. */
async function renameUnheard(sandbox: Sandbox, lifecycle: Lifecycle): Promise<void> {
  await lifecycle.onboard("ada");
  sandbox.fail({ call: "updateUser", drop: "after" });
  await expect(lifecycle.rename("ada", "new", { waitMs: 0 })).rejects.toMatchObject({ retryable: true });
}

describe("rename()", () => {
  it("gives the user another id, here and at 1upHealth, and keeps its token", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    const token = await lifecycle.accessToken("ada");
    expect(await lifecycle.rename("ada", "ada+new@example.org")).toMatchObject({
      appUserId: "ada+new@example.org",
      oneupUserId,
    });
    expect(await lifecycle.accessToken("ada+new@example.org")).toBe(token);
    expect(sandbox.users()).toEqual([{ oneupUserId, appUserId: "ada+new@example.org", active: true }]);
    for (const call of [lifecycle.inspect("ada"), lifecycle.onboard("ada"), lifecycle.accessToken("ada")]) {
      await expect(call).rejects.toMatchObject({
        code: "RENAMED",
        facts: { renamedTo: "ada+new@example.org" },
      });
      const error: unknown = await call.catch((error: unknown) => error);
      expect(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`).not.toContain("ada+new");
    }
    expect(await lifecycle.rename("ada+new@example.org", "ada")).toMatchObject({ appUserId: "ada" });
  });

  it("refuses an id that another user has, here or at 1upHealth, and changes nothing", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob");
    sandbox.createUser("eve");
    for (const taken of ["bob", "eve"]) {
      await expect(lifecycle.rename("ada", taken)).rejects.toMatchObject({ code: "USER_CONFLICT" });
    }
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, underWay: null });
  });

  it("makes no call for an id that was taken while it waited for a slot", async () => {
    const limits = { management: { calls: 2, windowMs: 60 * minute } };
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle({
      lifecycle: { limits },
      autoAdvance: false,
    });
    afterwards(close);
    const { oneupUserId } = await lifecycle.onboard("ann");
    await lifecycle.onboard("bob"); // the limit is used up
    const renaming = lifecycle
      .rename("ann", "smith", { waitMs: 120 * minute })
      .catch((error: unknown) => error);
    await clock.advance("1m");
    await lifecycle.onboard("smith", { waitMs: 0 }); // another person signs up
    await clock.advance("2h");
    expect(await renaming).toMatchObject({ code: "USER_CONFLICT" });
    expect(sandbox.journal.count("updateUser")).toBe(0);
    await lifecycle.resume();
    expect((await lifecycle.inspect("smith")).oneupUserId).not.toBe(oneupUserId);
    expect(await lifecycle.inspect("ann")).toMatchObject({ oneupUserId, underWay: null });
  });

  it.each(["before", "after"] as const)(
    "finds out what became of a call whose answer is lost (%s)",
    async (drop) => {
      const { sandbox, open } = await scene();
      const lifecycle = await open();
      await lifecycle.onboard("ada");
      sandbox.fail({ call: "updateUser", drop });
      hurry(sandbox);
      const renamed = await lifecycle.rename("ada", "new").then(
        () => true,
        (error: { code: string }) => error.code,
      );
      expect(renamed).toBe(drop === "after" ? true : "UNAVAILABLE");
      const name = drop === "after" ? "new" : "ada";
      expect(await lifecycle.inspect(name)).toMatchObject({ usable: true, underWay: null });
      expect(sandbox.users().map((user) => user.appUserId)).toEqual([name]);
      expect(spentOn(sandbox, "ada")[0]).toBe("createUser");
    },
  );
});

describe("rename() at a shut gate", () => {
  it("is one call that tries when the time has come, and opens it", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    for (const id of ["ada", "bob", "cleo"]) await lifecycle.onboard(id);
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "60" } });
    await lifecycle.onboard("dora", { waitMs: 0 });
    await vi.waitFor(async () => expect((await lifecycle.health()).shut).toHaveLength(1));
    sandbox.clock.advance(61_000);
    sandbox.fail({ call: "updateUser", delayMs: 100 });
    const renames = ["ada", "bob", "cleo"].map((id) => lifecycle.rename(id, `${id} anew`, { waitMs: 0 }));
    const ended = (await Promise.allSettled(renames)).map(({ status }) => status);
    expect(ended.sort()).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(sandbox.journal.count("updateUser")).toBe(1);
    expect((await lifecycle.health()).shut).toEqual([]);
  });
});

describe("rename() and remote behind a shut gate", () => {
  it.each([
    ["refused", { status: 401, body: { error: "invalid_client" } }, "CREDENTIALS_REFUSED", false],
    ["blocked", { status: 403, body: "no" }, "FORBIDDEN", true],
    ["throttled", { status: 429, body: "", headers: { "retry-after": "600" } }, "RATE_LIMITED", true],
    ["down", { status: 503, body: "" }, "UNAVAILABLE", true],
  ] as const)("tell what it is shut for, and until when: %s", async (_, fault, code, retryable) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    for (const call of ["createUser", "issueAuthCode", "listUsers"] as const)
      sandbox.fail({ call, times: Infinity, ...fault });
    const wait = { waitMs: 0 };
    const many = Array.from({ length: 8 }, (_, n) => lifecycle.onboard(`user ${n}`, wait));
    await Promise.allSettled(many);
    await vi.waitFor(async () => expect((await lifecycle.health()).shut).toHaveLength(1));
    const [{ until } = { until: null }] = (await lifecycle.health()).shut;
    const leftMs = (until?.getTime() ?? 0) - sandbox.clock.now();
    for (const ask of [
      () => lifecycle.rename("ada", "new", wait),
      () => lifecycle.remote.find({ appUserId: "eve" }),
    ]) {
      const error = await ask().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, retryable, failedCall: { status: fault.status } });
      const { retryAfterMs } = error as LifecycleError; // its code is
      if (retryable) expect(retryAfterMs).toBeCloseTo(leftMs, -3);
      else expect(retryAfterMs).toBeUndefined();
    }
    expect(sandbox.journal.count("updateUser")).toBe(0);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive" });
  });
});

describe("rename() in doubt", () => {
  it("waits until the call can no longer arrive before it believes that nothing happened", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ timeoutMs: 200, graceMs: 800, leaseMs: 1_000 });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", delayMs: 600 }); // answered too late, and carried out later still
    expect(await lifecycle.rename("ada", "new")).toMatchObject({ appUserId: "new" });
    expect(await lifecycle.reauthorize("new")).toMatchObject({ usable: true });
    expect(sandbox.users()).toHaveLength(1);
  });

  it("waits for the store's clock, and not for that of a process four minutes behind the one that began", async () => {
    const { sandbox, open } = await scene();
    const { clock } = sandbox;
    const adapter = memory();
    const store = { ...adapter, open: (its: { account: string }) => adapter.open({ ...its, clock }) };
    const opened = (skewMs: number) =>
      open({ store, clock: { ...asClock(clock), now: () => clock.now() + skewMs }, graceMs: 5_000 });
    const fast = await opened(120_000);
    const slow = await opened(-120_000);
    await fast.onboard("ada");
    sandbox.fail({ call: "updateUser", drop: "after" });
    await expect(fast.rename("ada", "new", { waitMs: 0 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await slow.resume();
    expect((await slow.inspect("ada")).state, "it may still arrive").toBe("renameInDoubt");
    clock.advance(5_000);
    await slow.resume();
    expect(await slow.inspect("new")).toMatchObject({ underWay: null });
  });

  it("delays no other user where the store fails while it probes a shut gate", async () => {
    const { sandbox, open } = await scene();
    let isAway = false;
    const store = altered(memory(), ({ commit }) => ({
      commit: (write) =>
        isAway && write.take !== undefined ? Promise.reject(new Error("away")) : commit(write),
    }));
    const lifecycle = await open({ store, graceMs: 1_000 });
    await renameUnheard(sandbox, lifecycle);
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "600" } });
    await heldBack(lifecycle, "bob");
    sandbox.clock.advance(600_000);
    isAway = true;
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    isAway = false;
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
  });

  it("loses no answer though the store fails to take note of its slot", async () => {
    const { sandbox, open } = await scene();
    const store = altered(memory(), ({ slots }) => ({
      slots: { ...slots, settle: () => Promise.reject(new Error("away")) },
    }));
    const lifecycle = await open({ store, graceMs: 1_000 });
    await renameUnheard(sandbox, lifecycle);
    sandbox.clock.advance(1_000);
    await lifecycle.resume();
    expect(await lifecycle.inspect("new")).toMatchObject({ underWay: null });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("asks later and later while 1upHealth does not answer, and leaves the slots to others", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await renameUnheard(sandbox, lifecycle);
    sandbox.fail({ call: "listUsers", times: 1_000, status: 503, body: "" });
    for (let second = 0; second < 1_800; second++) {
      sandbox.clock.advance(1_000);
      await lifecycle.resume();
    }
    expect(sandbox.journal.count("listUsers")).toBeLessThan(40);
    sandbox.clearFaults();
    sandbox.clock.advance(20 * minute);
    await lifecycle.resume();
    expect(await lifecycle.inspect("new")).toMatchObject({ underWay: null, usable: true });
  });

  it("asks again soon, however long it was in doubt, by whatever clock", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await renameUnheard(sandbox, lifecycle);
    sandbox.clock.advance(121 * minute);
    sandbox.fail({ call: "listUsers", times: 2, status: 503, body: "" });
    for (const longestMs of [0, 1_000, 2_000]) {
      sandbox.clock.advance(longestMs);
      await lifecycle.resume();
    }
    expect(await lifecycle.onboard("new")).toMatchObject({ state: "refreshed", usable: true });
    expect(sandbox.journal.count("listUsers")).toBe(3);
  });

  it("is decided within a minute once a gate is opened again", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await renameUnheard(sandbox, lifecycle);
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "86400" } });
    await heldBack(lifecycle, "bob");
    sandbox.clock.advance(minute);
    await lifecycle.resume(); // meets the gate
    await lifecycle.account.reopen();
    sandbox.clock.advance(minute + 1_000);
    await lifecycle.resume();
    expect(await lifecycle.inspect("new")).toMatchObject({ underWay: null });
  });

  it("without a free slot leaves the worker to others, and ends with its wait", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 3, windowMs: 3_600_000 } };
    // A call that a busy machine delays for longer would take the slot of the rename.
    const times = { timeoutMs: 20_000, graceMs: 50, leaseMs: 21_000 };
    const lifecycle = await open({ limits, ...times, refresh: { policy: "eager" } });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob");
    sandbox.fail({ call: "updateUser", drop: "after" });
    const unclear = lifecycle.rename("ada", "new", { waitMs: 60_000 }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(sandbox.journal.count("updateUser")).toBe(1));
    sandbox.clock.advance(60_000);
    expect(await unclear).toMatchObject({ code: "UNAVAILABLE" });
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal, concurrency: 1 });
    sandbox.clock.advance(1.9 * 3_600_000); // the slots are free again as well
    await vi.waitFor(async () => expect((await lifecycle.inspect("new")).usable).toBe(true), 5_000);
    await vi.waitFor(async () => expect((await lifecycle.inspect("bob")).state).toBe("refreshed"), 5_000);
    stop.abort();
    await working;
  });
});

describe("rename() to an id that is taken here in the same moment", () => {
  it("rejects, keeps the grant, and shows it in every status", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const other = await open();
    await lifecycle.onboard("ada");
    const token = await lifecycle.accessToken("ada");
    sandbox.fail({ call: "updateUser", delayMs: 3_000 });
    const renaming = lifecycle.rename("ada", "new");
    await vi.waitFor(async () => expect((await other.inspect("ada")).underWay).toBe("updateUser"));
    sandbox.fail({ call: "createUser", drop: "before" });
    await other.onboard("new", { waitMs: 0 });
    sandbox.clock.advance(3_000);
    await expect(renaming).rejects.toMatchObject({ code: "USER_CONFLICT", retryable: false });
    expect(await lifecycle.inspect("ada")).toMatchObject({
      usable: true,
      underWay: null,
      conflict: "idTaken",
    });
    expect(await lifecycle.accessToken("ada")).toBe(token);
    const asked = sandbox.journal.count();
    await lifecycle.resume();
    expect(sandbox.journal.count("updateUser") + sandbox.journal.count("listUsers")).toBe(1);
    expect(sandbox.journal.count()).toBe(asked);
  });

  it("while it is in doubt, is decided once and not asked about for ever", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await renameUnheard(sandbox, lifecycle);
    sandbox.fail({ call: "createUser", drop: "before" });
    await lifecycle.onboard("new", { waitMs: 0 });
    hurry(sandbox, 500);
    await vi.waitFor(async () => {
      await lifecycle.resume();
      expect(await lifecycle.inspect("ada")).toMatchObject({ underWay: null, conflict: "idTaken" });
    });
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({ code: "USER_CONFLICT" });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });
});

describe("a user whose number another user here has, since a rename", () => {
  it("is not renamed again: a purge under its third id would erase the other one's data", async () => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle();
    afterwards(close);
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", drop: "after" });
    sandbox.fail({ call: "listUsers", status: 503, times: 2 });
    await expect(lifecycle.rename("ada", "eve", { waitMs: 100 })).rejects.toMatchObject({ retryable: true });
    await lifecycle.onboard("eve");
    sandbox.addResources("eve", "r4", [{ resourceType: "Basic" }]);
    for (let hour = 0; hour < 4; hour++) {
      await clock.advance(60 * minute);
      await lifecycle.resume();
    }
    expect(await lifecycle.inspect("ada")).toMatchObject({ conflict: "idTaken" });
    await expect(lifecycle.rename("ada", "cy")).rejects.toMatchObject({
      code: "USER_CONFLICT",
      message: expect.stringContaining("another user here has its number") as string,
    });
    expect(sandbox.users()).toMatchObject([{ appUserId: "eve" }]);
    await expect(lifecycle.offboard("ada", { purge: true })).rejects.toMatchObject({ code: "USER_CONFLICT" });
    expect((await lifecycle.fhir("eve", "r4").search("Basic")).resources).toHaveLength(1);
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    expect(await lifecycle.inspect("eve")).toMatchObject({ usable: true, conflict: null });
  });
});

describe("rename() that 1upHealth refuses", () => {
  it.each([
    [{ status: 400, body: { success: false, error: "app_user_id is not allowed" } }, "BAD_ANSWER", false],
    [{ status: 429, body: { message: "Too Many Requests" } }, "RATE_LIMITED", true],
    [{ status: 401, body: { message: "Unauthorized" } }, "CREDENTIALS_REFUSED", false],
  ] as const)("rejects with the reason (%o) and changes nothing", async (fault, code, retryable) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", ...fault });
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject({ code, retryable });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, underWay: null });
  });
});

describe.each([false, true])("a former id, hidden ids: %s", (hideIds) => {
  it("leads to its own user, and never to another that has got an id in between", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { hideIds } });
    const whereTo = async (id: string): Promise<unknown> => {
      const error: unknown = await lifecycle.inspect(id).catch((refused: unknown) => refused);
      if (!isLifecycleError(error, "RENAMED")) throw new Error("not renamed");
      return error.facts["renamedTo"];
    };
    await lifecycle.onboard("ann-1");
    await lifecycle.rename("ann-1", "ann-2");
    await lifecycle.rename("ann-2", "ann-3");
    expect([await whereTo("ann-1"), await whereTo("ann-2")]).toEqual(["ann-3", "ann-3"]);
    await lifecycle.onboard("bob-1");
    await lifecycle.rename("bob-1", "ann-2"); // the address has another owner
    expect([await whereTo("ann-1"), await whereTo("bob-1")]).toEqual([undefined, "ann-2"]);
    await expect(lifecycle.onboard("ann-1")).rejects.toThrow(/which one is not known/);
    await lifecycle.offboard("ann-2");
    await lifecycle.forget("ann-2");
    expect(await whereTo("ann-1")).toBeUndefined();
    expect((await lifecycle.inspect("ann-3")).usable).toBe(true);
    await lifecycle.offboard("ann-3");
    await lifecycle.forget("ann-3");
    await expect(lifecycle.inspect("ann-1")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("that a user has again leads nowhere else", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { hideIds } });
    await lifecycle.onboard("ann-1");
    await lifecycle.rename("ann-1", "ann-2");
    await lifecycle.rename("ann-2", "ann-1");
    expect((await lifecycle.inspect("ann-1")).usable).toBe(true);
    await expect(lifecycle.inspect("ann-2")).rejects.toMatchObject({ facts: { renamedTo: "ann-1" } });
  });
});
