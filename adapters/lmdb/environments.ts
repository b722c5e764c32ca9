/**
 * Keeps one LMDB environment per folder that this process has open.
 *
 * An LMDB transaction acquires the write lock on its own thread and holds it until the JavaScript thread has run its
 * callback. A second environment of the same folder would request that lock on the JavaScript thread and deadlock (lmdb
 * 3.5.6, where opening is a transaction as well). So every further opening of a folder shares the existing environment,
 * also if another evaluation of this library opened it.
 *
 * A second copy of the package lmdb would not know of the first: whichever closes the folder takes the other's locks and
 * its places among the readers away for good. So it is refused.
 *
 * @module
 */
import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import type { RootDatabase } from "lmdb";
import { endsWithin, sleep, systemClock } from "../../src/clock.ts";
import { inVain, refuseBroken, unusable } from "./failures.ts";
import { endAtExit } from "./leaving.ts";
import { openOrClose } from "./open-or-close.ts";
import { processTable, type Environment, type ProcessTable } from "./process-table.ts";
import { lookAt, type Sight } from "./writer-lock.ts";

/** How to open an environment. */
export interface Opening {
  /** Maximum number of accounts. */
  readonly maxAccounts: number;
  /** How long to wait for the write lock, and for closing, ms. */
  readonly timeoutMs: number;
  readonly open: () => RootDatabase;
  /** The copy of LMDB that `open` uses. */
  readonly native: object;
}

/** A reference to an environment. */
export interface Share {
  readonly root: RootDatabase;
  /** Maximum number of accounts, as set by the first opening. */
  readonly maxAccounts: number;
  /**
   * Whether the folder still holds the open file. When a store is removed, LMDB keeps writing to the unlinked files,
   * and those writes could never be found again.
   */
  isThere(): boolean;
  /** Whether the folder holds another file in its place: a new store, or one that was restored. */
  isReplaced(): boolean;
  /**
   * Whether the folder still holds the `lock.mdb` that was opened. Another process would create a new one, and the two
   * would write at the same time.
   */
  isLocked(): boolean;
  /**
   * Starts a write transaction, or any other operation that takes the write lock, once the lock can be acquired.
   *
   * @throws {LifecycleError} `STORE_UNAVAILABLE` if `wanted` returns false before that
   */
  enter<T>(wanted: () => boolean, begin: () => Promise<T>): Promise<T>;
  /**
   * Releases the reference. Call it when no operation that used it is pending. The last release closes the environment.
   * An operation that LMDB cannot finish because another process is suspended is awaited until the timeout; the
   * environment is then closed when the operation ends.
   */
  close(): Promise<void>;
}

/**
 * A reference to the folder's environment, which is opened unless this process already has it open.
 * @throws {LifecycleError} `STORE_UNAVAILABLE` if the write lock, which opening needs, cannot be acquired in time;
 *   `STORE_UNUSABLE` if another copy of LMDB, or a release of this library that shares in another way, has it open
 */
export async function shareOf(folder: string, opening: Opening): Promise<Share> {
  const { timeoutMs, native } = opening;
  const table = processTable(folder);
  const until = systemClock.monotonic() + timeoutMs;
  const queue = queueOn(() => lookAt(folder, false, table)?.());
  for (;;) {
    const known = knownIn(folder, table);
    if (known !== undefined && known.closing === undefined) {
      if (known.native === native) {
        refuseBroken(known.root);
        return share(folder, known, timeoutMs, table);
      }
      throw unusable(
        folder,
        "another copy of the package lmdb in this process has it open, and each would destroy the locks of the other; install one copy (npm ls lmdb), or open the store in one place",
      );
    }
    if (known === undefined && queue.isOurTurn()) {
      const first = await openOrClose(folder, timeoutMs, (waited) => {
        if (knownIn(folder, table) !== undefined || (waited && !queue.isOurTurn())) return undefined;
        return share(folder, opened(folder, opening, table), timeoutMs, table);
      });
      if (first !== undefined) return first;
    }
    if (systemClock.monotonic() > until) throw inVain("open", timeoutMs);
    if (known?.closing === undefined) await queue.wait();
    // The caller that closes it receives the error.
    else await Promise.race([known.closing.catch(() => undefined), sleep(systemClock, 20)]);
  }
}

/** Waits until the write lock can be acquired. */
function queueOn(look: () => Sight | undefined) {
  let looks = 0;
  let last: Sight | undefined;
  return {
    /** Whether the lock is free or is being passed between processes, in which case a request will soon be served. */
    isOurTurn(): boolean {
      const sight = look();
      if (sight === undefined || sight.holder === 0) return true;
      const goesAround = last?.holder !== sight.holder || last.commit !== sight.commit;
      last = sight;
      return ++looks > patientLooks && goesAround;
    },
    wait: (): Promise<void> => sleep(systemClock, looks < 100 ? 1 : 10),
  };
}

/** How often to look for a free lock before requesting one that is merely being passed around. */
const patientLooks = 4;

function opened(folder: string, { maxAccounts, open, native }: Opening, table: ProcessTable): Environment {
  const root = open();
  const file = fileIn(folder) ?? `removed at once: ${folder}`;
  const lock = fileIn(folder, "lock.mdb");
  const look = lookAt(folder, true, table);
  const environment: Environment = { root, native, maxAccounts, file, lock, look, shares: 0, underWay: 0 };
  endAtExit(table);
  table.environments.set(file, environment);
  return environment;
}

function share(folder: string, environment: Environment, timeoutMs: number, table: ProcessTable): Share {
  const { root, maxAccounts, file, lock, look } = environment;
  environment.shares++;
  const end = async (): Promise<void> => {
    // LMDB closes on the JavaScript thread, which would block on the pending transaction.
    if (environment.underWay > 0) await new Promise<void>((resolve) => (environment.idle = resolve));
    try {
      await openOrClose(folder, timeoutMs, () => root.close());
    } finally {
      table.environments.delete(file);
    }
  };
  const giveBack = async (): Promise<void> => {
    if (--environment.shares > 0) return;
    environment.closing = end();
    await endsWithin(systemClock, timeoutMs, environment.closing);
  };
  let given: Promise<void> | undefined;
  return {
    root,
    maxAccounts,
    isThere: () => fileIn(folder) === file,
    isReplaced: () => ![file, undefined].includes(fileIn(folder)),
    isLocked: () => fileIn(folder, "lock.mdb") === lock,
    async enter(wanted, begin) {
      // If this process has a pending transaction, it already holds the lock, and LMDB lets both share the transaction.
      if (look !== undefined && environment.underWay === 0) {
        const queue = queueOn(look);
        while (!queue.isOurTurn()) {
          await queue.wait();
          if (!wanted()) throw inVain("write to", timeoutMs);
          if (environment.underWay > 0) break;
        }
      }
      environment.underWay++;
      try {
        return await onRealTurns(begin);
      } finally {
        if (--environment.underWay === 0) environment.idle?.();
      }
    },
    close: () => (given ??= giveBack()), // a repeated call must not release another reference
  };
}

/**
 * Calls `begin` with the platform's own `setImmediate`: lmdb takes the global one to start a transaction, and the fake timers
 * of a test never call back by themselves.
 */
function onRealTurns<T>(begin: () => T): T {
  const { setImmediate: replaced } = globalThis;
  if (replaced === setImmediate) return begin();
  globalThis.setImmediate = setImmediate;
  try {
    return begin();
  } finally {
    globalThis.setImmediate = replaced;
  }
}

function knownIn(folder: string, { environments }: ProcessTable): Environment | undefined {
  return environments.get(fileIn(folder) ?? "");
}

/** The identity of a file in the folder. */
function fileIn(folder: string, name: "data.mdb" | "lock.mdb" = "data.mdb"): string | undefined {
  const path = join(folder, name);
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.ino === 0n ? realpathSync(path) : `${stats.dev}:${stats.ino}`; // some platforms have no inode numbers
}
