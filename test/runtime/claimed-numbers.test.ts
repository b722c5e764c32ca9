import { describe, expect, it } from "vitest";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { afterwards, spentOn } from "../support/scene.ts";

const hour = 3_600_000;
/** An access token that is not refreshed yet. */
const works = { refreshToken: "old", accessToken: "abc", expiresAt: new Date(Date.UTC(2100, 0)) };
const worksToo = { ...works, refreshToken: "old-too", accessToken: "abc-too" };
const conflict = { code: "USER_CONFLICT", retryable: false };

interface World extends TestLifecycle {
  /** The number of eve, a user of 1upHealth with a resource that this application does not know. */
  readonly eve: number;
}

async function world(options: TestLifecycleOptions = {}): Promise<World> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  const { lifecycle } = made;
  const { oneupUserId } = await lifecycle.onboard("eve");
  await lifecycle.fhir("eve", "r4").create({ resourceType: "Patient" }, { untilReadable: true });
  await lifecycle.offboard("eve");
  await lifecycle.forget("eve");
  return Object.assign(made, { eve: oneupUserId ?? 0 });
}

/** How many resources 1upHealth has, of all users. */
const resourcesOf = ({ sandbox }: TestLifecycle): number => sandbox.snapshot().resources.length;

describe("offboard({ purge }) of a user whose number only adopt() has named", () => {
  it("erases nothing where 1upHealth has the number under another id, and reports it", async () => {
    const stage = await world();
    const { lifecycle, sandbox, eve } = stage;
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    await expect(lifecycle.offboard("dan", { purge: true })).rejects.toMatchObject(conflict);
    expect(resourcesOf(stage)).toBe(1);
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
    expect(await lifecycle.inspect("dan")).toMatchObject({
      state: "failed",
      failure: { in: "offboarding", reason: "anotherUser", why: "its_number_has_another_app_user_id" },
      purge: { left: ["dstu2", "stu3", "r4"] },
    });
    expect(await lifecycle.explain("dan")).toContain("are two users of 1upHealth");
    for (const verb of ["onboard", "accessToken", "reauthorize"] as const)
      await expect(lifecycle[verb]("dan")).rejects.toMatchObject(conflict);
    expect(await lifecycle.offboard("dan")).toMatchObject({ state: "offboarded" });
    await expect(lifecycle.offboard("dan", { purge: ["r4"] })).rejects.toMatchObject(conflict);
    expect(resourcesOf(stage)).toBe(1);
  });

  it.each([
    ["another Unicode form", "zo\u00e9@x.example", "zoe\u0301@x.example"],
    ["a letter that looks the same", "\u212abob", "Kbob"],
    ["the percent-encoded form", "zoe%40x.example", "zoe@x.example"],
  ])("erases, reads and renames nothing of a user whose id is %s of its own", async (_, victim, other) => {
    const made = await createTestLifecycle();
    afterwards(() => made.close());
    const { lifecycle, sandbox } = made;
    const { oneupUserId } = await lifecycle.onboard(victim);
    await lifecycle.fhir(victim, "r4").create({ resourceType: "Patient" });
    await lifecycle.adopt(other, { oneupUserId: oneupUserId ?? 0, ...works });
    const reading = lifecycle.fhir(other, "r4", { as: "client" }).search("Patient");
    await expect(reading).rejects.toMatchObject(conflict);
    await expect(lifecycle.rename(other, "mallory")).rejects.toMatchObject(conflict);
    await expect(lifecycle.offboard(other, { purge: true })).rejects.toMatchObject(conflict);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual([victim]);
    expect(resourcesOf(made)).toBe(1);
  });

  it("erases nothing either where retry() finds that 1upHealth does not have its id", async () => {
    const stage = await world();
    const { lifecycle, sandbox, eve } = stage;
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    await expect(lifecycle.offboard("dan", { purge: true })).rejects.toMatchObject(conflict);
    for (let again = 0; again < 3; again++)
      await expect(lifecycle.retry("dan")).rejects.toMatchObject(conflict);
    expect(resourcesOf(stage)).toBe(1);
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
  });

  it("erases its own data once retry() has looked it up by its id", async () => {
    const stage = await world();
    const { lifecycle, eve, sandbox } = stage;
    const { oneupUserId: own } = await lifecycle.onboard("dan");
    await lifecycle.fhir("dan", "r4").create({ resourceType: "Patient" });
    await lifecycle.offboard("dan");
    await lifecycle.forget("dan");
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    await expect(lifecycle.offboard("dan", { purge: ["r4"] })).rejects.toMatchObject(conflict);
    expect(resourcesOf(stage)).toBe(2);
    expect(await lifecycle.retry("dan")).toMatchObject({
      state: "offboarded",
      oneupUserId: own,
      purge: { done: ["r4"], left: [] },
    });
    expect((await lifecycle.history("dan")).map(({ event }) => event)).toContain("NUMBER_CORRECTED");
    expect(sandbox.snapshot().resources).toEqual([expect.objectContaining({ owner: eve })]);
  });

  it.each([["stranger"], ["U230"], ["%7530"], ["a\u0000b"], [null], [undefined]])(
    "erases nothing where the answer names %j",
    async (named) => {
      const stage = await world();
      const { lifecycle, sandbox, eve } = stage;
      await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
      const entry = [{ oneup_user_id: eve, app_user_id: named, active: true }];
      sandbox.fail({ call: "listUsers", times: 99, status: 200, body: { success: true, entry } });
      const leaving = lifecycle.offboard("dan", { purge: true, waitMs: hour });
      if (typeof named === "string") await expect(leaving).rejects.toMatchObject(conflict);
      else expect(await leaving).toMatchObject({ state: "identifying", pause: { reason: "unexplained" } });
      expect(resourcesOf(stage)).toBe(1);
    },
  );

  it("looks for the user by its id where 1upHealth does not have the number: its data do not stay behind in silence", async () => {
    const stage = await world();
    const { lifecycle, eve } = stage;
    await lifecycle.adopt("eve", { oneupUserId: 999_999, ...works });
    expect(await lifecycle.offboard("eve", { purge: ["r4"] })).toMatchObject({
      oneupUserId: eve,
      purge: { done: ["r4"] },
    });
    expect(resourcesOf(stage)).toBe(0);
  });

  it("costs the one look-up that every purge costs where the number is right", async () => {
    const stage = await world();
    const { lifecycle, sandbox, eve } = stage;
    await lifecycle.adopt("eve", { oneupUserId: eve, ...works });
    expect(await lifecycle.offboard("eve", { purge: ["r4"] })).toMatchObject({ purge: { done: ["r4"] } });
    expect(resourcesOf(stage)).toBe(0);
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("erases nothing of a user whose number a code's answer named falsely, as long as the code brought no token", async () => {
    const stage = await world();
    const { lifecycle, sandbox, eve } = stage;
    const body = { success: true, code: "nothing", oneup_user_id: eve, app_user_id: "dan", active: true };
    sandbox.fail({ call: "issueAuthCode", status: 200, body });
    sandbox.fail({ call: "exchangeCode", times: 9, status: 503 });
    await lifecycle.onboard("dan", { expect: "existing", waitMs: 1_000 });
    expect(await lifecycle.inspect("dan")).toMatchObject({ oneupUserId: eve, usable: false });
    await expect(lifecycle.offboard("dan", { purge: true })).rejects.toMatchObject(conflict);
    expect(resourcesOf(stage)).toBe(1);
  });

  it("goes by a number that an own code has confirmed, under whatever id it stands", async () => {
    const stage = await world();
    const { lifecycle, sandbox, eve } = stage;
    await lifecycle.adopt("eve", { oneupUserId: eve, refreshToken: "revoked" });
    expect(await lifecycle.accessToken("eve", { waitMs: hour })).toHaveLength(40);
    await lifecycle.fhir("eve", "r4").create({ resourceType: "Patient" });
    const { users, ...rest } = sandbox.snapshot();
    const renamed = users.map((user) =>
      user.oneupUserId === eve ? { ...user, appUserId: "elsewhere" } : user,
    );
    sandbox.restore({ ...rest, users: renamed });
    expect(await lifecycle.offboard("eve", { purge: ["r4"] })).toMatchObject({ purge: { done: ["r4"] } });
    expect(resourcesOf(stage)).toBe(0);
  });
});

describe("a number that only adopt() has named", () => {
  it("is not followed to another user's id", async () => {
    const { lifecycle, eve } = await world();
    await expect(lifecycle.adopt("dan", { oneupUserId: eve, refreshToken: "old" })).rejects.toMatchObject({
      code: "USER_FAILED",
    });
    await expect(lifecycle.inspect("eve")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await lifecycle.inspect("dan")).toMatchObject({
      state: "failed",
      failure: { in: "reauthorizing", reason: "anotherUser" },
    });
  });

  it("gives no other user another id by rename(), which asks first, once", async () => {
    const { lifecycle, sandbox, eve } = await world();
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    await expect(lifecycle.rename("dan", "daniel")).rejects.toMatchObject(conflict);
    expect(sandbox.journal.count("updateUser")).toBe(0);
    expect(sandbox.users()).toEqual([expect.objectContaining({ appUserId: "eve" })]);
    expect(await lifecycle.inspect("dan")).toMatchObject({ usable: true, underWay: null });

    await lifecycle.adopt("eve", { oneupUserId: eve, ...worksToo });
    await lifecycle.rename("eve", "eva", { waitMs: 0 });
    await lifecycle.rename("eva", "evelyn");
    expect(spentOn(sandbox, "eve").filter((call) => call === "listUsers").length).toBeLessThanOrEqual(2);
    expect(sandbox.journal.count("listUsers")).toBe(2);
    expect(sandbox.users()).toEqual([expect.objectContaining({ appUserId: "evelyn" })]);
  });

  it("opens no other user's record to FHIR as the client, which asks first, once", async () => {
    const { lifecycle, sandbox, eve } = await world();
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    const before = sandbox.journal.count();
    const fhir = lifecycle.fhir("dan", "r4", { as: "client" });
    await expect(fhir.search("Patient")).rejects.toMatchObject(conflict);
    expect(sandbox.journal.count()).toBe(before + 1);

    await lifecycle.adopt("eve", { oneupUserId: eve, ...worksToo });
    for (let again = 0; again < 3; again++)
      expect((await lifecycle.fhir("eve", "r4", { as: "client" }).search("Patient")).resources).toHaveLength(
        1,
      );
    expect(sandbox.journal.count("listUsers")).toBe(2);
  });

  it("is asked for once by concurrent calls, and none is ended by another one's signal", async () => {
    const { lifecycle, sandbox, clock, eve } = await world({ autoAdvance: false });
    await lifecycle.adopt("eve", { oneupUserId: eve, ...works });
    sandbox.fail({ call: "listUsers", delayMs: 1_000 });
    const fhir = lifecycle.fhir("eve", "r4", { as: "client" });
    const first = new AbortController();
    const calls = Array.from({ length: 20 }, (_, nth) =>
      fhir.search("Patient", {}, nth === 0 ? { signal: first.signal } : {}),
    );
    const ended = Promise.allSettled(calls);
    await clock.advance(500); // it is under way
    first.abort();
    await clock.advance("5s");
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", ...Array(19).fill("fulfilled")]);
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("is not asked for once no caller waits any more", async () => {
    const limits = { management: { calls: 1, windowMs: hour } };
    const { lifecycle, sandbox, clock, eve } = await world({ lifecycle: { limits } });
    await lifecycle.adopt("eve", { oneupUserId: eve, ...works });
    const both = new AbortController();
    const fhir = lifecycle.fhir("eve", "r4", { as: "client" });
    const calls = [1, 2].map(() => fhir.search("Patient", {}, { signal: both.signal, retries: 0 }));
    const ended = Promise.allSettled(calls);
    await new Promise(setImmediate);
    both.abort();
    expect((await ended).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await clock.advance(2 * hour);
    expect(sandbox.journal.count("listUsers")).toBe(0);
  });

  it("moves no record by reconcile(): it may be another user's", async () => {
    const { lifecycle, eve } = await world();
    await lifecycle.adopt("dan", { oneupUserId: eve, ...works });
    const { repaired } = await lifecycle.reconcile({ repair: ["move"] });
    expect(repaired).toMatchObject({ moved: 0, left: 1 });
    expect(await lifecycle.inspect("dan")).toMatchObject({ usable: true });
  });
});

describe("reconcile() with repair", () => {
  it("moves no user to an id whose user was forgotten here, as rename() does not", async () => {
    const { lifecycle, sandbox } = await world();
    const { oneupUserId } = await lifecycle.onboard("ada");
    const { users, ...rest } = sandbox.snapshot();
    const renamed = users.map((user) => ({
      ...user,
      appUserId: user.oneupUserId === oneupUserId ? "eve" : "elsewhere",
    }));
    sandbox.restore({ ...rest, users: renamed });
    const { repaired } = await lifecycle.reconcile({ repair: ["move"] });
    expect(repaired).toMatchObject({ moved: 0, left: 1 });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, oneupUserId });
  });
});
