import { once } from "node:events";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { describe, expect, it, onTestFinished } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { newFolder, removeFolder } from "./folders.ts";
import { child, folderOfTest, linesOf, openStore } from "./lmdb-scene.ts";
import { write } from "../support/commits.ts";

describe("adapters/lmdb", () =>
  storeConformance(it, {
    open: () => lmdb(newFolder("conformance")),
    reopen: ({ folder }) => lmdb(folder ?? ""),
    remove: ({ folder }) => removeFolder(folder ?? ""),
    async empty({ folder }) {
      const root = open({ path: folder ?? "", maxDbs: 64 });
      for (const name of [...root.getKeys()].map(String)) await root.openDB({ name }).clearAsync();
      await root.close();
    },
  }));

describe("adapters/lmdb on disk", () => {
  it("lmdb() refuses a path that is no path", () => {
    expect(() => lmdb("")).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(() => lmdb(7 as unknown as string)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  it("open() makes the folder with mode 0700 and its data with mode 0600", async () => {
    const folder = join(folderOfTest(), "deep", "inside");
    await openStore(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "data.mdb")).mode & 0o777).toBe(0o600);
  });

  it("open() rejects with STORE_UNUSABLE where no folder can be", async () => {
    const file = join(folderOfTest(), "a file");
    writeFileSync(file, "");
    const opening = lmdb(join(file, "store")).open({ account: "account", clock: systemClock });
    await expect(opening).rejects.toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
    await expect(opening).rejects.toThrow(/^Cannot open the store: .*a file\/store$/);
  });

  it("open() rejects with STORE_UNUSABLE where something else lies, and leaves it alone", async () => {
    const folder = folderOfTest();
    mkdirSync(join(folder, "data.mdb"));
    const opening = lmdb(folder).open({ account: "account", clock: systemClock });
    await expect(opening).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(existsSync(join(folder, "data.mdb"))).toBe(true);
  });

  it("open() holds as many accounts as `maxAccounts` says, and rejects with STORE_UNUSABLE beyond", async () => {
    const folder = folderOfTest();
    const adapter = lmdb(folder, { maxAccounts: 2 });
    for (const account of ["a", "b"]) {
      const store = await adapter.open({ account, clock: systemClock });
      onTestFinished(() => store.close());
      await store.commit(write("ada"));
    }
    const third = adapter.open({ account: "c", clock: systemClock });
    await expect(third).rejects.toSatisfy((error) => isLifecycleError(error, "STORE_UNUSABLE"));
    const wider = lmdb(folder, { maxAccounts: 9 }).open({ account: "c", clock: systemClock });
    await expect(wider).rejects.toThrow("it already holds 2 accounts"); // while it is open, what was said first
  });

  it("commit({ take }) of three processes at once never takes more slots than are free", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    const taken = await Promise.all(["a", "b", "c"].map((name) => linesOf(folder, "take slots", name)));
    expect(taken.flat()).toHaveLength(30);
    expect(await store.counts()).toEqual({ created: 30 });
    for (const id of taken.flat()) expect((await store.load(id)).type).toBe("record");
  });

  it("claim() of two processes at once gives every record to one of them", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    await Promise.all(Array.from({ length: 60 }, (_, n) => store.commit(write(`user ${n}`, { dueInMs: 0 }))));
    const [one = [], two = []] = await Promise.all(
      ["one", "two"].map((name) => linesOf(folder, "claim", name)),
    );
    expect(one.length + two.length).toBe(60);
    expect(new Set([...one, ...two]).size).toBe(60);
    for (const [name, ids] of Object.entries({ one, two })) {
      for (const id of ids) {
        expect(await store.load(id)).toMatchObject({ record: { lease: { id: name } } });
      }
    }
  });

  it("commit() that was acknowledged is there after kill -9, and the store goes on", async () => {
    const folder = folderOfTest();
    const killed = child(folder, "write for ever", "killed");
    let said = "";
    killed.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.length > 2_000) killed.kill("SIGKILL");
    });
    const [, signal] = await once(killed, "close");
    expect(signal).toBe("SIGKILL");
    const acknowledged = said.split("\n").filter((line) => /^user \d+$/.test(line));
    expect(acknowledged.length).toBeGreaterThan(100);

    const store = await openStore(folder);
    for (const id of acknowledged) {
      expect(await store.load(id)).toMatchObject({ record: { value: `of ${id}`, revision: 1 } });
    }
    const { created = 0 } = await store.counts();
    expect(created).toBeGreaterThanOrEqual(acknowledged.length);
    const lease = { id: "next", owner: "test", ms: 60_000 };
    expect((await store.claim({ limit: created + 9, lease })).claimed).toHaveLength(created);
    expect(await store.commit(write("after"))).toMatchObject({ type: "committed" });
  });

  it("open() after kill -9 in the middle of a write finds record and indexes in step", async () => {
    const folder = folderOfTest();
    for (const round of [1, 2]) {
      const killed = child(folder, "write for ever", `round ${round}`);
      await once(killed.stdout, "data");
      killed.kill("SIGKILL");
      await once(killed, "close");
      const store = await openStore(folder);
      const ids = await store.page({ state: "created", limit: 10_000 });
      expect(await store.counts()).toEqual({ created: ids.length });
      for (const id of ids) expect((await store.load(id)).type).toBe("record");
      expect((await store.load(`user ${ids.length}`)).type).toBe("absent");
    }
  });
});
