import { createLifecycle, type Lifecycle, type StoreAdapter } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { withSharedPostgres } from "../support/postgres.ts";
import { afterwards, folder, untilPaused } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";

const keys = { north: "aa".repeat(32), south: "bb".repeat(32) } as const;

/** An account at a 1upHealth of its own, with users in `store`. */
async function account(
  name: keyof typeof keys,
  store: StoreAdapter,
): Promise<{ readonly sandbox: Sandbox; readonly lifecycle: Lifecycle }> {
  const limit = { calls: name === "north" ? 3 : 30, windowMs: 3_600_000 };
  const sandbox = createSandbox({ clientId: name, limit });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    endpoints: server.endpoints,
    limits: { management: { ...limit, lanes: { reserved: 0 } } },
    store,
    encryption: { keys: [keys[name]] },
  });
  afterwards(() => lifecycle.close());
  return { sandbox, lifecycle };
}

function keptApart(newStore: () => Promise<StoreAdapter>): void {
  it("keep users, limit, lanes, counts, gates and keys apart, though all names are the same", async () => {
    const store = await newStore();
    const { sandbox: north, lifecycle: ofNorth } = await account("north", store);
    const { sandbox: south, lifecycle: ofSouth } = await account("south", store);

    // North uses up its limit and has a user waiting; South neither sees nor serves that.
    for (const id of ["ada", "bob", "eve"]) await ofNorth.onboard(id);
    const waiting = await untilPaused(ofNorth, "dan", (wait) =>
      ofNorth.onboard("dan", { lane: "bulk", ...wait }),
    );
    expect(waiting).toMatchObject({ state: "created", pause: { reason: "rateLimit" } });
    await expect(ofSouth.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await ofSouth.counts()).toEqual({});
    expect(await ofSouth.resume()).toEqual({ taken: 0, rested: {} });
    for (const id of ["ada", "bob", "eve", "dan"]) await ofSouth.onboard(id, { waitMs: 5_000 });
    expect(await ofSouth.counts()).toEqual({ tokenActive: 4 });
    expect(await ofNorth.counts()).toEqual({ tokenActive: 3, created: 1 });
    expect(await ofNorth.forecast(1, "bulk")).toMatchObject({ used: 3, of: 3, ahead: 1 });
    expect(await ofSouth.forecast(1, "bulk")).toMatchObject({ used: 4, of: 30, ahead: 0 });
    expect([north, south].map(({ journal }) => journal.count("createUser"))).toEqual([3, 4]);

    // A name that one of them changes is the other's as before.
    await ofSouth.rename("ada", "amy");
    await expect(ofSouth.inspect("ada")).rejects.toMatchObject({ code: "RENAMED" });
    expect((await ofNorth.inspect("ada")).usable).toBe(true);
    expect(await ofNorth.accessToken("bob")).not.toBe(await ofSouth.accessToken("bob"));

    // What 1upHealth says to one shuts no gate of the other.
    south.fail({ call: "issueAuthCode", response: "rateLimited", retryAfterMs: 600_000 });
    await ofSouth.reauthorize("eve", { waitMs: 50 });
    const throttled = [{ gate: "management", state: "throttled" }];
    await vi.waitFor(async () => expect((await ofSouth.health()).shut).toMatchObject(throttled), 10_000);
    expect((await ofNorth.health()).shut).toEqual([]);

    // Each has a key of its own, and neither opens what is the other's.
    const ids = await Promise.all(
      [ofNorth, ofSouth].map(async ({ keys: ring }) => (await ring.list()).map(({ id }) => id)),
    );
    expect(new Set(ids.flat()).size).toBe(2);
    const intruding = createLifecycle({
      credentials: south.credentials,
      store,
      encryption: { keys: [keys.north] },
    });
    await expect(intruding).rejects.toMatchObject({ code: "KEY_REFUSED" });
    await ofNorth.rotateKeys();
    expect((await ofSouth.keys.list()).map(({ id }) => id)).toEqual(ids[1]);
  });
}

describe("two accounts in one memory", () => keptApart(async () => memory()));

describe("two accounts in one folder", () => keptApart(async () => lmdb(folder("two-accounts"))));

withServer("redis", "two accounts on one Redis", (server) => {
  keptApart(async () => redis((await server({ appendonly: "no" })).url));
});

withSharedPostgres("two accounts on one PostgreSQL", (place) => {
  keptApart(async () => {
    const { url, schema } = place();
    const store = postgres(url, { schema });
    await store.migrate();
    return store;
  });
});
