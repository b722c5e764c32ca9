/**
 * The one store of a simulation, as it is, without faults on the way: the memory adapter's, which keeps objects in place
 * of texts. What is kept is a copy, as JSON would give it back, frozen through and through, so that every caller can have
 * the same one.
 */
import type { Clock } from "oneup-lifecycle";
import { ServerTime } from "../../src/store/server-time.ts";
import type { MovableStore } from "../../src/store/movable.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { decodeRow, encodeRow, type Row, type Tombstone } from "../../src/store/row-rules.ts";
import { steadyTime, type Time } from "../../src/store/steady-time.ts";
import { tableStore } from "../../src/store/table-store/table-store.ts";
import type { Tables } from "../../src/store/table-store/tables.ts";

/** A store that can lose everything. */
export type PlainStore = MovableStore & {
  empty(): void;
  /** As a process sees it that has just started: each looks at a server's clock by itself. */
  opened(): MovableStore;
};

/** An empty store that lives by `clock`. `isServer`: as a server's clock, its own is followed wherever it is set. */
export function plainStore(clock: Clock, isServer = false): PlainStore {
  let tables = withoutTexts(memoryTables());
  const steady = steadyTime(clock);
  const seenAt = (time: () => Time): MovableStore =>
    tableStore({
      write: async (unit) => unit(tables, time()),
      read: (unit) => unit(tables, time()),
      close: async () => {},
    });
  const store = seenAt(() =>
    isServer
      ? { now: clock.now(), past: { since: 0, jump: null } }
      : { now: steady.now(), past: steady.past() },
  );
  return {
    ...store,
    empty: () => void (tables = withoutTexts(memoryTables())),
    opened() {
      if (!isServer) return store;
      const time = new ServerTime(clock);
      return seenAt(() => {
        const now = clock.now();
        time.observe(now, clock.monotonic());
        return { now, past: { ...time.past, since: 0 } };
      });
    },
  };
}

function withoutTexts(tables: Tables): Tables {
  const rows = new Map<string, Row | Tombstone>();
  const keep = (id: string, row: Row | Tombstone): void => void rows.set(id, plain(row));
  return {
    ...tables,
    rows: {
      get(id) {
        const row = rows.get(id);
        return row === undefined ? undefined : encodeRow(row);
      },
      set: (id, text) => keep(id, decodeRow(text)),
      delete: (id) => void rows.delete(id),
      after: (id, limit) =>
        [...rows.keys()]
          .filter((each) => id === undefined || each > id)
          .sort()
          .slice(0, limit),
      read: (id) => rows.get(id),
      keep,
    },
  };
}

/** Objects that {@link plain} has made: what was read and is written again is not copied. */
const made = new WeakSet<object>();

/** What JSON would leave of a value, frozen. */
export function plain<T>(value: T): T {
  if (typeof value === "number") return (Number.isFinite(value) ? value : null) as T; // as JSON has it
  if (typeof value !== "object" || value === null || made.has(value)) return value;
  if ("toJSON" in value) return plain(JSON.parse(JSON.stringify(value)) as T);
  const copy = Array.isArray(value) ? value.map((one: unknown) => plain(one ?? null)) : members(value);
  made.add(Object.freeze(copy));
  return copy as T; // the same but for what JSON leaves out
}

function members(value: object): object {
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) if (member !== undefined) copy[name] = plain(member);
  return copy;
}
