/**
 * The JSON format of rows, commits and slots, in the order and with the names that the functions in `verbs.ts` use.
 *
 * @module
 */
import type {
  Claimed,
  Commit,
  Committed,
  Json,
  Lane,
  Limit,
  Loaded,
  Move,
  Slot,
} from "../../src/store/contract.ts";
import {
  encodeValue,
  loadedFrom,
  storedRecordOf,
  type Row,
  type Tombstone,
} from "../../src/store/row-rules.ts";
import type { KnownTime } from "../../src/store/server-time.ts";
import { momentsOf, type KeptLog } from "../../src/store/slot-log.ts";
import { sentEvents, type SentEvent } from "./outbox.ts";

/** A row as a function returns it. */
export type SentRow = readonly [
  id: string,
  revision: number,
  writeId: string,
  state: string,
  dueAt: number | null,
  lane: Lane | null,
  waitsSince: number | null,
  lease: Row["lease"],
  took: Slot | null,
  renamedTo: string | null,
  value: Json,
];

/** Decodes a row. The tables hold only valid rows. */
export function rowOf(sent: SentRow): Row | Tombstone {
  const [, revision, writeId, state, dueAt, lane, waitsSince, lease, took, renamedTo, value] = sent;
  if (renamedTo !== null) return { renamedTo };
  return { revision, writeId, state, dueAt, lane, waitsSince, lease, ...(took && { took }), value };
}

/** An answer, and whether users that committed transactions have written are to be taken in. */
export interface Told<Answer> {
  readonly answer: Answer;
  readonly joins: boolean;
}

/** What a load has found. */
export interface Found {
  readonly now: number;
  readonly row: SentRow | undefined;
  readonly joins: boolean;
}

/** Decodes the result of a load. */
export function loaded(id: string, { now, row }: Found): Loaded {
  return loadedFrom(id, row && rowOf(row), now);
}

/** The result of `claim_users` and `grant_users`: the server's time, when to ask again, and the rows. */
export type SentBatch<Each> = readonly [
  now: number,
  nextInMs: number | null,
  claimed: readonly Each[] | null,
];

/** Decodes a claimed row; a tombstone is none. */
export function claimedOf(sent: SentRow, slot: Slot | null, now: number): readonly Claimed[] {
  const row = rowOf(sent);
  return "renamedTo" in row ? [] : [{ record: storedRecordOf(sent[0], row, now), slot }];
}

/** A write to be sent: a commit, or a move from another id. */
export interface Write {
  readonly commit: Commit;
  readonly from: string | undefined;
  readonly value: string;
  readonly events: readonly SentEvent[];
}

/** The answer to a write; `undefined`: another transaction holds a row that it needs. */
export function committedOf(sent: Committed | { readonly type: "busy" }): Committed | undefined {
  return sent.type === "busy" ? undefined : sent;
}

/** @throws {LifecycleError} `INVALID_OPTION` if the value cannot be represented as JSON */
export function writeOf({ from, commit }: { readonly from?: Move["from"]; readonly commit: Commit }): Write {
  return { commit, from, value: encodeValue(commit.value), events: sentEvents(commit.events ?? []) };
}

/** The ids that a write touches. */
export function idsOf({ commit, from }: Write): readonly string[] {
  return from === undefined || from === commit.id ? [commit.id] : [from, commit.id];
}

/** The parameters of one statement that writes different users. */
export function valuesOf(account: string, writes: readonly Write[], known: KnownTime | null): unknown[] {
  const limits = writes.flatMap(({ commit: { take, settle, giveBack } }) => [
    take?.limit.name,
    settle?.limit,
    giveBack?.limit,
  ]);
  const locks = {
    comers: writes
      .filter(({ commit, from }) => from !== undefined || commit.expectedRevision === 0)
      .map(({ commit }) => commit.id),
    users: writes.flatMap(idsOf),
    limits: [...new Set(limits)].filter((name) => name !== undefined),
    known,
    skips: true,
  };
  const lines = writes.map(({ value }) => value).join("\n");
  const identity = writes[0]?.commit.identity ?? null; // all writes of one process
  return [account, JSON.stringify(locks), JSON.stringify(writes.map(headOf)), lines, identity];
}

/** A write without its value, with the column names of `commit_users`. */
export function headOf({ commit, from, events }: Write, index: number): Readonly<Record<string, unknown>> {
  const { take, settle, giveBack } = commit;
  const leases = commit.mode === "take" || commit.mode === "keep";
  return {
    n: index + 1,
    id: commit.id,
    was: from ?? commit.id,
    moves: from !== undefined,
    expected: commit.expectedRevision,
    ...(commit.firstRevision !== undefined && { first_revision: commit.firstRevision }),
    write_id: commit.writeId,
    mode: commit.mode,
    lease_id: commit.lease.id,
    ...(leases && { lease_owner: commit.lease.owner, lease_ms: commit.lease.ms }),
    state: commit.state,
    due_in: commit.dueInMs,
    ...(commit.staleInMs !== undefined && { stale_in: commit.staleInMs }),
    lane: commit.lane,
    ...(commit.unless !== undefined && { unless_id: commit.unless }),
    ...(events.length > 0 && { events }),
    ...(take && {
      take_name: take.limit.name,
      take_window: take.limit.windowMs,
      take_calls: take.limit.calls,
      take_reserved: take.limit.reserved ?? 0,
      take_recovery: take.limit.least?.recovery ?? 0,
      take_bulk: take.limit.least?.bulk ?? 0,
      ...(take.limit.paused && { take_paused: take.limit.paused }),
      take_hold: take.holdMs,
      take_lane: take.lane,
    }),
    ...(settle && {
      settle_name: settle.limit,
      settle_window: settle.windowMs,
      settle_lane: settle.lane,
      settle_at: settle.at,
    }),
    ...(giveBack && {
      back_name: giveBack.limit,
      back_window: giveBack.windowMs,
      back_lane: giveBack.lane,
      back_at: giveBack.at,
    }),
  };
}

/** A limit as parameters of the functions, following the account. */
export function limitOf({ name, windowMs, calls, reserved, least }: Limit): unknown[] {
  return [name, windowMs, calls, reserved ?? 0, least?.recovery ?? 0, least?.bulk ?? 0];
}

/** Builds the log from its slots and its head. */
export function logOf(
  sent: readonly (readonly [at: number, lane: Lane, calls: number])[] | null,
  head:
    | readonly [
        windowMs: number,
        askedAt: number,
        takenAt: number,
        movedMs: number,
        moves: KeptLog["moves"],
        seen: KeptLog["seen"],
      ]
    | null,
): KeptLog {
  const [windowMs, askedAt, takenAt, movedMs, moves, seen] = head ?? [0, 0, 0, 0, [], {}];
  return { windowMs, askedAt, takenAt, moments: momentsOf(sent ?? []), movedMs, moves, seen, former: null };
}
