import { setTimeout as pause } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import { thorough } from "../support/effort.ts";
import { anyKey, type Place } from "../support/places.ts";
import { withPostgres } from "../support/postgres.ts";
import type { Server } from "../support/programs.ts";
import { withServer } from "../support/servers.ts";
import { arrived, fleet } from "./fleet.ts";

/** How long the store is away: long enough to meet every time limit; CI asks for half a minute. */
const usualOutageMs = 6_500;
const outageMs = Number(process.env["ONEUP_TEST_OUTAGE_MS"] ?? usualOutageMs);

withServer("redis", "processes on one Redis store", (server) => fleets("redis", server, outageMs));

if (thorough) {
  withPostgres("processes on one PostgreSQL store", (server) =>
    fleets(
      "postgres",
      async () => {
        const started = await server();
        await postgres(started.url).migrate();
        return started;
      },
      usualOutageMs,
    ),
  );
}

/** Users of one fleet. */
const size = thorough ? 600 : 180;
/** Users of the one whose server is away. */
const many = thorough ? 500 : 300;

function fleets(type: "redis" | "postgres", server: () => Promise<Server>, outageMs: number): void {
  const placesOn = ({ url }: Server, size: number): readonly Place[] =>
    Array.from({ length: size }, () => ({ type, url, key: anyKey, timeoutMs: 5_000 }));

  it("import all users though one is killed in the middle: none twice, never above the limit", async () => {
    const limit = { calls: size / 6, windowMs: 1_000 };
    const { sandbox, members, look } = await fleet(placesOn(await server(), 3), size, {
      limit,
      latencyMs: [0, 60],
    });
    const lifecycle = await look();
    await arrived(lifecycle, size / 3, 30_000);
    members[1]?.kill("SIGKILL");
    // What the killed one was told of and had not yet written down is the application's to ask for again.
    const mine = Array.from({ length: size / 3 }, (_, index) => `user ${3 * index + 1}`);
    await Promise.all(mine.map((id) => lifecycle.onboard(id, { waitMs: 60_000 })));
    await arrived(lifecycle, size, 40_000);
    for (const member of [members[0], members[2]]) {
      member?.kill("SIGTERM");
      expect(await member?.ended).toMatchObject({ code: 0, err: "" });
    }
    expect((await members[1]?.ended)?.signal).toBe("SIGKILL");
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.entries().filter(({ status }) => status === 429)).toEqual([]);
    expect(sandbox.journal.mostInWindow(limit.windowMs)).toBeLessThanOrEqual(limit.calls);
    expect(
      sandbox.journal.spent().management,
      "a call more for each user that the dead one had leased",
    ).toBeLessThan(size + (5 * size) / 6);
  });

  it(`bring ${many} users in though the server is killed and away for ${outageMs / 1_000} s in the middle`, async () => {
    const store = await server();
    const limit = { calls: 10_000, windowMs: 3_600_000 };
    const { sandbox, members, look } = await fleet(placesOn(store, 2), many, {
      limit,
      latencyMs: [100, 400],
    });
    await vi.waitFor(() => expect(sandbox.journal.count("exchangeCode")).toBeGreaterThan(0.3 * many), 30_000);
    const lifecycle = await look();
    await store.kill("SIGKILL");
    const outage = pause(outageMs);
    const began = performance.now();
    const refusal: unknown = await lifecycle.onboard("late").catch((error: unknown) => error);
    expect(refusal, `refused: ${String(refusal)}`).toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
    });
    expect(performance.now() - began, "an answer within the time limit of 5 s").toBeLessThan(30_000);
    await outage;
    await store.restart();
    await Promise.all(members.map((member) => member.said(/brought in/)));
    for (const member of members) member.kill("SIGTERM");
    for (const { ended } of members) {
      const { code, err, out } = await ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const met = JSON.parse(/met (.*)/.exec(out)?.[1] ?? "null") as Record<string, number>; // our own child
      expect(Object.keys(met).filter((code) => code !== "STORE_UNAVAILABLE")).toEqual([]);
    }
    expect(await lifecycle.onboard("late")).toMatchObject({ usable: true });
    const { tokenActive = 0, reauthorized = 0, ...others } = await lifecycle.counts();
    expect([tokenActive + reauthorized, others]).toEqual([many + 1, {}]);
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });
}
