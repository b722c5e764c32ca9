/**
 * A copy of an LMDB store that is in use.
 *
 * @module
 */
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RootDatabase } from "lmdb";
import { LifecycleError } from "../../src/errors.ts";

/** What the LMDB adapter can do beside being a store. */
export interface Backup {
  /**
   * Copies the store, as it is at one moment, into the new folder `to` (mode 0700), while this process and others go
   * on writing. The folder appears when the copy is whole. It holds no key: keep a copy of the key elsewhere.
   *
   * To go back to a copy, end all processes and put it in the place of the store. Users whom it knows go on from where
   * they were; those who were onboarded since must be told of, or they are created twice:
   * `onboard(id, { expect: "existing" })`.
   *
   * Copying the files by other means (`cp`, `rsync`, …) is safe only while no process has the store open. Of a store in
   * use such a copy can be torn, and a torn one may open and miss users.
   *
   * @throws {LifecycleError} `INVALID_OPTION`; `STORE_UNUSABLE` if `to` is there already or cannot be written
   * @example
   * ```ts
   * await lmdb("./data/lifecycle").backup("./backups/2026-11-24");
   * ```
   */
  backup(to: string): Promise<void>;
}

/** Copies what `open` opens, as it is at this moment. */
export async function backUp(open: () => Promise<RootDatabase>, to: string): Promise<void> {
  if (typeof to !== "string" || to === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must be a folder, not ${String(to)}`,
    );
  }
  const root = await open();
  try {
    await copy(root, resolve(to));
  } catch (cause) {
    throw new LifecycleError(
      "STORE_UNUSABLE",
      `Cannot back up the store: the target must be a new folder in a place that can be written: ${to}`,
      { cause },
    );
  } finally {
    await root.close();
  }
}

async function copy(root: RootDatabase, folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  const clear = (): Promise<void> => rm(unfinished, { recursive: true, force: true });
  await clear(); // of a process that died at it
  try {
    await mkdir(unfinished, { recursive: true, mode: 0o700 });
    await root.backup(unfinished, false);
    await chmod(join(unfinished, "data.mdb"), 0o600);
    await rename(unfinished, folder); // fails if something is there
  } finally {
    await clear();
  }
}
