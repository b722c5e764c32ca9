/**
 * A store over plain ordered tables and a transaction: what the adapters that decide in this process share.
 * An adapter supplies the tables and says how a unit of work becomes atomic and durable.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import { lanes } from "./contract.ts";
import type { Claimed, Commit, Committed, Lane, Lease, Limit, Slot, SlotRequest, Store } from "./contract.ts";
import type { AccountRecord, Batch, Forecast, Loaded, Move } from "./contract.ts";
import {
  claimableAt,
  decodeHead,
  decodeRow,
  encodeRow,
  leasedTo,
  shown,
  verdict,
  waitsIn,
  written,
} from "./rules.ts";
import type { Head, Row, Tombstone } from "./rules.ts";
import { ahead, mayTake, turn } from "./shares.ts";
import { add, emptyLog, freeInMs, grantedInMs, prune, settled, slotAt, used } from "./window.ts";
import type { SlotLog } from "./window.ts";

/** Ids ordered by a number. */
export interface Queue {
  add(at: number, id: string): void;
  delete(at: number, id: string): void;
  /** The first `limit` entries, lowest number first, then by id. */
  first(limit: number): readonly { readonly at: number; readonly id: string }[];
}

/** A queue that knows its length. */
export interface LaneQueue extends Queue {
  size(): number;
}

/** The account's record with the name of its last write. */
export interface AccountRow extends AccountRecord {
  readonly writeId: string;
}

/** What an adapter supplies. All of it is synchronous inside a unit. */
export interface Tables {
  /** Rows as text, see {@link encodeRow}. */
  readonly rows: { get(id: string): string | undefined; set(id: string, text: string): void };
  readonly due: Queue;
  readonly waiting: Readonly<Record<Lane, LaneQueue>>;
  /** Ids grouped by state, ascending within each. */
  readonly states: {
    add(state: string, id: string): void;
    delete(state: string, id: string): void;
    page(state: string, after: string | undefined, limit: number): readonly string[];
    counts(): Readonly<Record<string, number>>;
  };
  readonly logs: { get(limit: string): SlotLog | undefined; set(limit: string, log: SlotLog): void };
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow): void };
}

/** How units run. */
export interface Engine {
  /** Runs `unit` alone; resolves with its value once everything it wrote is durable. */
  write<T>(unit: (tables: Tables, now: number) => T): Promise<T>;
  /** Runs `unit`, which only reads. */
  read<T>(unit: (tables: Tables, now: number) => T): T;
  close(): Promise<void>;
}

/** The contract over an {@link Engine}. */
export function tableStore(engine: Engine): Store {
  return {
    load: async (id) => engine.read((tables, now) => load(tables, now, id)),
    commit: (commit) => engine.write((tables, now) => write(tables, now, commit)),
    claim: (ask) => engine.write((tables, now) => claim(tables, now, ask.limit, ask.lease)),
    grant: (ask) => engine.write((tables, now) => grant(tables, now, ask)),
    slots: {
      take: (request) =>
        engine.write((tables, now) => {
          const slot = freeSlot(tables, now, request);
          if (typeof slot === "number") return { type: "refused", retryInMs: slot };
          note(tables, slot, now);
          return { type: "taken", slot };
        }),
      settle: (slot) => engine.write((tables, now) => settle(tables, slot, now)),
      giveBack: (slot) => engine.write((tables) => giveBack(tables, slot)),
      forecast: async (ask) => engine.read((tables, now) => forecast(tables, now, ask)),
    },
    move: (move) => engine.write((tables, now) => rename(tables, now, move)),
    page: async ({ state, after, limit }) => engine.read((tables) => tables.states.page(state, after, limit)),
    counts: async () => engine.read((tables) => tables.states.counts()),
    account: {
      load: async () =>
        engine.read((tables) => {
          const row = tables.account.get();
          return row === undefined ? null : { value: row.value, revision: row.revision };
        }),
      commit: ({ value, expectedRevision, writeId }) =>
        engine.write((tables) => {
          const row = tables.account.get();
          if (row?.writeId === writeId) return true;
          if ((row?.revision ?? 0) !== expectedRevision) return false;
          tables.account.set({ value, revision: expectedRevision + 1, writeId });
          return true;
        }),
    },
    close: () => engine.close(),
  };
}

function rowOf(tables: Tables, id: string): Row | Tombstone | undefined {
  const text = tables.rows.get(id);
  return text === undefined ? undefined : decodeRow(text);
}

function headOf(tables: Tables, id: string): Head | Tombstone | undefined {
  const text = tables.rows.get(id);
  return text === undefined ? undefined : decodeHead(text);
}

function load(tables: Tables, now: number, id: string): Loaded {
  const row = rowOf(tables, id);
  if (row === undefined) return { type: "absent" };
  if ("renamedTo" in row) return { type: "renamed", to: row.renamedTo };
  return { type: "record", record: shown(id, row, now) };
}

function write(tables: Tables, now: number, commit: Commit): Committed {
  const row = headOf(tables, commit.id);
  return change(tables, now, commit, row, commit.id);
}

function rename(tables: Tables, now: number, { from, commit }: Move): Committed {
  const source = headOf(tables, from);
  const target = headOf(tables, commit.id);
  if (target !== undefined && !("renamedTo" in target)) {
    return target.writeId === commit.writeId
      ? { type: "committed", revision: target.revision, slot: target.took ?? null }
      : { type: "conflict" };
  }
  // A write that stands under the old id already is another one: acknowledged here, it would be lost with the old row.
  if (source === undefined || ("writeId" in source && source.writeId === commit.writeId)) {
    return { type: "conflict" };
  }
  const done = change(tables, now, commit, source, from);
  if (done.type === "committed") tables.rows.set(from, encodeRow({ renamedTo: commit.id }));
  return done;
}

/**
 * One write: the verdict and the slot first, then the row (which stood under the id `was`), then every index it stands
 * in and the log. What can fail comes before what is changed.
 */
function change(
  tables: Tables,
  now: number,
  commit: Commit,
  row: Head | Tombstone | undefined,
  was: string,
): Committed {
  const ruling = verdict(row, commit, now);
  const revision = commit.expectedRevision + 1;
  if (ruling === "conflict") return { type: "conflict" };
  const before = row as Head | undefined; // a verdict other than "conflict" rules a tombstone out
  if (ruling === "again") return { type: "committed", revision, slot: before?.took ?? null };
  const slot = commit.take === undefined ? null : freeSlot(tables, now, commit.take);
  if (typeof slot === "number") return { type: "refused", retryInMs: slot };
  put(tables, was, before, commit.id, written(before, commit, now, slot));
  if (slot !== null) note(tables, slot, now);
  if (commit.giveBack !== undefined) giveBack(tables, commit.giveBack);
  if (commit.settle !== undefined) settle(tables, commit.settle, now);
  return { type: "committed", revision, slot };
}

/** Writes a row and moves its entries in the indexes. */
function put(tables: Tables, was: string, before: Head | undefined, id: string, after: Row): void {
  tables.rows.set(id, encodeRow(after));
  const moved = was !== id;
  const dueBefore = before === undefined ? null : claimableAt(before);
  const dueAfter = claimableAt(after);
  if (moved || dueBefore !== dueAfter) {
    if (dueBefore !== null) tables.due.delete(dueBefore, was);
    if (dueAfter !== null) tables.due.add(dueAfter, id);
  }
  const waitBefore = before === undefined ? null : waitsIn(before);
  const waitAfter = waitsIn(after);
  if (moved || waitBefore?.lane !== waitAfter?.lane || waitBefore?.since !== waitAfter?.since) {
    if (waitBefore !== null) tables.waiting[waitBefore.lane].delete(waitBefore.since, was);
    if (waitAfter !== null) tables.waiting[waitAfter.lane].add(waitAfter.since, id);
  }
  if (moved || before?.state !== after.state) {
    if (before !== undefined) tables.states.delete(before.state, was);
    tables.states.add(after.state, id);
  }
}

function claim(tables: Tables, now: number, limit: number, lease: Lease): Batch {
  const claimed: Claimed[] = [];
  for (const { at, id } of tables.due.first(limit)) {
    if (at > now) break;
    const row = readableRow(tables, id);
    if (row !== undefined && claimableAt(row) === at) {
      claimed.push({ record: leaseOut(tables, now, id, row, lease), slot: null });
    } else tables.due.delete(at, id); // it points nowhere: whoever asks for that id is told why
  }
  const next = tables.due.first(1)[0];
  return { claimed, nextInMs: next === undefined ? null : Math.max(0, next.at - now) };
}

/**
 * Slot by slot, the lane whose turn it is; its first user. An entry that points nowhere is taken out and costs no slot.
 */
function grant(
  tables: Tables,
  now: number,
  ask: { limit: Limit; max: number; holdMs: number; lease: Lease },
): Batch {
  const { limit, max, lease } = ask;
  let log = prune(tables.logs.get(limit.name) ?? emptyLog, limit.windowMs, now);
  let counts = used(log, limit.windowMs, now);
  const claimed: Claimed[] = [];
  const queues = lanes.map((lane) => ({ lane, entries: [...tables.waiting[lane].first(max)] }));
  const entriesOf = (lane: Lane): { readonly at: number; readonly id: string }[] =>
    queues[lanes.indexOf(lane)]?.entries ?? [];
  while (claimed.length < max) {
    const lane = turn(limit, counts, (other) => entriesOf(other).length > 0);
    const first = lane === null ? undefined : entriesOf(lane).shift();
    if (lane === null || first === undefined) break;
    const row = readableRow(tables, first.id);
    const waits = row === undefined ? null : waitsIn(row);
    if (row === undefined || waits?.lane !== lane || waits.since !== first.at) {
      tables.waiting[lane].delete(first.at, first.id);
      continue;
    }
    const slot = slotAt(limit, now, ask.holdMs, lane);
    claimed.push({ record: leaseOut(tables, now, first.id, row, lease), slot });
    log = add(log, slot.at, lane, 1);
    counts = { ...counts, [lane]: counts[lane] + 1 };
  }
  if (claimed.length > 0) tables.logs.set(limit.name, log);
  const more = lanes.filter((lane) => tables.waiting[lane].first(1).length > 0);
  return {
    claimed,
    nextInMs: more.length > 0 ? freeInMs(log, limit, now, (lane) => more.includes(lane)) : null,
  };
}

function forecast(
  tables: Tables,
  now: number,
  { limit, calls, lane }: { limit: Limit; calls: number; lane: Lane },
): Forecast {
  const log = tables.logs.get(limit.name) ?? emptyLog;
  const waiting = Object.fromEntries(lanes.map((each) => [each, tables.waiting[each].size()])) as Record<
    Lane,
    number
  >; // of all lanes
  return {
    used: used(log, limit.windowMs, now),
    waiting,
    inMs: grantedInMs(log, limit, now, ahead(waiting, lane) + calls, lane),
  };
}

/** The row an index points at; `undefined` if it is gone or cannot be read. One bad row must not stop the others. */
function readableRow(tables: Tables, id: string): Row | undefined {
  try {
    const row = rowOf(tables, id);
    return row === undefined || "renamedTo" in row ? undefined : row;
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return undefined;
    throw error;
  }
}

function leaseOut(tables: Tables, now: number, id: string, row: Row, lease: Lease): Claimed["record"] {
  const after = leasedTo(row, lease, now);
  put(tables, id, row, id, after);
  return shown(id, after, now);
}

/** The slot that `note` would take, or in how many milliseconds to ask again. */
function freeSlot(tables: Tables, now: number, { limit, holdMs, lane }: SlotRequest): Slot | number {
  const log = tables.logs.get(limit.name) ?? emptyLog;
  const counted = lane ?? "interactive";
  if (lane === null || nobodyWaits(tables)) {
    if (mayTake(limit, used(log, limit.windowMs, now), counted)) return slotAt(limit, now, holdMs, counted);
  }
  const waits = (other: Lane): boolean => lane !== null && tables.waiting[other].first(1).length > 0;
  const asks = (other: Lane): boolean => other === counted || waits(other);
  const queued = lanes.slice(0, lanes.indexOf(counted) + 1).some(waits);
  if (!queued && turn(limit, used(log, limit.windowMs, now), asks) === counted) {
    return slotAt(limit, now, holdMs, counted);
  }
  return freeInMs(log, limit, now, asks) ?? limit.windowMs;
}

/** Notes a slot, and forgets what no longer counts: a log that only grew would in the end be all there is. */
function note(tables: Tables, slot: Slot, now: number): void {
  changeLog(tables, slot, (log) => add(prune(log, slot.windowMs, now), slot.at, slot.lane, 1));
}

function nobodyWaits({ waiting }: Tables): boolean {
  for (const lane of lanes) if (waiting[lane].first(1).length > 0) return false;
  return true;
}

function changeLog(tables: Tables, slot: Slot, change: (log: SlotLog) => SlotLog): void {
  const log = tables.logs.get(slot.limit) ?? emptyLog;
  const after = change(log);
  if (after !== log) tables.logs.set(slot.limit, after);
}

function settle(tables: Tables, slot: Slot, now: number): void {
  changeLog(tables, slot, (log) => settled(log, slot, now));
}

function giveBack(tables: Tables, slot: Slot): void {
  changeLog(tables, slot, (log) => add(log, slot.at, slot.lane, -1));
}
