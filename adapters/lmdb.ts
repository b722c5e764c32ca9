/**
 * The embedded store: one folder, several processes of one machine, every acknowledged write on disk.
 *
 * @module
 */
import { resolve } from "node:path";
import { LifecycleError } from "../src/errors.ts";
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { keyvDoor } from "../src/store/keyv-door.ts";
import type { KeyvBackend, KeyvDoor } from "../src/store/keyv-door.ts";
import { tableStore } from "../src/store/tables.ts";
import { backUp } from "./lmdb/backup.ts";
import type { Backup } from "./lmdb/backup.ts";
import { groupCommits } from "./lmdb/commits.ts";
import { keyvBackend } from "./lmdb/door.ts";
import { holdsStore, openFolder } from "./lmdb/folder.ts";
import { holdsAccount, lmdbTables } from "./lmdb/tables.ts";

export type { Backup } from "./lmdb/backup.ts";

/** Options of {@link lmdb}. */
export interface LmdbOptions {
  /** How many accounts the folder can hold; while a process has it open, what it said first. @default 8 */
  readonly maxAccounts?: number;
}

/**
 * A store in the folder `path`, which is created (mode 0700) if it is missing. Any number of processes on the same
 * machine may open it at the same time, and each as often as it likes; not for network file systems. A process that has
 * it open must not itself open the files in the folder by other means, not even to copy `lock.mdb`: when it closes
 * them, the system drops the locks by which the processes know of each other.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` on opening, if the folder cannot be created, read or written, or if its
 *   `data.mdb` is not of LMDB; whatever else lies in the folder is left alone. `STORE_UNAVAILABLE`, to be tried again,
 *   if another process ended while it opened the folder, and this one has it open already; and on writing, while the
 *   store is not in its folder any more
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
export function lmdb(path: string, options: LmdbOptions = {}): StoreAdapter & KeyvDoor & Backup {
  if (typeof path !== "string" || path === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use an LMDB store: its path must be a folder, not ${String(path)}`,
    );
  }
  const folder = resolve(path);
  const maxAccounts = options.maxAccounts ?? 8;
  const accounts = new Set<string>();
  const doors = async (): Promise<KeyvBackend> =>
    keyvBackend(await openFolder(folder, maxAccounts, (_root, kept) => kept));
  return {
    name: "lmdb",
    durable: true,
    folder,
    backup: (to) => backUp(folder, () => openFolder(folder, maxAccounts, () => null), to),
    keyv: (keyvOptions) => keyvDoor(keyvOptions, doors, accounts),
    async open({ account, clock, readOnly = false }): Promise<Store> {
      if (readOnly && !holdsStore(folder)) throw nothingThere("an LMDB store", folder);
      const opened = await openFolder(folder, maxAccounts, (root) => {
        if (readOnly && !holdsAccount(root, account)) throw nothingThere("users of this client id", folder);
        return lmdbTables(root, account);
      });
      accounts.add(account);
      let latest = 0;
      const now = (): number => (latest = Math.max(latest, clock.now()));
      return tableStore(groupCommits(opened, opened.used, now));
    },
  };
}

/** The error for whoever only reads. */
function nothingThere(what: string, folder: string): LifecycleError {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot look into the store: the folder must hold ${what}, and it holds none: ${folder}`,
  );
}
