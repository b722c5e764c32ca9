import { describe, expect, it } from "vitest";
import type { TestContext } from "vitest";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { anyKey } from "../support/places.ts";
import { isPostgresInstalled, startPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { isInstalled, startServer } from "../support/servers.ts";
import { play } from "./chaos.ts";
import type { Ground } from "./chaos.ts";

/** How long disasters happen, and the seeds of the stories if others are wanted than the usual ones. */
const ms = Number(process.env["ONEUP_TEST_CHAOS_MS"] ?? 6_000);
const seeds = process.env["ONEUP_TEST_CHAOS_SEEDS"]?.split(",").map(Number);

describe.concurrent("processes die, stand still and lose their lines, and everybody arrives", () => {
  stories("on LMDB", 1, async (test) => {
    const path = folder("chaos", test);
    return { place: () => ({ type: "lmdb", path }), server: null };
  });

  if (isInstalled("redis-server", "chaos on Redis")) {
    stories("on Redis, which dies as well", 2, async (test) => {
      const server = await startServer("redis-server");
      test.onTestFinished(() => server.stop());
      const url = (port: number): string => `redis://127.0.0.1:${port}`;
      return {
        place: (port) => ({ type: "redis", url: url(port), key: anyKey, timeoutMs: 1_000 }),
        server,
      };
    });
  }

  if (isPostgresInstalled("chaos on PostgreSQL")) {
    stories("on PostgreSQL, which dies as well", 3, async (test) => {
      const server = await startPostgres();
      test.onTestFinished(() => server.stop());
      await postgres(server.url).migrate();
      const url = (port: number): string => server.url.replace(`:${server.port}/`, `:${port}/`);
      return {
        place: (port) => ({ type: "postgres", url: url(port), key: anyKey, timeoutMs: 1_000 }),
        server,
      };
    });
  }
});

function stories(title: string, usual: number, ground: (test: TestContext) => Promise<Ground>): void {
  for (const seed of seeds ?? [usual]) {
    it(`${title}, for the calls that are due (seed ${seed})`, { timeout: 240_000 }, async (test) => {
      const { blamed, log } = await play(await ground(test), { seed, ms });
      const story = `ONEUP_TEST_CHAOS_SEEDS=${seed} ONEUP_TEST_CHAOS_MS=${ms}\n${log.join("\n")}`;
      if (blamed.length > 0) expect.fail(`${blamed.join("\n")}\n\n${story}`);
    });
  }
}
