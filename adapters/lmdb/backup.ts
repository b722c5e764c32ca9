/**
 * Copies an LMDB store that is in use.
 *
 * @module
 */
import { chmod, lstat, mkdir, mkdtemp, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import process from "node:process";
import { systemClock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError } from "../../src/errors.ts";
import type { Share } from "./environments.ts";
import { holdsStore } from "./folder.ts";

/** What the LMDB adapter offers besides the store. */
export interface Backup {
  /**
   * Copies a consistent snapshot of the store into the new folder `to` (mode 0700) while this process and others keep
   * writing. The folder appears once the copy is complete and on disk. Of concurrent copies to one target, one succeeds
   * and the others reject. A process that dies while copying leaves a folder `<to>.unfinished-…`, which may be removed.
   * The copy contains no key: back up the key separately.
   *
   * To restore a copy, stop all processes and put it in place of the store, or open it where it is. The users in it
   * continue from their state at the time of the copy. The copy does not contain later changes, so handle these before
   * work continues:
   * - Users who were onboarded later are missing from it, and `onboard(id)` would create them a second time. Call
   *   `onboard(id, { expect: "existing" })`.
   * - Users who were renamed later are stored under their old id, which 1upHealth no longer has or has given to another
   *   user. `onboard` of the new id would create a wrong second user. Call `onboard(newId, { expect: "existing" })`,
   *   and do not use the old id.
   *
   * So keep a list, outside the store, of the users that were onboarded or renamed since the last copy.
   *
   * Copying the files by other means (`cp`, `rsync`, …) is safe only while no process has the store open. A copy of a
   * store in use can be torn, and a torn copy may open and miss users.
   *
   * @throws {LifecycleError} `INVALID_OPTION` if `to` is not a path or lies in the store's folder; `STORE_UNUSABLE` if
   *   there is no store, if anything (even an empty folder) already exists at `to`, or if the copy cannot be written;
   *   `STORE_UNAVAILABLE` if another process is suspended during a write
   * @example
   * ```ts
   * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const store = lmdb("./copied/lifecycle");
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { store, encryption: { keys: ["0".repeat(64)] } } });
   * await lifecycle.onboard("ada");
   * await store.backup("./backups/2026-11-24"); // while other processes keep writing
   * await lifecycle.close();
   * ```
   */
  backup(to: string): Promise<void>;
}

/** Copies a snapshot of the store in `folder`, which `open` opens. */
export async function backUp(
  folder: string,
  timeoutMs: number,
  open: () => Promise<Share>,
  to: string,
): Promise<void> {
  if (typeof to !== "string" || to === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must be a folder, not ${String(to)}`,
    );
  }
  const target = resolve(to);
  if (!holdsStore(folder)) throw refusal(`there is no store in the folder ${folder}`);
  if (await isThere(target)) throw refusal(taken(target));
  const [from, parent] = [await realpath(folder), await realParent(target)];
  if (parent === from || parent.startsWith(from + sep)) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot back up the store: the target must not lie in the store's own folder: ${target}`,
    );
  }
  const share = await open();
  try {
    await copy(share, timeoutMs, target);
  } finally {
    await share.close();
  }
}

/**
 * Each copy has its own draft folder, so copies do not interfere. Of two copies to one target, the second finds it
 * taken.
 */
async function copy({ root, enter }: Share, timeoutMs: number, target: string): Promise<void> {
  const until = systemClock.monotonic() + timeoutMs;
  const parent = dirname(target);
  const draft = await step(`no folder can be created in ${parent}`, async () => {
    await mkdir(parent, { recursive: true, mode: 0o700 });
    return mkdtemp(`${target}.unfinished-`); // mode 0700
  });
  try {
    await step(`the copy cannot be written in ${parent}`, async () => {
      const data = join(draft, "data.mdb");
      // Starts while holding the write lock.
      await enter(
        () => systemClock.monotonic() < until,
        () => root.backup(draft, false),
      );
      await chmod(data, 0o600);
      // LMDB does not sync the copy, so a power cut could keep the folder's new name and lose its contents.
      await toDisk(data);
      await toDisk(draft);
    });
    try {
      await rename(draft, target); // fails if the target exists, unless it is an empty folder
    } catch (cause) {
      throw (await isThere(target))
        ? refusal(taken(target), cause)
        : refusal(`the copy cannot be renamed to ${target}`, cause);
    }
    await step(`the copy may not survive a power cut, its folder was not synced: ${target}`, () =>
      toDisk(parent),
    );
  } finally {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined); // the earlier error is the one to report
  }
}

async function toDisk(path: string): Promise<void> {
  const folder = (await stat(path)).isDirectory();
  if (folder && process.platform === "win32") return; // Windows cannot sync a folder
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

/** The real path of the nearest existing ancestor of `path`. */
async function realParent(path: string): Promise<string> {
  const parent = dirname(path);
  return parent === path ? path : realpath(parent).catch(() => realParent(parent));
}

async function step<T>(rule: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : refusal(rule, cause);
  }
}

function refusal(rule: string, cause?: unknown): LifecycleError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new LifecycleError("STORE_UNUSABLE", `Cannot back up the store: ${rule}${why}`, { cause });
}

function taken(target: string): string {
  return `the target already exists: ${target}`;
}
