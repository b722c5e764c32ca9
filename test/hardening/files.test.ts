import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createLifecycle, keyFile, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** As careless, or as strict, as an environment can be. */
function umask(mask: number): void {
  const before = process.umask(mask);
  afterwards(() => void process.umask(before));
}

async function lifecycleIn(path: string): Promise<Lifecycle> {
  const lifecycle = await createLifecycle({
    credentials: { clientId: "client", clientSecret: "secret" },
    store: lmdb(join(path, "new", "store")),
    encryption: keyFile(join(path, "keys", "key")),
  });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

describe("files and folders", () => {
  it.each([0o000, 0o022, 0o077])("that are made under umask %d are for their owner alone", async (mask) => {
    const path = folder("modes");
    umask(mask);
    await lifecycleIn(path);
    for (const made of ["new", "new/store", "keys"])
      expect([made, modeOf(join(path, made))]).toEqual([made, "700"]);
    for (const made of ["keys/key", "new/store/data.mdb", "new/store/lock.mdb"]) {
      expect([made, modeOf(join(path, made))]).toEqual([made, "600"]);
    }
  });

  it("that were there keep their permissions", async () => {
    const path = folder("modes");
    umask(0);
    await (await lifecycleIn(path)).close();
    const wanted = {
      "new/store": 0o750,
      "new/store/data.mdb": 0o640,
      "new/store/lock.mdb": 0o660,
      keys: 0o750,
      "keys/key": 0o440,
    };
    for (const [made, mode] of Object.entries(wanted)) chmodSync(join(path, made), mode);
    await lifecycleIn(path);
    for (const [made, mode] of Object.entries(wanted))
      expect([made, modeOf(join(path, made))]).toEqual([made, mode.toString(8)]);
  });

  it("that were there and empty hold private files afterwards", async () => {
    const path = folder("modes");
    umask(0);
    mkdirSync(join(path, "new", "store"), { recursive: true, mode: 0o755 });
    mkdirSync(join(path, "keys"), { mode: 0o755 });
    writeFileSync(join(path, "keys", "other"), "");
    await lifecycleIn(path);
    expect(modeOf(join(path, "new", "store"))).toBe("755");
    expect(modeOf(join(path, "new", "store", "data.mdb"))).toBe("600");
    expect(modeOf(join(path, "new", "store", "lock.mdb"))).toBe("600");
    expect(modeOf(join(path, "keys", "key"))).toBe("600");
  });
});
