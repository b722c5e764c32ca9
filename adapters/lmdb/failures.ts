/**
 * What LMDB does when it fails, and what is said of it.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { isLifecycleError, LifecycleError } from "../../src/errors.ts";

/**
 * What went wrong. LMDB hangs a second promise on its error, which rejects with the reason a moment later; unheard, it
 * would end the process.
 */
export async function reasonOf(failure: unknown): Promise<unknown> {
  if (typeof failure !== "object" || failure === null || !("commitError" in failure)) return failure;
  const told = Promise.resolve(failure.commitError).then(
    () => failure,
    (reason: unknown) => reason,
  );
  return Promise.race([told, sleep(systemClock, 100).then(() => failure)]);
}

export function unavailable(doing: string, cause: unknown): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store`, {
    retryable: true,
    cause,
  });
}

/** Trying again makes sense: the folder may be moved back. */
export function astray(doing: string): LifecycleError {
  const why = "its folder was removed, moved or replaced, and nobody would find what is written";
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store: ${why}`, {
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

/** Resolves when what `begin` writes is on disk. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function onDisk<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (cause) {
    throw unavailable("write to", await reasonOf(cause));
  }
}

/** Inside a transaction a write is done when the call returns; the promise that lmdb hands out then means nothing. */
export function write(done: Promise<boolean>): void {
  void done;
}
