import { expect, it, onTestFinished, vi } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { write } from "../support/commits.ts";
import { ask, withServer, withSharedServer } from "../support/servers.ts";
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
});
