/**
 * A copy of an LMDB store that is in use.
 *
 * @module
 */
import { chmod, lstat, mkdir, mkdtemp, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import process from "node:process";
import type { RootDatabase } from "lmdb";
import { LifecycleError } from "../../src/errors.ts";
import type { Share } from "./environments.ts";
import { holdsStore } from "./folder.ts";

/** What the LMDB adapter can do beside being a store. */
export interface Backup {
  /**
   * Copies the store, as it is at one moment, into the new folder `to` (mode 0700), while this process and others go
   * on writing. The folder appears when the copy is whole and on disk; of copies to one target at once, one is made and
   * the others reject. A process that dies at it leaves a folder `<to>.unfinished-…`, which may be removed. The copy
   * holds no key: keep a copy of the key elsewhere.
   *
   * To go back to a copy, end all processes and put it in the place of the store, or open it where it is. Users whom it
   * knows go on from where they were. It does not know what happened since, and must be told before work goes on:
   * - Users who were onboarded since are unknown to it; `onboard(id)` would create them a second time. Say
   *   `onboard(id, { expect: "existing" })`.
   * - Users who were renamed since stand in it under their old id, which 1upHealth no longer has, or has given to
   *   somebody else. `onboard` of the new id would create a wrong second user. Say
   *   `onboard(newId, { expect: "existing" })`, and do not work with the old id.
   *
   * So keep, outside the store, a list of who was onboarded and renamed since the last copy.
   *
   * Copying the files by other means (`cp`, `rsync`, …) is safe only while no process has the store open. Of a store in
   * use such a copy can be torn, and a torn one may open and miss users.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `to` is no path or lies in the store's folder; `STORE_UNUSABLE` if
   *   there is no store, if anything (were it an empty folder) is at `to` already, or if the copy cannot be written
   * @example
   * ```ts
   * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const store = lmdb("./copied/lifecycle");
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { store, encryption: { keys: ["0".repeat(64)] } } });
   * await lifecycle.onboard("ada");
   * await store.backup("./backups/2026-11-24"); // while everybody works
   * await lifecycle.close();
   * ```
   */
  backup(to: string): Promise<void>;
}

/** Copies the store in `folder`, which `open` opens, as it is at this moment. */
export async function backUp(folder: string, open: () => Promise<Share>, to: string): Promise<void> {
  if (typeof to !== "string" || to === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must be a folder, not ${String(to)}`,
    );
  }
  const target = resolve(to);
  if (!holdsStore(folder)) throw refusal(`there is none in the folder ${folder}`);
  if (await isThere(target)) throw refusal(taken(target));
  const [from, parent] = [await realpath(folder), await realParent(target)];
  if (parent === from || parent.startsWith(from + sep)) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must not lie in the store's own folder: ${target}`,
    );
  }
  const { root, close } = await open();
  try {
    await copy(root, target);
  } finally {
    await close();
  }
}

/** Each copy has a draft of its own, so that none disturbs another; of two to one target, one finds it taken. */
async function copy(root: RootDatabase, target: string): Promise<void> {
  const parent = dirname(target);
  const draft = await step(`no folder can be made in ${parent}`, async () => {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    return mkdtemp(`${target}.unfinished-`); // mode 0700
  });
  try {
    await step(`the copy cannot be written in ${parent}`, async () => {
      const data = join(draft, "data.mdb");
      await root.backup(draft, false);
      await chmod(data, 0o600);
      // LMDB leaves the copy to the system, which might keep the folder's new name and lose what is in it.
      await toDisk(data);
      await toDisk(draft);
    });
    try {
      await rename(draft, target); // fails if something is there, except for an empty folder
    } catch (cause) {
      throw (await isThere(target))
        ? refusal(taken(target), cause)
        : refusal(`the copy cannot be given its name ${target}`, cause);
    }
    await step(`the name of the copy may not be on disk, ${target}`, () => toDisk(parent));
  } finally {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined); // what failed before is what to tell
  }
}

async function toDisk(path: string): Promise<void> {
  const folder = (await stat(path)).isDirectory();
  if (folder && process.platform === "win32") return; // which has no such thing
  const handle = await open(path, folder ? "r" : "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined;
}

/** Where the nearest folder above `path` that is there really is. */
async function realParent(path: string): Promise<string> {
  const parent = dirname(path);
  return parent === path ? path : realpath(parent).catch(() => realParent(parent));
}

async function step<T>(rule: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw refusal(rule, cause);
  }
}

function refusal(rule: string, cause?: unknown): LifecycleError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new LifecycleError("STORE_UNUSABLE", `Cannot back up the store: ${rule}${why}`, { cause });
}

function taken(target: string): string {
  return `something is at the target already, ${target}`;
}
