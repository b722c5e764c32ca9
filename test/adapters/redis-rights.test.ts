import { createClient } from "@keyv/redis";
import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { withServer } from "../support/servers.ts";

const limit = { name: "management", calls: 10, windowMs: 60_000 };
const take = { limit, holdMs: 1_000, lane: null };
/** What each commit may need of Redis. */
const commands = ["set", "mset", "zadd", "zrem", "hset", "hincrby", "hdel", "del"];

/** All that the store holds, as far as its verbs show it. */
async function held(store: Store): Promise<object> {
  return {
    ada: await store.load("ada"),
    bob: await store.load("bob"),
    counts: await store.counts(),
    ids: await store.page({ state: undefined, after: undefined, limit: 10 }),
    used: (await store.slots.forecast({ limit, calls: 1, lane: "bulk" })).used,
  };
}

for (const name of ["redis", "valkey"] as const) {
  withServer(name, `adapters/redis and a user of ${name} that loses a right`, (server) => {
    it.each(commands)(
      "without %s a commit writes nothing, names it, and works once it is given back",
      async (command) => {
        const { url, port } = await server();
        const operator = await createClient({ url }).connect();
        onTestFinished(() => operator.destroy());
        const user = (...rules: readonly string[]) =>
          operator.sendCommand(["ACL", "SETUSER", "app", ...rules]);
        await user("on", ">secret", "~*", "&*", "+@all");
        const adapter = redis(`redis://app:secret@127.0.0.1:${port}`, { timeoutMs: 1_000 });
        const store = await adapter.open({ account: "account", clock: systemClock });
        onTestFinished(() => store.close());
        await store.commit(write("ada", { state: "created", lane: "bulk" }));
        const before = await held(store);

        await user(`-${command}`);
        const changed = write("ada", {
          expectedRevision: 1,
          state: "codeIssued",
          dueInMs: 5,
          mode: "take",
          take,
        });
        for (const commit of [write("bob", { state: "created", dueInMs: 1 }), changed]) {
          await expect(store.commit(commit)).rejects.toMatchObject({
            code: "STORE_UNAVAILABLE",
            retryable: false,
            message: expect.stringContaining(
              `lacks a permission that the store needs: to run ${command.toUpperCase()}`,
            ),
          });
        }
        await expect(store.probe?.()).rejects.toThrow(command.toUpperCase());
        expect(await held(store)).toEqual(before);

        await user(`+${command}`);
        await store.probe?.();
        expect(await store.commit(changed)).toMatchObject({ type: "committed", revision: 2 });
        expect(await store.commit(write("bob", { state: "created" }))).toMatchObject({ type: "committed" });
        expect(await store.counts()).toEqual({ codeIssued: 1, created: 1 });
        expect((await store.claim({ limit: 5, lease: write("ada").lease })).claimed).toEqual([]);
      },
    );

    it("on a cluster open() names CLUSTER SLOTS, and works with the rights of docs/stores.md", async () => {
      const { url, port } = await server({ "cluster-enabled": "yes" });
      const operator = await createClient({ url }).connect();
      onTestFinished(() => operator.destroy());
      await operator.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
      await expect
        .poll(async () => JSON.stringify(await operator.sendCommand(["CLUSTER", "INFO"])), {
          timeout: 10_000,
        })
        .toContain("cluster_state:ok");
      const rights =
        "on >secret ~oneup:* +@read +@write +@connection +time +info +script|load +evalsha +eval";
      await operator.sendCommand(["ACL", "SETUSER", "app", ...rights.split(" ")]);
      const open = () =>
        redis(`redis://app:secret@127.0.0.1:${port}`).open({ account: "account", clock: systemClock });
      await expect(open()).rejects.toMatchObject({
        code: "STORE_UNUSABLE",
        retryable: false,
        message: expect.stringContaining("to run CLUSTER SLOTS"),
      });
      await operator.sendCommand(["ACL", "SETUSER", "app", "+cluster|slots"]);
      const store = await open();
      onTestFinished(() => store.close());
      expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
    });

    it.each(["HSET", "ZREM"])(
      "of which the server has no %s writes nothing, and names it",
      async (command) => {
        const { url } = await server({ "rename-command": [command, ""] });
        const store = await redis(url).open({ account: "account", clock: systemClock });
        onTestFinished(() => store.close());
        await expect(store.commit(write("ada", { take }))).rejects.toMatchObject({
          code: "STORE_UNAVAILABLE",
          retryable: false,
          message: expect.stringMatching(
            `lacks a command that the store needs \\(rename-command\\): ${command}$`,
          ),
        });
        expect([await store.load("ada"), await store.counts()]).toEqual([{ type: "absent" }, {}]);
      },
    );
  });
}
