/**
 * Ensures that a write transaction starts from the latest commit.
 *
 * A process that opens the folder sets the latest transaction id in `lock.mdb` to the one it read when it started
 * opening, without holding a lock (`mdb_env_open2` in lmdb 3.5.6 sets `mti_txnid`; upstream LMDB does not). A commit
 * that another process made in the meantime would be dropped and overwritten by the next one, although it was reported
 * as durable. So every transaction verifies, before it writes, that it starts from the end of the data. A process that
 * has just opened the folder verifies this as well and reopens it until the number is right. Until then a read may
 * return the state before the latest commit; decisions based on it are checked when they are written.
 *
 * @module
 */
import { ABORT, type RootDatabase } from "lmdb";
import { inTime, sleep, systemClock } from "../../src/clock.ts";
import type { Share } from "./environments.ts";
import { inVain, onDisk, reasonOf, unavailable } from "./failures.ts";

/**
 * How long to wait for a wrong number to be corrected. The process that set it corrects it within milliseconds, if it
 * is alive.
 */
export const patienceMs = 3_000;

/** Inside a write transaction: whether it starts from the latest commit. */
function beginsAtLatest(root: RootDatabase): boolean {
  const { env } = root as unknown as { env: { info(): { lastTxnId: number } } }; // missing from lmdb's types
  return root.getWriteTxnId() === env.info().lastTxnId + 1;
}

/**
 * Runs `unit` exclusively, on top of the latest commit; resolves with its result once its writes are on disk. `unit`
 * must not throw: LMDB would commit the other units' writes and never settle its promise.
 *
 * @param wanted if it returns false, `unit` is not started, as far as this process can prevent it
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function writing<T>(
  { root, enter }: Pick<Share, "root" | "enter">,
  wanted: () => boolean,
  unit: () => T,
): Promise<T> {
  const since = systemClock.monotonic();
  for (;;) {
    const done = await onDisk(() =>
      enter(wanted, () => root.transaction(() => (beginsAtLatest(root) ? { value: unit() } : undefined))),
    );
    if (done !== undefined) return done.value;
    if (systemClock.monotonic() - since > patienceMs) throw unavailable("write to", leftBehind());
    await sleep(systemClock, 2);
  }
}

/**
 * Runs `task` with a time limit. After the limit `wanted()` returns false, and `task` must not start anything new.
 * @throws {LifecycleError} `STORE_UNAVAILABLE` when the time is up; also rethrows errors of `task`
 */
export async function limited<T>(
  doing: string,
  timeoutMs: number,
  task: (wanted: () => boolean) => Promise<T>,
): Promise<T> {
  let over = false;
  const tooLate = (): Error => {
    over = true;
    return inVain(doing, timeoutMs);
  };
  return inTime(systemClock, timeoutMs, () => task(() => !over), tooLate);
}

/**
 * Runs `unit` on top of the latest commit, if it is still `wanted`; resolves with its result once its writes are on
 * disk, or with `undefined` if the transaction id is wrong. If `unit` throws, its writes are discarded. Rejects with
 * its error, or with LMDB's.
 */
export async function onceAtLatest<T>(
  { root, enter }: Pick<Share, "root" | "enter">,
  wanted: () => boolean,
  unit: () => T,
): Promise<{ readonly value: T } | undefined> {
  let thrown: { readonly error: unknown } | undefined;
  const run = (): { readonly value: T } | typeof ABORT | undefined => {
    if (!wanted() || !beginsAtLatest(root)) return undefined;
    try {
      return { value: unit() };
    } catch (error) {
      thrown = { error };
      return ABORT;
    }
  };
  const begin = async (): Promise<{ readonly value: T } | typeof ABORT | undefined> => {
    try {
      // Not transactionSync(), which would block this thread while another process writes.
      return await enter(wanted, () => root.childTransaction(run));
    } catch (cause) {
      throw await reasonOf(cause);
    }
  };
  const done = await begin().catch(begin); // the transaction was shared, and another unit may have made it fail
  if (thrown !== undefined) throw thrown.error;
  return done as { readonly value: T } | undefined; // not ABORT here
}

/** The error for a number that stays wrong. */
export function leftBehind(): Error {
  return new Error(
    "a process died while it opened the store and left it read-only; the next process that opens the store repairs it, unless it already has it open",
  );
}
