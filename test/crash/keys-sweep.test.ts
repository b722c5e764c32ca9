import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi, type TestContext } from "vitest";
import { each, startChild } from "../support/child.ts";
import { oneIn } from "../support/effort.ts";
import { at, type Place } from "../support/places.ts";
import { folder } from "../support/scene.ts";
import { withSharedServer } from "../support/servers.ts";
import type { Started } from "../support/started.ts";
import { changeKeys, type KeyChanges } from "./key-changes.ts";

const script = new URL("./keys.child.ts", import.meta.url);
const [newer, older] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
const options = { refresh: { policy: "eager" } } as const;
/** Two of the three are idle meanwhile, so they are left to be sealed again; one's tokens live for seconds. */
const [quiet, busy] = [["ada", "bob"], "eve"];

/**
 * The writes of all changes: the wrapping, the fresh store key, the quiet users, the end of the old key, the
 * retirement. One more if it meets the busy user before its refresh does.
 */
const writes = 4 + quiet.length;
const all = Array.from({ length: writes + 1 }, (_, index) => index + 1).flatMap((n) =>
  (["before", "after"] as const).map((when) => ({ of: "write" as const, n, when })),
);
const instants = oneIn(4, all);
/** How many of them come whatever the busy user does. */
const certain = instants.filter(({ n }) => n <= writes).length;

describe.concurrent("on LMDB, a process that changes keys and is killed", () => {
  sweep(async (test) => {
    const path = folder("keys", test);
    return (name) => ({ type: "lmdb", path: join(path, name) });
  });
});

/** Time runs 25 times as fast below, and a busy machine needs half a second now and then. */
const timeoutMs = 60_000;

withSharedServer("redis", "on Redis, a process that changes keys and is killed", (place) =>
  sweep(async () => {
    const { where, prefix } = await place();
    return (name) => ({ type: "redis", url: where, prefix: `${prefix}-${name}`, key: older, timeoutMs });
  }),
);

function sweep(placesOf: (test: TestContext) => Promise<(name: string) => Place>): void {
  it("before and after every write loses no user, beside a process that refreshes tokens", async (test) => {
    const placeOf = await placesOf(test);
    const stores = instants.map((instant) => {
      const name = `${instant.when}-${instant.n}`;
      const id = (user: string): string => `${user}@${name}.example.org`;
      return { instant, place: placeOf(name), id, busy: id(busy) };
    });
    const sandbox = createSandbox({ limit: { calls: Infinity } });
    const server = await sandbox.listen();
    test.onTestFinished(() => server.close());
    const { credentials, clock, journal } = sandbox;
    const inEach = (
      keys: readonly string[],
      task: (lifecycle: Lifecycle, id: (user: string) => string) => Promise<void>,
    ): Promise<void> =>
      each(stores, stores.length, async ({ place, id }) => {
        const { endpoints } = server;
        const own = { store: at(place).store, encryption: { keys } };
        const lifecycle = await createLifecycle({ ...options, ...own, credentials, endpoints, clock });
        try {
          await task(lifecycle, id);
        } finally {
          await lifecycle.close();
        }
      });

    let old = "";
    await inEach([older], async (lifecycle, id) => {
      for (const user of quiet) await lifecycle.onboard(id(user));
      old = (await lifecycle.keys.list())[0]?.id ?? "";
    });
    sandbox.behave({ accessTokenLifeMs: 120_000 }); // a few seconds here
    await inEach([older], async (lifecycle, id) => void (await lifecycle.onboard(id(busy))));

    const told = { url: server.url, credentials, stores, keys: [newer, older], older: old, options };
    const child = (by: KeyChanges["by"]): Started => startChild(script, { ...told, by } satisfies KeyChanges);
    const timer = setInterval(() => clock.advance(250), 10); // a look at the keys is good for 10 s
    test.onTestFinished(() => clearInterval(timer));
    const beside = child("refreshing");
    test.onTestFinished(() => beside.kill("SIGKILL"));
    await beside.said(/ready/);
    await vi.waitFor(() => expect(journal.count("refreshToken")).toBeGreaterThan(0));
    const refreshed = journal.count("refreshToken");
    const ended = await child("changing").ended;
    expect(ended).toMatchObject({ code: null, signal: "SIGKILL", err: "" });
    expect(Number(/^stopped (\d+)\n$/.exec(ended.out)?.[1])).toBeGreaterThanOrEqual(certain);

    await inEach([newer, older], async (lifecycle) => {
      await changeKeys(lifecycle, old);
      expect(await lifecycle.keys.list()).toEqual([
        { id: expect.not.stringContaining(old), storeKeys: [anyId] },
      ]);
    });
    await vi.waitFor(() => expect(journal.count("refreshToken")).toBeGreaterThan(refreshed));
    clearInterval(timer); // closing takes as long as the calls under way, which time that runs fast would cut short
    beside.kill("SIGTERM");
    expect(await beside.ended).toEqual({ code: 0, signal: null, out: "ready\n", err: "" });
    await inEach([newer], async (lifecycle, id) => {
      for (const user of [...quiet, busy]) {
        const patient = await lifecycle.fhir(id(user), "dstu2").create({ resourceType: "Patient" });
        expect(patient.id).toMatch(/^[0-9a-f]+$/);
      }
      expect(await lifecycle.counts()).not.toHaveProperty("failed");
    });
    expect(journal.count("createUser")).toBe(stores.length * 3);
  });
}

const anyId: unknown = expect.stringMatching(/^[0-9a-f]{12}$/);
