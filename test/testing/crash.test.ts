import { isLifecycleError } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import {
  createTestLifecycle,
  type CrashPoint,
  type TestLifecycle,
  type TestLifecycleOptions,
} from "oneup-lifecycle/testing";
import "oneup-lifecycle/testing/vitest";
import { describe, expect, it } from "vitest";
import { folder } from "../support/scene.ts";

/** A small life: signs up, stores a resource, comes back two hours later, is let go. */
async function story({ lifecycle, clock }: Pick<TestLifecycle, "lifecycle" | "clock">): Promise<void> {
  await lifecycle.onboard("ada", { waitMs: 120_000 });
  await clock.advance("2h");
  await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
  await lifecycle.offboard("ada", { purge: true, waitMs: 120_000 });
}

/** The story with a crash at each point of one kind, told to its end by the next process. How many points there were. */
async function sweep(
  point: (nth: number) => CrashPoint,
  options: () => TestLifecycleOptions = () => ({}),
): Promise<number> {
  for (let nth = 1; ; nth++) {
    const world = await createTestLifecycle(options());
    try {
      await world.crash(point(nth), () => story(world));
    } catch (error) {
      if (!isLifecycleError(error, "INVALID_OPTION")) throw error;
      await world.close();
      return nth - 1;
    }
    expect(world.clock.timers).toBe(0);
    await world.restart();
    await story(world);
    const { journal } = world.sandbox;
    expect(await world.lifecycle.inspect("ada")).toMatchObject({ state: "offboarded", underWay: null });
    expect(journal.createdTwice()).toEqual([]);
    expect(journal.spent().management).toBeLessThanOrEqual(5); // told twice: two codes, two purges, and what the crash adds
    expect(journal.count("refreshToken") + journal.count("issueAuthCode")).toBeGreaterThan(0);
    await world.close();
  }
}

describe("crash()", () => {
  it.each([
    [(nth: number): CrashPoint => ({ before: "write", nth }), 10],
    [(nth: number): CrashPoint => ({ after: "write", nth }), 10],
    [(nth: number): CrashPoint => ({ before: "call", nth }), 7],
    [(nth: number): CrashPoint => ({ after: "call", nth }), 7],
  ])(
    "at every point of a story leaves a user with which the next process goes on (%#)",
    async (point, least) => {
      expect(await sweep(point)).toBeGreaterThanOrEqual(least);
    },
  );

  it("after a write comes after one that was made, not one that the store refused", async () => {
    const limit = { calls: 1, windowMs: 3_600_000 };
    const world = await createTestLifecycle({ sandbox: { limit } });
    await world.lifecycle.onboard("ada"); // takes the only slot
    await world.crash({ after: "write" }, () => world.lifecycle.onboard("bob"));
    await world.restart();
    expect(await world.lifecycle.inspect("bob")).toBeInLifecycleState("created");
    await world.close();
  });

  it("works with a store on disk", async () => {
    const options = (): TestLifecycleOptions => ({
      lifecycle: { store: lmdb(folder("testing")), encryption: { keys: ["00".repeat(32)] } },
    });
    expect(await sweep((nth) => ({ after: "write", nth }), options)).toBeGreaterThanOrEqual(10);
  });

  it("before a call sends nothing; after it 1upHealth has done it, and no process here knows", async () => {
    const world = await createTestLifecycle();
    await world.crash({ before: "createUser" }, () => world.lifecycle.onboard("ada"));
    expect(world.sandbox.users()).toEqual([]);
    expect(world.sandbox.journal.count()).toBe(0);
    await world.restart();
    await world.crash({ after: "issueAuthCode" }, () =>
      world.lifecycle.onboard("bob", { expect: "existing" }),
    );
    expect(world.sandbox.journal.entries()).toMatchObject([{ call: "issueAuthCode", outcome: "missing" }]);
    const lifecycle = await world.restart();
    expect(await lifecycle.inspect("bob")).toMatchObject({
      state: "reauthorizing",
      underWay: "issueAuthCode",
    });
  });

  it("after a refresh leaves a pair of tokens that no process has, and a fresh code brings the next one", async () => {
    const world = await createTestLifecycle();
    await world.arrange("ada", "expiring");
    await world.clock.advance("2h");
    await world.crash({ after: "refreshToken" }, () => world.lifecycle.accessToken("ada"));
    const lifecycle = await world.restart();
    expect(await lifecycle.onboard("ada")).toBeInLifecycleState("reauthorized");
    expect(world.sandbox).toHaveSpentCalls({ management: 1, token: 3 });
  });

  it("after a call whose answer is lost on the way comes all the same", async () => {
    const world = await createTestLifecycle();
    world.sandbox.fail({ call: "createUser", drop: "after" });
    await world.crash({ after: "createUser" }, () => world.lifecycle.onboard("ada"));
    const lifecycle = await world.restart();
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "created", underWay: "createUser" });
    expect(await lifecycle.onboard("ada")).toBeInLifecycleState("reauthorized");
    expect(world.sandbox.users()).toHaveLength(1);
  });

  it("counts calls by their names", async () => {
    const world = await createTestLifecycle();
    const { lifecycle, sandbox } = world;
    await world.crash({ before: "createUser", nth: 3 }, async () => {
      for (const id of ["ada", "bob", "eve"]) await lifecycle.onboard(id);
    });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada", "bob"]);
    expect(sandbox.journal.spent().management).toBe(2);
  });

  it("leaves calls under way without an answer, and refuses new ones", async () => {
    const { crash, lifecycle, clock, sandbox } = await createTestLifecycle({ sandbox: { latencyMs: 50 } });
    let heard = "nothing";
    void lifecycle.onboard("ada").finally(() => (heard = "something"));
    void lifecycle.work();
    await crash();
    await clock.advance("1d");
    expect(heard).toBe("nothing");
    expect(sandbox.journal.count()).toBe(0);
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(lifecycle.fhir("ada", "r4").read("Patient", "1")).rejects.toThrow(
      "Cannot continue: the process of this lifecycle has crashed; restart() returns the next one",
    );
    await expect(lifecycle.remote.find({ appUserId: "ada" })).rejects.toMatchObject({ code: "CLOSED" });
    await expect(lifecycle.budget.refresh()).rejects.toMatchObject({ code: "CLOSED" });
    await lifecycle.close();
  });

  it("fails if what is done ends before it comes to the point, or fails", async () => {
    const { crash, lifecycle } = await createTestLifecycle();
    await expect(crash({ before: "exchangeCode", nth: 2 }, () => lifecycle.onboard("ada"))).rejects.toThrow(
      'Cannot crash: the point must be one that `during` reaches before it ends, got "before exchangeCode number 2"',
    );
    await expect(crash({ after: "write" }, () => lifecycle.inspect("bob"))).rejects.toMatchObject({
      code: "USER_UNKNOWN",
    });
    const alone = crash as (point: CrashPoint) => Promise<void>; // as JavaScript would call it
    await expect(alone({ before: "write" })).rejects.toThrow(
      "Cannot crash: during must be a function that runs until then",
    );
    expect(await lifecycle.accessToken("ada")).toMatch(/^\w{40}$/);
  });
});

describe("crash(), of a point that will never come,", () => {
  it.each<[unknown, string]>([
    [null, "the point must be an object, got null"],
    [undefined, "Cannot crash: the point must have either before or after, got neither"],
    [{}, "the point must have either before or after, got neither"],
    [{ before: "call", after: "call" }, "the point must have either before or after, got both"],
    [{ before: "call", nht: 2 }, 'an option in the point must be a known one, got "nht": did you mean nth?'],
    [{ before: "call", nth: 0 }, "nth must be a whole number from 1"],
    [{ before: "call", nth: 1.5 }, "nth must be a whole number from 1"],
    [{ before: "findUser" }, "listUsers, updateUser, exchangeCode, refreshToken, fhir.create"],
    [{ after: "purge" }, 'fhir.exportFile, loginPage, unknown, got "purge"'],
  ])("refuses %j before anything is done", async (point, says) => {
    const { crash, lifecycle } = await createTestLifecycle();
    let begun = false;
    const died = crash(point as CrashPoint, () => (begun = true)); // as JavaScript would call it
    await expect(died).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(says),
    });
    expect(begun).toBe(false);
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it("reports an operation that takes no time", async () => {
    const { crash } = await createTestLifecycle();
    await expect(crash({ before: "call" }, () => "done")).rejects.toThrow(
      'reaches before it ends, got "before call number 1"',
    );
    await expect(
      crash({ before: "call" }, () => {
        throw new RangeError("thrown at once");
      }),
    ).rejects.toThrow(RangeError);
  });
});

describe("restart()", () => {
  it("takes as long as a lease lasts, after a crash, and no time otherwise", async () => {
    const world = await createTestLifecycle();
    const first = world.lifecycle;
    const second = await world.restart();
    expect(world.clock.monotonic()).toBe(0);
    expect(second).not.toBe(first);
    await expect(first.inspect("ada")).rejects.toMatchObject({ code: "CLOSED" });
    await world.crash();
    await world.restart();
    expect(world.clock.monotonic()).toBe(45_000);
  });

  it("can be faster than the lease of the users that the dead process ran", async () => {
    const world = await createTestLifecycle();
    await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
    const lifecycle = await world.restart({ after: "2s" });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: false, underWay: "exchangeCode" });
    expect(world.clock.monotonic()).toBe(32_000);
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive", usable: true });
  });
});
