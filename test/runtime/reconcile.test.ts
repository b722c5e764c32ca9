import type { Difference } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { renamedThere, scene, spentOn, type Scene } from "../support/scene.ts";

const expiresAt = new Date(Date.UTC(2030, 0, 1));
const grant = (oneupUserId: number) => ({
  oneupUserId,
  refreshToken: `refresh-${oneupUserId}`,
  accessToken: `access-${oneupUserId}`,
  expiresAt,
});

/** One user of every kind; the numbers that 1upHealth gave them. */
async function everyKind(stage: Scene): Promise<Readonly<Record<string, number>>> {
  const { sandbox, open } = stage;
  const lifecycle = await open();
  const ada = (await lifecycle.onboard("ada")).oneupUserId ?? 0;
  const bob = (await lifecycle.onboard("bob")).oneupUserId ?? 0;
  await renamedThere(stage, bob, "robert");
  const eve = sandbox.createUser("eve");
  await lifecycle.adopt("gone", grant(424_242));
  await lifecycle.adopt("left", grant(434_343));
  await lifecycle.offboard("left");
  const carl = sandbox.createUser("carl");
  await lifecycle.adopt("carl", grant(carl + 5_000));
  sandbox.behave({ active: false });
  const dan = (await lifecycle.onboard("dan")).oneupUserId ?? 0;
  sandbox.behave({ active: true });
  await lifecycle.onboard("before");
  await lifecycle.rename("before", "after");
  return { ada, bob, eve, carl, dan };
}

describe("reconcile()", () => {
  it("tells who is there only, here only, renamed, another one, or inactive, and changes nothing", async () => {
    const stage = await scene();
    const { bob, eve, carl, dan } = await everyKind(stage);
    const lifecycle = await stage.open();
    const before = await lifecycle.counts();
    const heard: Difference[] = [];
    const phases: string[] = [];
    const report = await lifecycle.reconcile({
      pageSize: 3,
      everyMs: 10,
      onDifference: (difference) => heard.push(difference),
      onProgress: ({ phase }) => phases.push(phase),
    });
    expect(report).toMatchObject({ complete: true, there: 6, here: 7, calls: 3, repaired: null });
    expect(report.counts).toEqual({
      thereOnly: 1,
      hereOnly: 1,
      renamed: 1,
      anotherNumber: 1,
      inactive: 1,
      unusable: 0,
    });
    expect(new Set(report.differences)).toEqual(
      new Set([
        { type: "thereOnly", appUserId: "eve", oneupUserId: eve, active: true },
        { type: "hereOnly", appUserId: "gone", oneupUserId: 424_242 },
        { type: "renamed", appUserId: "bob", thereAppUserId: "robert", oneupUserId: bob },
        {
          type: "anotherNumber",
          appUserId: "carl",
          oneupUserId: (carl ?? 0) + 5_000,
          thereOneupUserId: carl,
        },
        { type: "inactive", appUserId: "dan", oneupUserId: dan },
      ]),
    );
    expect(heard).toEqual(report.differences);
    expect(phases.at(-1)).toBe("done");
    expect(await lifecycle.counts()).toEqual(before);
    expect(stage.sandbox.journal.count("createUser")).toBe(4);
  });

  it("with repair moves renamed users, adopts those that are there only, creates none, and then finds it done", async () => {
    const stage = await scene();
    await everyKind(stage);
    const lifecycle = await stage.open();
    await lifecycle.accessToken("bob");
    const token = await lifecycle.accessToken("bob");
    const report = await lifecycle.reconcile({ repair: true });
    expect(report).toMatchObject({ complete: true, repaired: { adopted: 1, moved: 1, left: 0 } });
    expect(await lifecycle.accessToken("robert"), "its grant went along").toBe(token);
    await expect(lifecycle.accessToken("bob")).rejects.toMatchObject({
      code: "RENAMED",
      facts: { renamedTo: "robert" },
    });
    expect(await lifecycle.inspect("eve")).toMatchObject({ state: "reauthorizing", usable: false });
    await lifecycle.resume();
    expect(await lifecycle.inspect("eve")).toMatchObject({ state: "reauthorized", usable: true });
    expect(spentOn(stage.sandbox, "eve")).toEqual(["issueAuthCode"]);
    const again = await lifecycle.reconcile({ repair: true });
    expect(again.counts).toMatchObject({ thereOnly: 0, renamed: 0, hereOnly: 1 });
    expect(again.repaired).toEqual({ adopted: 0, moved: 0, left: 0 });
    expect(stage.sandbox.users()).toHaveLength(6);
  });

  it("repairs nothing where the list was not read to its end, and reports no user as missing then", async () => {
    const stage = await scene({ pager: false });
    await everyKind(stage);
    const lifecycle = await stage.open();
    const report = await lifecycle.reconcile({ repair: true, pageSize: 6 });
    expect(report).toMatchObject({ complete: false, repaired: null });
    expect(report.counts).toMatchObject({ thereOnly: 1, renamed: 1, hereOnly: 0 });
    expect(await lifecycle.inspect("bob")).toMatchObject({ usable: true });
    await expect(lifecycle.inspect("eve")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("leaves a user whose new id is taken here", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    const { oneupUserId } = await lifecycle.onboard("bob");
    await lifecycle.adopt("robert", grant(5_000));
    await renamedThere(stage, oneupUserId, "robert");
    const report = await lifecycle.reconcile({ repair: ["move"] });
    expect(report.counts).toMatchObject({ anotherNumber: 1, renamed: 1, hereOnly: 0 });
    expect(report.repaired).toEqual({ adopted: 0, moved: 0, left: 1 });
    expect(await lifecycle.inspect("bob")).toMatchObject({ usable: true });
    expect(await lifecycle.inspect("robert")).toMatchObject({ oneupUserId: 5_000 });
  });

  it("asks again while 1upHealth is in trouble, and counts what that cost", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    await lifecycle.onboard("ada");
    stage.sandbox.fail({ call: "listUsers", status: 500, times: 2 });
    const ticking = setInterval(() => stage.sandbox.clock.advance(1_000), 10);
    const report = await lifecycle.reconcile().finally(() => clearInterval(ticking));
    expect(report).toMatchObject({ complete: true, calls: 4 });
    expect(report.counts).toMatchObject({ thereOnly: 0, hereOnly: 0 });
    expect(stage.sandbox.journal.count("listUsers")).toBe(4);
  });

  it("misses no user that was onboarded while it read the list", async () => {
    const stage = await scene();
    const lifecycle = await stage.open();
    for (let n = 0; n < 6; n++) stage.sandbox.createUser(`stranger ${n}`);
    let late: Promise<unknown> | null = null;
    stage.sandbox.fail({ call: "listUsers", delayMs: 200, times: 9 });
    const report = await lifecycle.reconcile({
      pageSize: 2,
      everyMs: 10,
      onProgress: ({ there }) => {
        if (there >= 6) late ??= lifecycle.onboard("late");
      },
    });
    await late;
    expect(report.counts).toMatchObject({ thereOnly: 6, hereOnly: 0 });
  });

  it.each(["onProgress", "onDifference"] as const)("rejects with what %s throws", async (listener) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.createUser("eve");
    const wrong = new Error("the disk is full");
    const reconciling = lifecycle.reconcile({
      [listener]: () => {
        throw wrong;
      },
    });
    await expect(reconciling).rejects.toBe(wrong);
    expect(await lifecycle.reconcile({ repair: true })).toMatchObject({ repaired: { adopted: 1 } });
  });

  it("ends with its signal, and refuses options that mean nothing", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const reason = new Error("enough");
    await expect(lifecycle.reconcile({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const options of [
      { repair: ["create"] },
      { repair: "move" },
      { repair: [] },
      { pageSize: 0 },
      { mend: true },
    ]) {
      await expect(lifecycle.reconcile(options as object)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
  });
});
