/**
 * The tables of one account as LMDB databases.
 *
 * @module
 */
import type { Database, RootDatabase } from "lmdb";
import { lanes } from "../../src/store/contract.ts";
import type { Lane } from "../../src/store/contract.ts";
import type { AccountRow, LaneQueue, Tables } from "../../src/store/tables.ts";
import type { SlotLog } from "../../src/store/window.ts";
import { write } from "./failures.ts";

/** How many databases {@link lmdbTables} opens. */
export const databasesPerAccount = 8;

/** The tables of one account. */
export interface LmdbTables {
  readonly tables: Tables;
  /** Runs the units of one transaction; what they changed and was kept back is written at its end. */
  readonly within: (units: () => void) => void;
}

/** Has this account been opened here before? Asking makes nothing. */
export function holdsAccount(root: RootDatabase, account: string): boolean {
  const name = `${account}/account`;
  return [...root.getKeys({ start: name, limit: 1 })].includes(name); // databases are named by the keys of the root
}

/** Databases of one account: rows, due index, three lanes, ids by state, logs of slots, the account's record. */
export function lmdbTables(root: RootDatabase, account: string): LmdbTables {
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
