/**
 * A store over ordered tables and a transaction, shared by the adapters that decide in this process. An adapter
 * supplies the tables and makes a unit of work atomic and durable.
 *
 * @module
 */
import {
  lanes,
  type Claimed,
  type Commit,
  type Committed,
  type Counts,
  type Lane,
  type Lease,
  type Limit,
  type Store,
  type Batch,
  type Forecast,
  type Loaded,
  type Move,
  type Tally,
} from "../contract.ts";
import {
  claimableAt,
  encodeRow,
  leasedTo,
  loadedFrom,
  nextRevision,
  withLeaseAcrossJump,
  storedRecordOf,
  verdict,
  waitsIn,
  written,
  type Head,
  type Row,
  type Tombstone,
} from "../row-rules.ts";
import { isServed, turn } from "../lane-scheduler.ts";
import { forecastOf, newLog, withSlot } from "../slot-log.ts";
import type { Time } from "../steady-time.ts";
import { sameAccount } from "./same-account.ts";
import { correctRows, correctSetBack, noteTime } from "./set-back.ts";
import { headOf, isRecord, put, readableRow, rowOf, storeRow } from "./table-rows.ts";
import { append, encodeEvents, tableOutbox } from "./table-outbox.ts";
import { freeSlot, giveBack, note, openedLog, settle } from "./table-slots.ts";
import { tableTransfer } from "./table-transfer.ts";
import { freeInMs, slotAt, used } from "../sliding-window.ts";
import type { MovableStore } from "../movable.ts";
import type { TableEngine, Tables } from "./tables.ts";

/** Opens the store contract over an {@link TableEngine}. If that fails, the engine is closed. */
export async function openTableStore(engine: TableEngine, readOnly: boolean): Promise<Store> {
  try {
    if (!readOnly) await correctSetBack(engine);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return tableStore(engine);
}

/** The store contract over an {@link TableEngine}. */
export function tableStore(engine: TableEngine): Required<Omit<Store, "join">> & MovableStore {
  return {
    load: async (id) => engine.read((tables, time) => load(tables, time, id)),
    commit: (commit) => engine.write((tables, time) => write(sameAccount(tables, commit), time, commit)),
    claim: (ask) => engine.write((tables, time) => claim(sameAccount(tables, ask), time, ask)),
    grant: (ask) => engine.write((tables, time) => grant(sameAccount(tables, ask), time, ask)),
    slots: {
      take: (request) =>
        engine.write((tables, time) => {
          const slot = freeSlot(sameAccount(tables, request), time, request);
          if (typeof slot === "number") return { type: "refused", retryInMs: slot };
          note(tables, slot, time.now);
          return { type: "taken", slot };
        }),
      settle: (slot) => engine.write((tables, { now }) => settle(tables, slot, now)),
      giveBack: (slot) => engine.write((tables) => giveBack(tables, slot)),
      forecast: async (ask) => engine.read((tables, time) => forecast(tables, time, ask)),
    },
    move: (move) => engine.write((tables, time) => rename(sameAccount(tables, move.commit), time, move)),
    erase: (ask) => engine.write((tables) => erase(sameAccount(tables, ask), [...ask.ids, ask.to], ask.ids)),
    page: async ({ state, after, limit }) => engine.read((tables) => tables.states.page(state, after, limit)),
    counts: async () => engine.read((tables) => tables.states.counts()),
    tally: async () => engine.read(tally),
    account: {
      load: async () =>
        engine.read((tables) => {
          const row = tables.account.get();
          if (row === undefined) return null;
          const { value, revision, identity } = row;
          return { value, revision, identity };
        }),
      commit: ({ value, expectedRevision, writeId, identity }) =>
        engine.write((tables) => {
          const row = sameAccount(tables, { identity }).account.get();
          if (row?.writeId === writeId) return true;
          if ((row?.revision ?? 0) !== expectedRevision) return false;
          const isFrom = row?.identity ?? writeId;
          const revision = expectedRevision + 1;
          tables.account.set({ value, revision, writeId, identity: isFrom, lastAt: row?.lastAt });
          return true;
        }),
    },
    events: tableOutbox(engine),
    transfer: tableTransfer(engine),
    probe: () => engine.probe?.() ?? engine.write(() => undefined),
    close: () => engine.close(),
  };
}

function load(tables: Tables, { now, past }: Time, id: string): Loaded {
  const row = rowOf(tables, id);
  return loadedFrom(id, isRecord(row) ? withLeaseAcrossJump(row, past) : row, now);
}

function write(tables: Tables, time: Time, commit: Commit): Committed {
  const row = headOf(tables, commit.id);
  if (row === undefined && commit.unless !== undefined && isRecord(headOf(tables, commit.unless)))
    return { type: "conflict" };
  return change(tables, time, commit, row, commit.id);
}

function rename(tables: Tables, time: Time, { from, commit }: Move): Committed {
  const source = headOf(tables, from);
  const target = headOf(tables, commit.id);
  if (target !== undefined && !("renamedTo" in target)) {
    return target.writeId === commit.writeId
      ? { type: "committed", revision: target.revision, slot: target.took ?? null }
      : { type: "conflict" };
  }
  // The writeId is that of the old row's last write, which is a different write: it must not be acknowledged as this
  // move.
  if (source === undefined || ("writeId" in source && source.writeId === commit.writeId)) {
    return { type: "conflict" };
  }
  const done = change(tables, time, commit, source, from);
  if (done.type === "committed") storeRow(tables, from, { renamedTo: commit.id });
  return done;
}

/** Removes tombstones that point to one of `targets`; an unreadable row is not a tombstone. */
function erase(tables: Tables, targets: readonly string[], ids: readonly string[]): void {
  for (const id of ids) {
    const leads = targets.some((to) => tables.rows.get(id) === encodeRow({ renamedTo: to }));
    if (leads) tables.rows.delete(id);
  }
}

/**
 * One write: verdict and slot first, then the row (previously under the id `oldId`), then its index entries and the log.
 * Everything that can fail comes before the first change.
 */
function change(
  tables: Tables,
  time: Time,
  commit: Commit,
  row: Head | Tombstone | undefined,
  oldId: string,
): Committed {
  const { now, past } = time;
  const ruling = verdict(isRecord(row) ? withLeaseAcrossJump(row, past) : row, commit, now);
  const revision = nextRevision(commit);
  if (ruling === "conflict") return { type: "conflict" };
  const before = row as Head | undefined; // a tombstone always leads to "conflict"
  if (ruling === "again")
    return { type: "committed", revision: before?.revision ?? revision, slot: before?.took ?? null };
  const slot = commit.take === undefined ? null : freeSlot(tables, time, commit.take);
  if (typeof slot === "number") return { type: "refused", retryInMs: slot };
  const events = encodeEvents(commit.events);
  noteTime(tables, now);
  put(tables, oldId, before, commit.id, written(before, commit, now, slot));
  append(tables, now, events, { id: commit.id, revision });
  if (slot !== null) note(tables, slot, now);
  if (commit.giveBack !== undefined) giveBack(tables, commit.giveBack);
  if (commit.settle !== undefined) settle(tables, commit.settle, now);
  return { type: "committed", revision, slot };
}

function tally({ states, stale }: Tables, { now }: Time): Readonly<Record<string, Tally>> {
  const counts = Object.entries(states.counts());
  return Object.fromEntries(counts.map(([state, all]) => [state, { all, stale: stale.count(state, now) }]));
}

function claim(
  tables: Tables,
  { now, past }: Time,
  { limit, lease }: { limit: number; lease: Lease },
): Batch {
  if (past.jump !== null && past.jump.by < 0) correctRows(tables, past.jump);
  const claimed: Claimed[] = [];
  for (const { at, id } of tables.due.first(limit)) {
    if (at > now) break;
    const row = readableRow(tables, id);
    if (row !== undefined && claimableAt(row) === at) {
      const lasting = withLeaseAcrossJump(row, past);
      if (lasting === row) claimed.push({ record: leaseOut(tables, now, id, row, lease), slot: null });
      else put(tables, id, row, id, lasting); // due later
    } else tables.due.delete(at, id); // the entry has no matching row; loading that id reports the reason
  }
  const next = tables.due.first(1)[0];
  return { claimed, nextInMs: next === undefined ? null : Math.max(0, next.at - now) };
}

/**
 * Grants slots one by one: the lane whose turn it is, and its first user. An entry without a matching row is removed
 * and uses no slot.
 */
function grant(
  tables: Tables,
  { now, past }: Time,
  ask: { limit: Limit; max: number; holdMs: number; lease: Lease },
): Batch {
  const { limit, max, lease } = ask;
  const queued = (): readonly Lane[] =>
    lanes.filter((lane) => isServed(limit, lane) && tables.waiting[lane].first(1).length > 0);
  const asking = queued();
  if (asking.length === 0) return { claimed: [], nextInMs: null };
  let log = openedLog(tables, limit, { now, past });
  let counts = used(log.moments, limit.windowMs, now);
  const claimed: Claimed[] = [];
  const queues = lanes.map((lane) => ({
    lane,
    entries: asking.includes(lane) ? [...tables.waiting[lane].first(max)] : [],
  }));
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
    log = withSlot(log, slot, now);
    // seam: each-granted-slot-leaves-one-less
    counts = { ...counts, [lane]: counts[lane] + 1 };
  }
  if (claimed.length > 0) tables.logs.set(limit.name, log);
  const more = queued();
  return {
    claimed,
    nextInMs: more.length > 0 ? freeInMs(log.moments, limit, now, (lane) => more.includes(lane)) : null,
  };
}

function forecast(tables: Tables, time: Time, ask: Parameters<Store["slots"]["forecast"]>[0]): Forecast {
  const waiting = Object.fromEntries(lanes.map((lane) => [lane, tables.waiting[lane].size()])) as Counts; // covers all lanes
  const since = Object.fromEntries(lanes.map((lane) => [lane, tables.waiting[lane].first(1)[0]?.at]));
  return forecastOf(tables.logs.get(ask.limit.name) ?? newLog, ask, time, { waiting, since });
}

function leaseOut(tables: Tables, now: number, id: string, row: Row, lease: Lease): Claimed["record"] {
  const after = leasedTo(row, lease, now);
  noteTime(tables, now);
  put(tables, id, row, id, after);
  return storedRecordOf(id, after, now);
}
