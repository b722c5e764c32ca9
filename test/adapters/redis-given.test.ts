import { createClient } from "@keyv/redis";
import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { withServer } from "../support/servers.ts";

withServer("redis", "adapters/redis on a client of the application's", (server) => {
  it("open() works on a client that its owner has connected after an opening had failed", async () => {
    const { url, kill, restart } = await server();
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    const adapter = redis(client);
    await kill("SIGKILL");
    const opening = { account: "account", clock: systemClock };
    await expect(adapter.open(opening)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await restart();
    await client.connect();
    onTestFinished(() => client.destroy());
    const store = await adapter.open(opening);
    expect(await store.counts()).toEqual({});
    await store.close();
  });
});
