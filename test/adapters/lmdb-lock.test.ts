import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import type { RootDatabase } from "lmdb";
import { lmdb } from "../../adapters/lmdb.ts";
import { reading } from "../../adapters/lmdb/failures.ts";
import { lookAt } from "../../adapters/lmdb/writer-lock.ts";
import { write } from "../support/commits.ts";
import { folderOfTest, openStore } from "./lmdb-scene.ts";

const lost = { code: "STORE_UNUSABLE", retryable: false, facts: { storeLost: true } };

it.each(["deleted", "replaced"])("a process whose lock.mdb is %s writes nothing more", async (how) => {
  const folder = folderOfTest();
  const store = await openStore(folder);
  await store.commit(write("ada"));
  rmSync(join(folder, "lock.mdb"));
  if (how === "replaced") writeFileSync(join(folder, "lock.mdb"), "");
  for (const id of ["bob", "cleo"]) {
    await expect(store.commit(write(id))).rejects.toMatchObject(lost);
    await expect(store.commit(write(id))).rejects.toThrow("lock.mdb was deleted or replaced");
  }
  await expect(store.probe?.()).rejects.toMatchObject(lost);
  await store.close();
  const again = await openStore(folder); // with a lock of its own
  expect(await again.counts()).toEqual({ created: 1 });
  expect(await again.commit(write("dan"))).toMatchObject({ type: "committed" });
});

it("its lifecycle stops: work() ends, and health() is not ready", async () => {
  const folder = folderOfTest();
  const encryption = { keys: ["0".repeat(64)] };
  const { lifecycle } = await createTestLifecycle({ lifecycle: { store: lmdb(folder), encryption } });
  await lifecycle.onboard("ada");
  const working = lifecycle.work({ pollMs: 100 }).catch((error: unknown) => error);
  rmSync(join(folder, "lock.mdb"));
  await expect(lifecycle.onboard("bob")).rejects.toMatchObject(lost);
  expect(await working).toMatchObject(lost);
  expect(await lifecycle.health()).toMatchObject({ ready: false, problem: "STORE_UNUSABLE" });
  await lifecycle.close();
});

it.runIf(process.platform === "linux")(
  "a look at the lock of a store that another thread closed meanwhile sees none",
  async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    const look = lookAt(folder, true, {});
    await store.commit(write("ada"));
    expect(look?.()).toMatchObject({ holder: 0 });
    await store.close(); // the file is mapped no longer
    expect(look?.()).toBeUndefined();
  },
);

it("a read that LMDB gives no transaction, as beside a process of the same id, tells about containers", () => {
  // What lmdb does when the lock of its place among the readers is taken: it goes on without one.
  const transaction = null as unknown as { address: number };
  const root = { get: () => transaction.address } as unknown as RootDatabase;
  expect(() => reading(root, () => 1)).toThrow(
    `another process with the process id ${process.pid} has it open, as in a container of its own`,
  );
});

it("a read whose place among the readers was given up, as by a second copy of lmdb, tells to start again", () => {
  const root = {
    get() {
      throw new Error(
        "Invalid argument: MDB_BAD_RSLOT: Invalid reuse of reader locktable slot: The reader lock pid 0, txn -1, doesn't match env pid 7",
      );
    },
  } as unknown as RootDatabase;
  const read = (): unknown => reading(root, () => 1);
  expect(read).toThrow(expect.objectContaining(lost));
  expect(read).toThrow(/lost its place among the readers .* start this process again$/);
});
