/**
 * Copies an LMDB store that is in use.
 *
 * @module
 */
import { chmod, lstat, mkdtemp, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import process from "node:process";
import { systemClock } from "../../src/clock.ts";
import { invalidOption, isLifecycleError, type LifecycleError, storeUnusable } from "../../src/errors.ts";
import { makeFolder } from "../../src/store/make-folder.ts";
import type { Share } from "./environments.ts";
import { holdsStore } from "./folder.ts";
import { isError } from "../../src/realms.ts";

/** Copies a snapshot of the store in `folder`, which `open` opens. */
export async function backUp(
  folder: string,
  timeoutMs: number,
  open: () => Promise<Share>,
  to: string,
): Promise<void> {
  if (typeof to !== "string" || to === "") {
    throw invalidOption(`Cannot back up the store: the target must be a folder, not ${String(to)}`);
  }
  const target = resolve(to);
  if (!holdsStore(folder)) throw refusal(`there is no store in the folder ${folder}`);
  if (await isThere(target)) throw refusal(taken(target));
  const [from, parent] = [await realpath(folder), await realParent(target)];
  if (parent === from || parent.startsWith(from + sep)) {
    throw invalidOption(
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
    makeFolder(parent);
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
  const why = isError(cause) ? ` (${cause.message})` : "";
  return storeUnusable(`Cannot back up the store: ${rule}${why}`, { cause });
}

function taken(target: string): string {
  return `the target already exists: ${target}`;
}
