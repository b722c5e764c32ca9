import type { StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it, vi } from "vitest";
import { altered } from "../support/altered.ts";
import { renamedThere, scene } from "../support/scene.ts";

/** A store in memory that does something else before it lists a state. */
function disturbed(before: (state: string) => Promise<void>): StoreAdapter {
  return altered(memory(), (store) => ({
    async page(ask) {
      await before(ask.state);
      return store.page(ask);
    },
  }));
}

/** Five users, of whom one was renamed there and takes a step whenever a state of `during` is about to be listed. */
async function stepping(during: readonly string[]) {
  let disturb = async (_state: string): Promise<void> => {};
  const stage = await scene();
  const lifecycle = await stage.open({ store: disturbed((state) => disturb(state)) });
  for (let n = 0; n < 5; n++) await lifecycle.onboard(`user ${n}`);
  const { oneupUserId } = await lifecycle.inspect("user 3");
  await renamedThere(stage, oneupUserId, "renamed");
  stage.sandbox.createUser("stranger");
  const left = [...during];
  disturb = async (state) => {
    if (left[0] !== state) return;
    left.shift();
    stage.sandbox.clock.advance(7_200_000 - 60_000); // its token is due
    await lifecycle.accessToken("user 3"); // which is renewed beside it
    const renewed = { state: "refreshed", underWay: null };
    await vi.waitFor(async () => expect(await lifecycle.inspect("user 3")).toMatchObject(renewed));
  };
  return { lifecycle, oneupUserId, left };
}

describe("reconcile() while users take steps", () => {
  it("moves no user to an id that the list still showed, and rename() has replaced since", async () => {
    let rename = async (): Promise<void> => {};
    const stage = await scene();
    const lifecycle = await stage.open({ store: disturbed(() => rename()) });
    const { oneupUserId } = await lifecycle.onboard("ada");
    await renamedThere(stage, oneupUserId, "elsewhere");
    rename = async () => {
      rename = async () => {};
      await lifecycle.rename("ada", "augusta");
    };
    const report = await lifecycle.reconcile({ repair: ["move"] });
    expect(report.repaired).toEqual({ adopted: 0, moved: 0, left: 1 });
    expect(await lifecycle.inspect("augusta")).toMatchObject({ oneupUserId, usable: true });
    expect(stage.sandbox.users()).toMatchObject([{ appUserId: "augusta", oneupUserId }]);
  });

  it("adopts no user that moves, meanwhile, to a state that no user had when the listing began", async () => {
    const { lifecycle, oneupUserId, left } = await stepping(["tokenActive"]);
    const report = await lifecycle.reconcile({ repair: true });
    expect(left, "it did step").toEqual([]);
    expect(report.repaired).toEqual({ adopted: 1, moved: 1, left: 0 });
    expect(report.counts).toMatchObject({ renamed: 1, thereOnly: 1 });
    const ids: string[] = [];
    for await (const user of lifecycle.users())
      if (user.oneupUserId === oneupUserId) ids.push(user.appUserId);
    expect(ids).toEqual(["renamed"]);
  });

  it("adopts no user while users keep coming, and names those that are left", async () => {
    let id = 0;
    let isListing = false;
    const stage = await scene();
    const store = disturbed(async (state) => {
      if (isListing && state === "tokenActive") await lifecycle.onboard(`late ${id++}`, { waitMs: 0 });
    });
    const lifecycle = await stage.open({ store });
    await lifecycle.onboard("ada");
    stage.sandbox.createUser("stranger");
    isListing = true;
    const report = await lifecycle.reconcile({ repair: true });
    isListing = false;
    expect(report).toMatchObject({ complete: true, repaired: { adopted: 0, moved: 0, left: 1 } });
    expect(await lifecycle.reconcile({ repair: true })).toMatchObject({ repaired: { adopted: 1, left: 0 } });
  });

  it("adopts users that are there only, though another is forgotten meanwhile", async () => {
    let isListing = false;
    const stage = await scene();
    const store = disturbed(async () => {
      if (isListing) await lifecycle.forget("bob");
    });
    const lifecycle = await stage.open({ store });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob");
    await lifecycle.offboard("bob");
    stage.sandbox.createUser("stranger");
    isListing = true;
    expect(await lifecycle.reconcile({ repair: true })).toMatchObject({ repaired: { adopted: 1, left: 0 } });
  });

  it("counts and reports a user once that is listed twice because its state changed", async () => {
    let step = async (): Promise<unknown> => undefined;
    const stage = await scene();
    const store = altered(memory(), ({ page }) => ({
      async page(ask) {
        const ids = await page(ask);
        if (ask.state === "tokenActive") await step();
        return ids;
      },
    }));
    const lifecycle = await stage.open({ store });
    for (const id of ["ada", "waiting"]) await lifecycle.onboard(id);
    const expiresAt = new Date(Date.UTC(2030, 0, 1));
    await lifecycle.adopt("gone", { oneupUserId: 424_242, refreshToken: "r", accessToken: "a", expiresAt });
    stage.sandbox.fail({ call: "issueAuthCode", status: 503, times: Infinity });
    await lifecycle.reauthorize("waiting", { waitMs: 0 });
    stage.sandbox.clock.advance(30 * 60_000);
    step = () => lifecycle.reauthorize("gone", { waitMs: 0 });
    const report = await lifecycle.reconcile();
    expect(report).toMatchObject({ here: 3, counts: { hereOnly: 1 } });
    expect(report.differences).toEqual([{ type: "hereOnly", appUserId: "gone", oneupUserId: 424_242 }]);
  });

  it("reports a user that is here only once, though it reads all users again because one was forgotten", async () => {
    let forget = async (): Promise<void> => {};
    const stage = await scene();
    const lifecycle = await stage.open({ store: disturbed(() => forget()) });
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    const expiresAt = new Date(Date.UTC(2030, 0, 1));
    await lifecycle.adopt("gone", { oneupUserId: 424_242, refreshToken: "r", accessToken: "a", expiresAt });
    await lifecycle.offboard("bob");
    stage.sandbox.createUser("stranger");
    stage.sandbox.clock.advance(30 * 60_000);
    forget = () => lifecycle.forget("bob");
    expect((await lifecycle.reconcile()).counts).toMatchObject({ hereOnly: 1, thereOnly: 1 });
  });
});
