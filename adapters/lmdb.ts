/**
 * The embedded store: one folder, shared by several processes on one machine. Every acknowledged write is on disk.
 *
 * @module
 */
import { absolutePath } from "../src/store/make-folder.ts";
import { type LifecycleError, storeUnusable } from "../src/errors.ts";
import {
  checkCount,
  checkTimeout,
  optionsOf,
  type OptionNames,
  unfitOption,
} from "../src/store/adapter-options.ts";
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { keyvView, type KeyvBackend, type KeyvView } from "../src/store/keyv-view.ts";
import { steadyTime } from "../src/store/steady-time.ts";
import { openTableStore } from "../src/store/table-store/table-store.ts";
import { backUp } from "./lmdb/backup.ts";
import type { Backup } from "./lmdb/backup-verb.ts";
import { groupCommits } from "./lmdb/commits.ts";
import { keyvBackend } from "./lmdb/keyv-backend.ts";
import { holdsStore, openFolder } from "./lmdb/folder.ts";
import { holdsAccount, lmdbTables } from "./lmdb/tables.ts";

export type { Backup } from "./lmdb/backup-verb.ts";

/** Options of {@link lmdb}. */
export interface LmdbOptions {
  /**
   * Maximum number of accounts in the folder. While a process has the folder open, the value of its first opening
   * applies. @default 8
   */
  readonly maxAccounts?: number;
  /**
   * Timeout of one store call, of opening and of closing, in milliseconds. The call then rejects with
   * `STORE_UNAVAILABLE`; closing continues in the background. A process that is suspended during a write (`SIGSTOP`, a
   * frozen container) blocks all other writers until it resumes or is killed; reads still work.
   * @default 5000
   */
  readonly timeoutMs?: number;
}

/**
 * A store in the folder `path`, which is created (mode 0700) if it is missing. Any number of processes on the same
 * machine may open it concurrently, each any number of times. Network file systems are not supported. A process that
 * has it open must not open the files in the folder by other means, not even to copy `lock.mdb`: closing them drops the
 * operating system locks by which the processes detect each other.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` on opening, if the folder cannot be created, read or written, or if its
 *   `data.mdb` is not an LMDB file; other files in the folder are ignored; and if a second copy of the package lmdb in
 *   this process has it open. `STORE_UNAVAILABLE`, which is retryable, if
 *   another process died while opening the folder and this process already has it open; on opening and writing while
 *   another process is suspended in the middle of a write; and on writing while the store is missing from its folder.
 *   `INVALID_OPTION` at once
 * @example
 * ```ts
 * import { createLifecycle, keyFile } from "oneup-lifecycle";
 * import { lmdb } from "oneup-lifecycle/adapters/lmdb";
 *
 * const lifecycle = await createLifecycle({
 *   credentials: { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" },
 *   store: lmdb("./store/lifecycle"),
 *   encryption: keyFile("./store/lifecycle.key"),
 * });
 * await lifecycle.close();
 * ```
 */
export function lmdb(path: string, options: LmdbOptions = {}): StoreAdapter & KeyvView & Backup {
  if (typeof path !== "string" || path === "") {
    throw unfitOption(verb, "its path must be a folder", path);
  }
  const folder = absolutePath(verb, path);
  const { maxAccounts = 8, timeoutMs = 5_000 } = optionsOf(verb, options, names);
  checkCount(verb, "maxAccounts", maxAccounts);
  checkTimeout(verb, timeoutMs);
  const measures = { maxAccounts, timeoutMs };
  const accounts = new Set<string>();
  const backend = async (): Promise<KeyvBackend> =>
    keyvBackend(await openFolder(folder, measures, (_root, kept) => kept), timeoutMs);
  return {
    name: "lmdb",
    durable: true,
    timeoutMs,
    folder,
    backup: (to) => backUp(folder, timeoutMs, () => openFolder(folder, measures, () => null), to),
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async open({ account, clock, readOnly = false }): Promise<Store> {
      if (readOnly && !holdsStore(folder)) throw nothingThere("an LMDB store", folder);
      const opened = await openFolder(folder, measures, (root) => {
        if (readOnly && !holdsAccount(root, account)) throw nothingThere("users of this client id", folder);
        return lmdbTables(root, account);
      });
      accounts.add(account);
      const time = steadyTime(clock);
      const engine = groupCommits(opened, opened.used, time, { folder, timeoutMs });
      return openTableStore(engine, readOnly);
    },
  };
}

const names: OptionNames<LmdbOptions> = { maxAccounts: true, timeoutMs: true };
const verb = "use an LMDB store";

/** The error of a read-only opening that finds no data. */
function nothingThere(what: string, folder: string): LifecycleError {
  return storeUnusable(`Cannot read the store: the folder must hold ${what}, and it holds none: ${folder}`);
}
