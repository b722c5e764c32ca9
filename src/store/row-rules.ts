/**
 * The rules of a write, pure: what becomes of a row. Adapters that run in this process share them; those whose
 * server decides (Lua, SQL) say the same in its language, and the conformance suite holds all of them to it.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { lanes } from "./contract.ts";
import type { Commit, Json, Lane, Lease, Slot, StoredRecord } from "./contract.ts";

/** What a store notes beside a record's value: all that the rules look at. */
export interface Head {
  readonly revision: number;
  readonly writeId: string;
  readonly state: string;
  /** Store time, ms. */
  readonly dueAt: number | null;
  readonly lane: Lane | null;
  /** When it began to wait in its lane. */
  readonly waitsSince: number | null;
  readonly lease: { readonly id: string; readonly owner: string; readonly until: number } | null;
  /** The slot that the last commit took, for a caller who did not hear the answer. */
  readonly took?: Slot;
}

/**
 * A record as it is kept: Keyv's own form (`{ "value": … }`) with the store's bookkeeping beside the value,
 * so any Keyv tool can read it.
 */
export interface Row extends Head {
  readonly value: Json;
}

/** What is left under an id that was renamed. */
export interface Tombstone {
  readonly renamedTo: string;
}

/** When `claim` may take the row: at the lease's end, else when due; `null` = never. */
export function claimableAt(row: Head): number | null {
  if (row.lease !== null) return row.lease.until;
  return row.lane === null ? row.dueAt : null;
}

/** The lane in which the row waits for `grant`, if it does. */
export function waitsIn(row: Head): { readonly lane: Lane; readonly since: number } | null {
  return row.lane !== null && row.lease === null ? { lane: row.lane, since: row.waitsSince ?? 0 } : null;
}

/** May this commit be written over `row`? `again`: it is there already, the first answer was lost. */
export function verdict(
  row: Head | Tombstone | undefined,
  commit: Commit,
  now: number,
): "write" | "again" | "conflict" {
  if (row === undefined)
    return commit.expectedRevision === 0 && commit.mode !== "keep" && commit.mode !== "end"
      ? "write"
      : "conflict";
  if ("renamedTo" in row) return "conflict";
  if (row.writeId === commit.writeId) return "again";
  if (row.revision !== commit.expectedRevision) return "conflict";
  const ours = row.lease !== null && row.lease.id === commit.lease.id;
  if (commit.mode === "keep" || commit.mode === "end") return ours ? "write" : "conflict";
  const live = row.lease !== null && row.lease.until > now;
  return live && !(ours && commit.mode === "take") ? "conflict" : "write";
}

/** The row after the commit. */
export function written(row: Head | undefined, commit: Commit, now: number, took: Slot | null = null): Row {
  const leased = commit.mode === "take" || commit.mode === "keep";
  return {
    revision: commit.expectedRevision + 1,
    writeId: commit.writeId,
    state: commit.state,
    dueAt: commit.dueInMs === null ? null : now + commit.dueInMs,
    lane: commit.lane,
    waitsSince: commit.lane === null ? null : commit.lane === row?.lane ? (row.waitsSince ?? now) : now,
    lease: leased ? { id: commit.lease.id, owner: commit.lease.owner, until: now + commit.lease.ms } : null,
    ...(took && { took }),
    value: commit.value,
  };
}

/** The row once it is leased by `claim` or `grant`; the revision stays. */
export function leasedTo(row: Row, lease: Lease, now: number): Row {
  return { ...row, lease: { id: lease.id, owner: lease.owner, until: now + lease.ms } };
}

/** The row as the contract shows it. */
export function shown(id: string, row: Row, now: number): StoredRecord {
  return {
    id,
    value: row.value,
    revision: row.revision,
    dueInMs: row.dueAt === null || row.lane !== null ? null : row.dueAt - now,
    lane: row.lane,
    lease: row.lease && { id: row.lease.id, owner: row.lease.owner, leftMs: row.lease.until - now },
  };
}

const beforeValue = ',"value":';

/**
 * The row as text, its value last. Adapters call it before they touch anything, so what cannot be written changes
 * nothing.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if the value does not survive JSON
 */
export function encodeRow(row: Row | Tombstone): string {
  if ("renamedTo" in row) return JSON.stringify(row);
  const { value, ...head } = row;
  return `${JSON.stringify(head).slice(0, -1)}${beforeValue}${encodeValue(value)}}`;
}

/**
 * A value as text, in one line.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it does not survive JSON
 */
export function encodeValue(value: Json): string {
  try {
    const text = JSON.stringify(value) as string | undefined; // undefined for what JSON does not know
    if (text !== undefined) return text;
  } catch (cause) {
    throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON", { cause });
  }
  throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON");
}

/**
 * Reads what {@link encodeRow} wrote.
 *
 * @throws {LifecycleError} `RECORD_DAMAGED` if that is not what stands there
 */
export function decodeRow(text: string): Row | Tombstone {
  const row = parsed(text);
  if (isTombstone(row) || (isHead(row) && "value" in row)) return row as Row | Tombstone; // just checked
  throw damaged();
}

/** Reads the bookkeeping of what {@link encodeRow} wrote and skips the value, the bulk of it. @throws as {@link decodeRow} */
export function decodeHead(text: string): Head | Tombstone {
  // Quotation marks within strings are escaped, so this is the first key "value", and the last key of all.
  const end = text.indexOf(beforeValue);
  const row = parsed(end < 0 ? text : `${text.slice(0, end)}}`);
  if (isTombstone(row) || isHead(row)) return row;
  throw damaged();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged();
  }
}

function isTombstone(row: unknown): row is Tombstone {
  return typeof row === "object" && row !== null && "renamedTo" in row && typeof row.renamedTo === "string";
}

function isHead(row: unknown): row is Head {
  if (typeof row !== "object" || row === null) return false;
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, took } = row as Partial<
    Record<keyof Head, unknown>
  >; // checked next
  return (
    typeof revision === "number" &&
    typeof writeId === "string" &&
    typeof state === "string" &&
    (dueAt === null || typeof dueAt === "number") &&
    (lane === null || lanes.some((known) => known === lane)) &&
    (waitsSince === null || typeof waitsSince === "number") &&
    (lease === null || isLease(lease)) &&
    (took === undefined || isSlot(took))
  );
}

function isSlot(slot: unknown): boolean {
  if (typeof slot !== "object" || slot === null) return false;
  const { limit, windowMs, lane, at } = slot as Partial<Record<keyof Slot, unknown>>; // checked next
  const counted = typeof windowMs === "number" && typeof at === "number";
  return typeof limit === "string" && counted && lanes.some((known) => known === lane);
}

function isLease(lease: unknown): boolean {
  return (
    typeof lease === "object" &&
    lease !== null &&
    "id" in lease &&
    typeof lease.id === "string" &&
    "owner" in lease &&
    typeof lease.owner === "string" &&
    "until" in lease &&
    typeof lease.until === "number"
  );
}

function damaged(): LifecycleError {
  return new LifecycleError(
    "RECORD_DAMAGED",
    "Cannot read a record: what stands in its place was not written by a store of ours",
  );
}
