/**
 * The embedded store: one folder, several processes of one machine, every acknowledged write on disk.
 *
 * @module
 */
import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { open } from "lmdb";
import type { Database, RootDatabase } from "lmdb";
import { LifecycleError } from "../src/errors.ts";
import { lanes } from "../src/store/contract.ts";
import type { Lane, Store, StoreAdapter } from "../src/store/contract.ts";
import { tableStore } from "../src/store/tables.ts";
import type { AccountRow, Engine, Queue, Tables } from "../src/store/tables.ts";
import type { Row, Tombstone } from "../src/store/rules.ts";
import type { SlotLog } from "../src/store/window.ts";

/** Options of {@link lmdb}. */
export interface LmdbOptions {
  /** How many accounts the folder can hold. @default 8 */
  readonly maxAccounts?: number;
}

/**
 * A store in the folder `path`, which is created (mode 0700) if it is missing. Any number of processes on the same
 * machine may open it at the same time; not for network file systems.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` on opening, if the folder cannot be created, read or written
 * @example
 * ```ts
 * const lifecycle = await createLifecycle({
 *   credentials,
 *   store: lmdb("./data/lifecycle"),
 *   encryption: keyFile("./data/lifecycle.key"),
 * });
 * ```
 */
export function lmdb(path: string, options: LmdbOptions = {}): StoreAdapter {
  if (typeof path !== "string" || path === "") {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use an LMDB store: its path must be a folder, not ${String(path)}`,
    );
  }
  const folder = resolve(path);
  return {
    name: "lmdb",
    durable: true,
    folder,
    async open({ account, clock }): Promise<Store> {
      const root = openFolder(folder, options.maxAccounts ?? 8);
      const tables = lmdbTables(root, account);
      let latest = 0;
      const now = (): number => (latest = Math.max(latest, clock.now()));
      return tableStore(groupCommits(root, tables, now));
    },
  };
}

function openFolder(folder: string, maxAccounts: number): RootDatabase {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Without overlappingSync a commit is on disk when its promise resolves; with it, only visible.
    const root = open({ path: folder, maxDbs: 6 * maxAccounts, overlappingSync: false });
    chmodSync(join(folder, "data.mdb"), 0o600);
    return root;
  } catch (cause) {
    throw new LifecycleError(
      "STORE_UNUSABLE",
      `Cannot open the store: the folder must be writable and hold an LMDB store or nothing: ${folder}`,
      { cause },
    );
  }
}

/** Runs the units that arrived meanwhile in one transaction: they share its sync, which is what a commit costs. */
function groupCommits(root: RootDatabase, tables: Tables, now: () => number): Engine {
  interface Unit {
    readonly run: () => void;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Unit[] = [];
  let running: Promise<void> | null = null;

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const units = waiting;
      waiting = [];
      try {
        await root.transaction(() => {
          for (const unit of units) unit.run();
        });
        for (const unit of units) unit.resolve();
      } catch (cause) {
        const error = new LifecycleError(
          "STORE_UNAVAILABLE",
          "Cannot write to the LMDB store: the transaction failed",
          {
            retryable: true,
            cause,
          },
        );
        for (const unit of units) unit.reject(error);
      }
    }
    running = null;
  }

  return {
    write<T>(unit: (tables: Tables, now: number) => T): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        let value: T;
        waiting.push({ run: () => (value = unit(tables, now())), resolve: () => resolve(value), reject });
        running ??= flush();
      });
    },
    read(unit) {
      try {
        return unit(tables, now());
      } catch (cause) {
        throw new LifecycleError("STORE_UNAVAILABLE", "Cannot read the LMDB store", {
          retryable: true,
          cause,
        });
      }
    },
    async close() {
      await running;
      await root.close();
    },
  };
}

/** Databases of one account: rows, due and waiting indexes, ids by state, logs of slots, the account's record. */
function lmdbTables(root: RootDatabase, account: string): Tables {
  const rows = root.openDB<Row | Tombstone, string>({ name: `${account}/users`, encoding: "json" });
  const due = root.openDB<true, [number, string]>({ name: `${account}/due`, encoding: "ordered-binary" });
  const waiting = root.openDB<true, [string, number, string]>({
    name: `${account}/waiting`,
    encoding: "ordered-binary",
  });
  const states = root.openDB<string, string>({
    name: `${account}/states`,
    encoding: "ordered-binary",
    dupSort: true,
  });
  const logs = root.openDB<SlotLog, string>({ name: `${account}/slots`, encoding: "json" });
  const accountRows = root.openDB<AccountRow, string>({ name: `${account}/account`, encoding: "json" });
  return {
    rows: { get: (id) => rows.get(id), set: (id, row) => write(rows.put(id, row)) },
    due: {
      add: (at, id) => write(due.put([at, id], true)),
      delete: (at, id) => write(due.remove([at, id])),
      first: (limit) => Array.from(due.getKeys({ limit }), ([at, id]) => ({ at, id })),
    },
    waiting: Object.fromEntries(lanes.map((lane) => [lane, laneQueue(waiting, lane)])) as Record<Lane, Queue>, // of all lanes
    states: {
      add: (state, id) => write(states.put(state, id)),
      delete: (state, id) => write(states.remove(state, id)),
      page: (state, after, limit) =>
        after === undefined
          ? Array.from(states.getValues(state, { limit }))
          : Array.from(states.getValues(state, { start: after, limit: limit + 1 }))
              .filter((id) => id !== after)
              .slice(0, limit),
      counts: () =>
        Object.fromEntries(Array.from(states.getKeys({}), (state) => [state, states.getValuesCount(state)])),
    },
    logs: { get: (limit) => logs.get(limit), set: (limit, log) => write(logs.put(limit, log)) },
    account: { get: () => accountRows.get("account"), set: (row) => write(accountRows.put("account", row)) },
  };
}

function laneQueue(waiting: Database<true, [string, number, string]>, lane: Lane): Queue {
  return {
    add: (at, id) => write(waiting.put([lane, at, id], true)),
    delete: (at, id) => write(waiting.remove([lane, at, id])),
    first: (limit) =>
      limit <= 0
        ? []
        : Array.from(
            waiting.getKeys({ start: [lane, 0, ""], end: [lane, Number.MAX_VALUE, ""], limit }),
            ([, at, id]) => ({ at, id }),
          ),
  };
}

/** Inside a transaction a write is done when the call returns; the promise that lmdb hands out then means nothing. */
function write(done: Promise<boolean>): void {
  void done;
}
