import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { systemClock, type BudgetView, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { altered } from "../support/altered.ts";
import { arrivedIn, hurry, scene } from "../support/scene.ts";

/** A memory store that says when users are counted, as every look does. */
function countingCounts(counted: () => void): StoreAdapter {
  return altered(memory(), (store) => ({
    tally() {
      counted();
      return store.tally();
    },
  }));
}

const limits = { management: { calls: 20, windowMs: 60_000 } };

describe("budget", () => {
  it("shows nothing before the first look", async () => {
    const lifecycle = await (await scene()).open({ limits });
    expect(lifecycle.budget.get()).toMatchObject({ at: null, of: 20, users: {}, shut: [] });
  });

  it("look() shows slots by lane, users by state, who waits, and when the next call may leave", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits });
    await lifecycle.onboard("ada");
    const ids = Array.from({ length: 20 }, (_, index) => `bulk ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { lane: "bulk", waitMs: 200 })));
    await vi.waitFor(async () => expect((await lifecycle.counts()).tokenActive).toBe(18), 5_000);
    const view = await lifecycle.budget.refresh();
    expect(view).toMatchObject({
      at: expect.any(Date),
      used: { interactive: 1, recovery: 0, bulk: 17 },
      of: 20,
      waiting: { interactive: 0, recovery: 0, bulk: 3 },
      nextInMs: 0,
      users: { tokenActive: 18, created: 3 },
      running: 0,
    });
    expect(lifecycle.budget.get()).toEqual(view);
    expect(sandbox.journal.spent().management).toBe(18);
  });

  it("refresh() shows imports that are not over or have failed users, also those of other processes", async () => {
    const { sandbox, open } = await scene();
    const body = { success: false, error: "app_user_id may not contain such a thing" };
    sandbox.fail({ call: "createUser", appUserId: "bob", status: 400, body });
    const slow = { management: { calls: 20, windowMs: 600_000 } };
    const [importing, looking] = [await open({ limits: slow }), await open({ limits: slow })];
    const stop = new AbortController();
    const ids = Array.from({ length: 30 }, (_, index) => `user ${index}`);
    const name = "spring-2026";
    const done = importing.onboardMany(["bob", ...ids], { name, expect: "new", signal: stop.signal });
    await vi.waitFor(async () => {
      const { imports } = await looking.budget.refresh();
      expect(imports).toEqual([{ name, left: 13, failed: 1 }]); // 18 of 20 slots are for the lane bulk
    }, 5_000);
    stop.abort();
    await done.catch(() => {});
    hurry(sandbox);
    await importing.onboardMany([], { name });
    expect((await looking.budget.refresh()).imports).toEqual([{ name, left: 0, failed: 1 }]);
  });

  it("subscribe() reports progress until all users have arrived, and nothing after it was ended", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits });
    const views: BudgetView[] = [];
    const end = lifecycle.budget.subscribe((view) => views.push(view));
    const ids = Array.from({ length: 30 }, (_, index) => `user ${index}`);
    hurry(sandbox);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 600_000 })));
    await vi.waitFor(() => expect(arrivedIn(views.at(-1)?.users ?? {})).toBe(30));
    expect(views.some(({ waiting }) => waiting.interactive > 0)).toBe(true);
    end();
    end();
    const seen = views.length;
    await lifecycle.onboard("late");
    await lifecycle.budget.refresh();
    expect(views).toHaveLength(seen);
  });

  it("subscribe() polls no more often because a subscriber left and came back", async () => {
    let looks = 0;
    const { open } = await scene();
    const lifecycle = await open({ clock: systemClock, store: countingCounts(() => looks++) });
    for (let n = 0; n < 8; n++) lifecycle.budget.subscribe(() => {})();
    lifecycle.budget.subscribe(() => {});
    await pause(2_500);
    expect(looks).toBeGreaterThanOrEqual(2);
    expect(looks).toBeLessThanOrEqual(5);
  });

  it("subscribe() of one does not end with that of another, and close() ends all", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const [one, two] = [vi.fn<() => void>(), vi.fn<() => void>()];
    lifecycle.budget.subscribe(one)();
    lifecycle.budget.subscribe(two);
    await vi.waitFor(() => expect(two).toHaveBeenCalled());
    expect(one).not.toHaveBeenCalled();
    await lifecycle.close();
    const seen = two.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(two).toHaveBeenCalledTimes(seen);
  });
});

describe("lanes", () => {
  it("let a person in at once while an import waits, and the import goes on beside many people", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits });
    const imported = Array.from({ length: 40 }, (_, index) => `import ${index}`);
    const all = imported.map((id) => lifecycle.onboard(id, { lane: "bulk", waitMs: 3_600_000 }));
    await vi.waitFor(async () => expect((await lifecycle.forecast(1, "bulk")).ahead).toBe(22));
    expect(await lifecycle.onboard("ada", { waitMs: 20_000 })).toMatchObject({ usable: true });
    expect(await lifecycle.onboard("bob", { waitMs: 20_000 })).toMatchObject({ usable: true });
    expect((await lifecycle.forecast(1, "bulk")).inMs).toBeGreaterThan(60_000);
    const people = Array.from({ length: 60 }, (_, index) => `person ${index}`);
    all.push(...people.map((id) => lifecycle.onboard(id, { waitMs: 3_600_000 })));
    hurry(sandbox, 500);
    expect((await Promise.all(all)).every(({ usable }) => usable)).toBe(true);
    expect(sandbox.journal.mostInWindow(60_000)).toBeLessThanOrEqual(20);
    const creates = sandbox.journal.entries().filter(({ call }) => call === "createUser");
    const lastPerson = creates.findLastIndex(({ appUserId }) => appUserId?.startsWith("person"));
    const before = creates.slice(0, lastPerson).filter(({ appUserId }) => appUserId?.startsWith("import"));
    expect(before.length, "beyond the first 18, while people waited").toBeGreaterThan(18);
  });
});

describe("lanes of small or strange limits", () => {
  it("let bulk in even if all is kept for people", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({
      limits: { management: { calls: 5, windowMs: 60_000, lanes: { reserved: 1 } } },
    });
    hurry(sandbox);
    expect(await lifecycle.onboard("ada", { lane: "bulk", waitMs: 600_000 })).toMatchObject({ usable: true });
  });

  it("let bulk in beside many people, from three calls on", async () => {
    const limit = { calls: 3, windowMs: 300 };
    const { sandbox, open } = await scene({ limit });
    const lifecycle = await open({ limits: { management: limit }, timeoutMs: 150, graceMs: 10 });
    const people = Array.from({ length: 18 }, (_, index) => `person ${index}`);
    const all = people.map((id) => lifecycle.onboard(id));
    await vi.waitFor(async () => expect((await lifecycle.forecast()).ahead).toBeGreaterThan(12));
    all.push(lifecycle.onboard("import", { lane: "bulk" }));
    await Promise.all(all);
    const order = sandbox.journal.entries().filter(({ call }) => call === "createUser");
    expect(order.findIndex(({ appUserId }) => appUserId === "import")).toBeLessThan(12);
  });

  it("move an imported user forward who now sits at the screen", async () => {
    const { open } = await scene();
    const lifecycle = await open({ limits });
    const imported = Array.from({ length: 60 }, (_, index) => `user ${index}`);
    await Promise.all(imported.map((id) => lifecycle.onboard(id, { lane: "bulk", waitMs: 60 })));
    expect((await lifecycle.forecast(1, "bulk")).ahead).toBe(42);
    expect(await lifecycle.onboard("user 59", { waitMs: 60_000 })).toMatchObject({ usable: true });
    expect((await lifecycle.forecast(1, "bulk")).ahead).toBe(41);
  });
});

describe("health()", () => {
  it("is not ready while the credentials are refused, nor while one call tries them again", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const refused = { status: 401, body: { message: "Unauthorized" }, times: Infinity } as const;
    for (const call of ["createUser", "listUsers"] as const) sandbox.fail({ ...refused, call });
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
    expect(await lifecycle.health()).toMatchObject({ ready: false, shut: [{ reason: "credentials" }] });
    sandbox.clearFaults();
    sandbox.clock.advance(2 * 60_000);
    for (const call of ["createUser", "listUsers"] as const)
      sandbox.fail({ ...refused, call, delayMs: 3_000 });
    const trying = lifecycle.onboard("bob", { waitMs: 60_000 }).catch(() => null);
    await vi.waitFor(async () =>
      expect((await lifecycle.health()).shut).toMatchObject([{ state: "probing", reason: "credentials" }]),
    );
    expect(await lifecycle.health()).toMatchObject({ ready: false });
    sandbox.clock.advance(3_000);
    sandbox.clock.advance(3_000);
    await trying;
  });

  it("is ready while the store answers, and never rejects", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null, shut: [], running: 0 });
    expect((await lifecycle.health()).storeMs).toBeGreaterThanOrEqual(0);
  });
});
