import { describe, expect, it } from "vitest";
import { hurry, renamedThere, scene, spentOn } from "../support/scene.ts";

describe("a user that was renamed at 1upHealth by another program", () => {
  it("is found by its number once its grant is lost, and is not created a second time", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    await renamedThere(stage, oneupUserId, "new");
    expect(await lifecycle.accessToken("ada"), "its grant works on").toHaveLength(40);
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({
      code: "RENAMED",
      facts: { renamedTo: "new" },
    });
    expect(await lifecycle.onboard("new")).toMatchObject({ usable: true, oneupUserId });
    expect(stage.sandbox.users()).toHaveLength(1);
    expect(spentOn(stage.sandbox, "ada")).toEqual(["createUser", "issueAuthCode"]);
    expect(stage.sandbox.journal.count("listUsers")).toBe(1);
    expect(await lifecycle.counts()).toEqual({ reauthorized: 1 });
  });

  it("fails where another user here has that id, until that one is gone", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    stage.sandbox.fail({ call: "createUser", drop: "before" });
    await lifecycle.onboard("new", { waitMs: 0 });
    await renamedThere(stage, oneupUserId, "new");
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({ code: "USER_FAILED" });
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: "failed",
      failure: { in: "reauthorizing", reason: "idTaken" },
    });
    expect(stage.sandbox.users()).toHaveLength(1);
  });

  it("asks again when the answer was lost", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("ada");
    await renamedThere(stage, oneupUserId, "new");
    stage.sandbox.fail({ call: "listUsers", drop: "after" });
    hurry(stage.sandbox);
    await expect(lifecycle.reauthorize("ada", { waitMs: 600_000 })).rejects.toMatchObject({
      code: "RENAMED",
    });
    expect(stage.sandbox.users()).toHaveLength(1);
  });
});

describe("inspect() of a user that 1upHealth calls inactive", () => {
  it("shows it, and calls are tried all the same, also after offboard()", async () => {
    const { sandbox, open } = await scene({ active: false });
    const lifecycle = await open();
    expect(await lifecycle.onboard("ada")).toMatchObject({ active: false, usable: true });
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    expect(await lifecycle.offboard("ada")).toMatchObject({ active: false });
    sandbox.behave({ active: true });
    expect(await lifecycle.onboard("ada")).toMatchObject({ active: false, usable: true });
    expect(await lifecycle.onboard("bob")).toMatchObject({ active: true });
  });
});
