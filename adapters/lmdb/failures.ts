/**
 * What LMDB does when it fails, and what is said of it.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { isLifecycleError, LifecycleError } from "../../src/errors.ts";

/** LMDB hangs a second rejected promise on its error; unheard, it would end the process. */
async function hearAll(failure: unknown): Promise<void> {
  if (typeof failure !== "object" || failure === null || !("commitError" in failure)) return;
  await Promise.allSettled([failure.commitError]);
}

export function unavailable(doing: string, cause: unknown): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store`, {
    retryable: true,
    cause,
  });
}

/** Trying again makes sense: the folder may be moved back. */
export function astray(): LifecycleError {
  const why = "its folder was removed, moved or replaced, and nobody would find what is written";
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot write to the LMDB store: ${why}`, {
    retryable: true,
  });
}

export function closedStore(): LifecycleError {
  return new LifecycleError("CLOSED", "Cannot use the LMDB store: it was closed");
}

/**
 * Runs `read` outside any transaction for writing.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export function reading<T>(root: RootDatabase, read: () => T): T {
  try {
    // Without a read transaction lmdb ends an iteration as if nothing were there, and counts what lies in memory.
    // A get throws. If it does not, all that `read` does before its turn ends has the transaction that the get had.
    root.get("/");
    return read();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  }
}

/** Resolves when `written` is on disk. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function onDisk<T>(written: Promise<T>): Promise<T> {
  written.catch(hearAll);
  try {
    return await written;
  } catch (cause) {
    throw unavailable("write to", cause);
  }
}

/** Inside a transaction a write is done when the call returns; the promise that lmdb hands out then means nothing. */
export function write(done: Promise<boolean>): void {
  void done;
}
