import { describe, expect, it } from "vitest";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { anyKey } from "../support/places.ts";
import { withPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";
import { play } from "./chaos.ts";
import type { Ground } from "./chaos.ts";

/** How long disasters happen, and the seeds of the stories. */
const ms = Number(process.env["ONEUP_TEST_CHAOS_MS"] ?? 6_000);
const seeds = (process.env["ONEUP_TEST_CHAOS_SEEDS"] ?? "1").split(",").map(Number);
const title =
  "processes and servers die, stand still and lose their lines, and everybody arrives, for the calls that are due";

function stories(ground: () => Promise<Ground>): void {
  it.each(seeds)(
    `%s: ${title}`,
    async (seed) => {
      const { blamed, log } = await play(await ground(), { seed, ms });
      expect(blamed, `ONEUP_TEST_CHAOS_SEEDS=${seed} ONEUP_TEST_CHAOS_MS=${ms}\n${log.join("\n")}`).toEqual(
        [],
      );
    },
    240_000,
  );
}

describe("chaos on LMDB", () => {
  stories(async () => {
    const path = folder("chaos");
    return { place: () => ({ type: "lmdb", path }), server: null };
  });
});

withServer("redis", "chaos on Redis", (server) => {
  stories(async () => ({
    place: (port) => ({ type: "redis", url: `redis://127.0.0.1:${port}`, key: anyKey, timeoutMs: 1_000 }),
    server: await server(),
  }));
});

withPostgres("chaos on PostgreSQL", (server) => {
  stories(async () => {
    const started = await server();
    await postgres(started.url).migrate();
    const url = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`;
    return {
      place: (port) => ({ type: "postgres", url: url(port), key: anyKey, timeoutMs: 1_000 }),
      server: started,
    };
  });
});
