/**
 * One failed write of LMDB's meta page, as on a copy-on-write file system that is full: the descriptor over which LMDB
 * writes that page becomes one of `/dev/full`.
 */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createLifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { sleep, systemClock } from "../../src/clock.ts";
import { onDeno } from "../support/built.ts";
import { write } from "../support/commits.ts";
import { silentLogger } from "../support/loggers.ts";
import { folderOfTest, linesOf, openStore } from "./lmdb-scene.ts";

const final = {
  code: "STORE_UNUSABLE",
  retryable: false,
  facts: { storeLost: true },
  message: expect.stringMatching(/MDB_PANIC.*what was acknowledged is kept.*start this process again$/),
};
const full = { code: "STORE_UNAVAILABLE", message: expect.stringContaining("its disk is full") };

/** From now on each write of the meta page fails with `ENOSPC`. */
function fillMetaPage(folder: string): void {
  vi.spyOn(console, "error").mockImplementation(() => {}); // lmdb prints the error of a commit
  const file = join(realpathSync(folder), "data.mdb");
  const synced = readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => isSynced(fd, file));
  expect(synced).toHaveLength(1);
  for (const fd of synced) {
    closeSync(fd);
    expect(openSync("/dev/full", "r+")).toBe(fd); // the lowest free number
  }
}

/** Whether LMDB opened it so that each write is on disk at once (`O_DSYNC`). */
function isSynced(fd: number, file: string): boolean {
  try {
    if (readlinkSync(`/proc/self/fd/${fd}`) !== file) return false;
    const [, flags = "0"] = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
    return (Number.parseInt(flags, 8) & 0o10000) !== 0;
  } catch {
    return false; // closed meanwhile
  }
}

// Deno closes no descriptor that it did not open.
const canFill = process.platform === "linux" && !onDeno;

describe.runIf(canFill)("adapters/lmdb after a failed write of the meta page", () => {
  it("rejects every read and write as final, and each opening in this process", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    await store.commit(write("ada"));
    fillMetaPage(folder);
    await expect(store.commit(write("bob"))).rejects.toMatchObject(full);
    await expect(store.commit(write("cleo"))).rejects.toMatchObject(final);
    await expect((async () => store.load("ada"))()).rejects.toMatchObject(final);
    await expect(store.probe?.()).rejects.toMatchObject(final);
    await expect(openStore(folder)).rejects.toMatchObject(final); // shares what is open
  });

  it("rejects a write at once also where lmdb has not ended its read transaction yet", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    await store.commit(write("ada"));
    fillMetaPage(folder);
    await sleep(systemClock, 20); // earlier timers are over
    // lmdb ends it by a timer, which is too late on a fast machine. A write that was begun then would never end.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    await expect(store.commit(write("bob"))).rejects.toMatchObject(full);
    await expect(store.commit(write("cleo"))).rejects.toMatchObject(final);
  }, 5_000);

  it("keeps what was acknowledged for a process that is started again", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (const id of ["ada", "dan"]) await store.commit(write(id));
    fillMetaPage(folder);
    await expect(store.commit(write("bob"))).rejects.toMatchObject(full);
    await expect(store.commit(write("cleo"))).rejects.toMatchObject(final);
    const counted = async (): Promise<unknown> =>
      JSON.parse((await linesOf(folder, "read", "next"))[0] ?? "");
    expect(await counted()).toEqual({ created: 2 }); // while this process still has it open
    await store.close();
    expect(await linesOf(folder, "take slots", "next")).toHaveLength(30); // it writes, too
    expect(await counted()).toEqual({ created: 32 });
  });

  it("ends work(), so that a supervisor starts the process again", async () => {
    const folder = folderOfTest();
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    onTestFinished(() => server.close());
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: server.endpoints,
      store: lmdb(folder),
      encryption: { keys: ["0".repeat(64)] },
      logger: silentLogger,
    });
    await lifecycle.onboard("ada");
    const working = lifecycle.work({ pollMs: 100 }).catch((error: unknown) => error);
    fillMetaPage(folder);
    await expect(lifecycle.onboard("bob", { waitMs: 1_000 })).rejects.toThrow();
    expect(await working).toMatchObject(final);
    expect(await lifecycle.health()).toMatchObject({ ready: false, problem: "STORE_UNUSABLE" });
    await lifecycle.close();
  });
});
