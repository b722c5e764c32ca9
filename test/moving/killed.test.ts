/** Two workers on a store whose users move elsewhere, and a process that moves them and is killed. */
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it, onTestFinished } from "vitest";
import { startChild } from "../support/child.ts";
import { needing } from "../support/needs.ts";
import { at, type Place } from "../support/places.ts";
import { forgetful, startPostgres } from "../support/postgres.ts";
import { afterwards, folder } from "../support/scene.ts";
import { startServer } from "../support/servers.ts";
import type { Started } from "../support/started.ts";
import type { Told } from "./mover.child.ts";

const script = new URL("mover.child.ts", import.meta.url);

/** A busy machine needs longer than the usual time now and then. */
const timeoutMs = 60_000;

/** More than two pages. */
const users = 1_200;

it(
  "moveStore() from LMDB to PostgreSQL to Redis, beside two workers, killed once each time, loses and doubles no user",
  needing(["postgres", "redis-server"]),
  async () => {
    const [pg, cache] = await Promise.all([startPostgres(forgetful), startServer("redis-server")]);
    afterwards(() => pg.stop());
    afterwards(() => cache.stop());
    const sandbox = createSandbox({ limit: { calls: Infinity } });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const { credentials } = sandbox;
    const places: readonly Place[] = [
      { type: "lmdb", path: folder("killed") },
      { type: "postgres", url: pg.url, key: "1".repeat(64), timeoutMs },
      { type: "redis", url: cache.url, key: "2".repeat(64), timeoutMs },
    ];
    const on = async <T>(place: Place, task: (lifecycle: Lifecycle) => Promise<T>): Promise<T> => {
      const { endpoints } = server;
      const limits = { management: { calls: 100_000, windowMs: 3_600_000 } };
      const lifecycle = await createLifecycle({ ...at(place), credentials, endpoints, limits });
      try {
        return await task(lifecycle);
      } finally {
        await lifecycle.close();
      }
    };
    const child = (told: Pick<Told, "from" | "to">): Started => {
      const started = startChild(script, { credentials, url: server.url, ...told } satisfies Told);
      onTestFinished(() => started.kill("SIGKILL"));
      return started;
    };
    const ids = Array.from({ length: users }, (_, n) => `user-${n}`);
    const [first] = places as [Place];
    await on(first, (lifecycle) => lifecycle.onboardMany(ids, { name: "all" }));
    await postgres(pg.url).migrate();
    const calls = sandbox.journal.spent().management;
    for (const [n, from] of places.slice(0, -1).entries()) {
      const to = places[n + 1] as Place;
      const workers = [child({ from }), child({ from })];
      await Promise.all(workers.map((worker) => worker.said(/ready/)));
      const killed = child({ from, to });
      await killed.said(/copy \d+/);
      killed.kill("SIGKILL");
      expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
      const { out, err } = await child({ from, to }).ended;
      expect({ err, last: out.trim().split("\n").at(-1) }).toEqual({ err: "", last: `moved ${users}` });
      for (const { ended } of workers)
        expect(await ended).toMatchObject({ code: 0, out: "ready\nSTORE_MOVED\ntrue\n", err: "" });
    }
    expect(sandbox.journal.spent().management).toBe(calls);
    await on(places.at(-1) as Place, async (lifecycle) => {
      const counts = await lifecycle.counts();
      expect(counts).toMatchObject({ tokenActive: users });
      await expect(lifecycle.onboard("user-7")).resolves.toMatchObject({ usable: true });
      await lifecycle.fhir("user-9", "dstu2").create({ resourceType: "Patient" });
    });
    expect(sandbox.users()).toHaveLength(users);
    expect(sandbox.journal.spent().management).toBe(calls);
  },
);
