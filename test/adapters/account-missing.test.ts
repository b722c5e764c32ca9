/** A store whose users were restored without the account's record: nothing is begun over them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { keyFile, type Store, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { altered } from "../support/altered.ts";
import { loggerTo } from "../support/loggers.ts";
import { sql, withSharedPostgres } from "../support/postgres.ts";
import { folder, scene } from "../support/scene.ts";
import { ask, withServer } from "../support/servers.ts";

const refused = {
  code: "STORE_UNUSABLE",
  retryable: false,
  message:
    "Cannot open the store: it holds users of this client id, and the account's record, which has their keys, is missing: restore the whole backup, or begin with an empty store; nothing was changed",
};
const encryption = { keys: ["0".repeat(64)] };

/** Ada signs up, the record is lost, and a process starts. */
async function judge(store: StoreAdapter, lose: () => unknown): Promise<void> {
  const { sandbox, open } = await scene();
  const before = await open({ store, encryption });
  await before.onboard("ada");
  await before.close();
  await lose();
  const key = join(folder("key"), "key");
  const told: string[] = [];
  const logger = loggerTo(({ message }) => told.push(message));
  for (const storeMustExist of [false, true])
    await expect(open({ store, encryption: keyFile(key), storeMustExist, logger })).rejects.toMatchObject(
      refused,
    );
  expect(existsSync(key)).toBe(false);
  expect(told.join()).not.toContain("Began a new store");
  const opened = await store.open({
    account: accountOf(sandbox.credentials.clientId),
    clock: systemClock,
  });
  expect(await opened.account.load()).toBeNull();
  expect(await opened.load("ada")).toMatchObject({ type: "record" });
  await opened.close();
}

/** The store in memory, whose account's record can be lost, and other verbs. */
function losing(verbs: (store: Store) => Partial<Store> = () => ({})) {
  let isLost = false;
  const store = altered(memory(), (inside) => ({
    account: {
      load: async () => (isLost ? null : inside.account.load()),
      commit: async (write) => isLost || inside.account.commit(write),
    },
    ...(isLost && verbs(inside)),
  }));
  return { store, lose: () => void (isLost = true) };
}

describe("users without their account's record are refused", () => {
  it("on a store of one's own", async () => {
    const { store, lose } = losing();
    await judge(store, lose);
  });

  it("on one that has lost its counts as well", async () => {
    const { store, lose } = losing(() => ({ counts: async () => ({}) }));
    await judge(store, lose);
  });

  it("unless another process begins the store, and its first user, at this moment", async () => {
    const { open } = await scene();
    const shared = memory();
    let opens = 0;
    const late = altered(shared, ({ account }) => ({
      account: {
        ...account,
        async load() {
          if (++opens > 1) return account.load();
          const found = await account.load();
          await (await open({ store: shared, encryption })).onboard("ada");
          return found;
        },
      },
    }));
    const lifecycle = await open({ store: late, encryption });
    expect(await lifecycle.accessToken("ada")).toMatch(/./);
  });
});

withServer("redis", "users without their account's record are refused", (server) => {
  it("on Redis", async () => {
    const { url } = await server();
    await judge(redis(url), async () => {
      const keys = (await ask(url, "KEYS", "*:account")) as string[];
      expect(keys).toHaveLength(1);
      await ask(url, "DEL", ...keys);
    });
  });
});

withSharedPostgres("users without their account's record are refused", (place) => {
  it("on PostgreSQL", async () => {
    const { url, schema } = place();
    const store = postgres(url, { schema });
    await store.migrate();
    await judge(store, () => sql(url, `DELETE FROM "${schema}".account`));
  });
});
