import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import type { LifecycleError } from "../../src/errors.ts";
import { nextStepOf } from "../../src/next-step.ts";
import { runs } from "../support/built.ts";
import { folderOfTest, linesOf, openStore } from "./lmdb-scene.ts";
import { write } from "../support/commits.ts";

const opening = { account: "account", clock: systemClock };

/** What opens a store's folder once more in its own process, and lets go of it. */
const again: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "second open()": async (folder) => (await lmdb(folder).open(opening)).close(),
  "keyv()": async (folder) => {
    const view = lmdb(folder).keyv({ namespace: "notes" });
    await view.set("key", "text");
    await view.disconnect();
  },
  "backup()": (folder) => lmdb(folder).backup(`${folder}.copy`),
};

/** Takes this process's place for reading from it, as another process does that thinks itself alone. */
function loseReaderSlots(folder: string): void {
  const path = join(folder, "lock.mdb");
  const found = readFileSync(path);
  const pid = Buffer.alloc(4);
  pid.writeInt32LE(process.pid);
  const file = openSync(path, "r+");
  let lost = 0;
  for (let at = found.indexOf(pid, 64); at >= 0; at = found.indexOf(pid, at + 4), lost++) {
    writeSync(file, Buffer.alloc(4), 0, 4, at);
  }
  closeSync(file);
  expect(lost).toBe(1); // the store and the views share it
}

describe("the folder of adapters/lmdb", () => {
  // lock.mdb was opened and closed to set its mode; the system then drops the locks that keep other processes off.
  it("may be opened again in a process: the processes that come later still know of the first", async () => {
    const states = Object.entries(again).map(async ([how, open]) => {
      const folder = join(folderOfTest(), "store");
      const store = await openStore(folder);
      await store.commit(write("ada"));
      const counts = await store.counts(); // takes a place for reading, which the other process must not take
      await open(folder);
      expect(await linesOf(folder, "read", "other")).toEqual([JSON.stringify(counts)]);
      return [how, await store.counts().catch(String)];
    });
    const all = Object.keys(again).map((how) => [how, { created: 1 }]);
    expect(await Promise.all(states)).toEqual(all);
  });

  it("that was moved away takes no write until it is back, because the write would be lost", async () => {
    const folder = join(folderOfTest(), "store");
    const store = await openStore(folder);
    await store.commit(write("ada"));
    renameSync(folder, `${folder}.away`);
    const refused = { code: "STORE_UNAVAILABLE", retryable: true };
    const gone: unknown = await store.commit(write("bob")).catch((error: unknown) => error);
    expect(gone).toMatchObject(refused);
    expect(nextStepOf(gone as LifecycleError)).toMatch(/^put the folder, or the volume that holds it, back/);
    await (await lmdb(`${folder}.other`).open(opening)).close();
    renameSync(`${folder}.other`, folder);
    const error = { code: "STORE_UNUSABLE", retryable: false, facts: { storeLost: true } };
    await expect(store.commit(write("eve"))).rejects.toMatchObject(error);
    rmSync(folder, { recursive: true });
    renameSync(`${folder}.away`, folder);
    await store.commit(write("finn"));
    expect(await store.load("finn")).toMatchObject({ type: "record" });
    expect(await store.counts(), "what was refused is not in the file either").toEqual({ created: 2 });
  });

  it("that another store took the place of ends work(), and every call of its lifecycle", async () => {
    const folder = join(folderOfTest(), "store");
    const encryption = { keys: ["0".repeat(64)] };
    const { lifecycle } = await createTestLifecycle({ lifecycle: { store: lmdb(folder), encryption } });
    await lifecycle.onboard("ada");
    const working = lifecycle.work({ pollMs: 100 }).catch((error: unknown) => error);
    rmSync(folder, { recursive: true });
    await (await lmdb(folder).open(opening)).close();
    const lost = { code: "STORE_UNUSABLE", retryable: false, facts: { storeLost: true } };
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject(lost);
    expect(await working).toMatchObject(lost);
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject(lost);
    await expect(lifecycle.counts()).rejects.toMatchObject(lost);
    expect(await lifecycle.health()).toMatchObject({ ready: false, problem: "STORE_UNUSABLE" });
    await lifecycle.close();
  });

  it("that is replaced while it is opened is not the one that was opened", async () => {
    const folder = join(folderOfTest(), "store");
    const store = await openStore(folder);
    await (await lmdb(`${folder}.other`).open(opening)).close();
    const again = lmdb(folder).open(opening);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve(); // it has found what is open, and waits for its transaction
    renameSync(folder, `${folder}.away`);
    renameSync(`${folder}.other`, folder);
    await expect(again).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    const other = await openStore(folder);
    await other.commit(write("ada"));
    await expect(store.commit(write("bob"))).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(await other.counts()).toEqual({ created: 1 });
  });

  it("that cannot grow by another account rejects with the reason", async () => {
    const folder = join(folderOfTest(), "store");
    await (await lmdb(folder).open({ ...opening, account: "another" })).close();
    const script = fileURLToPath(new URL("./writer.child.ts", import.meta.url));
    const blocks = statSync(join(folder, "data.mdb")).size / 512;
    const limited = `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`;
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", limited, "sh", process.execPath, ...runs(script), folder, "read"],
      { encoding: "utf8" },
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(
      /Cannot open the store: it must take writes.*raise the limit \(ulimit -f.*: .*store/,
    );
    expect(await (await openStore(folder)).counts()).toEqual({});
  });

  it("that cannot be read makes every read reject with STORE_UNUSABLE: none reports an empty store", async () => {
    const folder = join(folderOfTest(), "store");
    const adapter = lmdb(folder);
    const store = await adapter.open(opening);
    onTestFinished(() => store.close());
    for (const id of ["ada", "ben"]) await store.commit(write(id, { dueInMs: 0 }));
    const users = adapter.keyv({ namespace: "users" });
    const notes = adapter.keyv({ namespace: "notes" });
    onTestFinished(() => users.disconnect());
    onTestFinished(() => notes.disconnect());
    await notes.set("key", "text");
    const lease = { id: "lease", owner: "test", ms: 60_000 };
    const limit = { name: "calls", calls: 9, windowMs: 1_000 };
    const reads: Readonly<Record<string, () => Promise<unknown>>> = {
      load: () => store.load("ada"),
      page: () => store.page({ state: "created", limit: 9 }),
      "page after": () => store.page({ state: "created", after: "ada", limit: 9 }),
      counts: () => store.counts(),
      tally: () => store.tally(),
      forecast: () => store.slots.forecast({ limit, calls: 1, lane: "bulk" }),
      account: () => store.account.load(),
      "users.get": () => users.get("ada"),
      "users.iterator": async () => (await users.iterator().next()).value,
      "notes.get": () => notes.get("key"),
      "notes.iterator": async () => (await notes.iterator().next()).value,
    };
    for (const read of Object.values(reads)) await read(); // lmdb now has the cursors that it would use again
    await new Promise((resolve) => setTimeout(resolve, 5)); // and lets go of what it read from
    loseReaderSlots(folder);
    const failed = await Promise.all(
      Object.entries(reads).map(async ([name, read]) => [
        name,
        await read().catch((error: unknown) => (error as { code: unknown }).code),
      ]),
    );
    expect(failed).toEqual(Object.keys(reads).map((name) => [name, "STORE_UNUSABLE"]));
    // Writing needs no such place, nor does what it reads.
    expect(await store.commit(write("cyd"))).toMatchObject({ type: "committed" });
    expect((await store.claim({ limit: 9, lease })).claimed).toHaveLength(2);
  });

  it.each(["lifecycle.v2", "lifecycle.db", "2026.11.24", ".hidden", "a b"])(
    "may be named %s",
    async (name) => {
      const folder = join(folderOfTest(), name);
      const store = await openStore(folder);
      await store.commit(write("ada"));
      expect(readdirSync(folder).toSorted()).toEqual(["data.mdb", "lock.mdb"]);
      await lmdb(folder).backup(`${folder}.bak`);
      expect(await (await openStore(`${folder}.bak`)).counts()).toEqual({ created: 1 });
    },
  );

  // lmdb 3.5.6 ends the process on these.
  it.each([
    ["data.mdb", "what is this? ".repeat(1_000)],
    ["data.mdb", "short"],
    ["lock.mdb", null],
  ])("rejects with STORE_UNUSABLE when its %s is another's: %s", async (name, content) => {
    const folder = folderOfTest();
    if (content === null) mkdirSync(join(folder, name));
    else writeFileSync(join(folder, name), content);
    const failure = lmdb(folder).open(opening);
    await expect(failure).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(failure).rejects.toThrow(
      `the folder must hold an LMDB store or none, and its ${name} is no`,
    );
    if (content !== null) expect(readFileSync(join(folder, name), "utf8")).toBe(content);
  });

  it("rejects with STORE_UNUSABLE when the process has no descriptors left, and leaves it alive", () => {
    const script = fileURLToPath(new URL("./crowded.child.ts", import.meta.url));
    const free = ["0", "1", "2", "3", "9"];
    const crowded = ["-c", 'ulimit -n 200 && exec "$@"', "sh", process.execPath, ...runs(script)];
    const { status, signal, stdout } = spawnSync("sh", [...crowded, join(folderOfTest(), "store"), ...free], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    });
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    const said = stdout.trim().split("\n");
    expect(said).toHaveLength(10);
    for (const line of said.slice(0, 8))
      expect(line).toMatch(/^Cannot open the store: too many files are open \(/);
    expect(said.slice(8)).toEqual(["opened", "opened"]);
  });

  it("is opened when there are files of others beside the store's, and when the store's are empty", async () => {
    const folder = folderOfTest();
    for (const name of ["notes.txt", "data.mdb", "lock.mdb"]) writeFileSync(join(folder, name), "");
    const store = await openStore(folder);
    await store.commit(write("ada"));
    expect(await store.counts()).toEqual({ created: 1 });
  });
});
