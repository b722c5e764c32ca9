/**
 * What a store offers beside its contract, so that everything an account holds can be moved to another store.
 *
 * @module
 */
import type { Json, OfAccount, Store, StoredEvent } from "./contract.ts";
import type { Row, Tombstone } from "./row-rules.ts";
import type { KeptLog } from "./slot-log.ts";

/** Rows and tombstones by id, with times of the store's clock. */
export type KeptRows = readonly (readonly [id: string, row: Row | Tombstone])[];

/** A page of rows, and the cursor behind it; `null`: it is the last one. */
export interface PageOfRows {
  readonly rows: KeptRows;
  readonly next: string | null;
}

/**
 * The verbs of a move. As with the other verbs, one is one atomic unit, and a promise resolves when the change is
 * durable. Those that take an `identity` change nothing and reject with `lostStore()` if the account's record has another
 * one, whatever they wait for. A write may be repeated, and replaces what is there.
 */
export interface Transfer {
  /** The store's time, ms. */
  now(): Promise<number>;
  /**
   * Compare-and-set of the account's record, as `account.commit`, that also gives it another identity. Afterwards no write
   * that carries the former identity is accepted, not even one that was under way. False: its revision or its identity is
   * another one than expected.
   */
  seat(seat: {
    readonly value: Json;
    readonly expectedRevision: number;
    readonly writeId: string;
    /** The identity that it has: a record that was removed and written anew may have the same revision. */
    readonly expectedIdentity: string | undefined;
    readonly identity: string;
  }): Promise<boolean>;
  /**
   * About `limit` rows behind the cursor (`null`: from the start), in an order chosen by the store. While nothing is
   * written, a walk from page to page reads every row, perhaps one of them twice.
   * @throws {LifecycleError} `RECORD_DAMAGED` if one of them cannot be read
   */
  rows(after: string | null, limit: number): Promise<PageOfRows>;
  /** The rows under these ids, in any order. @throws {LifecycleError} `RECORD_DAMAGED` */
  rowsOf(ids: readonly string[]): Promise<KeptRows>;
  /** The logs of these limits, without empty ones. */
  logs(limits: readonly string[]): Promise<ReadonlyMap<string, KeptLog>>;
  writeRows(ask: OfAccount & { readonly rows: KeptRows }): Promise<void>;
  writeLog(ask: OfAccount & { readonly limit: string; readonly log: KeptLog }): Promise<void>;
  /** Writes events under their numbers, and the highest numbers given and trimmed. */
  writeEvents(
    ask: OfAccount & {
      readonly events: readonly StoredEvent[];
      readonly last: number;
      readonly trimmed: number;
    },
  ): Promise<void>;
  /** Called once everything is written, before the account's record is: counts what is there, if the store keeps counts. */
  complete?(ask: OfAccount): Promise<void>;
  /** Removes some of what the account holds, and its record once nothing else is left; then returns true. */
  clear(ask: OfAccount & { readonly limits: readonly string[] }): Promise<boolean>;
}

/** A store that can be moved. */
export interface MovableStore extends Store {
  readonly transfer: Transfer;
}

/** Whether everything in the store can be moved. */
export function isMovable(store: Store): store is MovableStore {
  return "transfer" in store;
}
