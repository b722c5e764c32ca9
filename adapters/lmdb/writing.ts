/**
 * Writing only upon the latest commit.
 *
 * A process that opens the folder tells all of them, by a number in `lock.mdb`, which commit is the latest: the one
 * that it found when it began to open. It says so under no lock (`mdb_env_open2` of lmdb 3.5.6 sets `mti_txnid`; LMDB
 * itself does not). A commit that another process made meanwhile would be forgotten, and the next one overwrite it,
 * although its writer was told that it is on disk. So no transaction writes before it has seen that it begins where the
 * data ends, and whoever has opened the folder looks as well, and opens it again until the number is right. Whoever
 * only reads may see the commit before the latest until then; what it decides by it is checked when it is written.
 *
 * @module
 */
import { ABORT } from "lmdb";
import type { RootDatabase } from "lmdb";
import { sleep, systemClock } from "../../src/clock.ts";
import { onDisk, reasonOf, unavailable } from "./failures.ts";

/** How long a number that is wrong is waited for. The process that set it mends it within milliseconds, if it lives. */
export const patienceMs = 3_000;

/** Inside a transaction for writing: does it begin at the latest commit? */
function beginsAtLatest(root: RootDatabase): boolean {
  const { env } = root as unknown as { env: { info(): { lastTxnId: number } } }; // not in its types
  return root.getWriteTxnId() === env.info().lastTxnId + 1;
}

/**
 * Runs `unit` alone, after the latest commit; resolves with its value when what it wrote is on disk. `unit` must not
 * throw: LMDB would keep what others wrote and never answer again.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function writing<T>(root: RootDatabase, unit: () => T): Promise<T> {
  const since = systemClock.monotonic();
  for (;;) {
    const done = await onDisk(() =>
      root.transaction(() => (beginsAtLatest(root) ? { value: unit() } : undefined)),
    );
    if (done !== undefined) return done.value;
    if (systemClock.monotonic() - since > patienceMs) throw unavailable("write to", leftBehind());
    await sleep(systemClock, 2);
  }
}

/**
 * Runs `unit` after the latest commit; resolves with its value when what it wrote is on disk, or with nothing where the
 * number is wrong. Of a `unit` that throws nothing is kept. Rejects with what it threw, or with what LMDB says.
 */
export async function onceAtLatest<T>(
  root: RootDatabase,
  unit: () => T,
): Promise<{ readonly value: T } | undefined> {
  let thrown: { readonly error: unknown } | undefined;
  const begin = async (): Promise<{ readonly value: T } | typeof ABORT | undefined> => {
    try {
      // Not transactionSync(), which would wait on this thread for whoever writes.
      return await root.childTransaction(() => {
        if (!beginsAtLatest(root)) return undefined;
        try {
          return { value: unit() };
        } catch (error) {
          thrown = { error };
          return ABORT;
        }
      });
    } catch (cause) {
      throw await reasonOf(cause);
    }
  };
  const done = await begin().catch(begin); // it may have failed with another's unit, in whose transaction it ran
  if (thrown !== undefined) throw thrown.error;
  return done as { readonly value: T } | undefined; // not ABORT then
}

/** What to tell when the number stays wrong. */
export function leftBehind(): Error {
  return new Error(
    "a process ended while it opened the store and left it read-only; a process that opens it, and has not got it open already, mends that",
  );
}
