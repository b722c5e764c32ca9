/**
 * Ordered tables in memory, for adapters that keep their index there.
 *
 * @module
 */
import { unlessDamaged } from "../../errors.ts";
import { lanes, type Lane } from "../contract.ts";
import { decodeHead } from "../row-rules.ts";
import { memoryOutbox } from "./memory-outbox.ts";
import { Sorted } from "./sorted.ts";
import { index, isRecord } from "./table-rows.ts";
import type { AccountRow, LaneQueue, Tables } from "./tables.ts";
import type { KeptLog } from "../slot-log.ts";

/** In-memory tables, with access to their contents. */
export interface MemoryTables extends Tables {
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow | undefined): void };
  /** All rows, in order of insertion. */
  entries(): Iterable<readonly [id: string, text: string]>;
  /**
   * Replaces the row under the id (`undefined`: removes it), with all its index entries. An unreadable row has no index
   * entries.
   */
  replace(id: string, text: string | undefined): void;
}

/** Empty tables. */
export function memoryTables(): MemoryTables {
  const rows = new Map<string, string>(); // as text, so that a caller cannot mutate the stored object
  const states = new Map<string, Sorted<string>>();
  const stale = new Map<string, Sorted<Entry>>();
  const logs = new Map<string, KeptLog>();
  let account: AccountRow | undefined;
  const group = (state: string): Sorted<string> => {
    const ids = states.get(state) ?? new Sorted(compareIds);
    states.set(state, ids);
    return ids;
  };
  const staleIn = (state: string): Sorted<Entry> => {
    const entries = stale.get(state) ?? new Sorted(compareEntries);
    stale.set(state, entries);
    return entries;
  };
  const tables: MemoryTables = {
    rows: {
      get: (id) => rows.get(id),
      set: (id, text) => void rows.set(id, text),
      delete: (id) => void rows.delete(id),
      after: (id, limit) =>
        [...rows.keys()]
          .filter((each) => id === undefined || each > id)
          .sort(compareIds)
          .slice(0, limit),
    },
    due: queue(),
    waiting: Object.fromEntries(lanes.map((lane) => [lane, queue()])) as Record<Lane, LaneQueue>, // covers all lanes
    states: {
      add: (state, id) => group(state).add(id),
      delete: (state, id) => group(state).delete(id),
      page(state, after, limit) {
        if (state !== undefined) return group(state).after(after, limit);
        const pages = [...states.values()].map((ids) => ids.after(after, limit));
        return pages.flat().toSorted(compareIds).slice(0, limit);
      },
      counts() {
        const counts: Record<string, number> = {};
        for (const [state, ids] of states) if (ids.size > 0) counts[state] = ids.size;
        return counts;
      },
    },
    stale: {
      add: (state, at, id) => staleIn(state).add({ at, id }),
      delete: (state, at, id) => staleIn(state).delete({ at, id }),
      count: (state, now) => stale.get(state)?.countWhile(({ at }) => at <= now) ?? 0,
    },
    logs: { get: (limit) => logs.get(limit), set: (limit, log) => void logs.set(limit, log) },
    outbox: memoryOutbox(),
    account: { get: () => account, set: (row) => void (account = structuredClone(row)) },
    entries: () => rows.entries(),
    replace(id, text) {
      indexText(tables, id, rows.get(id), "delete");
      if (text === undefined) rows.delete(id);
      else rows.set(id, text);
      indexText(tables, id, text, "add");
    },
  };
  return tables;
}

/** Adds the index entries of a row that can be read, or removes them. */
function indexText(tables: Tables, id: string, text: string | undefined, change: "add" | "delete"): void {
  const head = text === undefined ? undefined : unlessDamaged(() => decodeHead(text));
  if (isRecord(head)) index(tables, id, head, change);
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Entry {
  readonly at: number;
  readonly id: string;
}

function compareEntries(a: Entry, b: Entry): number {
  return a.at - b.at || compareIds(a.id, b.id);
}

function queue(): LaneQueue {
  const sorted = new Sorted(compareEntries);
  return {
    add: (at, id) => sorted.add({ at, id }),
    delete: (at, id) => sorted.delete({ at, id }),
    first: (limit, from) => sorted.after(from === undefined ? undefined : { at: from, id: "" }, limit),
    size: () => sorted.size,
  };
}
