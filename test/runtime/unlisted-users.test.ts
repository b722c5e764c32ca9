import { describe, expect, it } from "vitest";
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { afterwards, working, workingWorld } from "../support/scene.ts";
import { beside } from "../support/wrong-clock.ts";

const hour = 3_600_000;
const headers = { "content-type": "application/json" };
/** Answers of 1upHealth that list no user. */
const emptyLists: readonly (readonly [string, Fault])[] = [
  ["an empty list", { status: 200, body: "[]", headers }],
  ["an empty entry", { status: 200, body: { success: true, entry: [] } }],
  ["words", { status: 404, body: { success: false, error: "this user does not exist" } }],
];
const emptyList = emptyLists[1]?.[1] ?? {};
const versions = ["dstu2", "stu3", "r4"];

/** A world with a worker; `fails`: the call that is answered as if the user were not there. */
const world = (): Promise<TestLifecycle> => workingWorld();

const purges = ({ sandbox }: TestLifecycle) =>
  sandbox.journal.entries().filter(({ call, committed }) => call === "fhir.purge" && committed).length;

/** Renamed at 1upHealth, where nothing here hears of it. */
async function renamedThere({ sandbox }: TestLifecycle, from: string, to: string): Promise<void> {
  const oneupUserId = sandbox.users().find(({ appUserId }) => appUserId === from)?.oneupUserId;
  const { clientId, clientSecret } = sandbox.credentials;
  const url = new URL("/user-management/v1/user", "https://api.1up.health");
  const body = new URLSearchParams({ oneup_user_id: String(oneupUserId), app_user_id: to });
  await sandbox.fetch(
    new Request(url, { method: "PUT", body, headers: { client_id: clientId, client_secret: clientSecret } }),
  );
  expect(sandbox.users().map(({ appUserId }) => appUserId)).toContain(to);
}

describe("a purge of a user that 1upHealth knew, and does not list", () => {
  for (const [name, fault] of emptyLists)
    for (const times of [1, 2, 3, 6])
      it(`is carried out after ${times} of: ${name}`, async () => {
        const stage = await world();
        const { lifecycle, sandbox, clock } = stage;
        await lifecycle.onboard("ada");
        sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
        sandbox.fail({ call: "listUsers", times, ...fault });
        await lifecycle.offboard("ada", { purge: true, waitMs: 0 });
        await clock.advance("3h");
        expect(await lifecycle.inspect("ada")).toMatchObject({
          state: "offboarded",
          purge: { done: versions, left: [], skipped: null },
        });
        expect(purges(stage)).toBe(3);
        expect(sandbox.journal.count("listUsers"), "asked less and less often").toBe(times + 1);
      });

  it("asks by the number in both documented forms, and by the id", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "listUsers", times: Infinity, ...emptyList });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await clock.advance("10m");
    const asked = sandbox.journal.entries().filter(({ call }) => call === "listUsers");
    expect(asked.slice(0, 4).map(({ appUserId, oneupUserId }) => oneupUserId ?? appUserId)).toEqual([
      1001,
      1001,
      "ada",
      1001,
    ]);
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: "identifying",
      purge: { done: [], left: ["r4"], skipped: null },
      pause: { reason: "missing" },
    });
    expect(await lifecycle.explain("ada")).toMatch(/1upHealth does not list it, although it knew it before/);
  });

  it("is given up after a day of such answers, and says that it was asked for and not carried out", async () => {
    const stage = await world();
    const { lifecycle, sandbox, clock } = stage;
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "listUsers", times: Infinity, ...emptyList });
    await lifecycle.offboard("ada", { purge: true, waitMs: 0 });
    await clock.advance("23h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "identifying" });
    await clock.advance("12h");
    const gone = await lifecycle.inspect("ada");
    expect(gone).toMatchObject({
      state: "offboarded",
      oneupUserId: null,
      purge: { done: [], left: [], skipped: { versions, why: "userUnknown" } },
    });
    expect(sandbox.journal.count("listUsers")).toBeLessThan(20);
    expect(await lifecycle.offboard("ada")).toMatchObject({ purge: { skipped: { versions } } });
    expect(await lifecycle.explain("ada")).toMatch(
      /purge of dstu2, stu3, r4 was requested and never confirmed: 1upHealth did not know the user/,
    );
    expect((await lifecycle.history("ada")).at(-1)?.why).toMatch(
      /the purge that was requested was not carried out/,
    );
    sandbox.clearFaults();
    expect(
      await lifecycle.offboard("ada", { purge: true, waitMs: hour }),
      "asked for once more",
    ).toMatchObject({
      purge: { done: versions, left: [], skipped: null },
    });
    expect(purges(stage)).toBe(3);
  });

  it.each([-25, 25])("is not given up after minutes where a clock is %i h off", async (hours) => {
    const stage = await createTestLifecycle();
    afterwards(() => stage.close());
    const { lifecycle, sandbox, clock } = stage;
    const off = await beside(stage, hours * hour);
    await lifecycle.onboard("ada");
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    sandbox.fail({ call: "listUsers", times: Infinity, ...emptyList });
    const [first, next] = hours < 0 ? [off, lifecycle] : [lifecycle, off];
    const asked = first.offboard("ada", { purge: ["r4"], waitMs: 2_000 }).catch(() => null);
    await clock.advance("3s");
    await asked;
    expect(sandbox.journal.count("listUsers")).toBeGreaterThan(0);
    working(next);
    await clock.advance("30m");
    expect(sandbox.journal.count("listUsers")).toBeGreaterThan(5);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "identifying" });
    sandbox.clearFaults();
    await clock.advance("3h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: { done: ["r4"], skipped: null } });
  });

  it("is asked for at once by retry(), which does not make a shorter doubt of it", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "listUsers", times: 7, ...emptyList });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await clock.advance("40m");
    for (let times = 0; times < 3; times++) await lifecycle.retry("ada", { waitMs: 1_000 });
    await clock.advance("1m");
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: { done: ["r4"], skipped: null } });
  });

  it("goes on for one that the application adopted, and whose number nothing has confirmed", async () => {
    const stage = await world();
    const { lifecycle, sandbox, clock } = stage;
    const oneupUserId = sandbox.createUser("ada");
    sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    const access = { accessToken: "any", expiresAt: new Date(clock.now() + hour) };
    await lifecycle.adopt("ada", { oneupUserId, refreshToken: "any", ...access });
    sandbox.fail({ call: "listUsers", times: 3, ...emptyList });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await clock.advance("3h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: { done: ["r4"] } });
  });

  it("ends at once for one that was never there, and says so", async () => {
    const { lifecycle, sandbox } = await world();
    sandbox.fail({ call: "createUser", drop: "before" });
    await lifecycle.onboard("ada", { waitMs: 0 });
    expect(await lifecycle.offboard("ada", { purge: ["r4"], waitMs: hour })).toMatchObject({
      state: "offboarded",
      purge: { done: [], left: [], skipped: { versions: ["r4"], why: "userUnknown" } },
    });
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("tells a purge that was withdrawn from one that was never asked for", async () => {
    const { lifecycle, sandbox } = await world();
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    sandbox.fail({ call: "fhir.purge", times: Infinity, status: 503 });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 1_000 });
    expect(await lifecycle.offboard("ada")).toMatchObject({
      purge: { done: [], left: [], skipped: { versions: ["r4"], why: "withdrawn" } },
    });
    expect(await lifecycle.offboard("bob")).toMatchObject({ purge: null });
  });
});

describe("a user whose number is confirmed, and that an empty list does not name", () => {
  for (const [name, fault] of emptyLists)
    for (const times of [1, 2, 5])
      it(`is not created a second time after a rename there and ${times} of: ${name}`, async () => {
        const stage = await world();
        const { lifecycle, sandbox, clock } = stage;
        const { oneupUserId } = await lifecycle.onboard("ada");
        await renamedThere(stage, "ada", "new");
        sandbox.fail({ call: "listUsers", times, ...fault });
        await lifecycle.reauthorize("ada", { waitMs: 0 }).catch(() => {});
        await clock.advance("2h");
        expect(await lifecycle.onboard("new")).toMatchObject({ usable: true, oneupUserId });
        expect(sandbox.users()).toHaveLength(1);
        expect(sandbox.journal.count("createUser")).toBe(1);
      });

  it("is created again once it was gone for a day", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    sandbox.reset();
    await lifecycle.reauthorize("ada", { waitMs: 0 });
    await clock.advance("23h");
    expect(sandbox.journal.count("createUser")).toBe(0);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "locating", pause: { reason: "missing" } });
    await clock.advance("12h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ oneupUserId: expect.any(Number) });
    expect(sandbox.users()).toHaveLength(1);
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.count("listUsers")).toBeLessThan(20);
  });

  it("starts over at once where the application forgets it", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.reset();
    await lifecycle.reauthorize("ada", { waitMs: 0 });
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive" });
  });

  it("is known as well where it was adopted, and was granted a token", async () => {
    const stage = await world();
    const { lifecycle, sandbox, clock } = stage;
    const oneupUserId = sandbox.createUser("ada");
    const body = { access_token: "fresh", expires_in: 7_200, refresh_token: "next" };
    sandbox.fail({ call: "refreshToken", status: 200, body });
    await lifecycle.adopt("ada", { oneupUserId, refreshToken: "any" });
    expect(await lifecycle.accessToken("ada")).toBe("fresh");
    await renamedThere(stage, "ada", "new");
    sandbox.fail({ call: "listUsers", times: 2, ...emptyList });
    await lifecycle.reauthorize("ada", { waitMs: 0 }).catch(() => {});
    await clock.advance("2h");
    expect(sandbox.journal.count("createUser")).toBe(0);
  });

  it("gets its number replaced by none under its id: that would be another user", async () => {
    const { lifecycle, sandbox, clock } = await world();
    const { oneupUserId } = await lifecycle.onboard("ada");
    const other = { oneup_user_id: 4711, app_user_id: "ada", active: true };
    sandbox.fail({
      call: "listUsers",
      times: Infinity,
      status: 200,
      body: { success: true, entry: [other] },
    });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await clock.advance("1h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "identifying", oneupUserId });
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
  });
});

describe("a rename in doubt whose user an empty list does not name", () => {
  for (const times of [1, 2, 4])
    for (const drop of ["before", "after"] as const)
      it(`is found out after ${times} empty lists (dropped ${drop})`, async () => {
        const { lifecycle, sandbox, clock } = await world();
        const { oneupUserId } = await lifecycle.onboard("old");
        sandbox.fail({ call: "updateUser", drop });
        sandbox.fail({ call: "listUsers", times, ...emptyList });
        await lifecycle.rename("old", "new", { waitMs: 1_000 }).catch(() => {});
        await clock.advance("1h");
        const id = drop === "after" ? "new" : "old";
        expect(await lifecycle.inspect(id)).toMatchObject({ appUserId: id, oneupUserId, underWay: null });
        expect(await lifecycle.reauthorize(id)).toMatchObject({ usable: true });
        expect(sandbox.users()).toHaveLength(1);
      });

  it("ends after an hour and a half under the old id, where the next code finds the new one", async () => {
    const { lifecycle, sandbox, clock } = await world();
    const { oneupUserId } = await lifecycle.onboard("old");
    sandbox.fail({ call: "updateUser", drop: "after" });
    sandbox.fail({ call: "listUsers", times: Infinity, ...emptyList });
    await lifecycle.rename("old", "new", { waitMs: 1_000 }).catch(() => {});
    await clock.advance("30m");
    expect(await lifecycle.inspect("old")).toMatchObject({ state: "renameInDoubt" });
    await clock.advance("90m");
    expect(await lifecycle.inspect("old")).toMatchObject({ state: "expiring" });
    sandbox.clearFaults();
    await lifecycle.reauthorize("old").catch(() => {});
    expect(await lifecycle.onboard("new")).toMatchObject({ usable: true, oneupUserId });
    expect(sandbox.users()).toHaveLength(1);
  });

  it.each([1, 3])(
    "is undone by nothing where 429 was the answer to a rename that was carried out (%i)",
    async (times) => {
      const { lifecycle, sandbox, clock } = await world();
      const { oneupUserId } = await lifecycle.onboard("old");
      sandbox.fail({ call: "updateUser", status: 429, commit: true });
      await expect(lifecycle.rename("old", "new")).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await clock.advance("10m");
      sandbox.fail({ call: "listUsers", times, ...emptyList });
      await lifecycle.reauthorize("old", { waitMs: 0 }).catch(() => {});
      await clock.advance("1h");
      expect(await lifecycle.inspect("new")).toMatchObject({ usable: true, oneupUserId });
      expect(sandbox.users()).toHaveLength(1);
    },
  );
});
