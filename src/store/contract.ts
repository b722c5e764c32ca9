/**
 * The store contract that the runtime relies on; `storeConformance` (from `oneup-lifecycle/testing`) is the same as a
 * test suite. An adapter implements its verbs on one backend, each as an atomic unit, which Keyv's interface cannot offer.
 *
 * Three rules hold for every verb:
 * - a promise resolves when the change is durable, and a rejection is a `LifecycleError` (`STORE_UNAVAILABLE` if a
 *   retry makes sense);
 * - one verb is one atomic unit: record, indexes, lane, counts and slots change together or not at all;
 * - due and lease times are durations; the store adds them to its own clock.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** A JSON value. The store never looks inside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The queue in which a user waits for a slot: `interactive` for a person at the screen, `recovery` for a lost grant,
 * `bulk` for an import.
 */
export type Lane = "interactive" | "recovery" | "bulk";

/** The lanes in order of priority. */
export const lanes: readonly Lane[] = ["interactive", "recovery", "bulk"];

/** A number for each lane. */
export type Counts = Readonly<Record<Lane, number>>;

/** The number of calls allowed in any rolling window of the account, and how lanes share them. */
export interface Limit {
  /** One log of slots is kept per name. */
  readonly name: string;
  readonly calls: number;
  readonly windowMs: number;
  /** Slots that `recovery` and `bulk` leave free for `interactive`. @default 0 */
  readonly reserved?: number;
  /** Minimum number of slots per window for a lane with demand, regardless of the lanes before it. @default 0 */
  readonly least?: { readonly recovery: number; readonly bulk: number };
  /** Lanes that are served no slot; requests in other lanes do not wait for the users in them. @default none */
  readonly paused?: readonly Lane[] | undefined;
}

/** A limit that will replace another one with the same name and window, and in how many ms. */
export type LaterLimit = readonly [inMs: number, limit: Limit];

/** An entry in the log of calls. `at` (store time, ms): the latest time at which the call can have arrived, as far as known. */
export interface Slot {
  /** The name of its limit, and the limit's window. */
  readonly limit: string;
  readonly windowMs: number;
  /** The lane it was taken in. */
  readonly lane: Lane;
  readonly at: number;
}

/** A request for a slot. */
export interface SlotRequest {
  readonly limit: Limit;
  /** The slot counts from now plus this until it is settled: the call's time-out plus grace. */
  readonly holdMs: number;
  /**
   * The request is refused while users wait in this lane or one before it. `null`: this limit has no queue, and any
   * request is granted while a slot is free (counted as `interactive`).
   */
  readonly lane: Lane | null;
}

/** The state of a limit's log and lanes, and when `calls` more calls in one lane would be granted. */
export interface Forecast {
  /** Slots that count now, by the lane they were taken in. */
  readonly used: Counts;
  /** Waiting users, by lane. */
  readonly waiting: Counts;
  /** How long the first user of each lane has been waiting, ms; 0: none waits. For gauges; a store may leave it out. */
  readonly oldestMs?: Counts;
  /**
   * In how many milliseconds the calls will have been granted, after the users who wait in the same lane and those whom
   * {@link turn} serves before them, if no other requests arrive. {@link forecastInMs} computes it.
   */
  readonly inMs: number;
}

/** The exclusive right to write a record. `id` is random and compared for equality. */
export interface Lease {
  readonly id: string;
  /** The process that holds it, for diagnostics. */
  readonly owner: string;
  readonly ms: number;
}

/** A record as the store returns it. */
export interface StoredRecord {
  readonly id: string;
  readonly value: Json;
  /** Incremented by every commit. */
  readonly revision: number;
  /** The state under which it is listed and counted: that of its last commit. */
  readonly state: string;
  /** Milliseconds until it is due; `null`: never, or it waits in a lane. Negative: overdue. */
  readonly dueInMs: number | null;
  readonly lane: Lane | null;
  /** The lease, live or expired, and its remaining time. */
  readonly lease: { readonly id: string; readonly owner: string; readonly leftMs: number } | null;
}

/** The result of `load`. */
export type Loaded =
  | { readonly type: "record"; readonly record: StoredRecord }
  | { readonly type: "renamed"; readonly to: string }
  | { readonly type: "absent" };

/**
 * What happens to the lease in a commit.
 * - `take`: requires that no other lease is live; afterwards the caller holds the lease
 * - `keep`: requires that the caller holds the lease, even an expired one, as long as no other process has claimed it;
 *   afterwards the lease runs for another `lease.ms`
 * - `end`: requires the same; afterwards there is no lease
 * - `none`: requires that no lease is live; afterwards there is no lease
 */
export type LeaseMode = "take" | "keep" | "end" | "none";

/** Ties a write to the account's record that its process has opened. */
export interface OfAccount {
  /**
   * The `identity` of that record. If the account's record is gone or has another identity, the store was emptied under
   * the process: the verb then changes nothing and rejects with `lostStore()` (`STORE_UNUSABLE`). It is checked in the
   * verb's atomic unit. Without it nothing is checked.
   */
  readonly identity?: string | undefined;
}

/** An event for the outbox: the account's log of what happened to its users. */
export interface NewEvent {
  /** Whom it is about; {@link EventOutbox.forget} finds it by this key. At most 512 bytes of UTF-8. */
  readonly key: string;
  readonly value: Json;
}

/** An event in the outbox. */
export interface StoredEvent extends NewEvent {
  /** Its place in the order of the account's events, from 1 on; numbers may be left out. */
  readonly number: number;
  /** Store time of the commit, ms. The order does not depend on it. */
  readonly at: number;
}

/**
 * The outbox of an account. For each record, the events of a later commit have higher numbers. After a read has returned
 * or passed over a number, no new event appears below it, not even that of a commit that was still under way.
 */
export interface EventOutbox {
  /** Up to `limit` events with a number above `after`, ascending. */
  read(ask: { readonly after: number; readonly limit: number }): Promise<{
    readonly events: readonly StoredEvent[];
    /** The highest number removed by `trim`; 0: none. */
    readonly trimmed: number;
    /** The highest number given so far; 0: none. */
    readonly last: number;
  }>;
  /**
   * Of the first `limit` events, removes each that is older than `olderThanMs`, or before one that is. Returns how many;
   * `limit` of them: there may be more.
   */
  trim(ask: OfAccount & { readonly olderThanMs: number; readonly limit: number }): Promise<number>;
  /** Up to `limit` events under `key` with a number below `before`, descending. `before`: @default above all */
  under(ask: {
    readonly key: string;
    readonly before?: number | undefined;
    readonly limit: number;
  }): Promise<readonly StoredEvent[]>;
  /**
   * Removes all events under `key` with a number above `above`, from the last one down, then appends `events` in the unit
   * that removes the first one. May be repeated until it resolves. `above`: @default 0
   */
  forget(
    ask: OfAccount & {
      readonly key: string;
      readonly above?: number | undefined;
      readonly events: readonly NewEvent[];
    },
  ): Promise<void>;
  /** Replaces the value of an event that still exists; otherwise does nothing. `expected`: only if it has that value. */
  replace(
    ask: OfAccount & { readonly number: number; readonly value: Json; readonly expected?: Json | undefined },
  ): Promise<void>;
}

/** One write of one record. */
export interface Commit extends OfAccount {
  readonly id: string;
  readonly value: Json;
  /** Compare-and-set: the revision the record must have; 0 = it must not exist. */
  readonly expectedRevision: number;
  /**
   * The revision that a new record begins with. Drawn at random, it keeps a late write, which was meant for a user that
   * had this id before, from finding the revision that it expects. @default 1
   */
  readonly firstRevision?: number | undefined;
  /** If the record already carries this `writeId`, the commit is acknowledged again, with the slot it took. */
  readonly writeId: string;
  readonly mode: LeaseMode;
  readonly lease: Lease;
  /** For `page` and `counts`. */
  readonly state: string;
  /** Due for `claim` in this many milliseconds; `null` = never. A leased record is due when its lease ends. */
  readonly dueInMs: number | null;
  /** The lane in which it waits for a slot; `claim` skips it, `grant` takes it. */
  readonly lane: Lane | null;
  /** In this many ms {@link Store.tally} counts the record as stale, unless a commit came since. @default never */
  readonly staleInMs?: number | undefined;
  /** The slot of a finished call: it counts from now. */
  readonly settle?: Slot | undefined;
  /** The slot of a call that was provably not sent: it is free again. */
  readonly giveBack?: Slot | undefined;
  /** Takes a slot in the same unit. If none is free, nothing is written. */
  readonly take?: SlotRequest | undefined;
  /** For a new record: the commit conflicts if there is a record under this id. */
  readonly unless?: string | undefined;
  /** Appended to the outbox in this order, in the same unit, if the commit is written; never when it is acknowledged again. */
  readonly events?: readonly NewEvent[] | undefined;
}

/** The result of a commit. */
export type Committed =
  /** Written; the revision is the expected one plus one, and that of a new record its `firstRevision`. */
  | { readonly type: "committed"; readonly revision: number; readonly slot: Slot | null }
  /** Another writer was faster; nothing was written. */
  | { readonly type: "conflict" }
  /** No slot is free; nothing was written. */
  | { readonly type: "refused"; readonly retryInMs: number };

/** A record that is now leased to the caller. Its revision did not change. */
export interface Claimed {
  readonly record: StoredRecord;
  /** The slot that was granted with it, if it was waiting for one. */
  readonly slot: Slot | null;
}

/** Records for a worker, and when to ask again if no notification arrives. */
export interface Batch {
  readonly claimed: readonly Claimed[];
  /** Milliseconds until more records will be available; `null` = none are scheduled. */
  readonly nextInMs: number | null;
}

/** Moves a record to another id and writes it, in one unit. */
export interface Move {
  readonly from: string;
  /** The commit of the record under its new id. `expectedRevision` is that of the old one. */
  readonly commit: Commit;
}

/** The account's own record, with keys and throttling. */
export interface AccountRecord {
  readonly value: Json;
  readonly revision: number;
  /**
   * Distinguishes this record from one that is created anew after the store was emptied: the `writeId` of the commit
   * that created it. If a store returns none, its processes read the record once more before each write.
   */
  readonly identity?: string | undefined;
}

/** The number of records in one state, and of those among them whose `staleInMs` has passed. */
export type Tally = Readonly<Record<"all" | "stale", number>>;

/** A store opened for one account. */
export interface Store {
  load(id: string): Promise<Loaded>;
  commit(commit: Commit): Promise<Committed>;
  /** Records that are due and not waiting in a lane, oldest first, each leased to the caller. */
  claim(ask: OfAccount & { readonly limit: number; readonly lease: Lease }): Promise<Batch>;
  /**
   * Takes free slots **and** leases that many waiting users, in order of arrival within a lane, never more than `max`.
   * The lane of each slot is chosen by {@link turn} in `lane-scheduler.ts`.
   */
  grant(
    ask: OfAccount & {
      readonly limit: Limit;
      readonly max: number;
      readonly holdMs: number;
      readonly lease: Lease;
    },
  ): Promise<Batch>;
  /** The log of calls, for calls that belong to no user's record. */
  readonly slots: {
    /** The slot, or in how many milliseconds to ask again. */
    take(
      request: SlotRequest & OfAccount,
    ): Promise<
      | { readonly type: "taken"; readonly slot: Slot }
      | { readonly type: "refused"; readonly retryInMs: number }
    >;
    settle(slot: Slot): Promise<void>;
    giveBack(slot: Slot): Promise<void>;
    /** Read-only. `later`: the limits that will apply instead, the earliest first. */
    forecast(ask: {
      readonly limit: Limit;
      readonly later?: readonly LaterLimit[] | undefined;
      readonly calls: number;
      readonly lane: Lane;
    }): Promise<Forecast>;
  };
  /**
   * Renames a record, with the lease and slot rules of a commit. Afterwards `load` of the old id returns `renamed`.
   * Conflicts if the new id is taken.
   */
  move(move: Move): Promise<Committed>;
  /** Without it, the store refuses to take part in a transaction of the application. */
  readonly join?: JoinVerb<Commit>;
  /**
   * Removes the tombstones under these ids that point to one of the ids or to `to`; afterwards such an id is absent.
   * Records stay. Idempotent.
   */
  erase(ask: OfAccount & { readonly ids: readonly string[]; readonly to: string }): Promise<void>;
  /**
   * Up to `limit` ids of records, in one state or in all, in an order chosen by the store, beginning behind `after`. A
   * page is read from an index; it does not go through all records. Without `state`, a walk from page to page lists every
   * record once, whatever is written meanwhile; only a record that is moved may be missed or listed twice. With `state`,
   * the same holds for the records that keep it.
   */
  page(ask: {
    readonly state?: string | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly string[]>;
  /** The number of records in each state. */
  counts(): Promise<Readonly<Record<string, number>>>;
  /** The same, with those of them that are stale now. It is read from an index of the times, not from the records. */
  tally(): Promise<Readonly<Record<string, Tally>>>;
  readonly account: {
    load(): Promise<AccountRecord | null>;
    /** Compare-and-set; revision 0 = it must not exist. False: another writer was faster. */
    commit(write: Pick<Commit, "value" | "expectedRevision" | "writeId" | "identity">): Promise<boolean>;
  };
  /** Without it, the store ignores the events of a commit, and a lifecycle that wants them does not open. */
  readonly events?: EventOutbox;
  /**
   * Resolves if a write would succeed now, and otherwise rejects as the write would. It leaves no growing data behind and
   * is cheap: readiness probes call it repeatedly. Without it, `health()` notices an unwritable store by a failed write.
   * `hasFailed`: a write has failed and none has succeeded since, so that it may take more effort to find out.
   */
  probe?(hasFailed?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** A store that is not open yet, as returned by a factory such as `lmdb(path)`. */
export interface StoreAdapter {
  /** For error messages, e.g. `lmdb`. */
  readonly name: string;
  /** Whether the data outlives the process, so that secrets in it must be encrypted. */
  readonly durable: boolean;
  /** The folder of the store, if it has one; a key file must not be inside it. */
  readonly folder?: string;
  /**
   * The time limit of one call, ms, if the adapter itself ends each call about then, and opening and closing too.
   * Without it, a call to the store is ended after 5 s and opening after 60 s: it then rejects with `STORE_UNAVAILABLE`.
   */
  readonly timeoutMs?: number;
  /**
   * Opens the part of one account. `readOnly`: the caller will not write. A store that is normally created by opening
   * it is then not created, and the call rejects if it does not exist.
   * @throws {LifecycleError} `STORE_UNUSABLE` if the store does not meet a requirement
   */
  open(options: {
    readonly account: string;
    readonly clock: Clock;
    readonly readOnly?: boolean;
  }): Promise<Store>;
  /** Creates or updates what the store needs before it can be opened, e.g. tables. */
  migrate?(): Promise<void>;
  /** Copies the store, while processes use it, into a folder that does not exist. */
  backup?(to: string): Promise<void>;
}

/**
 * A connection of the application that is inside a transaction, as `pg` has. Each value is a string, and stands in the
 * text once, as `$1`, `$2` and so on, in this order; so a text for another placeholder is easily made of it.
 */
export interface TransactionClient {
  /**
   * Runs one statement, and resolves with its rows: objects with each column under its name, a boolean as a boolean.
   *
   * @example
   * ```ts
   * import type { TransactionClient } from "oneup-lifecycle";
   *
   * interface OfPrisma {
   *   $queryRawUnsafe(text: string, ...values: string[]): PromiseLike<unknown[]>;
   * }
   *
   * function within(tx: OfPrisma): TransactionClient {
   *   return { query: async (text, values) => ({ rows: await tx.$queryRawUnsafe(text, ...values) }) };
   * }
   * ```
   */
  query(text: string, values: string[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * A verb that writes a new user, the `commit` of revision 0 and without a lease, in the transaction of `client`: it exists once that
 * is committed, unless a user with its id does by then. Under `unless` is its tombstone, over which it is written. The
 * transaction holds up nothing, however long it stays open, but for the fence of a move.
 *
 * @throws {LifecycleError} `INVALID_OPTION` unless the client is in a transaction, on the server and database of the
 *   store, takes text as it is sent, and returns rows as described; as `commit`
 */
export type JoinVerb<Commit> = (client: TransactionClient, commit: Commit) => Promise<void>;
