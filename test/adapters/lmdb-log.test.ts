/** A log of calls that cannot be read is an error: taken for an empty one, it would let a second limit through. */
import { open as openLmdb, type Database } from "lmdb";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { afterwards } from "../support/scene.ts";
import { folderOfTest } from "./lmdb-scene.ts";

/** A lifecycle with one user, and the logs of its store. */
async function scene(): Promise<{ lifecycle: Lifecycle; logs: Database<unknown, string> }> {
  const folder = folderOfTest();
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const { credentials } = sandbox;
  const encryption = { keys: [Buffer.alloc(32, 7).toString("base64")] };
  const store = lmdb(folder);
  const lifecycle = await createLifecycle({ credentials, endpoints: server.endpoints, store, encryption });
  afterwards(() => lifecycle.close());
  await lifecycle.onboard("ada");
  const root = openLmdb({ path: folder, maxDbs: 64 });
  afterwards(() => root.close());
  const name = [...root.getKeys()].map(String).find((one) => one.endsWith("/slots"));
  return { lifecycle, logs: root.openDB<unknown, string>({ name: name ?? "", encoding: "json" }) };
}

describe("a log of calls in LMDB", () => {
  it.each([
    ["RECORD_DAMAGED", { windowMs: 3_600_000, calls: [7] }, "restore the store from a backup"],
    ["RECORD_TOO_NEW", [[1_800_000_000_000, 1, 0, 0, 3]], "update this process"],
  ])(
    "is refused as %s where it is not understood: no call is made, and it stays as it is",
    async (code, log, step) => {
      const { lifecycle, logs } = await scene();
      await logs.put("management", log);
      const refused = { code, message: expect.stringContaining('the log of the limit "management"') };
      await expect(lifecycle.onboard("bob", { waitMs: 500 })).rejects.toMatchObject(refused);
      await expect(lifecycle.forecast(1)).rejects.toMatchObject(refused);
      const health = await lifecycle.health();
      expect(health).toMatchObject({ ready: false, problem: code, nextStep: expect.stringContaining(step) });
      expect(logs.get("management")).toEqual(log);
      expect((await lifecycle.accessToken("ada")).length).toBeGreaterThan(0);
    },
  );

  it("is read where a newer release keeps more numbers beside its calls", async () => {
    const { lifecycle, logs } = await scene();
    const { seen, ...log } = logs.get("management") as { seen: Record<string, readonly number[]> };
    const longer = Object.entries(seen).map(([process, each]) => [process, [...each, 7]]);
    const moves = [[1, 0, 7]];
    await logs.put("management", { ...log, moves, seen: Object.fromEntries(longer) });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(await lifecycle.forecast(1)).toMatchObject({ used: 2 });
    expect(logs.get("management")).toMatchObject({ moves });
  });
});
