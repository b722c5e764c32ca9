/**
 * The folder of an LMDB store.
 *
 * @module
 */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  statfsSync,
  statSync,
  type Stats,
} from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import * as lmdb from "lmdb";
import type { Database, RootDatabase, RootDatabaseOptionsWithPath } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { Kept } from "../../src/store/expiring-texts.ts";
import { makeFolder } from "../../src/store/make-folder.ts";
import { shareOf, type Share } from "./environments.ts";
import { astray, isWithoutPlace, placeTaken, unavailable, unusable, writeRefused } from "./failures.ts";
import { databasesPerAccount } from "./tables.ts";
import { leftBehind, limited, onceAtLatest, patienceMs } from "./writing.ts";
import { errorCode, isError } from "../../src/realms.ts";

const { open } = lmdb;

/**
 * The native part of the package lmdb, which Node loads once for each copy of the package, however often its modules are
 * evaluated.
 */
const { nativeAddon: native = open } = lmdb as { readonly nativeAddon?: object }; // missing from lmdb's types

/** Limits of a folder and of opening it. */
export interface Measures {
  readonly maxAccounts: number;
  readonly timeoutMs: number;
}

/** A folder that is open. */
export interface Opened<T> extends Share {
  /** The result of `use`. */
  readonly used: T;
}

/**
 * Opens the folder and returns what `use` opens in it; opens nothing if `use` throws. `kept` is the table for Keyv's
 * own entries.
 *
 * While this process has the folder open, no code here may open `lock.mdb`: the operating system drops all of this
 * process's locks on a file when it closes any descriptor of that file, and other processes rely on these locks.
 */
export async function openFolder<T>(
  folder: string,
  { maxAccounts, timeoutMs }: Measures,
  use: (root: RootDatabase, kept: Database<Kept, string>) => T,
): Promise<Opened<T>> {
  let share: Share | undefined;
  try {
    makeFolder(folder);
    await checkFolder(folder);
    const options: RootDatabaseOptionsWithPath & { permissionsMode: number } = {
      path: folder,
      noSubdir: false, // otherwise lmdb treats a folder with a dot in its name as a file
      permissionsMode: 0o600, // of new files, which others could otherwise read and, under a permissive umask, write; missing from lmdb's types
      maxDbs: databasesPerAccount * maxAccounts + 1,
      overlappingSync: false, // a promise must resolve when the commit is on disk, not merely visible
      eventTurnBatching: false, // its internal batch promise would reject unhandled on a full disk
    };
    const since = systemClock.monotonic();
    for (;;) {
      const mine = await shareOf(folder, { maxAccounts, timeoutMs, native, open: () => open(options) });
      share = mine;
      const { root } = mine;
      // Opened every time, so accounts cannot use up its place. All other names contain a slash.
      const keptOf = (): Database<Kept, string> => root.openDB({ name: "keyv", encoding: "json" });
      const done = await limited("open", timeoutMs, (wanted) =>
        onceAtLatest(mine, wanted, () => use(root, keptOf())),
      );
      if (!share.isThere()) throw astray("open"); // opening may have waited for a long time
      if (done !== undefined) return { ...share, used: done.value };
      await share.close();
      if (systemClock.monotonic() - since > patienceMs) throw unavailable("open", leftBehind());
      await sleep(systemClock, 2);
    }
  } catch (cause) {
    await share?.close();
    const most = share?.maxAccounts ?? maxAccounts;
    throw isLifecycleError(cause) ? cause : unusable(folder, ruleBroken(cause, most), cause);
  }
}

/**
 * Whether the folder holds a store. LMDB treats an empty file as a store that is still to be created.
 * @throws {LifecycleError} `STORE_UNUSABLE` if a parent of the path is a file, or if this process lacks permission
 */
export function holdsStore(folder: string): boolean {
  const path = join(folder, "data.mdb");
  try {
    accessSync(path); // unlike `statSync`, it tells on every Node that a file is in the way
    return (statOf(path)?.size ?? 0) > 0;
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false;
    throw unusable(folder, ruleBroken(cause), cause);
  }
}

/**
 * Throws if LMDB would fail to open the folder. Trying is not safe: some LMDB failures end the process (lmdb 3.5.6).
 */
async function checkFolder(folder: string): Promise<void> {
  const { R_OK, W_OK, X_OK } = constants;
  accessSync(folder, R_OK | W_OK | X_OK);
  checkDescriptors();
  for (const name of ["data.mdb", "lock.mdb"]) {
    const path = join(folder, name);
    const stats = statOf(path);
    if ((stats === undefined || stats.size === 0) && !hasRoom(folder)) {
      throw new NoStore("its disk is too full to create one");
    }
    if (stats === undefined) continue;
    if (!stats.isFile()) throw new NoStore(`its ${name} is not a file`);
    accessSync(path, R_OK | W_OK);
    if (name === "lock.mdb" || stats.size === 0 || isLmdb(path)) continue;
    await sleep(systemClock, 50); // another process may be creating it right now
    if (!isLmdb(path)) throw new NoStore(`its ${name} is not an LMDB file`);
  }
}

/** Throws if this process has fewer free file descriptors than LMDB needs. */
function checkDescriptors(): void {
  const files: number[] = [];
  try {
    while (files.length < 4) files.push(openSync(devNull, "r"));
  } finally {
    for (const file of files) closeSync(file);
  }
}

/**
 * Whether the file system has room for LMDB's first write. Some file systems do not report their size, and Deno may not be
 * allowed to ask.
 */
export function hasRoom(folder: string): boolean {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return blocks === 0 || bavail * bsize >= 65_536;
  } catch (error) {
    if (isError(error) && error.name === "NotCapable") return true;
    throw error;
  }
}

/** Whether the file starts with two LMDB pages. Opening it is safe: LMDB locks only `lock.mdb`. */
function isLmdb(path: string): boolean {
  const start = new DataView(new ArrayBuffer(8192));
  const file = openSync(path, "r");
  try {
    if (readSync(file, start) < start.byteLength) return false;
  } finally {
    closeSync(file);
  }
  // "Stamp identifying this as an LMDB file", in native byte order, after the page header (mdb.c).
  const stamp = 0xbeefc0de;
  return [12, 16, 20, 24].some((at) => start.getUint32(at, true) === stamp || start.getUint32(at) === stamp);
}

class NoStore extends Error {}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** The violated rule, derived from the error. */
function ruleBroken(cause: unknown, maxAccounts = 0): string {
  if (cause instanceof NoStore) return `the folder must hold an LMDB store or none, and ${cause.message}`;
  if (!isError(cause)) return "LMDB did not open it";
  if (cause.message.includes("MDB_DBS_FULL")) {
    return `it already holds ${maxAccounts} accounts, the maximum set by the option maxAccounts`;
  }
  if (isWithoutPlace(cause)) return placeTaken;
  if (cause.message.includes("Invalid argument")) {
    // The last process to close a folder destroys its locks, even if another process has just opened it.
    return `another process seems to have closed it just now; restart this process (${cause.message})`;
  }
  if (cause.message.includes("MDB_READERS_FULL")) return "all of LMDB's reader slots are taken";
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return `it must be writable (${code})`;
  if (code === "EMFILE" || code === "ENFILE") return `too many files are open (${code})`;
  if (code === "ENOTDIR" || code === "EEXIST") return `its path must be a folder (${code})`;
  const why = writeRefused(cause);
  if (why !== undefined) return `it must take writes, and ${why}`;
  return `LMDB or the system refused (${cause.message})`;
}
