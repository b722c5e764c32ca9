/**
 * What the runtime asks of a store. An adapter stands on a Keyv storage backend and adds the atomic verbs that
 * Keyv lacks; `storeConformance` (from `oneup-lifecycle/testing`) is this page as a test suite.
 *
 * Three rules hold for every verb:
 * - a promise resolves when the change is durable, and a rejection is a `LifecycleError`
 *   (`STORE_UNAVAILABLE` where trying again makes sense);
 * - one verb is one atomic unit: record, due index, lane, counts and slots change together or not at all;
 * - due and lease times are durations; the store adds them to its own clock.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** A value that survives JSON. The store never looks inside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Who waits for a slot: a person who is looking at the screen, a user who lost a grant, an import. */
export type Lane = "interactive" | "recovery" | "bulk";

/** The lanes in the order in which they are served. */
export const lanes: readonly Lane[] = ["interactive", "recovery", "bulk"];

/** A number for each lane. */
export type Counts = Readonly<Record<Lane, number>>;

/** How many calls fit into any rolling window of the account, and how lanes share them. */
export interface Limit {
  /** One log of slots is kept per name. */
  readonly name: string;
  readonly calls: number;
  readonly windowMs: number;
  /** Places that `recovery` and `bulk` leave free for `interactive`. @default 0 */
  readonly kept?: number;
  /** Places of a window that a lane gets, if it asks for them, however many wait in the lanes before it. @default 0 */
  readonly least?: { readonly recovery: number; readonly bulk: number };
}

/** A place in the log of calls. `at` (store time, ms) is the latest moment the call may have arrived, as far as known. */
export interface Slot {
  /** Name and window of its limit. */
  readonly limit: string;
  readonly windowMs: number;
  /** The lane it was taken in. */
  readonly lane: Lane;
  readonly at: number;
}

/** Asks for a place in the log. */
export interface SlotRequest {
  readonly limit: Limit;
  /** The slot counts from now plus this until it is settled: time-out plus grace of the call. */
  readonly holdMs: number;
  /**
   * A request is refused while users wait in this lane or one before it. `null`: nobody queues for this limit,
   * whoever asks while a place is free gets it (counted as `interactive`).
   */
  readonly lane: Lane | null;
}

/** What the log of a limit and its lanes say about `calls` more in one lane. */
export interface Forecast {
  /** Slots that count now, by the lane they were taken in. */
  readonly used: Counts;
  /** Users who wait, by lane. */
  readonly waiting: Counts;
  /**
   * In how many milliseconds they will have been granted, after those who wait in the lane or one before it, if
   * nobody else asks.
   */
  readonly inMs: number;
}

/** The right to write a record. `id` is random and compared for equality. */
export interface Lease {
  readonly id: string;
  /** The process, for people who look. */
  readonly owner: string;
  readonly ms: number;
}

/** A record as the store gives it. */
export interface StoredRecord {
  readonly id: string;
  readonly value: Json;
  /** Grows by one with every commit. */
  readonly revision: number;
  /** Milliseconds until it is due; `null`: never, or it waits in a lane. Negative: overdue. */
  readonly dueInMs: number | null;
  readonly lane: Lane | null;
  /** The lease, live or expired, and what is left of it. */
  readonly lease: { readonly id: string; readonly owner: string; readonly leftMs: number } | null;
}

/** What `load` says about an id. */
export type Loaded =
  | { readonly type: "record"; readonly record: StoredRecord }
  | { readonly type: "renamed"; readonly to: string }
  | { readonly type: "absent" };

/**
 * What happens to the lease in a commit.
 * - `take`: nobody else's lease is live; afterwards it is ours
 * - `keep`: it is ours, even if it has expired, as long as nobody claimed; afterwards it runs `lease.ms` again
 * - `end`: it is ours, likewise; afterwards there is none
 * - `none`: no lease is live; afterwards there is none
 */
export type LeaseMode = "take" | "keep" | "end" | "none";

/** One write of one record. */
export interface Commit {
  readonly id: string;
  readonly value: Json;
  /** Compare-and-set: the revision the record must have; 0 = it must not exist. */
  readonly expectedRevision: number;
  /** Names this write. A commit whose `writeId` the record already carries is acknowledged again, with the slot it took. */
  readonly writeId: string;
  readonly mode: LeaseMode;
  readonly lease: Lease;
  /** For `page` and `counts`. */
  readonly state: string;
  /** Due for `claim` in so many milliseconds; `null` = never. A leased record is due when its lease ends. */
  readonly dueInMs: number | null;
  /** Waits for a slot here; `claim` passes it by, `grant` takes it. */
  readonly lane: Lane | null;
  /** A slot whose call is over: it counts from now. */
  readonly settle?: Slot | undefined;
  /** A slot whose call was provably not sent: it is free again. */
  readonly giveBack?: Slot | undefined;
  /** Takes a slot in the same unit. If there is none, nothing at all is written. */
  readonly take?: SlotRequest | undefined;
}

/** How a commit ended. */
export type Committed =
  | { readonly type: "committed"; readonly revision: number; readonly slot: Slot | null }
  /** Somebody else was faster; nothing was written. */
  | { readonly type: "conflict" }
  /** No slot is free; nothing was written. */
  | { readonly type: "refused"; readonly retryInMs: number };

/** A record that is now leased to the caller. Its revision did not change. */
export interface Claimed {
  readonly record: StoredRecord;
  /** The slot that came with it, if it waited for one. */
  readonly slot: Slot | null;
}

/** Records for a worker, and when to ask again if nothing wakes it. */
export interface Batch {
  readonly claimed: readonly Claimed[];
  /** Milliseconds until more will be there; `null` = nothing is planned. */
  readonly nextInMs: number | null;
}

/** Moves a record to another id and writes it, in one unit. */
export interface Move {
  readonly from: string;
  /** The commit of the record under its new id. `expectedRevision` is that of the old one. */
  readonly commit: Commit;
}

/** The account's own record: keys, throttling. */
export interface AccountRecord {
  readonly value: Json;
  readonly revision: number;
}

/** An opened store of one account. */
export interface Store {
  load(id: string): Promise<Loaded>;
  commit(commit: Commit): Promise<Committed>;
  /** Records that are due and not waiting in a lane, oldest first, each leased to the caller. */
  claim(ask: { readonly limit: number; readonly lease: Lease }): Promise<Batch>;
  /**
   * Takes free slots **and** leases that many waiting users, first come first served within a lane, never more than
   * `max`. Whose turn it is among the lanes, slot by slot: see {@link turn} in `shares.ts`.
   */
  grant(ask: {
    readonly limit: Limit;
    readonly max: number;
    readonly holdMs: number;
    readonly lease: Lease;
  }): Promise<Batch>;
  /** The log of calls by itself, for calls that belong to no user's record. */
  readonly slots: {
    /** The slot, or in how many milliseconds to ask again. */
    take(
      request: SlotRequest,
    ): Promise<
      | { readonly type: "taken"; readonly slot: Slot }
      | { readonly type: "refused"; readonly retryInMs: number }
    >;
    settle(slot: Slot): Promise<void>;
    giveBack(slot: Slot): Promise<void>;
    /** Takes nothing. */
    forecast(ask: { readonly limit: Limit; readonly calls: number; readonly lane: Lane }): Promise<Forecast>;
  };
  /**
   * Renames a record with the lease and slot rules of a commit. Afterwards the old id answers `renamed`.
   * A conflict if the new id is taken.
   */
  move(move: Move): Promise<Committed>;
  /** Ids of one state, ascending in an order of the store's own, each once: for listing without loading everything. */
  page(ask: {
    readonly state: string;
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<readonly string[]>;
  /** How many records each state has. */
  counts(): Promise<Readonly<Record<string, number>>>;
  readonly account: {
    load(): Promise<AccountRecord | null>;
    /** Compare-and-set; revision 0 = it must not exist. False: somebody else was faster. */
    commit(write: {
      readonly value: Json;
      readonly expectedRevision: number;
      readonly writeId: string;
    }): Promise<boolean>;
  };
  close(): Promise<void>;
}

/** What a factory such as `lmdb(path)` returns: a store that is not open yet. */
export interface StoreAdapter {
  /** For messages, e.g. `lmdb`. */
  readonly name: string;
  /** Outlives the process, so secrets in it need a key. */
  readonly durable: boolean;
  /** The folder it lives in, if it has one; a key file must not stand inside. */
  readonly folder?: string;
  /**
   * Opens the part of one account. `readOnly`: nobody will write. A store that would make something by being opened
   * then makes nothing, and rejects if nothing is there.
   * @throws {LifecycleError} `STORE_UNUSABLE` if it cannot be opened as it is
   */
  open(options: {
    readonly account: string;
    readonly clock: Clock;
    readonly readOnly?: boolean;
  }): Promise<Store>;
}
