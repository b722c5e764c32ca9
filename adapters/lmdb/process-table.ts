/**
 * What all evaluations of this library in one thread share: the LMDB environments that are open.
 *
 * A process may evaluate the library more than once: two releases of it in `node_modules`, a bundle beside the package, a
 * test runner that resets modules, hot reload. Each evaluation has module-level variables of its own, so this table is
 * kept under a symbol that all of them know.
 *
 * @module
 */
import { runInThisContext } from "node:vm";
import type { RootDatabase } from "lmdb";
import { unusable } from "./failures.ts";
import type { KeptMemory, Look } from "./writer-lock.ts";

/** An environment that is open. It may have been opened by another evaluation of this library. */
export interface Environment {
  readonly root: RootDatabase;
  /** The copy of LMDB that opened it. */
  readonly native: object;
  /** Maximum number of accounts, as set by the first opening. */
  readonly maxAccounts: number;
  /** The files that are open. */
  readonly file: string;
  readonly lock: string | undefined;
  /** Reads who holds the write lock; `undefined`: not visible here. */
  readonly look: Look | undefined;
  shares: number;
  /** Pending transactions. */
  underWay: number;
  /** Called when the last pending transaction has ended. */
  idle?: () => void;
  /** Set once closing has started. */
  closing?: Promise<void>;
}

/** The table. */
export interface ProcessTable extends KeptMemory {
  readonly version: typeof version;
  /** Keyed by file identity, as in lmdb itself, so a moved folder maps to the same environment. */
  readonly environments: Map<string, Environment>;
  /** Whether a listener ends the process if it exits during a write. */
  isWatching: boolean;
}

/** Of the shape and the meaning of the table and of an environment. Any change to them needs another one. */
const version = 1;

const place: unique symbol = Symbol.for("oneup-lifecycle.lmdb");

/**
 * The global object of the thread. Jest, and Vitest in its pools of contexts, give each test file a global object of its
 * own; in Jest with a copy of `process` whose `exit` event never comes.
 */
export const mainGlobal = runInThisContext("globalThis") as {
  readonly process: NodeJS.Process;
  [place]?: { readonly version: unknown };
};

/** @throws {LifecycleError} `STORE_UNUSABLE` if another release of this library keeps a table of another shape there */
export function processTable(folder: string): ProcessTable {
  const table = (mainGlobal[place] ??= newTable());
  if (isOurs(table)) return table;
  throw unusable(
    folder,
    `another release of oneup-lifecycle in this process keeps its LMDB stores in another way (${String(table.version)}, this one ${version}), and the two would block each other; install one release (npm ls oneup-lifecycle), or run them in processes of their own`,
  );
}

function newTable(): ProcessTable {
  return { version, environments: new Map(), isWatching: false };
}

function isOurs(table: { readonly version: unknown }): table is ProcessTable {
  return table.version === version;
}
