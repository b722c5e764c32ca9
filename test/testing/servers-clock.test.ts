import { redis } from "oneup-lifecycle/adapters/redis";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { withSharedServer } from "../support/servers.ts";

withSharedServer("redis", "createTestLifecycle() on a store whose time is its server's", (place) => {
  const opened = async (): Promise<TestLifecycle> => {
    const { where, prefix } = await place();
    const store = redis(where, { prefix });
    return createTestLifecycle({ lifecycle: { store, encryption: { keys: ["0".repeat(64)] } } });
  };

  it("signs users up, and refreshes their tokens on demand", async () => {
    const { lifecycle, clock, close } = await opened();
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    const token = await lifecycle.accessToken("ada");
    await clock.advance("2h");
    expect(await lifecycle.accessToken("ada")).not.toBe(token);
    await close();
  });

  it("does not end the lease of a process that has crashed", async () => {
    const { lifecycle, crash, restart, close } = await opened();
    await crash({ before: "exchangeCode" }, () => lifecycle.onboard("ada"));
    const next = await restart();
    expect(await next.onboard("ada", { waitMs: 60_000 })).toMatchObject({
      state: "codeIssued",
      pause: { reason: "lease" },
    });
    await close();
  });
});
