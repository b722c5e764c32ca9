/**
 * The embedded store: one folder, several processes of one machine, every acknowledged write on disk.
 *
 * @module
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { open } from "lmdb";
import type { Database, RootDatabase } from "lmdb";
import { isLifecycleError, LifecycleError } from "../src/errors.ts";
import { lanes } from "../src/store/contract.ts";
import type { Lane, Store, StoreAdapter } from "../src/store/contract.ts";
import { expiringTexts, keyvDoor, sharedBackend } from "../src/store/keyv-door.ts";
import type { Kept, KeyvBackend, KeyvDoor } from "../src/store/keyv-door.ts";
import { tableStore } from "../src/store/tables.ts";
import type { AccountRow, Engine, LaneQueue, Tables } from "../src/store/tables.ts";
import type { SlotLog } from "../src/store/window.ts";
import { backUp } from "./lmdb/backup.ts";
import type { Backup } from "./lmdb/backup.ts";

export type { Backup } from "./lmdb/backup.ts";

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
  // Every opening takes one of LMDB's 126 places for readers, so all doors share one.
  const backend = sharedBackend(() => openFolder(folder, maxAccounts, keyvBackend));
  return {
    name: "lmdb",
    durable: true,
    folder,
    backup: (to) => backUp(() => openFolder(folder, maxAccounts, (root) => root), to),
    keyv: (keyvOptions) => keyvDoor(keyvOptions, backend, accounts),
    async open({ account, clock }): Promise<Store> {
      const { root, tables } = await openFolder(folder, maxAccounts, (root) => ({
        root,
        tables: lmdbTables(root, account),
      }));
      accounts.add(account);
      let latest = 0;
      const now = (): number => (latest = Math.max(latest, clock.now()));
      return tableStore(groupCommits(root, tables, now));
    },
  };
}

/** Opens the folder and what `use` wants of it; `kept` holds what Keyv stores through {@link KeyvDoor}. */
async function openFolder<T>(
  folder: string,
  maxAccounts: number,
  use: (root: RootDatabase, kept: Database<Kept, string>) => T,
): Promise<T> {
  let root: RootDatabase | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // LMDB would let others read its files and, under a careless umask, write them. To it an empty file is a new one.
    for (const file of ["data.mdb", "lock.mdb"]) closeSync(openSync(join(folder, file), "a", 0o600));
    // Without overlappingSync a commit is on disk when its promise resolves; with it, only visible.
    root = open({
      path: folder,
      maxDbs: databasesPerAccount * maxAccounts + 1,
      overlappingSync: false,
      eventTurnBatching: false, // its own promise of a batch would reject unseen on a full disk
    });
    // Opened each time, so that no account takes its place. No other name is without a slash.
    return use(root, root.openDB<Kept, string>({ name: "keyv", encoding: "json" }));
  } catch (cause) {
    await root?.close();
    const full = cause instanceof Error && cause.message.includes("MDB_DBS_FULL");
    const rule = full
      ? `it holds ${maxAccounts} accounts, the most that its option maxAccounts allows`
      : "the folder must be writable and hold an LMDB store or nothing";
    throw new LifecycleError("STORE_UNUSABLE", `Cannot open the store: ${rule}: ${folder}`, { cause });
  }
}

/** Runs the units that arrived meanwhile in one transaction: they share its sync, which is what a commit costs. */
function groupCommits(root: RootDatabase, { tables, within }: LmdbTables, now: () => number): Engine {
  interface Unit {
    readonly run: () => void;
    readonly settle: () => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Unit[] = [];
  let running: Promise<void> | null = null;
  let closed = false;

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      let units: Unit[] = [];
      try {
        const transaction = root.transaction(() => {
          units = waiting; // with those that came while the transaction waited for its turn
          waiting = [];
          within(() => units.forEach((unit) => unit.run()));
        });
        await onDisk(transaction);
        for (const unit of units) unit.settle();
      } catch (cause) {
        const failed = units.length > 0 ? units : waiting.splice(0);
        const error = isLifecycleError(cause) ? cause : unavailable("write to", cause);
        for (const unit of failed) unit.reject(error);
      }
    }
    running = null;
  }

  return {
    write<T>(unit: (tables: Tables, now: number) => T): Promise<T> {
      if (closed) return Promise.reject(closedStore());
      return new Promise<T>((resolve, reject) => {
        let end: () => void;
        const run = (): void => {
          // A unit that throws has changed nothing (see change() in tables.ts) and spoils no other. It must not throw
          // out of the transaction: LMDB would keep what others wrote and never answer again.
          try {
            const value = unit(tables, now());
            end = () => resolve(value);
          } catch (error) {
            end = () => reject(isLifecycleError(error) ? error : unavailable("write to", error));
          }
        };
        waiting.push({ run, settle: () => end(), reject });
        running ??= commitAll();
      });
    },
    read(unit) {
      if (closed) throw closedStore();
      return reading(() => unit(tables, now()));
    },
    async close() {
      closed = true;
      await running;
      await root.close();
    },
  };
}

/** LMDB hangs a second rejected promise on its error; unheard, it would end the process. */
async function hearAll(failure: unknown): Promise<void> {
  if (typeof failure !== "object" || failure === null || !("commitError" in failure)) return;
  await Promise.allSettled([failure.commitError]);
}

function unavailable(doing: string, cause: unknown): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the LMDB store`, {
    retryable: true,
    cause,
  });
}

function closedStore(): LifecycleError {
  return new LifecycleError("CLOSED", "Cannot use the LMDB store: it was closed");
}

interface LmdbTables {
  readonly tables: Tables;
  /** Runs the units of one transaction; what they changed and was kept back is written at its end. */
  readonly within: (units: () => void) => void;
}

const databasesPerAccount = 8;

/** Databases of one account: rows, due index, three lanes, ids by state, logs of slots, the account's record. */
function lmdbTables(root: RootDatabase, account: string): LmdbTables {
  const rows = root.openDB<string, string>({ name: `${account}/users`, encoding: "string" });
  const due = root.openDB<true, [number, string]>({ name: `${account}/due`, encoding: "ordered-binary" });
  const laneOf = (lane: Lane): Database<true, [number, string]> =>
    root.openDB<true, [number, string]>({ name: `${account}/${lane}`, encoding: "ordered-binary" });
  const states = root.openDB<string, string>({
    name: `${account}/states`,
    encoding: "ordered-binary",
    dupSort: true,
  });
  const logs = root.openDB<SlotLog, string>({ name: `${account}/slots`, encoding: "json" });
  const accountRows = root.openDB<AccountRow, string>({ name: `${account}/account`, encoding: "json" });
  const changedLogs = new Map<string, SlotLog>(); // a busy log is written once a transaction, not once a slot
  const emptyLanes = new Set<Lane>(); // found empty in this transaction: every slot asks, and mostly nobody waits
  const tables: Tables = {
    rows: { get: (id) => rows.get(id), set: (id, text) => write(rows.put(id, text)) },
    due: {
      add: (at, id) => write(due.put([at, id], true)),
      delete: (at, id) => write(due.remove([at, id])),
      first: (limit) => Array.from(due.getKeys({ limit }), ([at, id]) => ({ at, id })),
    },
    waiting: Object.fromEntries(
      lanes.map((lane) => [lane, laneQueue(laneOf(lane), lane, emptyLanes)]),
    ) as Record<Lane, LaneQueue>, // of all lanes
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
    logs: {
      get: (limit) => changedLogs.get(limit) ?? logs.get(limit),
      set: (limit, log) => void changedLogs.set(limit, log),
    },
    account: { get: () => accountRows.get("account"), set: (row) => write(accountRows.put("account", row)) },
  };
  const within = (units: () => void): void => {
    try {
      units();
      for (const [limit, log] of changedLogs) write(logs.put(limit, log));
    } finally {
      changedLogs.clear();
      emptyLanes.clear();
    }
  };
  return { tables, within };
}

function laneQueue(waiting: Database<true, [number, string]>, lane: Lane, emptyLanes: Set<Lane>): LaneQueue {
  return {
    add(at, id) {
      emptyLanes.delete(lane);
      write(waiting.put([at, id], true));
    },
    delete: (at, id) => write(waiting.remove([at, id])),
    first(limit) {
      if (limit <= 0 || emptyLanes.has(lane)) return [];
      const found = Array.from(waiting.getKeys({ limit }), ([at, id]) => ({ at, id }));
      if (found.length === 0) emptyLanes.add(lane);
      return found;
    },
    size: () => (waiting.getStats() as { entryCount: number }).entryCount, // typed as {} by lmdb
  };
}

/** What the doors of Keyv stand on. */
function keyvBackend(root: RootDatabase, kept: Database<Kept, string>): KeyvBackend {
  const known = new Map<string, Database<string, string>>();
  const rowsOf = (account: string): Database<string, string> | undefined => {
    const name = `${account}/users`;
    const [there] = root.getKeys({ start: name, limit: 1 });
    if (there !== name) return undefined; // opening it would make it
    const rows = known.get(account) ?? root.openDB<string, string>({ name, encoding: "string" });
    known.set(account, rows);
    return rows;
  };
  return {
    users: (account) => ({
      get: async (id) => reading(() => rowsOf(account)?.get(id)),
      async *entries() {
        const rows = reading(() => rowsOf(account));
        if (rows !== undefined) yield* inPages(rows, "");
      },
    }),
    texts: expiringTexts({
      get: (key) => reading(() => kept.get(key)),
      put: async (key, value) => void (await onDisk(kept.put(key, value))),
      take: (key, passes) =>
        alone(root, () => {
          const found = kept.get(key);
          if (found === undefined || !passes(found)) return undefined;
          write(kept.remove(key));
          return found;
        }),
      entries: (prefix) => inPages(kept, prefix),
      clear: (prefix) =>
        alone(root, () => {
          for (const [key] of Array.from(inPages(kept, prefix))) write(kept.remove(key));
        }),
    }),
    close: () => root.close(),
  };
}

/** Entries under keys that begin so. Between two pages no read transaction of LMDB is held. */
function* inPages<T>(from: Database<T, string>, prefix: string): Generator<readonly [string, T], void> {
  let last: string | undefined;
  for (;;) {
    const page = reading(() => Array.from(from.getRange({ start: last ?? prefix, limit: 100 })));
    for (const { key, value } of page) {
      if (!key.startsWith(prefix)) return;
      if (key !== last) yield [key, value];
    }
    if (page.length < 100) return;
    last = page.at(-1)?.key;
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  }
}

/** Runs `unit` in a transaction of its own. It must not throw out of it, see {@link groupCommits}. */
async function alone<T>(root: RootDatabase, unit: () => T): Promise<T> {
  const run = (): { readonly value: T } | { readonly error: unknown } => {
    try {
      return { value: unit() };
    } catch (error) {
      return { error };
    }
  };
  const ended = await onDisk(root.transaction(run));
  if ("value" in ended) return ended.value;
  throw isLifecycleError(ended.error) ? ended.error : unavailable("write to", ended.error);
}

async function onDisk<T>(written: Promise<T>): Promise<T> {
  written.catch(hearAll);
  try {
    return await written;
  } catch (cause) {
    throw unavailable("write to", cause);
  }
}

/** Inside a transaction a write is done when the call returns; the promise that lmdb hands out then means nothing. */
function write(done: Promise<boolean>): void {
  void done;
}
