/**
 * A store in this process's memory: for tests and first steps. Nothing survives the process.
 *
 * @module
 */
import { lanes } from "../src/store/contract.ts";
import type { Lane, Store, StoreAdapter } from "../src/store/contract.ts";
import { tableStore } from "../src/store/tables.ts";
import type { AccountRow, Engine, LaneQueue, Tables } from "../src/store/tables.ts";
import type { SlotLog } from "../src/store/window.ts";

/**
 * A store in memory. Every lifecycle that is given the same object works on the same users,
 * so a test can "restart" by opening a second one.
 *
 * @example
 * ```ts
 * const store = memory();
 * const lifecycle = await createLifecycle({ credentials, store });
 * ```
 */
export function memory(): StoreAdapter {
  const accounts = new Map<string, Tables>();
  return {
    name: "memory",
    durable: false,
    async open({ account, clock }): Promise<Store> {
      const tables = accounts.get(account) ?? memoryTables();
      accounts.set(account, tables);
      let latest = 0;
      const now = (): number => (latest = Math.max(latest, clock.now()));
      const engine: Engine = {
        write: async (unit) => unit(tables, now()),
        read: (unit) => unit(tables, now()),
        close: async () => {},
      };
      return tableStore(engine);
    },
  };
}

function memoryTables(): Tables {
  const rows = new Map<string, string>(); // as text, so that a caller's object can never be the stored one
  const states = new Map<string, Sorted<string>>();
  const logs = new Map<string, SlotLog>();
  let account: AccountRow | undefined;
  const group = (state: string): Sorted<string> => {
    const ids = states.get(state) ?? new Sorted((a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0));
    states.set(state, ids);
    return ids;
  };
  return {
    rows: { get: (id) => rows.get(id), set: (id, text) => void rows.set(id, text) },
    due: queue(),
    waiting: Object.fromEntries(lanes.map((lane) => [lane, queue()])) as Record<Lane, LaneQueue>, // of all lanes
    states: {
      add: (state, id) => group(state).add(id),
      delete: (state, id) => group(state).delete(id),
      page: (state, after, limit) => group(state).after(after, limit),
      counts() {
        const counts: Record<string, number> = {};
        for (const [state, ids] of states) if (ids.size > 0) counts[state] = ids.size;
        return counts;
      },
    },
    logs: { get: (limit) => logs.get(limit), set: (limit, log) => void logs.set(limit, log) },
    account: { get: () => account, set: (row) => void (account = structuredClone(row)) },
  };
}

function queue(): LaneQueue {
  type Entry = { readonly at: number; readonly id: string };
  const sorted = new Sorted<Entry>((a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return {
    add: (at, id) => sorted.add({ at, id }),
    delete: (at, id) => sorted.delete({ at, id }),
    first: (limit) => sorted.after(undefined, limit),
    size: () => sorted.size,
  };
}

/** A sorted set: an array with binary search. */
class Sorted<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    const { index, found } = this.#find(item);
    if (!found) this.#items.splice(index, 0, item);
  }

  delete(item: T): void {
    const { index, found } = this.#find(item);
    if (found) this.#items.splice(index, 1);
  }

  /** Up to `limit` items beyond `item`. */
  after(item: T | undefined, limit: number): readonly T[] {
    if (item === undefined) return this.#items.slice(0, limit);
    const { index, found } = this.#find(item);
    const from = found ? index + 1 : index;
    return this.#items.slice(from, from + limit);
  }

  #find(item: T): { index: number; found: boolean } {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(this.#items[middle] as T, item); // within bounds by construction
      if (order === 0) return { index: middle, found: true };
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return { index: low, found: false };
  }
}
