/** Users are listed from any user on, in pages, by state. */
import type { StoreAdapter, UserFilter, UserStatus } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { altered } from "../support/altered.ts";
import { afterwards, working } from "../support/scene.ts";

const ids = ["ada", "b10", "b2", "bob", "cyd", "dan", "zoë", "Éve"];

async function world(lifecycle: TestLifecycleOptions["lifecycle"] = {}): Promise<TestLifecycle> {
  const made = await createTestLifecycle({ lifecycle });
  afterwards(() => made.close());
  return made;
}

async function listed({ lifecycle }: TestLifecycle, filter?: UserFilter): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { appUserId } of lifecycle.users(filter)) found.push(appUserId);
  return found;
}

const named = (users: readonly UserStatus[]): readonly string[] => users.map(({ appUserId }) => appUserId);

describe.each([false, true])("users() and userPage() (hideIds: %s)", (hideIds) => {
  it("go on behind a cursor, page by page, and list each user once", async () => {
    const made = await world({ hideIds });
    for (const id of ids) await made.lifecycle.onboard(id);
    const all = await listed(made);
    expect(all.toSorted()).toEqual(ids.toSorted());
    if (!hideIds) expect(all).toEqual(ids);
    for (const state of [undefined, "tokenActive"] as const)
      for (const limit of [1, 3, 4, 8, 100]) {
        const pages: string[] = [];
        let after: string | undefined;
        for (let turns = 0; turns < 9; turns++) {
          const page = await made.lifecycle.userPage({ state, limit, after });
          expect(page.users.length).toBeLessThanOrEqual(limit);
          pages.push(...named(page.users));
          if (page.next === null) break;
          after = page.next;
        }
        expect({ state, limit, pages }).toEqual({ state, limit, pages: all });
        expect(await listed(made, { state, limit })).toEqual(all.slice(0, limit));
        expect(await listed(made, { state, after: all[2], limit })).toEqual(all.slice(3, 3 + limit));
      }
  });

  it("merge the users of a state that imports brought, in one order", async () => {
    const made = await world({ hideIds });
    const { lifecycle } = made;
    await lifecycle.account.pause({ reason: "so that all of them wait" });
    const stop = new AbortController();
    const imports = [["spring", "ada", "cyd", "Éve"] as const, ["autumn", "b2", "dan"] as const].map(
      ([name, ...rows]) => lifecycle.onboardMany(rows, { name, signal: stop.signal }).catch(() => null),
    );
    for (const id of ["b10", "bob", "zoë"]) await lifecycle.onboard(id).catch(() => null);
    while ((await lifecycle.counts()).created !== ids.length) await made.clock.advance(1_000);
    const all = await listed(made);
    expect(await listed(made, { state: "created" })).toEqual(all);
    const first = await lifecycle.userPage({ state: "created", limit: 5 });
    const second = await lifecycle.userPage({ state: "created", limit: 5, after: first.next ?? "" });
    expect([...named(first.users), ...named(second.users)]).toEqual(all);
    expect(second.next).toBe(null);
    stop.abort();
    await Promise.all(imports);
  });
});

describe("users() and userPage()", () => {
  it("read what they list and not more, of however many users", async () => {
    let reads = 0;
    const counting = (adapter: StoreAdapter): StoreAdapter =>
      altered(adapter, ({ load, page }) => ({
        load: (id) => (reads++, load(id)),
        page: async (ask) => {
          const found = await page(ask);
          reads += found.length;
          return found;
        },
      }));
    const made = await world({ store: counting(memory()) });
    for (let n = 0; n < 300; n++) await made.arrange(`user ${n}`, n % 2 === 0 ? "failed" : "tokenActive");
    reads = 0;
    const { users } = await made.lifecycle.userPage({ state: "failed", limit: 10, after: "user 200" });
    expect(users).toHaveLength(10);
    expect(reads).toBeLessThanOrEqual(2 * 11);
    reads = 0;
    expect(await listed(made, { state: "tokenActive", limit: 7 })).toHaveLength(7);
    expect(reads).toBeLessThanOrEqual(2 * 7);
  });

  it("pass over users that were forgotten at no cost", async () => {
    let pages = 0;
    const counting = altered(memory(), ({ page }) => ({ page: (ask) => (pages++, page(ask)) }));
    const made = await world({ store: counting });
    const { lifecycle } = made;
    for (const id of ids) await lifecycle.onboard(id);
    for (let number = 0; number < 50; number++) {
      await made.arrange(`gone ${number}`, "offboarded");
      await lifecycle.forget(`gone ${number}`);
    }
    pages = 0;
    expect(await listed(made, { limit: 1 })).toEqual(ids.slice(0, 1));
    expect(named((await lifecycle.userPage({ limit: 2 })).users)).toEqual(ids.slice(0, 2));
    expect(pages).toBe(2);
  });

  it("agree with each status about who is expiring at that moment", async () => {
    const made = await world({ refresh: { policy: "lazy" } });
    const { lifecycle, clock } = made;
    for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
    await made.arrange("cyd", "expiring");
    await clock.advance("119m");
    for (const id of ["dan", "eve"]) await lifecycle.onboard(id);
    expect(await listed(made, { state: "expiring" })).toEqual(["ada", "bob", "cyd"]);
    expect(await listed(made, { state: "tokenActive" })).toEqual(["dan", "eve"]);
    const counts = { tokenActive: 2, expiring: 3 };
    expect(await lifecycle.counts()).toEqual(counts);
    expect((await lifecycle.budget.refresh()).users).toEqual(counts);
    const page = await lifecycle.userPage({ state: "expiring", limit: 2 });
    expect({ users: named(page.users), next: page.next }).toEqual({ users: ["ada", "bob"], next: "bob" });
    expect(await lifecycle.userPage({ state: "tokenActive", limit: 2 })).toMatchObject({ next: null });
    await lifecycle.accessToken("bob");
    expect(await listed(made, { state: "expiring" })).toEqual(["ada", "cyd"]);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 2, refreshed: 1, expiring: 2 });
  });

  it.each(["eager", "keepAlive", "lazy"] as const)(
    "and counts() agree with each status at every moment (refresh: %s)",
    async (policy) => {
      const made = await world({ refresh: { policy } });
      const { lifecycle, clock } = made;
      for (const id of ids) {
        await lifecycle.onboard(id);
        await clock.advance("7m");
      }
      for (let minute = 0; minute < 130; minute++) {
        const statuses = await Promise.all(ids.map((id) => lifecycle.inspect(id)));
        const counts: Record<string, number> = {};
        for (const state of new Set(statuses.map((status) => status.state))) {
          const users = named(statuses.filter((status) => status.state === state));
          expect(await listed(made, { state })).toEqual(users);
          counts[state] = users.length;
        }
        expect(await lifecycle.counts()).toEqual(counts);
        await clock.advance("1m");
      }
    },
  );

  it.each([
    ["eager", { refreshed: ids.length }],
    ["keepAlive", { expiring: ids.length }],
    ["lazy", { expiring: ids.length }],
  ] as const)(
    "and counts() have idle users beside a worker as the guide says (refresh: %s)",
    async (policy, all) => {
      const { lifecycle, clock } = await world({ refresh: { policy } });
      for (const id of ids) await lifecycle.onboard(id);
      const stop = new AbortController();
      const working = lifecycle.work({ signal: stop.signal });
      await clock.advance("3d");
      expect(await lifecycle.counts()).toEqual(all);
      stop.abort();
      await working;
    },
  );

  it.each([
    { limit: 0 },
    { limit: 1.5 },
    { after: "" },
    { after: 7 },
    { state: "no such state" },
    { from: 1 },
  ])("refuse %j at the door", async (filter) => {
    const { lifecycle } = await world();
    await expect(lifecycle.userPage(filter as UserFilter)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(() => lifecycle.users(filter as UserFilter)).toThrow("Cannot list users");
  });
});

describe("onboard() that ends while a dead process's lease lasts", () => {
  it("names the lease and its end, and another process goes on then", async () => {
    const { lifecycle, crash, restart, clock } = await world();
    await crash({ after: "createUser" }, () => lifecycle.onboard("ada"));
    const diedAt = clock.now();
    const next = await restart({ after: "5s" });
    const until = new Date(diedAt + 45_000);
    const pause = { reason: "lease", until, attempt: 1 };
    expect(await next.onboard("ada", { waitMs: 0 })).toMatchObject({ usable: false, pause });
    expect(await next.inspect("ada")).toMatchObject({ underWay: "createUser", pause });
    working(next);
    await clock.advance(41_000);
    expect(await next.inspect("ada")).toMatchObject({ usable: true, pause: null });
  });
});
