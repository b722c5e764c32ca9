import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { folderOfTest, openStore } from "./lmdb-scene.ts";
import { write } from "../support/commits.ts";

/** A folder with a store of one record in `store`. */
async function withStore(): Promise<string> {
  const path = folderOfTest();
  const store = await openStore(join(path, "store"));
  await store.commit(write("ada"));
  return path;
}

describe("lmdb().backup()", () => {
  it("makes a folder that is its owner's alone, and leaves nothing else", async () => {
    const path = await withStore();
    await lmdb(join(path, "store")).backup(join(path, "copies", "first"));
    expect(readdirSync(join(path, "copies"))).toEqual(["first"]);
    expect(readdirSync(join(path, "copies", "first"))).toEqual(["data.mdb"]);
    expect(statSync(join(path, "copies")).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, "copies", "first")).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, "copies", "first", "data.mdb")).mode & 0o777).toBe(0o600);
  });

  it("refuses a target where anything is already, and leaves it alone", async () => {
    const path = await withStore();
    mkdirSync(join(path, "empty"));
    writeFileSync(join(path, "file"), "");
    symlinkSync("nowhere", join(path, "link"));
    for (const taken of ["store", "empty", "file", "link"]) {
      const copying = lmdb(join(path, "store")).backup(join(path, taken));
      await expect(copying).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
      await expect(copying).rejects.toThrow(`the target already exists: ${join(path, taken)}`);
    }
    expect(readdirSync(path).toSorted()).toEqual(["empty", "file", "link", "store"]);
    expect(readdirSync(join(path, "empty"))).toEqual([]);
  });

  it("refuses a store that is not there, and makes none", async () => {
    const path = folderOfTest();
    const copying = lmdb(join(path, "mistyped")).backup(join(path, "copy"));
    await expect(copying).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(copying).rejects.toThrow(
      `Cannot back up the store: there is no store in the folder ${join(path, "mistyped")}`,
    );
    expect(readdirSync(path)).toEqual([]);
  });

  it("refuses a target that is no path, or lies in the store's folder, by whatever way", async () => {
    const path = await withStore();
    symlinkSync("store", join(path, "way"));
    for (const to of ["", join(path, "store", "copy"), join(path, "way", "deep", "copy")]) {
      await expect(lmdb(join(path, "store")).backup(to)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
    expect(readdirSync(join(path, "store")).toSorted()).toEqual(["data.mdb", "lock.mdb"]);
    await lmdb(join(path, "store")).backup(join(path, "store 2")); // beside it
  });

  it("several times at once to one target makes one whole copy, and the others reject because it is taken", async () => {
    const path = await withStore();
    const to = join(path, "copy");
    for (let round = 0; round < 10; round++) {
      const target = `${to} ${round}`;
      const copies = [1, 2, 3].map(() => lmdb(join(path, "store")).backup(target));
      const ended = await Promise.allSettled(copies);
      const failed = ended.flatMap((each) => (each.status === "rejected" ? [String(each.reason)] : []));
      expect(failed).toHaveLength(2);
      for (const text of failed) expect(text).toContain(`the target already exists: ${target}`);
      expect(await (await openStore(target)).counts()).toEqual({ created: 1 });
    }
    expect(readdirSync(path).filter((name) => name.includes("unfinished"))).toEqual([]);
  });

  it("leaves folders alone that are named like its drafts", async () => {
    const path = await withStore();
    for (const other of ["copy.unfinished", "copy.unfinished-abcdef"]) {
      mkdirSync(join(path, other));
      writeFileSync(join(path, other, "precious"), "");
    }
    await lmdb(join(path, "store")).backup(join(path, "copy"));
    expect(existsSync(join(path, "copy.unfinished", "precious"))).toBe(true);
    expect(existsSync(join(path, "copy.unfinished-abcdef", "precious"))).toBe(true);
  });

  it("names what failed when there can be no folder for the copy", async () => {
    const path = await withStore();
    writeFileSync(join(path, "file"), "");
    const copying = lmdb(join(path, "store")).backup(join(path, "file", "copy"));
    await expect(copying).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(copying).rejects.toThrow(`no folder can be created in ${join(path, "file")} (E`);
  });
});
