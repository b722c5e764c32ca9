/**
 * The folder of an LMDB store.
 *
 * @module
 */
import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import type { Database, RootDatabase, RootDatabaseOptionsWithPath } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError } from "../../src/errors.ts";
import type { Kept } from "../../src/store/expiring-texts.ts";
import { shareOf } from "./environments.ts";
import type { Share } from "./environments.ts";
import { astray, unavailable } from "./failures.ts";
import { databasesPerAccount } from "./tables.ts";
import { leftBehind, onceAtLatest, patienceMs } from "./writing.ts";

/** A folder that is open. */
export interface Opened<T> extends Share {
  /** What was opened in it. */
  readonly used: T;
}

/**
 * Opens the folder and what `use` wants of it, or nothing if that throws; `kept` holds what Keyv stores through its doors.
 *
 * Nothing here opens `lock.mdb`. That other processes keep off rests on locks that this process holds on it, and the
 * system drops all of them as soon as the process closes any descriptor of that file.
 */
export async function openFolder<T>(
  folder: string,
  maxAccounts: number,
  use: (root: RootDatabase, kept: Database<Kept, string>) => T,
): Promise<Opened<T>> {
  let share: Share | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await checkFolder(folder);
    const options: RootDatabaseOptionsWithPath & { permissionsMode: number } = {
      path: folder,
      noSubdir: false, // or lmdb takes a folder with a dot in its name for a file
      permissionsMode: 0o600, // of files it makes: others could read them, and under a careless umask write; not in its types
      maxDbs: databasesPerAccount * maxAccounts + 1,
      overlappingSync: false, // a commit is on disk when its promise resolves; with it, only visible
      eventTurnBatching: false, // its own promise of a batch would reject unseen on a full disk
    };
    const since = systemClock.monotonic();
    for (;;) {
      share = await shareOf(folder, { maxAccounts, open: () => open(options) });
      const { root } = share;
      // Opened each time, so that no account takes its place. No other name is without a slash.
      const keptOf = (): Database<Kept, string> => root.openDB({ name: "keyv", encoding: "json" });
      const done = await onceAtLatest(root, () => use(root, keptOf()));
      if (!share.isThere()) throw astray("open"); // it may have waited for long
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
 * Whether there is a store in the folder. An empty file is to LMDB a store that is still to be made.
 * @throws {LifecycleError} `STORE_UNUSABLE` if the path leads through a file, or where this process may not look
 */
export function holdsStore(folder: string): boolean {
  try {
    return (statOf(join(folder, "data.mdb"))?.size ?? 0) > 0;
  } catch (cause) {
    throw unusable(folder, ruleBroken(cause), cause);
  }
}

function unusable(folder: string, rule: string, cause: unknown): LifecycleError {
  return new LifecycleError("STORE_UNUSABLE", `Cannot open the store: ${rule}: ${folder}`, { cause });
}

/** Throws if LMDB could not open the folder. It must not try: some of its failures end the process (lmdb 3.5.6). */
async function checkFolder(folder: string): Promise<void> {
  const { R_OK, W_OK, X_OK } = constants;
  accessSync(folder, R_OK | W_OK | X_OK);
  checkDescriptors();
  for (const name of ["data.mdb", "lock.mdb"]) {
    const path = join(folder, name);
    const stats = statOf(path);
    if (stats === undefined || stats.size === 0) checkSpace(folder);
    if (stats === undefined) continue;
    if (!stats.isFile()) throw new NoStore(`its ${name} is no file`);
    accessSync(path, R_OK | W_OK);
    if (name === "lock.mdb" || stats.size === 0 || isLmdb(path)) continue;
    await sleep(systemClock, 50); // another process may be making it at this moment
    if (!isLmdb(path)) throw new NoStore(`its ${name} is not of LMDB`);
  }
}

/** Throws if the system has not as many descriptors left for this process as LMDB takes. */
function checkDescriptors(): void {
  const files: number[] = [];
  try {
    while (files.length < 4) files.push(openSync(devNull, "r"));
  } finally {
    for (const file of files) closeSync(file);
  }
}

/** Throws if the file system has no room for what LMDB writes first. Some do not say how large they are. */
function checkSpace(folder: string): void {
  const { bavail, blocks, bsize } = statfsSync(folder);
  if (blocks > 0 && bavail * bsize < 65_536) throw new NoStore("there is no room on its disk to make one");
}

/** Whether the file begins as LMDB's do, with two pages. It may be opened: LMDB locks only the other one. */
function isLmdb(path: string): boolean {
  const start = new DataView(new ArrayBuffer(8192));
  const file = openSync(path, "r");
  try {
    if (readSync(file, start) < start.byteLength) return false;
  } finally {
    closeSync(file);
  }
  // "Stamp identifying this as an LMDB file", in the machine's order of bytes, behind the head of the page (mdb.c).
  const stamp = 0xbeefc0de;
  return [12, 16, 20, 24].some((at) => start.getUint32(at, true) === stamp || start.getUint32(at) === stamp);
}

class NoStore extends Error {}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** What the folder must be, by how it failed. */
function ruleBroken(cause: unknown, maxAccounts = 0): string {
  if (cause instanceof NoStore) return `the folder must hold an LMDB store or none, and ${cause.message}`;
  if (!(cause instanceof Error)) return "LMDB did not open it";
  if (cause.message.includes("MDB_DBS_FULL")) {
    return `it holds ${maxAccounts} accounts, the most that its option maxAccounts allows`;
  }
  if (cause.message.includes("Invalid argument")) {
    // The last process to close a folder destroys its locks, although the next one may have found them already.
    return `another process seems to have closed it at this moment; start this one again (${cause.message})`;
  }
  if (cause.message.includes("MDB_READERS_FULL")) return "all of LMDB's places for readers are taken";
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return `it must be writable (${code})`;
  if (code === "EMFILE" || code === "ENFILE") return `too many files are open (${code})`;
  if (code === "ENOTDIR" || code === "EEXIST") return `its path must be a folder (${code})`;
  return `LMDB or the system refused (${cause.message})`;
}
