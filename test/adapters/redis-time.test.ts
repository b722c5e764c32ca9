import { expect, it, onTestFinished, vi } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { manualClock } from "../../src/testing/index.ts";
import { write } from "../support/commits.ts";
import { ask, clientAt, withServer, withSharedServer } from "../support/servers.ts";
import { steered } from "../support/steered-redis.ts";
import { conformance } from "./redis-conformance.ts";

withSharedServer("redis", "adapters/redis on redis", conformance);

const { lease } = write("nobody");

withServer("redis", "adapters/redis and its server's time", (server) => {
  it("commit() counts leases and due times by the time of the server", async () => {
    const { url } = await server();
    const store = await redis(url).open({ account: "account", clock: systemClock });
    onTestFinished(() => store.close());
    const time = async (): Promise<number> => {
      const [seconds, micros] = (await ask(url, "TIME")) as string[]; // as Redis answers
      return Math.floor(Number(seconds) * 1_000 + Number(micros) / 1_000);
    };
    const before = await time();
    await store.commit(write("ada", { mode: "take", lease: { ...lease, ms: 300 } }));
    await store.commit(write("bob", { dueInMs: 90_000 }));
    const bob = await store.load("bob");
    const passed = (await time()) - before;
    const dueInMs = bob.type === "record" ? (bob.record.dueInMs ?? 0) : 0;
    expect(dueInMs).toBeLessThanOrEqual(90_000);
    expect(dueInMs).toBeGreaterThanOrEqual(90_000 - passed);
    const ofNext = { ...lease, id: "the next" };
    await vi.waitUntil(
      async () => (await store.claim({ limit: 1, lease: ofNext })).claimed.length === 1,
      30_000,
    );
    expect((await time()) - before).toBeGreaterThanOrEqual(300);
  });

  it("slots.take() is answered, or rejects, within the time limit, also where each request is slower than the last", async () => {
    const { url } = await server();
    const client = await clientAt(url);
    onTestFinished(() => client.destroy());
    const clock = manualClock();
    const delays: number[] = [];
    const its = steered(client, () => clock.now());
    const slow = new Proxy(its, {
      get(_, name) {
        if (name !== "sendCommand") return Reflect.get(its, name) as unknown;
        return async (command: string[], options: never) => {
          const isTake = command.some((word) => word.includes('"holdMs"'));
          if (isTake) await clock.advance(delays.shift() ?? 0);
          return its.sendCommand(command, options);
        };
      },
    });
    const store = await redis(slow, { timeoutMs: 5_000 }).open({ account: "slow", clock });
    onTestFinished(() => store.close());
    await store.load("ada");
    const limit = { name: "management", calls: 3, windowMs: 3_600_000 };
    const ask = { limit, holdMs: 40_000, lane: "interactive" } as const;
    delays.push(2_300, 100);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
    await store.load("ada");
    delays.push(4_700, 4_800);
    await expect(store.slots.take(ask)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
