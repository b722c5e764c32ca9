import { describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { oneIn, thorough } from "../support/effort.ts";
import { anyKey } from "../support/places.ts";
import { needing, type Program } from "../support/needs.ts";
import { startPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { startServer } from "../support/servers.ts";
import { machinesTime, sentHeader, watchArrivals } from "./arrivals.ts";
import { play, type Ground } from "./chaos.ts";
import { beyondLimit } from "./judge.ts";
import { times } from "./people.ts";

/** How long disasters happen, and the seeds of the stories if others are wanted than the usual ones. */
const ms = Number(process.env["ONEUP_TEST_CHAOS_MS"] ?? (thorough ? 6_000 : 4_000));
const seeds = process.env["ONEUP_TEST_CHAOS_SEEDS"]?.split(",").map(Number);

describe.concurrent("processes die, stand still and lose their connections, and all users arrive", () => {
  stories("on LMDB", 1, [], async (test) => {
    const path = folder("chaos", test);
    return { place: () => ({ type: "lmdb", path }), server: null };
  });
  for (const onServer of oneIn(2, [onRedis, onPostgres])) onServer();
});

function onRedis(): void {
  stories("on Redis, which dies as well", 2, ["redis-server"], async (test) => {
    const server = await startServer("redis-server");
    test.onTestFinished(() => server.stop());
    const url = (port: number): string => `redis://127.0.0.1:${port}`;
    return {
      place: (port) => ({ type: "redis", url: url(port), key: anyKey, timeoutMs: 1_000 }),
      server,
    };
  });
}

function onPostgres(): void {
  stories("on PostgreSQL, which dies as well", 3, ["postgres"], async (test) => {
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

describe.runIf(thorough)("the process of 1upHealth stands still, and what arrives late is not blamed", () => {
  it("on LMDB", async (test) => {
    const path = folder("chaos", test);
    const ground: Ground = { place: () => ({ type: "lmdb", path }), server: null };
    const { blamed, log } = await play(ground, { seed: 1, ms: 5_000, stall: { atMs: 3_000, ms: 2_900 } });
    if (blamed.length > 0) expect.fail(`${blamed.join("\n")}\n\n${log.join("\n")}`);
    expect(log.join("\n")).toMatch(/the process of the test stood still for \d{4,} ms/);
  });
});

describe("the judge of the limit", () => {
  const limit = { calls: 4, windowMs: 60_000 };

  /** Six calls, of which so many were under way for too long. */
  async function sixCalls(late: number): Promise<readonly string[]> {
    const sandbox = createSandbox({ limit });
    const server = await sandbox.listen();
    const watch = watchArrivals(sandbox, server.url);
    onTestFinished(() => server.close().then(watch.close));
    const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
    for (let n = 0; n < 6; n++) {
      const sent = machinesTime() - (n < late ? times.graceMs + 1 : 0);
      const headers = { client_id, client_secret, [sentHeader]: String(sent) };
      const body = new URLSearchParams({ app_user_id: `${n}` });
      await fetch(`${server.url}/user-management/v1/user`, { method: "POST", headers, body });
    }
    return beyondLimit({ sandbox, limit, arrivals: watch.arrivals });
  }

  it("blames what was sent in time, and what was refused because of it", async () => {
    expect(await sixCalls(0)).toEqual(["6 calls within a window of 4", "2 calls were refused with 429"]);
  });

  it("blames nothing for calls that were under way for longer than the grace", async () => {
    expect(await sixCalls(2)).toEqual([]);
  });
});

function stories(
  title: string,
  usual: number,
  programs: readonly Program[],
  ground: (test: TestContext) => Promise<Ground>,
): void {
  for (const seed of seeds ?? [usual]) {
    it(`${title}, for the calls that are due (seed ${seed})`, needing(programs), async (test) => {
      const { blamed, log } = await play(await ground(test), { seed, ms });
      const story = `ONEUP_TEST_CHAOS_SEEDS=${seed} ONEUP_TEST_CHAOS_MS=${ms}\n${log.join("\n")}`;
      if (blamed.length > 0) expect.fail(`${blamed.join("\n")}\n\n${story}`);
    });
  }
}
