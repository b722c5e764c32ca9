import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { isLifecycleError } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { runs } from "../support/built.ts";
import { systemClock } from "../../src/clock.ts";
import { startChild } from "../support/child.ts";
import { thorough } from "../support/effort.ts";
import { write } from "../support/commits.ts";
import { child, folderOfTest, linesOf, openStore } from "./lmdb-scene.ts";

/** Changes `lock.mdb` in a process of its own. */
function change(folder: string, task: "set back" | "destroy locks"): void {
  const script = fileURLToPath(new URL("./lock-file.child.ts", import.meta.url));
  const { status } = spawnSync(process.execPath, [...runs(script), folder, task], { stdio: "inherit" });
  expect(status).toBe(0);
}

/** What becomes of a promise within the time. */
async function within(ms: number, promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise, setTimeout(ms, "pending")]);
}

/** Repeats a write until another process has put the number right: on a busy machine that takes longer than a write waits. */
async function untilWritten<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isLifecycleError(error, "STORE_UNAVAILABLE")) throw error;
    }
  }
}

// lmdb 3.5.6: a process that opens the folder sets the number of the latest commit to the one it found when it began.
describe("adapters/lmdb while another process opens the folder", () => {
  it("commit() waits while an older commit is recorded as the latest, and overwrites none", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (const id of ["ada", "ben"]) await store.commit(write(id));
    change(folder, "set back");
    const third = untilWritten(() => store.commit(write("cyd")));
    const limit = { name: "calls", calls: 1, windowMs: 9 };
    const taken = untilWritten(() => store.slots.take({ limit, holdMs: 9, lane: "bulk" }));
    expect(await within(300, third)).toBe("pending");
    await linesOf(folder, "read", "opens it");
    expect(await third).toMatchObject({ type: "committed" });
    expect(await taken).toMatchObject({ type: "taken" });
    expect(await store.counts()).toEqual({ created: 3 });
    for (const id of ["ada", "ben", "cyd"]) expect((await store.load(id)).type).toBe("record");
  });

  it("open() mends the number, for itself and for the others", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (const id of ["ada", "ben"]) await store.commit(write(id));
    change(folder, "set back");
    expect(await linesOf(folder, "read", "other")).toEqual([JSON.stringify({ created: 2 })]);
    expect(await store.counts()).toEqual({ created: 2 });
  });

  it("what Keyv stores waits for the number, too", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    await store.commit(write("ada"));
    const notes = lmdb(folder).keyv({ namespace: "notes" });
    await notes.set("one", "1");
    change(folder, "set back");
    const second = untilWritten(() => notes.set("two", "2"));
    expect(await within(300, second)).toBe("pending");
    await linesOf(folder, "read", "opens it");
    await second;
    expect([await notes.get("one"), await notes.get("two")]).toEqual(["1", "2"]);
    await notes.disconnect();
  });

  it("commit() rejects with STORE_UNAVAILABLE until the number is corrected, and continues then", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (const id of ["ada", "ben"]) await store.commit(write(id));
    change(folder, "set back");
    const failed = store.commit(write("cyd"));
    await expect(failed).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await linesOf(folder, "read", "opens it");
    expect(await store.commit(write("cyd"))).toMatchObject({ type: "committed" });
    expect(await store.counts()).toEqual({ created: 3 });
  });

  it("open() of what this process has open, while it writes, waits for no transaction of its own", async () => {
    const folder = join(folderOfTest(), "store");
    const reopener = startChild(new URL("./reopener.child.ts", import.meta.url), { folder, rounds: 200 });
    const late = globalThis.setTimeout(() => reopener.kill("SIGKILL"), 60_000); // it would wait for ever
    const { code, err, out } = await reopener.ended;
    clearTimeout(late);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ commits: 400, created: 400 });
  });

  it("close() of one, called twice, leaves what the same process has open beside it", async () => {
    const folder = folderOfTest();
    const [one, other] = [await openStore(folder), await openStore(folder)];
    await Promise.all([one.close(), one.close()]);
    await one.close();
    expect(await other.commit(write("ada"))).toMatchObject({ type: "committed" });
    await other.close();
    expect(await (await openStore(folder)).counts()).toEqual({ created: 1 });
  });

  it("open() of what this process has open rejects with STORE_UNAVAILABLE until the number is corrected, and continues then", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (const id of ["ada", "ben"]) await store.commit(write(id));
    change(folder, "set back");
    const refused = { code: "STORE_UNAVAILABLE", retryable: true };
    await expect(openStore(folder)).rejects.toMatchObject(refused);
    await linesOf(folder, "read", "opens it");
    expect(await (await openStore(folder)).counts()).toEqual({ created: 2 });
  });

  // The last to close a folder destroys its locks: without a mark for both, one of these met that within 50 to 650 times.
  it("open() and close() of two processes, time and again, do not meet", async () => {
    const folder = folderOfTest();
    const done = await Promise.all(
      ["one", "other"].map((name) => linesOf(folder, "open and close often", name)),
    );
    expect(done).toEqual([[], []]);
    expect(readdirSync(folder).toSorted()).toEqual(["data.mdb", "lock.mdb"]);
  });

  it("open() goes on past the mark of a process that was killed while it opened the folder", async () => {
    const folder = folderOfTest();
    await (await openStore(folder)).close();
    mkdirSync(join(folder, "opening"));
    expect(await (await openStore(folder)).commit(write("ada"))).toMatchObject({ type: "committed" });
    expect(readdirSync(folder)).not.toContain("opening");
  });

  it("open() and close() end in time though something else stands where their mark would be", async () => {
    const folder = folderOfTest();
    await (await openStore(folder)).close();
    writeFileSync(join(folder, "opening"), "");
    const store = await lmdb(folder, { timeoutMs: 500 }).open({ account: "account", clock: systemClock });
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
    await store.close();
  });

  it("open() asks to start again when locks are destroyed all the same", async () => {
    const folder = folderOfTest();
    const holder = child(folder, "hold", "holder");
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    change(folder, "destroy locks"); // as the last to close it does, while it lets the next one in
    const script = fileURLToPath(new URL("./writer.child.ts", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [...runs(script), folder, "read", "opener"], {
      encoding: "utf8",
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      "another process seems to have closed it just now; restart this process (Invalid argument",
    );
    holder.kill("SIGKILL");
    await new Promise((resolve) => holder.once("close", resolve));
    expect(await linesOf(folder, "read", "next")).toEqual(["{}"]);
  });

  it("every acknowledged commit is there after many openings, each held up at some point", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    const opener = child(folder, "open and close", "opener");
    const ended = new Promise((resolve) => opener.once("close", resolve));
    const { pid = 0 } = opener;
    const until = performance.now() + (thorough ? 10_000 : 1_500);
    const ids: string[] = [];
    const committing = (async () => {
      for (let n = 0; performance.now() < until; n++) {
        const id = `user ${n}`;
        expect(await store.commit(write(id))).toMatchObject({ type: "committed" });
        ids.push(id);
        await setTimeout(1);
      }
    })();
    while (performance.now() < until) {
      process.kill(pid, "SIGSTOP"); // not opener.kill(): Deno takes it for dead then
      await setTimeout(6);
      process.kill(pid, "SIGCONT");
      await setTimeout(1 + Math.random() * 4);
    }
    await committing;
    expect(opener.exitCode).toBeNull(); // it never failed
    process.kill(pid, "SIGKILL");
    await ended;
    expect(ids.length).toBeGreaterThan(20);
    for (const id of ids) expect((await store.load(id)).type).toBe("record");
    expect(await store.counts()).toEqual({ created: ids.length });
  });
});
