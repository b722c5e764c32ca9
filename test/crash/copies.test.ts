import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, keyFile, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { each, startChild } from "../support/child.ts";
import { thorough } from "../support/effort.ts";
import { afterwards, folder } from "../support/scene.ts";
import type { Writer } from "./copies.child.ts";
import { warningsIn } from "../support/loggers.ts";

const script = new URL("./copies.child.ts", import.meta.url);
const times = { timeoutMs: 8_000, graceMs: 500, leaseMs: 8_500 };
const limits = { management: { calls: 1e6, windowMs: 3_600_000 } };
/** How often a store is copied while another process writes to it as fast as it can. */
const copies = Number(process.env["ONEUP_TEST_COPIES"] ?? (thorough ? 12 : 6));

describe("lmdb().backup()", () => {
  it("in the middle of another process's writes makes copies that open cleanly, each an older state from which all goes on", async () => {
    const sandbox = createSandbox({ limit: { calls: Infinity } });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const path = folder("copies");
    const told: Writer = {
      url: server.url,
      credentials: sandbox.credentials,
      place: { type: "lmdb", path },
      times,
      limits,
      users: 300,
    };
    const writer = startChild(script, told);
    await Promise.race([writer.said(/ready/), writer.ended.then(({ err }) => expect.unreachable(err))]);
    const places = Array.from({ length: copies }, (_, index) => join(path, `copy ${index}`));
    for (const to of places) {
      await lmdb(join(path, "store")).backup(to);
      await pause(50);
    }
    writer.kill("SIGKILL");
    expect(await writer.ended).toMatchObject({ signal: "SIGKILL", err: "" });
    expect(sandbox.journal.createdTwice()).toEqual([]);

    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const open = (to: string): Promise<Lifecycle> =>
      createLifecycle({
        credentials: sandbox.credentials,
        endpoints: server.endpoints,
        store: lmdb(to),
        encryption: keyFile(join(path, "key")),
        limits,
        logger,
        ...times,
      });
    let before: ReadonlySet<string> = new Set();
    for (const to of places) {
      const lifecycle = await open(to);
      const counts = Object.values(await lifecycle.counts());
      const users = await all(lifecycle);
      await lifecycle.close();
      expect(warnings).toEqual([]);
      expect(users.size).toBe(counts.reduce((sum, count) => sum + count, 0));
      expect(users.size).toBeGreaterThanOrEqual(told.users);
      expect([...before].filter((id) => !users.has(id))).toEqual([]);
      before = users;
    }

    // The oldest copy knows least of what happened since. Users that it knows go on from it; it must be told about the others.
    const lifecycle = await open(join(path, "copy 0"));
    const working = lifecycle.work();
    try {
      const users = await all(lifecycle);
      await each([...users], 16, async (id) => {
        await lifecycle.onboard(id);
        await lifecycle.fhir(id, "r4").create({ resourceType: "Patient" });
      });
      const unknown = sandbox.users().filter(({ appUserId }) => !users.has(appUserId));
      expect(unknown.length).toBeGreaterThan(0);
      await each(unknown, 16, async ({ appUserId }) => {
        expect(await lifecycle.onboard(appUserId, { expect: "existing" })).toMatchObject({ usable: true });
      });
      expect(await lifecycle.counts()).not.toHaveProperty("failed");
    } finally {
      await lifecycle.close();
      await working;
    }
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("is restored, and no id leads to the data of another person once reconcile() has moved users renamed since", async () => {
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const path = folder("restored");
    const open = (to: string): Promise<Lifecycle> =>
      createLifecycle({
        credentials: sandbox.credentials,
        endpoints: server.endpoints,
        store: lmdb(to),
        encryption: keyFile(join(path, "key")),
      });
    const before = await open(join(path, "store"));
    const numbers = new Map<string, number | null>();
    for (const id of ["ann", "bob", "cleo"]) numbers.set(id, (await before.onboard(id)).oneupUserId);
    await lmdb(join(path, "store")).backup(join(path, "copy"));
    await before.rename("ann", "ann-new");
    await before.rename("bob", "ann"); // the ids pass on, the second one to a user that the copy does not know
    await before.onboard("late");
    await before.rename("late", "bob");
    await before.close();

    const after = await open(join(path, "copy"));
    afterwards(() => after.close());
    const { complete, repaired, counts } = await after.reconcile({ repair: ["move"] });
    expect({ complete, repaired }).toEqual({ complete: true, repaired: { adopted: 0, moved: 2, left: 0 } });
    expect(counts).toMatchObject({ renamed: 2, hereOnly: 0 });
    const [ann, moved, cleo] = await Promise.all(["ann", "ann-new", "cleo"].map((id) => after.onboard(id)));
    expect(ann?.oneupUserId).toBe(numbers.get("bob"));
    expect(moved?.oneupUserId).toBe(numbers.get("ann"));
    expect(cleo?.oneupUserId).toBe(numbers.get("cleo"));
    await expect(after.accessToken("bob")).rejects.toMatchObject({ code: "RENAMED" });
    const rest = await after.reconcile({ repair: true });
    expect(rest.differences).toMatchObject([{ type: "anotherNumber", appUserId: "bob" }]);
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });
});

async function all(lifecycle: Lifecycle): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for await (const { appUserId } of lifecycle.users()) ids.add(appUserId);
  return ids;
}
