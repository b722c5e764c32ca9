import { createLifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi, type TestContext } from "vitest";
import { startChild } from "../support/child.ts";
import { anyKey, at, migrated, type Place } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { withSharedServer } from "../support/servers.ts";
import type { Fated } from "./journeys.ts";

const script = new URL("./journey.child.ts", import.meta.url);
const times = { timeoutMs: 8_000, graceMs: 200, leaseMs: 8_500 };
const limit = { calls: 10, windowMs: 1_000 };

describe.concurrent("on LMDB, a worker that is killed", () => {
  lanes(async (test) => ({ type: "lmdb", path: folder("lanes", test) }));
});

withSharedServer("redis", "on Redis, a worker that is killed", (place) =>
  lanes(async () => {
    const { where, prefix } = await place();
    return { type: "redis", url: where, prefix, key: anyKey };
  }),
);

withSharedPostgres("on PostgreSQL, a worker that is killed", (place) => lanes(() => migrated(place())), true);

function lanes(placeOf: (test: TestContext) => Promise<Place>): void {
  it("with slots that it was granted for waiting users, twice in a row, loses no user and keeps to the limit", async (test) => {
    const place = await placeOf(test);
    const sandbox = createSandbox({ limit });
    const server = await sandbox.listen();
    test.onTestFinished(() => server.close());
    const { credentials } = sandbox;
    const limits = { management: limit };
    const open = () =>
      createLifecycle({ credentials, endpoints: server.endpoints, limits, ...at(place), ...times });
    const users = Array.from({ length: 24 }, (_, index) => `user ${index}`);

    const application = await open();
    await Promise.all(users.map((id) => application.onboard(id, { lane: "bulk", waitMs: 0 })));
    await application.close();
    const { created = 0 } = await counted();
    expect(created).toBe(users.length - 9); // one slot of ten is reserved for people
    for (let death = 0; death < 2; death++) {
      const fated: Fated = { url: server.url, credentials, place, times, limits, lives: [], by: "claim" };
      const ended = await startChild(script, fated).ended;
      expect(ended).toEqual({ code: null, signal: "SIGKILL", out: "", err: "" });
      expect(await counted()).toMatchObject({ created });
    }

    const lifecycle = await open();
    const working = lifecycle.work();
    try {
      const arrived = async () => expect(await lifecycle.counts()).toEqual({ tokenActive: users.length });
      await vi.waitFor(arrived, { timeout: 20_000, interval: 50 });
    } finally {
      await lifecycle.close();
      await working;
    }
    const { journal } = sandbox;
    expect(journal.createdTwice()).toEqual([]);
    expect(journal.count("createUser")).toBe(users.length); // no slot was spent in vain
    expect(journal.mostInWindow(limit.windowMs)).toBeLessThanOrEqual(limit.calls);

    async function counted(): Promise<Readonly<Record<string, number>>> {
      const lifecycle = await open();
      const counts = await lifecycle.counts();
      await lifecycle.close();
      return counts;
    }
  });
}
