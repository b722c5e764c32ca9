/**
 * Failures of LMDB and the errors they become.
 *
 * @module
 */
import process from "node:process";
import type { RootDatabase } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError, storeUnavailable, storeUnusable } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";

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
  if (isFull(cause)) return full(cause);
  if (isWithoutPlace(cause)) return withoutPlace(cause);
  return storeUnavailable(`Cannot ${doing} the LMDB store`, { cause });
}

/** The write lock was not acquired in time, or an operation did not finish in time. */
export function inVain(doing: string, timeoutMs: number): LifecycleError {
  const why = `timed out after ${timeoutMs} ms: another process may be suspended during a write, or the disk may hang`;
  return storeUnavailable(`Cannot ${doing} the LMDB store: ${why}`);
}

export function full(cause?: unknown): LifecycleError {
  return storeUnavailable("Cannot write to the LMDB store: its disk is full", { cause });
}

/** `ENOSPC` or `EDQUOT`, as lmdb reports them: by number or in words. */
export function isFull(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? cause.code : undefined;
  return (
    ["ENOSPC", "EDQUOT", 28, 122].some((known) => known === code) ||
    /no space left|disk quota exceeded/i.test(cause.message) ||
    (cause.cause !== undefined && isFull(cause.cause))
  );
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
  return cause instanceof Error && cause.message.includes("MDB_BAD_RSLOT");
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
  return cause instanceof Error && cause.message.includes("MDB_PANIC");
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
