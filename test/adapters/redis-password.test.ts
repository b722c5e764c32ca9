import { inspect } from "node:util";
import KeyvRedis, { createClient } from "@keyv/redis";
import { expect, it, onTestFinished, vi } from "vitest";
import { redis, type Where } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { nextStepOf } from "../../src/next-step.ts";
import type { Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { withServer } from "../support/servers.ts";

async function opened(where: Where): Promise<Store> {
  const store = await redis(where, { timeoutMs: 1_000 }).open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

withServer("redis", "adapters/redis and a password that is refused", (server) => {
  it("names it, also when it was changed under a process, and it is no passing trouble", async () => {
    const { url, port } = await server();
    const operator = await createClient({ url }).connect();
    onTestFinished(() => operator.destroy());
    const user = (...rules: readonly string[]) => operator.sendCommand(["ACL", "SETUSER", "app", ...rules]);
    await user("on", ">secret", "~*", "&*", "+@all");
    const mine = `redis://app:secret@127.0.0.1:${port}`;
    const store = await opened(mine);
    await store.commit(write("ada"));
    await user("resetpass", ">another");
    await operator.sendCommand(["CLIENT", "KILL", "USER", "app"]);
    const given = new KeyvRedis(mine);
    given.on("error", () => {});
    onTestFinished(() => given.disconnect(true));
    for (const call of [() => store.commit(write("bob")), () => opened(mine), () => opened(given)]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
      expect(String(error)).toContain("Redis refused the user or the password");
      expect(inspect(error, { depth: null })).not.toContain("secret");
    }
    const refused: unknown = await store.load("ada").catch((reason: unknown) => reason);
    expect(isLifecycleError(refused) && nextStepOf(refused)).toMatch(
      /^do what the message names, and work continues by itself; /,
    );
    await user("resetpass", ">secret");
    await vi.waitFor(async () => expect(await store.commit(write("cleo"))).toBeTruthy(), 5_000);
  });

  it("names it, too, once the server has none any more", async () => {
    const { port } = await server({ requirepass: "secret" });
    const mine = `redis://:secret@127.0.0.1:${port}`;
    const store = await opened(mine);
    const operator = await createClient({ url: mine }).connect();
    onTestFinished(() => operator.destroy());
    await operator.sendCommand(["CONFIG", "SET", "requirepass", ""]);
    await operator.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    for (const call of [() => store.commit(write("ada")), () => opened(mine)]) {
      await expect(call()).rejects.toThrow("Redis refused the user or the password");
    }
  });
});
