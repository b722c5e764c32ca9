/**
 * Finds out who holds LMDB's write lock without requesting it.
 *
 * A request for the lock blocks in native code until its holder releases it: on LMDB's own thread or, while a folder is
 * being opened, on the JavaScript thread. A suspended holder (SIGSTOP, a frozen container) never releases it, and a
 * process that is blocked this way cannot even exit, because `process.exit()` waits for that thread. So the lock is
 * requested only after it was seen to be free or to be passed between processes.
 *
 * On Linux the lock is a robust mutex in the shared file `lock.mdb`, which contains the thread id of its holder. On
 * other platforms the holder is not visible, and the lock is requested at once.
 *
 * @module
 */
import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** The state of the lock at one moment. */
export interface Sight {
  /** The thread id of the holder; 0: none. */
  readonly holder: number;
  /** The low bits of the latest transaction id. */
  readonly commit: number;
}

/** Reads the state of the lock; `undefined`: it is no longer visible, because another thread closed the store. */
export type Look = () => Sight | undefined;

/** Keeps the descriptor of this process's memory. */
export interface KeptMemory {
  memory?: number;
}

/** Number of bytes at the start of the file that are read. */
const headBytes = 256;

/** `mti_magic` of LMDB's lock file. */
const stamp = 0xbeefc0de;

/** Offset of the latest transaction id, in 4-byte words. */
const commitAt = 2;

/**
 * Returns a function that reads the lock of the store in `folder`; `undefined`: there is no lock, or it is not visible.
 *
 * @param isOpen whether this process has the store open. The lock is then read from mapped memory, because opening and
 *   closing the file would drop the locks by which the processes detect each other
 * @param kept keeps the descriptor of that memory
 */
export function lookAt(folder: string, isOpen: boolean, kept: KeptMemory): Look | undefined {
  if (process.platform !== "linux") return undefined;
  const path = join(folder, "lock.mdb");
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined || stats.size < headBytes) return undefined;
    const address = addressOf(realpathSync(path), stats.ino); // another thread may have it open
    if (address !== undefined) return inMemory(address, kept);
    return isOpen || !isInUse(stats.ino) ? undefined : inFile(path);
  } catch {
    return undefined; // no permission
  }
}

/**
 * Whether a process visible from here has the file open, in which case LMDB locks it. Otherwise its contents are left
 * over from a power cut or a copy, and the next process to open it reinitialises its locks.
 */
function isInUse(ino: number): boolean {
  return readFileSync("/proc/locks", "utf8").includes(`:${ino} `);
}

function inFile(path: string): Look | undefined {
  const head = new Uint32Array(headBytes / 4);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, headBytes, 0);
  } finally {
    closeSync(file);
  }
  const lock = lockIn(head);
  return lock === undefined ? undefined : () => sightIn(head, lock);
}

/** The memory is opened once and never closed, so a look costs 2 µs. */
function inMemory(address: number, kept: KeptMemory): Look | undefined {
  const from = (kept.memory ??= openSync("/proc/self/mem", "r"));
  const head = new Uint32Array(headBytes / 4);
  const read = (bytes: number): number => readSync(from, head, 0, bytes, address);
  read(headBytes);
  const lock = lockIn(head);
  if (lock === undefined) return undefined;
  return () => {
    try {
      read(4 * (lock + 1));
    } catch {
      return undefined; // nothing is mapped there any more
    }
    return head[0] === stamp ? sightIn(head, lock) : undefined;
  };
}

/**
 * The address at which this process has mapped the file. Some file systems report different inode numbers in the two
 * places, so the path is compared as well.
 */
function addressOf(path: string, ino: number): number | undefined {
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    if (!line.endsWith("/lock.mdb")) continue;
    const [range = "", , offset, , number] = line.split(/ +/);
    const fits = number === String(ino) || line.slice(line.indexOf("/")) === path;
    if (fits && offset === "00000000") return Number.parseInt(range, 16);
  }
  return undefined;
}

/**
 * The word that holds the write mutex, which follows the reader mutex at the next multiple of 64 bytes. The mutex kind
 * (robust, process-shared) identifies the libc.
 */
function lockIn(head: Uint32Array): number | undefined {
  if (head[0] !== stamp) return undefined;
  for (const mutex of [16, 32]) {
    if (head[mutex + 4] === 0x90) return mutex; // glibc
    if (head[mutex] === 0x84) return mutex + 1; // musl
  }
  return undefined;
}

function sightIn(head: Uint32Array, lock: number): Sight {
  // The two highest bits are flags: a thread is waiting; the owner has died.
  return { holder: (head[lock] ?? 0) & 0x3fff_ffff, commit: head[commitAt] ?? 0 };
}
