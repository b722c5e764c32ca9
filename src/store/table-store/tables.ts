/**
 * The ordered tables that an adapter supplies to `tableStore()`: rows, queues, counts, logs.
 *
 * @module
 */
import { type Lane, type AccountRecord } from "../contract.ts";
import type { Row, Tombstone } from "../row-rules.ts";
import type { KeptLog } from "../slot-log.ts";

/** Ids ordered by a number. */
export interface Queue {
  add(at: number, id: string): void;
  delete(at: number, id: string): void;
  /** The first `limit` entries from the number `from` on, in ascending order of number, then id. */
  first(limit: number, from?: number): readonly { readonly at: number; readonly id: string }[];
}

/** A queue that knows its length. */
export interface LaneQueue extends Queue {
  size(): number;
}

/** The account's record with the id of its last write. */
export interface AccountRow extends AccountRecord {
  readonly writeId: string;
}

/** The tables of an adapter. All operations are synchronous inside a unit. */
export interface Tables {
  /** Rows as text, see `encodeRow()`. */
  readonly rows: {
    get(id: string): string | undefined;
    set(id: string, text: string): void;
    delete(id: string): void;
    /** The decoded row, if it is kept beside or instead of its text. It must be immutable. @throws as `decodeRow()` */
    read?(id: string): Row | Tombstone | undefined;
    /**
     * Stores a decoded row instead of its text; `read` then returns it as JSON would restore it. @default `set` its
     * text
     */
    keep?(id: string, row: Row | Tombstone): void;
  };
  readonly due: Queue;
  readonly waiting: Readonly<Record<Lane, LaneQueue>>;
  /** Ids of records, grouped by state. Pages are ascending, in one state or (`undefined`) in all. */
  readonly states: {
    add(state: string, id: string): void;
    delete(state: string, id: string): void;
    page(state: string | undefined, after: string | undefined, limit: number): readonly string[];
    counts(): Readonly<Record<string, number>>;
  };
  readonly logs: { get(limit: string): KeptLog | undefined; set(limit: string, log: KeptLog): void };
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow): void };
}
