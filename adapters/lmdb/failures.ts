/**
 * Failures of LMDB and the errors they become.
 *
 * @module
 */
import { constants } from "node:os";
import process from "node:process";
import type { RootDatabase } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError, storeUnavailable, storeUnusable } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { isError } from "../../src/realms.ts";

/**
 * The cause of a failure. LMDB attaches a second promise to its error, which rejects with the cause a moment later and
 * would end the process if left unhandled.
 */
export async function reasonOf(failure: unknown): Promise<unknown> {
  if (typeof failure !== "object" || failure === null || !("commitError" in failure)) return failure;
  const cause = Promise.resolve(failure.commitError).then(
    () => failure,
    (reason: unknown) => reason,
  );
  return Promise.race([cause, sleep(systemClock, 100).then(() => failure)]);
}

/** The folder cannot be opened as it is. */
export function unusable(folder: string, rule: string, cause?: unknown): LifecycleError {
  return storeUnusable(`Cannot open the store: ${rule}: ${folder}`, { cause });
}

export function unavailable(doing: string, cause: unknown): LifecycleError {
  if (isBroken(cause)) return broken(cause);
  if (isWithoutPlace(cause)) return withoutPlace(cause);
  const why = writeRefused(cause);
  if (why !== undefined) return refused(why, cause);
  return storeUnavailable(`Cannot ${doing} the LMDB store`, { cause });
}

/** The write lock was not acquired in time, or an operation did not finish in time. */
export function inVain(doing: string, timeoutMs: number): LifecycleError {
  const why = `timed out after ${timeoutMs} ms: another process may be suspended during a write, or the disk may hang`;
  return storeUnavailable(`Cannot ${doing} the LMDB store: ${why}`);
}

export function full(cause?: unknown): LifecycleError {
  return refused(whyRefused.ENOSPC, cause);
}

function refused(why: string, cause: unknown): LifecycleError {
  return storeUnavailable(`Cannot write to the LMDB store: ${why}`, { cause });
}

/** Why the system takes no write, and what to do. */
const whyRefused = {
  ENOSPC: "its disk is full; make room there",
  EDQUOT: "the disk quota of its user is used up; raise it, or make room",
  EFBIG:
    "its data.mdb is as large as this process may make a file, or as the file system takes; raise the limit (ulimit -f, LimitFSIZE), or move to another disk",
  EROFS: "its disk has become read-only, as after an error; mount it for writing again",
  // LMDB also says so of a write that was cut short.
  EIO: "its disk failed, or took only a part (EIO): make room there, see whether a limit on the size of files is reached (ulimit -f), and look for the disk in the system's log",
} as const;

/** The same errors in the words of the system, where lmdb gives no number. */
const wordsFor: Readonly<Record<keyof typeof whyRefused, RegExp>> = {
  ENOSPC: /no space left/i,
  EDQUOT: /quota exceeded/i,
  EFBIG: /file too large/i,
  EROFS: /read-only file system/i,
  EIO: /^(?:input\/output|i\/o) error/i,
};

/** Why the system took no write, from the error as lmdb reports it: by name, by number or in words. */
export function writeRefused(cause: unknown): string | undefined {
  if (!isError(cause)) return undefined;
  const code = "code" in cause ? cause.code : undefined;
  for (const name of Object.keys(whyRefused) as (keyof typeof whyRefused)[])
    if (code === name || code === constants.errno[name] || wordsFor[name].test(cause.message))
      return whyRefused[name];
  return writeRefused(cause.cause);
}

/** Retryable while the folder is gone, because it may be moved back; final once another store is in its place. */
export function astray(doing: string, isReplaced = false): LifecycleError {
  if (isReplaced)
    return lostStore("another store took its place in the folder while this process had it open");
  const why =
    "its folder was removed or moved away, and new writes would be lost; put it back, or stop this process";
  return storeUnavailable(`Cannot ${doing} the LMDB store: ${why}`, { facts: { reason: "noFolder" } });
}

/** Final: another process may have opened the folder with a lock of its own, and may have written over this one. */
export function unlocked(): LifecycleError {
  return lostStore("its lock.mdb was deleted or replaced while this process had the LMDB store open");
}

/** LMDB's place for a reader of this process was given up, though this process did not give it up. */
export function isWithoutPlace(cause: unknown): boolean {
  return isError(cause) && cause.message.includes("MDB_BAD_RSLOT");
}

/**
 * Final for this process, which is told to stop like one whose store was lost: it would be refused at each read until it
 * is started again.
 */
function withoutPlace(cause: unknown): LifecycleError {
  return storeUnusable(`Cannot use the LMDB store any more: ${placeTaken}`, {
    cause,
    facts: { storeLost: true },
  });
}

/** Why that is, and what to do. */
export const placeTaken =
  "this process lost its place among the readers (MDB_BAD_RSLOT), because another copy of the package lmdb in it closed the folder, or other code in it opened and closed lock.mdb; what was acknowledged is kept; install one copy (npm ls lmdb), leave the files in the folder alone, and start this process again";

/** LMDB could not write its meta page, and has no transactions for this process until the folder is opened anew. */
function isBroken(cause: unknown): boolean {
  return isError(cause) && cause.message.includes("MDB_PANIC");
}

/** Final for this process, like {@link withoutPlace}; other processes go on. */
function broken(cause: unknown): LifecycleError {
  const why =
    "a write to its disk failed at the last step (MDB_PANIC), as on a full disk, and LMDB refuses this process every read and write since; what was acknowledged is kept; check the disk, and start this process again";
  return storeUnusable(`Cannot use the LMDB store any more: ${why}`, { cause, facts: { storeLost: true } });
}

/**
 * Throws if LMDB has no transactions for this process any more. A write would not say so: it would never end.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE`
 */
export function refuseBroken(root: RootDatabase): void {
  root.resetReadTxn(); // one that began before still reads, and lmdb ends it by a timer, when a machine may have gone on
  try {
    root.get("/");
  } catch (cause) {
    if (isBroken(cause)) throw broken(cause);
  }
}

export function closedStore(): LifecycleError {
  return new LifecycleError("CLOSED", "Cannot use the LMDB store: it was closed");
}

/**
 * Runs `read` outside any write transaction.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export function reading<T>(root: RootDatabase, read: () => T): T {
  try {
    // Without a read transaction lmdb ends an iteration as if there were no entries, and counts only what is in memory.
    // A failed get() throws; after a successful one, `read` uses its transaction until the end of this turn.
    root.get("/");
    return read();
  } catch (cause) {
    if (isLifecycleError(cause)) throw cause;
    throw isWithoutTransaction(cause) ? samePid(cause) : unavailable("read", cause);
  }
}

/**
 * LMDB locks a reader's place by its process id. If a process of another container has the same id, that lock is taken, and
 * lmdb 3.5.6 goes on without a transaction.
 */
function isWithoutTransaction(cause: unknown): boolean {
  return cause instanceof TypeError && /\b(null|undefined) \(reading 'address'\)/.test(cause.message);
}

function samePid(cause: unknown): LifecycleError {
  return storeUnavailable(
    `Cannot read the LMDB store: another process with the process id ${process.pid} has it open, as in a container of its own; containers that share the folder must share their process ids, too (--pid=host)`,
    { cause },
  );
}

/** Resolves once the writes of `begin` are on disk. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function onDisk<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("write to", await reasonOf(cause));
  }
}

/**
 * Inside a transaction a write is complete when the call returns; the promise that lmdb returns carries no information.
 */
export function write(done: Promise<boolean>): void {
  void done;
}
