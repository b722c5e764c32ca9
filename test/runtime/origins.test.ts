/** A store remembers which 1upHealth it was used with. */
import { createLifecycle, type Lifecycle, type LifecycleOptions, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { systemClock } from "../../src/clock.ts";
import type { Json } from "../../src/store/contract.ts";
import { altered } from "../support/altered.ts";
import { warningsIn } from "../support/loggers.ts";
import { afterwards } from "../support/scene.ts";

const credentials = { clientId: "client", clientSecret: "secret" };
const real = { api: "https://api.1up.health", auth: "https://auth.1up.health" };
const sandbox = { api: "http://127.0.0.1:4001", auth: "http://127.0.0.1:4001" };

async function open(store: StoreAdapter, more: Partial<LifecycleOptions> = {}): Promise<Lifecycle> {
  const lifecycle = await createLifecycle({ credentials, store, ...more });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

/** The account's record. */
async function recordIn(store: StoreAdapter, change?: (value: Json) => Json): Promise<Json> {
  const opened = await store.open({ account: accountOf("client"), clock: systemClock });
  const found = await opened.account.load();
  if (found === null) throw new Error("there must be a record");
  const value = change?.(found.value) ?? found.value;
  if (change !== undefined)
    await opened.account.commit({ value, expectedRevision: found.revision, writeId: "a-test" });
  await opened.close();
  return value;
}

const withoutOrigins = (value: Json): Json => {
  const { origins: _, ...others } = value as Readonly<Record<string, Json>>; // it is an object
  return others;
};

describe("the origins of a store", () => {
  it("createLifecycle() refuses a store that was used elsewhere, names both, and changes nothing", async () => {
    const store = memory();
    await open(store);
    const before = await recordIn(store);
    expect(before).toMatchObject({ origins: real });
    await expect(open(store, { endpoints: sandbox })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message:
        "Cannot open the store: its users belong to https://api.1up.health, and calls would go to local (a loopback address); correct endpoints (ONEUP_API, ONEUP_AUTH), or changeOrigin: true moves the store there; nothing was changed",
      facts: { recorded: "https://api.1up.health", given: "local" },
    });
    expect(await recordIn(store)).toEqual(before);
    await open(store, { endpoints: { api: "https://API.1up.health:443/" } });
  });

  it("takes all loopback origins for one", async () => {
    const store = memory();
    await open(store, { endpoints: sandbox });
    await open(store, { endpoints: { api: "http://localhost:9", auth: "http://[::1]:8" } });
    await expect(open(store)).rejects.toThrow(
      /belong to local \(a loopback address\), and calls would go to https:/,
    );
  });

  it("tokens go to the second one: it counts as well", async () => {
    const store = memory();
    await open(store);
    const auth = "https://auth.example.org";
    await expect(open(store, { endpoints: { auth } })).rejects.toThrow(
      /belong to https:\/\/auth\.1up\.health, and calls would go to https:\/\/auth\.example\.org;/,
    );
  });

  it("changeOrigin moves the store, after which the former origin is refused", async () => {
    const store = memory();
    await open(store);
    await open(store, { endpoints: sandbox, changeOrigin: true });
    expect(await recordIn(store)).toMatchObject({ origins: { api: "local", auth: "local" } });
    await open(store, { endpoints: sandbox });
    await expect(open(store)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(open(store, { changeOrigin: 1 as never })).rejects.toThrow(/changeOrigin must be/);
  });

  it("takes two paths of one host for two, however their ends are written", async () => {
    const store = memory();
    await open(store, { endpoints: { api: "https://gw.example.org/1up" } });
    await open(store, { endpoints: { api: "https://gw.example.org/1up/" } });
    const test = { endpoints: { api: "https://gw.example.org/1up-test" } };
    await expect(open(store, test)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(
        "its users belong to https://gw.example.org/1up, and calls would go to https://gw.example.org/1up-test;",
      ),
    });
    await expect(open(store, { endpoints: { api: "https://gw.example.org" } })).rejects.toThrow("/1up, and");
    await open(store, { ...test, changeOrigin: true });
    await open(store, test);
  });

  it("takes any path where an earlier release has noted the origins alone, and notes it then", async () => {
    const store = memory();
    const [prod, test] = ["1up", "test"].map((path) => ({
      endpoints: { api: `https://gw.example.org/${path}` },
    }));
    await open(store, test);
    const origins = { api: "https://gw.example.org", auth: "https://gw.example.org" };
    const earlier = (value: Json): Json => {
      const { bases: _, ...others } = value as Readonly<Record<string, Json>>; // it is an object
      return others;
    };
    expect(await recordIn(store)).toMatchObject({ origins });
    await recordIn(store, earlier);
    await open(store, prod);
    expect(await recordIn(store)).toMatchObject({ origins, bases: { api: "https://gw.example.org/1up" } });
    await expect(open(store, test)).rejects.toThrow("gw.example.org/1up, and");
    // An earlier release has changed the origin, and left the paths as they were.
    await recordIn(store, (value) => ({ ...(value as object), origins: real }));
    await open(store);
    expect(await recordIn(store)).toMatchObject({ origins: real, bases: real });
  });

  it("a store of an earlier release gets its origins at the next opening, if it takes writes", async () => {
    const store = memory();
    await open(store);
    await recordIn(store, withoutOrigins);
    const warnings: string[] = [];
    const full = altered(store, ({ account }) => ({
      account: { load: () => account.load(), commit: () => Promise.reject(new Error("full")) },
    }));
    await open(full, { endpoints: sandbox, logger: warningsIn(warnings) });
    expect(warnings.join()).toContain("Cannot write the origins into the account's record: ");
    expect(await recordIn(store)).not.toHaveProperty("origins");
    await open(store, { endpoints: sandbox });
    expect(await recordIn(store)).toMatchObject({ origins: { api: "local", auth: "local" } });
    await expect(open(store)).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  it("of two processes that open an empty store for different origins, one is refused", async () => {
    for (let round = 0; round < 20; round++) {
      const store = memory();
      const both = await Promise.allSettled([open(store), open(store, { endpoints: sandbox })]);
      expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    }
  });
});
