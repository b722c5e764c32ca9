import {
  createLifecycle,
  fetchTransport,
  LifecycleError,
  undiciTransport,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it, vi } from "vitest";
import { altered } from "../support/altered.ts";
import { arrivedIn, hurry, scene } from "../support/scene.ts";

const hour = 3_600_000;

describe("work()", () => {
  it("continues users that no caller waits for any more, in every lane", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 4, windowMs: 60_000 } };
    const lifecycle = await open({ limits });
    const lanes = ["bulk", "interactive", "recovery"] as const;
    await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        lifecycle.onboard(`user ${index}`, { waitMs: 0, lane: lanes[index % 3] }),
      ),
    );
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    hurry(sandbox, 1_000);
    await vi.waitFor(async () => expect(arrivedIn(await lifecycle.counts())).toBe(12), 20_000);
    stop.abort();
    const summary = await working;
    const { tokenActive = 0, reauthorized = 0 } = summary.rested;
    expect(tokenActive + reauthorized).toBeGreaterThanOrEqual(8);
    expect(sandbox.journal.mostInWindow(60_000)).toBeLessThanOrEqual(4);
  });

  it("refreshes before expiry under the eager policy, with no management call", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ refresh: { policy: "eager" } });
    const ids = ["a", "b", "c"];
    for (const id of ids) await lifecycle.onboard(id);
    sandbox.clock.advance(1.9 * hour);
    const { rested } = await lifecycle.resume();
    expect(rested).toEqual({ refreshed: 3 });
    expect(sandbox.journal.spent()).toMatchObject({ management: 3, token: 6 });
    for (const id of ids) expect(await lifecycle.inspect(id)).toMatchObject({ state: "refreshed" });
  });

  it("keeps an idle user's grant alive every seven days under the default policy", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("idle");
    sandbox.clock.advance(6 * 24 * hour);
    expect(await lifecycle.resume()).toEqual({ taken: 0, rested: {} });
    sandbox.clock.advance(24 * hour);
    expect(await lifecycle.resume()).toEqual({ taken: 1, rested: { refreshed: 1 } });
  });

  it("leaves users alone under the lazy policy", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ refresh: { policy: "lazy" } });
    await lifecycle.onboard("idle");
    sandbox.clock.advance(30 * 24 * hour);
    expect(await lifecycle.resume()).toEqual({ taken: 0, rested: {} });
  });

  it("takes over from a process that fell silent, once its lease is over", async () => {
    const { sandbox, open } = await scene();
    const times = { timeoutMs: 1_500, graceMs: 500, leaseMs: 2_500 }; // a busy machine may need a second for a call
    const inner = undiciTransport();
    let stalled = false;
    const silent = await open({
      ...times,
      transport: {
        // The first answer is there, and the process does nothing with it for three times its lease.
        async send(request) {
          const answer = await inner.send(request);
          if (!stalled) {
            stalled = true;
            await new Promise((resolve) => setTimeout(resolve, 3 * times.leaseMs));
          }
          return answer;
        },
        close: async () => inner.close?.(),
      },
    });
    const lost = silent.onboard("ada", { waitMs: 60_000 });
    await vi.waitFor(() => expect(sandbox.journal.count("createUser")).toBe(1), 2_000);
    const lifecycle = await open(times);
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    await vi.waitFor(async () => expect((await lifecycle.inspect("ada")).usable).toBe(true), 5_000);
    expect(await lost).toMatchObject({ usable: true });
    stop.abort();
    await working;
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.entries().map((entry) => entry.call)).toEqual([
      "createUser",
      "issueAuthCode",
      "exchangeCode",
    ]);
  });
});

describe("work() whose store is not there for a while", () => {
  it.each(["STORE_UNAVAILABLE", "STORE_UNUSABLE"] as const)(
    "waits through %s that does not pass by itself, and goes on when the store is back",
    async (code) => {
      const { sandbox, open } = await scene();
      let isAway = false;
      let [refused, served] = [0, 0];
      const store = altered(memory(), (inner) => ({
        claim: async (ask) => {
          if (!isAway) return (served++, inner.claim(ask));
          refused++;
          throw new LifecycleError(code, "Cannot ask the store: its schema is gone", { retryable: false });
        },
      }));
      const lifecycle = await open({ store });
      const stop = new AbortController();
      const working = lifecycle.work({ signal: stop.signal, pollMs: 1_000 });
      hurry(sandbox, 1_000);
      const reach = async (is: () => boolean): Promise<void> => {
        await Promise.race([working, vi.waitFor(() => expect(is()).toBe(true), 20_000)]);
      };
      await reach(() => served > 0);
      isAway = true;
      await reach(() => refused > 2);
      isAway = false;
      const before = served;
      await reach(() => served > before);
      stop.abort();
      expect(await working).toEqual({ taken: 0, rested: {} });
      expect(served).toBeGreaterThan(before);
    },
  );
});

describe("an outcome that the store refuses", () => {
  it.each([
    ["STORE_UNAVAILABLE", "noRight"],
    ["STORE_UNUSABLE", "noPassword"],
  ] as const)("as %s (%s) waits until it is taken, and costs no second code", async (code, reason) => {
    const { sandbox, open } = await scene();
    let refused = 0;
    const store = altered(memory(), (inner) => ({
      commit: async (commit) => {
        if (commit.state === "created" || refused >= 3) return inner.commit(commit);
        refused++;
        throw new LifecycleError(code, "Cannot write to the store", { facts: { reason } });
      },
    }));
    const lifecycle = await open({ store });
    hurry(sandbox, 1_000);
    expect(await lifecycle.onboard("ada", { waitMs: 600_000 })).toMatchObject({ usable: true });
    expect(refused).toBe(3);
    expect(sandbox.journal.entries().map(({ call }) => call)).toEqual(["createUser", "exchangeCode"]);
  });
});

describe("work() that is stopped", () => {
  it("finishes the calls under way, begins no user's registration, and leaves no lease behind", async () => {
    const { sandbox, open } = await scene({ latencyMs: 400 });
    const lifecycle = await open({ limits: { management: { calls: 1_000, windowMs: hour } } });
    const ids = Array.from({ length: 40 }, (_, index) => `user ${index}`);
    const holding = await open({ limits: { management: { calls: 1, windowMs: hour } } });
    await holding.remote.find({ appUserId: "a stranger" }); // no other call gets a slot there, so all wait in the lane
    await Promise.all(ids.map((id) => holding.onboard(id, { waitMs: 0 })));
    await vi.waitFor(async () => expect((await lifecycle.forecast()).ahead).toBe(40));
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal, concurrency: 10 });
    await vi.waitFor(() => expect(sandbox.journal.count("createUser")).toBeGreaterThanOrEqual(10));
    const before = sandbox.journal.count("createUser"); // on a busy machine more than the first ten
    stop.abort();
    const { rested } = await working;
    const registered = sandbox.journal.count("createUser");
    expect(registered, "beside those under way").toBeLessThanOrEqual(before + 10);
    expect(rested).toEqual({ tokenActive: registered });
    const next = await open({ limits: { management: { calls: 1_000, windowMs: hour } } });
    const { taken } = await next.resume();
    expect(taken, "at once, without waiting for a lease to end").toBe(40 - registered);
    expect(await next.counts()).toEqual({ tokenActive: 40 });
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });
});

describe("work() that is stopped when a slot was just granted", () => {
  it("gives the slot back and lets its user keep the first place in the lane", async () => {
    const { sandbox, open } = await scene();
    const stop = new AbortController();
    const inner = memory();
    const store: StoreAdapter = {
      ...inner,
      async open(options) {
        const opened = await inner.open(options);
        const grant: typeof opened.grant = async (ask) => {
          const batch = await opened.grant(ask);
          if (batch.claimed.length > 0) stop.abort();
          return batch;
        };
        return { ...opened, grant };
      },
    };
    const limits = { management: { calls: 1, windowMs: 60_000 } };
    const lifecycle = await open({ store, limits });
    await lifecycle.remote.find({ appUserId: "a stranger" });
    for (const id of ["first", "second"]) {
      await lifecycle.onboard(id, { waitMs: 0 });
      sandbox.clock.advance(10);
    }
    sandbox.clock.advance(120_000);
    expect(await lifecycle.work({ signal: stop.signal })).toEqual({ taken: 1, rested: { created: 1 } });
    expect((await lifecycle.budget.refresh()).waiting.interactive).toBe(2);
    const next = await open({ store: inner, limits });
    await next.resume();
    expect(
      sandbox.journal.entries().flatMap(({ call, appUserId }) => (call === "createUser" ? appUserId : [])),
    ).toEqual(["first"]);
  });
});

describe("users() and counts()", () => {
  it("list all users, or those of one state, page by page", async () => {
    const { open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = await open({ limits: { management: { calls: 1_000, windowMs: hour } } });
    await Promise.all(Array.from({ length: 230 }, (_, index) => lifecycle.onboard(`user ${index}`)));
    const all: string[] = [];
    for await (const user of lifecycle.users()) all.push(user.appUserId);
    expect(new Set(all).size).toBe(230);
    const none = [];
    for await (const user of lifecycle.users({ state: "failed" })) none.push(user);
    expect(none).toEqual([]);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 230 });
  });
});

describe("subscribe()", () => {
  it("hears of every durable step, until it is ended", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const states: string[] = [];
    const end = lifecycle.subscribe((user) => states.push(`${user.appUserId} ${user.state}`));
    await lifecycle.onboard("ada");
    end();
    await lifecycle.onboard("bob");
    expect(states).toEqual(["ada created", "ada codeIssued", "ada tokenActive"]);
  });
});

describe("close()", () => {
  it("is waited for by every caller", async () => {
    const { open } = await scene({ latencyMs: 200 });
    const lifecycle = await open();
    const onboarding = lifecycle.onboard("ada");
    await vi.waitFor(() =>
      expect(lifecycle.inspect("ada")).resolves.toMatchObject({ underWay: "createUser" }),
    );
    let isOver = false;
    void onboarding.then(() => (isOver = true));
    await Promise.race([lifecycle.close(), lifecycle.close()]);
    expect(isOver).toBe(true);
  });

  it("waits for a rename, which hears how it ended", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ transport: fetchTransport() });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", delayMs: 3_000, delay: "after" });
    const renaming = lifecycle.rename("ada", "grace");
    await vi.waitFor(() =>
      expect(lifecycle.inspect("ada")).resolves.toMatchObject({ underWay: "updateUser" }),
    );
    const closed = lifecycle.close();
    sandbox.clock.advance(3_000);
    await closed;
    expect(await renaming).toMatchObject({ appUserId: "grace" });
  });

  it("closes the store although the transport does not close", async () => {
    const { sandbox, server } = await scene();
    let closed = 0;
    const store = altered(memory(), (opened) => ({
      close() {
        closed++;
        return opened.close();
      },
    }));
    const transport = { ...fetchTransport(), close: () => Promise.reject(new Error("not now")) };
    const { credentials } = sandbox;
    const lifecycle = await createLifecycle({ credentials, endpoints: server.endpoints, store, transport });
    await lifecycle.close();
    expect(closed).toBe(1);
  });

  it("lets the calls under way finish and keeps what they brought", async () => {
    const { sandbox, open } = await scene({ latencyMs: 200 });
    const lifecycle = await open();
    const onboarding = lifecycle.onboard("ada");
    await vi.waitFor(() =>
      expect(lifecycle.inspect("ada")).resolves.toMatchObject({ underWay: "createUser" }),
    );
    await lifecycle.close();
    expect(await onboarding).toMatchObject({ usable: true });
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "CLOSED" });
    const next = await open();
    expect(await next.inspect("ada")).toMatchObject({ usable: true });
    expect(sandbox.journal.entries().map((entry) => entry.call)).toEqual(["createUser", "exchangeCode"]);
  });
});
