import { createClient } from "@keyv/redis";
import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { withServer } from "../support/servers.ts";

withServer("redis", "adapters/redis at a server with as many clients as it may have", (server) => {
  it("opens once there is room: a passing trouble", async () => {
    const { url } = await server();
    const operator = await createClient({ url }).connect();
    onTestFinished(() => operator.destroy());
    const open = (): Promise<Store> =>
      redis(url, { timeoutMs: 1_000 }).open({ account: "account", clock: systemClock });
    await operator.sendCommand(["CONFIG", "SET", "maxclients", "1"]);
    const error: unknown = await open().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await operator.sendCommand(["CONFIG", "SET", "maxclients", "1000"]);
    const store = await open();
    expect(await store.counts()).toEqual({});
    await store.close();
  });
});
