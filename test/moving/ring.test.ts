/** A store that moves from kind to kind, and back. */
import { join } from "node:path";
import { Keyv } from "keyv";
import {
  moveStore,
  type Encryption,
  type Lifecycle,
  type LifecycleOptions,
  type StoreAdapter,
} from "oneup-lifecycle";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { describe, expect, it } from "vitest";
import { startPostgres, forgetful } from "../support/postgres.ts";
import { needing } from "../support/needs.ts";
import { afterwards, folder, scene } from "../support/scene.ts";
import { startServer } from "../support/servers.ts";

const keyOf = (n: number): string => String(n).repeat(64).slice(0, 64);
const options: Partial<LifecycleOptions> = {
  limits: { management: { calls: 6, windowMs: 3_600_000 } },
  events: { keep: "30d" },
};

describe("moveStore() between all kinds of stores", needing(["postgres", "redis-server"]), () => {
  it("carries users, lanes, slots, holds, events and marks, makes no call, and gives the same digest each time", async () => {
    const servers = await Promise.all([startPostgres(forgetful), startServer("redis-server")]);
    for (const server of servers) afterwards(() => server.stop());
    const [pg, cache] = servers;
    const path = folder("ring");
    const table = postgres(pg.url);
    await table.migrate();
    const stops: readonly (readonly [StoreAdapter, Encryption])[] = [
      [memory(), { keys: [keyOf(1)] }],
      [lmdb(join(path, "one")), { keys: [keyOf(1)] }],
      [table, { keys: [keyOf(2)] }],
      [redis(cache.url), { keys: [keyOf(3)] }],
      [keyv(new Keyv()), { keys: [keyOf(3)] }],
      [lmdb(join(path, "two")), { keys: [keyOf(4)] }],
      [redis(cache.url, { prefix: "again" }), { keys: [keyOf(4)] }],
      [postgres(pg.url, { schema: "other" }), { keys: [keyOf(5)] }],
      [memory(), { keys: [keyOf(5)] }],
    ];
    await postgres(pg.url, { schema: "other" }).migrate();
    const { sandbox, open } = await scene();
    const on = async <T>(
      [store, encryption]: (typeof stops)[number],
      task: (lifecycle: Lifecycle) => Promise<T>,
    ): Promise<T> => {
      const lifecycle = await open({ ...options, store, encryption });
      try {
        return await task(lifecycle);
      } finally {
        await lifecycle.close();
      }
    };
    const [first] = stops as [(typeof stops)[number]];
    const look = (stop: (typeof stops)[number]): Promise<unknown> =>
      on(stop, async (lifecycle) => ({
        tokens: await Promise.all(["ada", "bea"].map((id) => lifecycle.accessToken(id))),
        waiting: await lifecycle.inspect("cy"),
        held: await lifecycle.inspect("bea"),
        renamed: await lifecycle.inspect("adam").catch((error: { code: string }) => error.code),
        forgotten: await lifecycle.inspect("eve").catch((error: { code: string }) => error.code),
        history: await lifecycle.history("ada"),
        used: (await lifecycle.budget.refresh()).used,
      }));
    await on(first, async (lifecycle) => {
      await lifecycle.onboard("adam");
      await lifecycle.rename("adam", "ada");
      await lifecycle.onboard("bea");
      await lifecycle.hold("bea", "asked to");
      await lifecycle.onboard("eve");
      await lifecycle.offboard("eve");
      await lifecycle.forget("eve");
      await lifecycle.onboard("dan");
      await lifecycle.onboard("cy", { waitMs: 0 });
    });
    const before = await look(first);
    const calls = sandbox.journal.spent();
    const digests = new Set<string>();
    for (const [n, from] of stops.slice(0, -1).entries()) {
      const to = stops[n + 1] as typeof from;
      const summary = await moveStore(from[0], to[0], {
        clientId: sandbox.credentials.clientId,
        encryption: from[1],
        newEncryption: to[1],
        clock: sandbox.clock,
      });
      digests.add(summary.digest);
      expect(summary).toMatchObject({ users: 5, formerIds: 1 });
      expect(sandbox.journal.spent()).toEqual(calls);
      await expect(on(from, async () => {})).rejects.toMatchObject({ code: "STORE_MOVED" });
    }
    expect(digests.size).toBe(1);
    expect(await look(stops.at(-1) as (typeof stops)[number])).toEqual(before);
  });
});
