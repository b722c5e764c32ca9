import { LifecycleError, type Lifecycle, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { altered } from "../support/altered.ts";
import { hurry, renamedThere, scene } from "../support/scene.ts";

/** A store in memory in which something else happens just before it lists all users. */
function disturbed(before: () => Promise<void>): StoreAdapter {
  return altered(memory(), (store) => ({
    async page(ask) {
      if (ask.state === undefined) await before();
      return store.page(ask);
    },
  }));
}

/** The ids of the users with this number. */
async function withNumber(lifecycle: Lifecycle, oneupUserId: number | null): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const user of lifecycle.users()) if (user.oneupUserId === oneupUserId) ids.push(user.appUserId);
  return ids;
}

/** A store as it was before ids were exchanged at 1upHealth: each user has the id of the next one there. */
async function exchanged(ids: readonly string[], end?: string) {
  const stage = await scene();
  const store = altered(memory(), ({ move }) => ({ move: (asked) => moves(() => move(asked)) }));
  let moves = <T>(ask: () => Promise<T>): Promise<T> => ask();
  const lifecycle = await stage.open({ store });
  const numbers: (number | null)[] = [];
  for (const id of ids) numbers.push((await lifecycle.onboard(id)).oneupUserId);
  const targets = ids.map((_, index) => ids[index + 1] ?? end ?? ids[0] ?? "");
  for (const [index] of ids.entries()) await renamedThere(stage, numbers[index] ?? null, `free ${index}`);
  for (const [index, to] of targets.entries()) await renamedThere(stage, numbers[index] ?? null, to);
  return {
    ...stage,
    lifecycle,
    store,
    /** Takes the place of each move in the store. */
    onMove: (task: typeof moves) => void (moves = task),
    /** Each user is under its id there, and no record is elsewhere. */
    async isRepaired(): Promise<void> {
      const found: Record<string, number | null> = {};
      for await (const { appUserId, oneupUserId } of lifecycle.users()) found[appUserId] = oneupUserId;
      expect(found).toEqual(Object.fromEntries(targets.map((to, index) => [to, numbers[index]])));
      for (const [index, to] of targets.entries())
        expect(await lifecycle.inspect(to)).toMatchObject({ oneupUserId: numbers[index], usable: true });
    },
  };
}

describe("reconcile() of ids that passed on since a backup", () => {
  it.each([[["a", "b"]], [["a", "b", "c"]], [["e", "d", "c", "b", "a"]]])(
    "moves %j, which were exchanged, in one run, with one call for each",
    async (ids) => {
      const { lifecycle, sandbox, isRepaired } = await exchanged(ids);
      const before = sandbox.journal.count("listUsers");
      const { repaired } = await lifecycle.reconcile({ repair: ["move"] });
      expect(repaired).toEqual({ adopted: 0, moved: ids.length, left: 0 });
      await isRepaired();
      expect(sandbox.journal.count("listUsers") - before).toBe(ids.length + 2); // and the list, to its end
      expect((await lifecycle.reconcile()).counts).toMatchObject({ renamed: 0, anotherNumber: 0 });
    },
  );

  it("moves a chain of ids from its end, in one run", async () => {
    const { lifecycle, isRepaired } = await exchanged(["a", "b", "c", "d"], "z");
    expect((await lifecycle.reconcile({ repair: ["move"] })).repaired).toMatchObject({ moved: 4, left: 0 });
    await isRepaired();
  });

  it.each([1, 2, 3, 4])("that ends at move %i of a ring of three is finished by the next run", async (n) => {
    for (const isWritten of [false, true]) {
      const { lifecycle, isRepaired, onMove, open, store } = await exchanged(["a", "b", "c"]);
      let moves = 0;
      onMove(async (ask) => {
        if (++moves < n) return ask();
        if (isWritten && moves === n) await ask();
        throw new LifecycleError("STORE_UNUSABLE", "Cannot move: the process died");
      });
      await lifecycle.reconcile({ repair: ["move"] }).catch(() => {});
      onMove((ask) => ask());
      const next = await open({ store });
      expect((await next.reconcile({ repair: ["move"] })).repaired).toMatchObject({ left: 0 });
      await isRepaired();
    }
  });

  it("tries a move of a ring again whose answer was lost", async () => {
    const { lifecycle, isRepaired, onMove, sandbox } = await exchanged(["a", "b"]);
    let moves = 0;
    onMove(async (ask) => {
      const answer = await ask();
      if (++moves % 2 === 0) return answer;
      throw new LifecycleError("STORE_UNAVAILABLE", "Cannot move: no answer", { retryable: true });
    });
    hurry(sandbox, 100);
    expect((await lifecycle.reconcile({ repair: ["move"] })).repaired).toMatchObject({ moved: 2, left: 0 });
    await isRepaired();
  });

  it("moves no user of a ring of which one is held, until it is not", async () => {
    const { lifecycle, isRepaired } = await exchanged(["a", "b", "c"]);
    await lifecycle.hold("b", "a dispute");
    expect((await lifecycle.reconcile({ repair: ["move"] })).repaired).toMatchObject({ moved: 0, left: 3 });
    expect((await lifecycle.inspect("a")).appUserId).toBe("a");
    await lifecycle.unhold("b");
    expect((await lifecycle.reconcile({ repair: ["move"] })).repaired).toMatchObject({ moved: 3, left: 0 });
    await isRepaired();
  });
});

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

  it.each([
    { minutes: 0, lookUps: 1 },
    { minutes: 11, lookUps: 2 },
  ])(
    "asks about a user $lookUps × where the store fails for $minutes min after the answer",
    async ({ minutes, lookUps }) => {
      const stage = await scene();
      const { sandbox } = stage;
      const asked = (): number =>
        sandbox.journal
          .entries()
          .filter(({ call, oneupUserId }) => call === "listUsers" && oneupUserId !== undefined).length;
      let failures = 3;
      const store = altered(memory(), ({ load }) => ({
        async load(id) {
          if (asked() === 0 || failures-- <= 0) return load(id);
          if (failures === 0) sandbox.clock.advance(minutes * 60_000);
          throw new LifecycleError("STORE_UNAVAILABLE", "Cannot load: the store fails", { retryable: true });
        },
      }));
      const lifecycle = await stage.open({ store });
      const { oneupUserId } = await lifecycle.onboard("ada");
      await renamedThere(stage, oneupUserId, "augusta");
      hurry(sandbox, 100);
      const report = await lifecycle.reconcile({ repair: ["move"] });
      expect(report.repaired).toEqual({ adopted: 0, moved: 1, left: 0 });
      expect(await lifecycle.inspect("augusta")).toMatchObject({ oneupUserId, usable: true });
      expect(asked()).toBe(lookUps);
    },
  );

  it("adopts no user that changes its state meanwhile", async () => {
    let step = async (): Promise<void> => {};
    const stage = await scene();
    const lifecycle = await stage.open({ store: disturbed(() => step()) });
    for (let n = 0; n < 5; n++) await lifecycle.onboard(`user ${n}`);
    const { oneupUserId } = await lifecycle.inspect("user 3");
    await renamedThere(stage, oneupUserId, "renamed");
    stage.sandbox.createUser("stranger");
    step = async () => {
      step = async () => {};
      stage.sandbox.clock.advance(7_200_000);
      await lifecycle.accessToken("user 3");
    };
    const report = await lifecycle.reconcile({ repair: true });
    expect(report.repaired).toEqual({ adopted: 1, moved: 1, left: 0 });
    expect(report.counts).toMatchObject({ renamed: 1, thereOnly: 1 });
    expect(await lifecycle.inspect("renamed")).toMatchObject({ state: "refreshed" });
    expect(await withNumber(lifecycle, oneupUserId)).toEqual(["renamed"]);
  });

  it("adopts no user that rename() moves, meanwhile, to an id that the listing has passed", async () => {
    let pass = async (): Promise<readonly string[]> => [];
    const stage = await scene();
    const store = altered(memory(), ({ page }) => ({
      async page(ask) {
        const ids = await page(ask);
        const passed = ask.state === undefined ? await pass() : [];
        return ids.filter((id) => !passed.includes(id)); // as the next page shows it, which is read afterwards
      },
    }));
    const lifecycle = await stage.open({ store });
    for (const id of ["bob", "zoe"]) await lifecycle.onboard(id);
    const { oneupUserId } = await lifecycle.inspect("zoe");
    await renamedThere(stage, oneupUserId, "elsewhere");
    pass = async () => {
      pass = async () => [];
      await lifecycle.rename("zoe", "ada");
      return ["zoe"];
    };
    expect(await lifecycle.reconcile({ repair: true })).toMatchObject({ here: 2, repaired: { adopted: 0 } });
    expect(await withNumber(lifecycle, oneupUserId)).toEqual(["ada"]);
  });

  it("adopts no user while users keep coming, and names those that are left", async () => {
    let id = 0;
    let isListing = false;
    const stage = await scene();
    const store = disturbed(async () => {
      if (isListing) await lifecycle.onboard(`late ${id++}`, { waitMs: 0 });
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

  it("counts and reports a user once that is here only and changes its state meanwhile, beside one that is forgotten", async () => {
    let disturb = async (): Promise<void> => {};
    const stage = await scene();
    const lifecycle = await stage.open({ store: disturbed(() => disturb()) });
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    const expiresAt = new Date(Date.UTC(2030, 0, 1));
    await lifecycle.adopt("gone", { oneupUserId: 424_242, refreshToken: "r", accessToken: "a", expiresAt });
    await lifecycle.offboard("bob");
    stage.sandbox.createUser("stranger"); // so that the users here are listed more than once
    stage.sandbox.clock.advance(30 * 60_000);
    stage.sandbox.fail({ call: "issueAuthCode", status: 503, times: Infinity });
    const disturbances = [
      () => lifecycle.reauthorize("gone", { waitMs: 0 }),
      () => lifecycle.forget("bob"),
    ] as const;
    let listings = 0;
    disturb = async () => void (await disturbances[listings++]?.());
    const report = await lifecycle.reconcile();
    expect(listings).toBe(2);
    expect(report).toMatchObject({ here: 3, counts: { hereOnly: 1, thereOnly: 1 } });
    expect(report.differences).toContainEqual({
      type: "hereOnly",
      appUserId: "gone",
      oneupUserId: 424_242,
    });
  });
});
