/**
 * The ordered tables that an adapter supplies to `tableStore()`: rows, queues, counts, logs, events.
 *
 * @module
 */
import { type Lane, type AccountRecord } from "../contract.ts";
import type { Row, Tombstone } from "../row-rules.ts";
import type { KeptEvent } from "../event-text.ts";
import type { KeptLog } from "../slot-log.ts";
import type { Time } from "../steady-time.ts";

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
  /** The store's time at a write of the last minutes. If it lies ahead of now, the clock was set back since. */
  readonly lastAt?: number | undefined;
}

/** Numbers of events, 0: none. */
export interface OutboxHead {
  /** The highest number given. */
  readonly last: number;
  /** The highest number removed by age. */
  readonly trimmed: number;
  /** Up to this number, each missing event was removed, for tables that are not written in one unit. */
  readonly settled?: number;
  /** Up to this number, events are found by their key, for tables that note the keys later. */
  readonly keyed?: number;
}

/** Events by number, and their numbers by key. */
export interface OutboxTables {
  head(): OutboxHead;
  setHead(head: OutboxHead): void;
  get(number: number): KeptEvent | undefined;
  /** Adds an event, or replaces one of the same key. */
  set(number: number, event: KeptEvent): void;
  delete(number: number, event: KeptEvent): void;
  /** Up to `limit` events above `number`, ascending. */
  after(number: number, limit: number): readonly (readonly [number: number, event: KeptEvent])[];
  /** Up to `limit` numbers of events under the key above and below these, descending, of those whose keys are noted. */
  under(
    key: string,
    range: {
      readonly above?: number | undefined;
      readonly below?: number | undefined;
      readonly limit: number;
    },
  ): readonly number[];
  /** Notes the keys of up to `limit` further events. Returns whether all are noted. @default they are noted by `set` */
  noteKeys?(limit: number): boolean;
}

/** The tables of an adapter. All operations are synchronous inside a unit. */
export interface Tables {
  /** Rows as text, see `encodeRow()`. */
  readonly rows: {
    get(id: string): string | undefined;
    set(id: string, text: string): void;
    delete(id: string): void;
    /** Up to `limit` ids of rows and tombstones, ascending, behind `id`. */
    after(id: string | undefined, limit: number): readonly string[];
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
  /** Records that become stale, grouped by state, by the time at which they do. */
  readonly stale: {
    add(state: string, at: number, id: string): void;
    delete(state: string, at: number, id: string): void;
    /** How many in the state have a time up to `now`. */
    count(state: string, now: number): number;
  };
  readonly logs: { get(limit: string): KeptLog | undefined; set(limit: string, log: KeptLog): void };
  readonly outbox: OutboxTables;
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow | undefined): void };
}

/** Runs units of work. */
export interface TableEngine {
  /** Runs `unit` exclusively; resolves with its result once all its writes are durable. */
  write<T>(unit: (tables: Tables, time: Time) => T): Promise<T>;
  /** Runs `unit`, which only reads. */
  read<T>(unit: (tables: Tables, time: Time) => T): T;
  /** See `Store.probe`. @default a unit that writes nothing */
  probe?(): Promise<void>;
  close(): Promise<void>;
}
