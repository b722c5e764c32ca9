import { describe, expect, it, vi } from "vitest";
import { renamedThere, scene, untilPaused, type Scene } from "../support/scene.ts";

/** Two users here who are one there, because it was renamed to the id of a newcomer; that one's id there is its own. */
async function twoInOne(stage: Scene) {
  const lifecycle = await stage.open();
  await lifecycle.onboard("bystander");
  const { oneupUserId } = await lifecycle.onboard("ada");
  await renamedThere(stage, oneupUserId, "newcomer");
  expect(await lifecycle.onboard("newcomer")).toMatchObject({ oneupUserId, usable: true });
  return {
    lifecycle,
    renamed: { type: "renamed", appUserId: "ada", thereAppUserId: "newcomer", oneupUserId },
  };
}

describe("reconcile() tells of a user whose number has another id there", () => {
  it("that is one here, of the same number, and moves nothing", async () => {
    const { lifecycle, renamed } = await twoInOne(await scene());
    const report = await lifecycle.reconcile({ repair: true });
    expect(report.differences).toEqual([renamed]);
    expect(report.repaired).toEqual({ adopted: 0, moved: 0, left: 1 });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });

  it("that belonged to a user who was forgotten here", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const gone = await lifecycle.onboard("gone");
    const { oneupUserId } = await lifecycle.onboard("ada");
    await lifecycle.offboard("gone");
    await lifecycle.forget("gone");
    await renamedThere(stage, gone.oneupUserId, "elsewhere");
    await renamedThere(stage, oneupUserId, "gone");
    const { differences } = await lifecycle.reconcile();
    expect(differences).toContainEqual({
      type: "renamed",
      appUserId: "ada",
      thereAppUserId: "gone",
      oneupUserId,
    });
  });

  it("that waits here without a number", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    stage.sandbox.fail({ call: "createUser", drop: "before" });
    expect(await lifecycle.onboard("waiting", { waitMs: 0 })).toMatchObject({ oneupUserId: null });
    await renamedThere(stage, oneupUserId, "waiting");
    const { differences } = await lifecycle.reconcile();
    expect(differences).toEqual([
      { type: "renamed", appUserId: "ada", thereAppUserId: "waiting", oneupUserId },
    ]);
  });

  it("but not of one that rename() gave another id while the list was read", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const names = ["ada", "bob", "carl", "dan"];
    for (const name of names) await lifecycle.onboard(name);
    sandbox.fail({ call: "listUsers", delayMs: 100, times: 9 });
    let renaming: Promise<unknown> | null = null;
    const report = await lifecycle.reconcile({
      pageSize: 1,
      everyMs: 10,
      onProgress: ({ there }) => {
        if (there >= 1) renaming ??= lifecycle.rename("ada", "augusta");
      },
    });
    await renaming;
    expect(report).toMatchObject({ complete: true, differences: [] });
  });
});

describe("a user that 1upHealth gave an id that another user has here", () => {
  it("is not purged though nothing here shows it, and the other one is when requested", async () => {
    const stage = await scene();
    const { lifecycle } = await twoInOne(stage);
    await lifecycle.fhir("newcomer", "r4").create({ resourceType: "Patient" });
    const conflict = { code: "USER_CONFLICT", retryable: false };
    await expect(lifecycle.offboard("ada", { purge: true })).rejects.toMatchObject(conflict);
    expect(stage.sandbox.snapshot().resources).toHaveLength(1);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "failed", failure: { reason: "idTaken" } });
    await expect(lifecycle.offboard("ada", { purge: true })).rejects.toMatchObject(conflict);
    for (const verb of ["retry", "onboard", "accessToken"] as const)
      await expect(lifecycle[verb]("ada")).rejects.toMatchObject(conflict);
    expect(await lifecycle.offboard("ada")).toMatchObject({ state: "offboarded", conflict: "idTaken" });
    expect(await lifecycle.inspect("newcomer")).toMatchObject({ usable: true });
    await lifecycle.offboard("newcomer", { purge: true });
    expect(stage.sandbox.snapshot().resources).toEqual([]);
  });

  it("is not purged either if that one came while the purge waited", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    stage.sandbox.fail({ call: "fhir.purge", status: 503 });
    const begun = await untilPaused(lifecycle, "ada", (wait) =>
      lifecycle.offboard("ada", { purge: ["r4"], ...wait }),
    );
    expect(begun).toMatchObject({ state: "offboarding", pause: { reason: "unavailable" } });
    await renamedThere(stage, oneupUserId, "newcomer");
    expect(await lifecycle.onboard("newcomer")).toMatchObject({ oneupUserId, usable: true });
    stage.sandbox.clock.advance(24 * 3_600_000);
    await lifecycle.resume();
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "failed", conflict: "idTaken" });
    expect(stage.sandbox.snapshot().resources).toHaveLength(1);
  });

  it("is purged once that one was let go, or if there is none", async () => {
    const stage = await scene();
    const { lifecycle } = await twoInOne(stage);
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    await lifecycle.offboard("newcomer");
    expect(await lifecycle.offboard("ada", { purge: ["r4"] })).toMatchObject({ purge: { done: ["r4"] } });
    expect(stage.sandbox.snapshot().resources).toEqual([]);
    const { oneupUserId } = await lifecycle.inspect("bystander");
    await renamedThere(stage, oneupUserId, "elsewhere");
    await lifecycle.fhir("bystander", "r4").create({ resourceType: "Patient" });
    expect(await lifecycle.offboard("bystander", { purge: ["r4"] })).toMatchObject({ state: "offboarded" });
    expect(stage.sandbox.snapshot().resources).toEqual([]);
  });

  it("is not purged, for the other one's data would be erased; the advice works, also once that one was forgotten", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const other = await open();
    await lifecycle.onboard("ada");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    sandbox.fail({ call: "updateUser", delayMs: 3_000, delay: "after" });
    const renaming = lifecycle.rename("ada", "new");
    await vi.waitFor(async () => expect((await other.inspect("ada")).underWay).toBe("updateUser"));
    await other.onboard("new", { waitMs: 0 });
    sandbox.clock.advance(3_000);
    await expect(renaming).rejects.toThrow("go on with that one");
    await lifecycle.onboard("unrelated");
    await expect(lifecycle.rename("ada", "unrelated")).rejects.toThrow(
      /: another user has the new app_user_id; if an earlier rename gave this one that id at 1upHealth, go on/,
    );
    const purging = lifecycle.offboard("ada", { purge: true });
    await expect(purging).rejects.toMatchObject({ code: "USER_CONFLICT", retryable: false });
    expect(await lifecycle.inspect("ada")).toMatchObject({ conflict: "idTaken", usable: true });
    await lifecycle.onboard("new");
    await lifecycle.offboard("new");
    await lifecycle.forget("new");
    await expect(lifecycle.rename("ada", "new")).rejects.toThrow("onboard() it, then offboard and forget");
    expect(await lifecycle.onboard("new")).toMatchObject({ usable: true });
    await lifecycle.offboard("ada");
    await expect(lifecycle.offboard("ada", { purge: ["r4"] })).rejects.toMatchObject({
      code: "USER_CONFLICT",
    });
    await lifecycle.forget("ada");
    expect(sandbox.snapshot().resources).toHaveLength(1);
    expect((await lifecycle.reconcile()).differences).toEqual([]);
  });
});
