import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store } from "../../src/store/contract.ts";
import { startChild } from "../support/child.ts";
import { write } from "../support/commits.ts";
import type { Started } from "../support/started.ts";
import { folderOfTest } from "./lmdb-scene.ts";

const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };

/** A process that stands still in the middle of a write. */
async function frozen(folder: string): Promise<Started> {
  const child = startChild(new URL("./frozen-writer.child.ts", import.meta.url), folder);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await child.ended;
  });
  await child.said(/stands still/);
  return child;
}

async function open(folder: string, timeoutMs = 300): Promise<Store> {
  const store = await lmdb(folder, { timeoutMs }).open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

// Only Linux shows who holds the lock. Elsewhere what waits for it in LMDB keeps its process.
describe.runIf(process.platform === "linux")(
  "adapters/lmdb beside a process that stands still in a write",
  () => {
    it("commit() rejects with STORE_UNAVAILABLE, writes nothing later, and goes on after the other", async () => {
      const folder = folderOfTest();
      const store = await open(folder);
      await store.commit(write("before"));
      const other = await frozen(folder);
      const given = ["ada", "ben", "cyd"].map((id) => store.commit(write(id)));
      for (const commit of given) await expect(commit).rejects.toMatchObject(unavailable);
      await expect(store.claim({ limit: 1, lease: write("ada").lease })).rejects.toMatchObject(unavailable);
      expect((await store.load("before")).type).toBe("record");
      other.kill("SIGCONT");
      await other.said(/went on/);
      expect(await store.commit(write("dan"))).toMatchObject({ type: "committed" });
      expect(await store.counts()).toEqual({ created: 3 }); // before, frozen, dan
      for (const id of ["ada", "ben", "cyd"]) expect((await store.load(id)).type).toBe("absent");
    });

    it("commit() goes on when the other is killed", async () => {
      const folder = folderOfTest();
      const store = await open(folder);
      const other = await frozen(folder);
      await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
      other.kill("SIGKILL");
      await other.ended;
      expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
      expect(await store.counts()).toEqual({ created: 1 });
    });

    it("open(), backup() and what Keyv stores reject with STORE_UNAVAILABLE, and work after the other went on", async () => {
      const folder = folderOfTest();
      const other = await frozen(folder);
      const adapter = lmdb(folder, { timeoutMs: 300 });
      const to = `${folderOfTest()}/copy`;
      await expect(open(folder)).rejects.toMatchObject(unavailable);
      await expect(adapter.backup(to)).rejects.toMatchObject(unavailable);
      await expect(adapter.keyv({ namespace: "notes" }).set("one", "1")).rejects.toMatchObject(unavailable);
      other.kill("SIGCONT");
      await other.said(/went on/);
      expect(await (await open(folder)).counts()).toEqual({ created: 1 });
      await adapter.backup(to);
      const notes = adapter.keyv({ namespace: "notes" });
      await notes.set("two", "2");
      expect([await notes.get("one"), await notes.get("two")]).toEqual([undefined, "2"]);
      await notes.disconnect();
    });

    it("open() takes a lock that a power cut left in the file for none", async () => {
      const folder = folderOfTest();
      const before = await open(folder, 60_000);
      await before.commit(write("ada"));
      await before.close();
      const held = new Uint32Array(8);
      held.set([4_242, 1, 4_242, 1, 0x90]); // a mutex of glibc, and the thread that has it
      const file = openSync(join(folder, "lock.mdb"), "r+");
      writeSync(file, held, 0, held.byteLength, 64);
      closeSync(file);
      expect(await (await open(folder, 60_000)).commit(write("ben"))).toMatchObject({ type: "committed" });
    });

    it("a lifecycle is not ready, onboard() and close() end, and so does its process", async () => {
      const folder = folderOfTest();
      const waiter = startChild(new URL("./beside-frozen.child.ts", import.meta.url), folder);
      onTestFinished(() => waiter.kill("SIGKILL"));
      await waiter.said(/opened/);
      const other = await frozen(folder);
      waiter.kill("SIGUSR2");
      expect(await waiter.ended).toMatchObject({
        code: 0,
        err: "",
        out: "opened\nonboard: STORE_UNAVAILABLE\nready: false, STORE_UNAVAILABLE\nclosed\n",
      });
      other.kill("SIGCONT");
      await other.said(/went on/);
    });
  },
);

describe("lmdb()", () => {
  it("refuses a time limit that is none", () => {
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "5" as unknown as number])
      expect(() => lmdb("anywhere", { timeoutMs })).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
  });
});
