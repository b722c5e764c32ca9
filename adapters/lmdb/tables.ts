/**
 * The tables of one account as LMDB databases.
 *
 * @module
 */
import type { Database, RootDatabase } from "lmdb";
import { lanes, type Lane } from "../../src/store/contract.ts";
import { isTombstoneText } from "../../src/store/row-rules.ts";
import type { AccountRow, LaneQueue, Tables } from "../../src/store/table-store/tables.ts";
import { readLog, type KeptLog } from "../../src/store/slot-log.ts";
import { write } from "./failures.ts";
import { lmdbOutbox } from "./outbox.ts";

/** Number of databases that {@link lmdbTables} opens. */
export const databasesPerAccount = 11;

/** Comes after every id. */
const lastId = "\u{10FFFF}";

/** The tables of one account. */
export interface LmdbTables {
  readonly tables: Tables;
  /** Runs the units of one transaction; deferred writes are flushed at the end. */
  readonly within: (units: () => void) => void;
}

/** Whether this account was opened here before. Creates nothing. */
export function holdsAccount(root: RootDatabase, account: string): boolean {
  const name = `${account}/account`;
  return [...root.getKeys({ start: name, limit: 1 })].includes(name); // the keys of the root are the names of its databases
}

/** The databases of one account: rows, due index, three lanes, ids by state, times by state, slot logs, account record, events, events by key. */
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
  const stale = root.openDB<true, [string, number, string]>({
    name: `${account}/stale`,
    encoding: "ordered-binary",
  });
  const logs = root.openDB<KeptLog, string>({ name: `${account}/slots`, encoding: "json" });
  const accountRows = root.openDB<AccountRow, string>({ name: `${account}/account`, encoding: "json" });
  const outbox = lmdbOutbox(root, account);
  const changedLogs = new Map<string, KeptLog>(); // a busy log is written once per transaction instead of once per slot
  /** The account's record as read in this transaction: every unit checks it. */
  let seen: { readonly row: AccountRow | undefined } | null = null;
  let isWriting = false;
  const emptyLanes = new Set<Lane>(); // lanes found empty in this transaction: every slot request checks them, and they are usually empty
  const tables: Tables = {
    rows: {
      get: (id) => rows.get(id),
      set: (id, text) => write(rows.put(id, text)),
      delete: (id) => write(rows.remove(id)),
      after: (id, limit) =>
        Array.from(rows.getKeys({ ...(id !== undefined && { start: id, exclusiveStart: true }), limit })),
    },
    due: {
      add: (at, id) => write(due.put([at, id], true)),
      delete: (at, id) => write(due.remove([at, id])),
      first: (limit, from = 0) =>
        Array.from(due.getKeys({ start: [from, ""], limit }), ([at, id]) => ({ at, id })),
    },
    waiting: Object.fromEntries(
      lanes.map((lane) => [lane, laneQueue(laneOf(lane), lane, emptyLanes)]),
    ) as Record<Lane, LaneQueue>, // covers all lanes
    states: {
      add: (state, id) => write(states.put(state, id)),
      delete: (state, id) => write(states.remove(state, id)),
      page(state, after, limit) {
        const start = after === undefined ? {} : { start: after, exclusiveStart: true };
        if (state !== undefined) return Array.from(states.getValues(state, { ...start, limit }));
        const records = rows.getRange(start).filter(({ value }) => !isTombstoneText(value));
        return Array.from(records.slice(0, limit), ({ key }) => key);
      },
      counts: () =>
        Object.fromEntries(Array.from(states.getKeys({}), (state) => [state, states.getValuesCount(state)])),
    },
    stale: {
      add: (state, at, id) => write(stale.put([state, at, id], true)),
      delete: (state, at, id) => write(stale.remove([state, at, id])),
      count: (state, now) => stale.getKeysCount({ start: [state, 0, ""], end: [state, now, lastId] }),
    },
    logs: {
      get(limit) {
        const changed = changedLogs.get(limit);
        if (changed !== undefined) return changed;
        const kept = logs.get(limit);
        return kept === undefined ? undefined : readLog(kept, limit);
      },
      set: (limit, log) => void changedLogs.set(limit, log),
    },
    outbox: outbox.tables,
    account: {
      get() {
        if (!isWriting) return accountRows.get("account");
        seen ??= { row: accountRows.get("account") };
        return seen.row;
      },
      set(row) {
        seen = null;
        write(row === undefined ? accountRows.remove("account") : accountRows.put("account", row));
      },
    },
  };
  const within = (units: () => void): void => {
    isWriting = true;
    outbox.reset(); // reads may have filled it
    try {
      units();
      for (const [limit, log] of changedLogs) write(logs.put(limit, log));
      outbox.flush();
    } finally {
      isWriting = false;
      seen = null;
      changedLogs.clear();
      emptyLanes.clear();
      outbox.reset();
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
