/**
 * How rows, commits and slots travel: as JSON, in the order and under the names that the functions in `verbs.ts` know.
 *
 * @module
 */
import { LifecycleError } from "../../src/errors.ts";
import { lanes } from "../../src/store/contract.ts";
import type { Commit, Lane, Limit, Move, Slot } from "../../src/store/contract.ts";
import { encodeValue } from "../../src/store/rules.ts";
import type { Row, Tombstone } from "../../src/store/rules.ts";
import type { SlotLog } from "../../src/store/window.ts";

/** A row as a function answers it. */
export type SentRow = readonly [
  id: string,
  revision: number,
  writeId: string,
  state: string,
  dueAt: number | null,
  lane: Lane | null,
  waitsSince: number | null,
  leaseId: string | null,
  leaseOwner: string | null,
  leaseUntil: number | null,
  took: Slot | null,
  renamedTo: string | null,
  value: Row["value"],
];

/** Reads it. @throws {LifecycleError} `RECORD_DAMAGED` if somebody took apart what belongs together */
export function rowOf(sent: SentRow): Row | Tombstone {
  const [, revision, writeId, state, dueAt, lane, waitsSince] = sent;
  const [leaseId, leaseOwner, leaseUntil, took, renamedTo, value] = sent.slice(7) as SentTail<typeof sent>;
  if (renamedTo !== null) return { renamedTo };
  if (leaseId !== null && (leaseOwner === null || leaseUntil === null)) {
    throw new LifecycleError(
      "RECORD_DAMAGED",
      "Cannot read a record: what stands in its place was not written by a store of ours",
    );
  }
  const lease =
    leaseId === null || leaseOwner === null || leaseUntil === null
      ? null
      : { id: leaseId, owner: leaseOwner, until: leaseUntil };
  return { revision, writeId, state, dueAt, lane, waitsSince, lease, ...(took && { took }), value };
}

type SentTail<T> = T extends readonly [
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  unknown,
  ...infer Rest,
]
  ? Rest
  : never;

/** A write on its way: a commit, or a move from another id. */
export interface Write {
  readonly commit: Commit;
  readonly from: string | undefined;
  readonly value: string;
}

/** @throws {LifecycleError} `INVALID_OPTION` if the value does not survive JSON */
export function writeOf({ from, commit }: { readonly from?: Move["from"]; readonly commit: Commit }): Write {
  return { commit, from, value: encodeValue(commit.value) };
}

/** The ids that a write touches. */
export function idsOf({ commit, from }: Write): readonly string[] {
  return from === undefined || from === commit.id ? [commit.id] : [from, commit.id];
}

/** Writes of different users, for one statement. */
export function valuesOf(account: string, writes: readonly Write[]): unknown[] {
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
  };
  const lines = writes.map(({ value }) => value).join("\n");
  return [account, JSON.stringify(locks), JSON.stringify(writes.map(headOf)), lines];
}

/** A write without its value, under the names of the columns of `commit_users`. */
function headOf({ commit, from }: Write, index: number): Readonly<Record<string, unknown>> {
  const { take, settle, giveBack } = commit;
  const leases = commit.mode === "take" || commit.mode === "keep";
  return {
    n: index + 1,
    id: commit.id,
    was: from ?? commit.id,
    moves: from !== undefined,
    expected: commit.expectedRevision,
    write_id: commit.writeId,
    mode: commit.mode,
    lease_id: commit.lease.id,
    ...(leases && { lease_owner: commit.lease.owner, lease_ms: commit.lease.ms }),
    state: commit.state,
    due_in: commit.dueInMs,
    lane: commit.lane,
    ...(take && {
      take_name: take.limit.name,
      take_window: take.limit.windowMs,
      take_calls: take.limit.calls,
      take_kept: take.limit.kept ?? 0,
      take_recovery: take.limit.least?.recovery ?? 0,
      take_bulk: take.limit.least?.bulk ?? 0,
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

/** A limit as the functions take it, behind the account. */
export function limitOf({ name, windowMs, calls, kept, least }: Limit): unknown[] {
  return [name, windowMs, calls, kept ?? 0, least?.recovery ?? 0, least?.bulk ?? 0];
}

/** The log as `window.ts` reads it. */
export function logOf(sent: readonly (readonly [at: number, lane: Lane, calls: number])[] | null): SlotLog {
  const moments = new Map<number, [at: number, interactive: number, recovery: number, bulk: number]>();
  for (const [at, lane, calls] of sent ?? []) {
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane)] = calls; // one of them, and never the moment
    moments.set(at, counts);
  }
  return [...moments.values()];
}
