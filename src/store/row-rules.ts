/**
 * The rules of a write as pure functions: `verdict()` lets one process at a time write a user. Adapters that decide in
 * this process share them. Redis and PostgreSQL apply the same rules in their servers: `adapters/redis/lua/changes.ts` and
 * `adapters/postgres/commits.ts`. The conformance suite holds all three to the same results.
 *
 * @module
 */
import { invalidOption, type LifecycleError, recordDamaged } from "../errors.ts";
import {
  lanes,
  type Commit,
  type AccountRecord,
  type Json,
  type Lane,
  type Lease,
  type Loaded,
  type Slot,
  type StoredRecord,
} from "./contract.ts";
import { isObject } from "./guards.ts";
import type { Past } from "./steady-time.ts";

/** The bookkeeping beside a record's value. The rules depend on nothing else. */
export interface Head {
  readonly revision: number;
  readonly writeId: string;
  readonly state: string;
  /** Store time, ms. */
  readonly dueAt: number | null;
  readonly lane: Lane | null;
  /** When it started to wait in its lane. */
  readonly waitsSince: number | null;
  readonly lease: { readonly id: string; readonly owner: string; readonly until: number } | null;
  /** When it becomes stale, see `Commit.staleInMs`. */
  readonly staleAt?: number | undefined;
  /** The slot that the last commit took, for a caller that missed the answer. */
  readonly took?: Slot | undefined;
}

/**
 * A stored record: Keyv's own format (`{ "value": … }`) with the store's bookkeeping beside the value, so that any Keyv
 * tool can read it.
 */
export interface Row extends Head {
  readonly value: Json;
}

/** What remains under a renamed id. */
export interface Tombstone {
  readonly renamedTo: string;
}

/** Maximum lease, ms: an hour, plus tolerance for clock differences. A longer one was written with a wrong clock. */
export const longestLeaseMs = 3_660_000;

/** No wait that the library sets itself is longer, ms: the longest window of a limit. */
export const longestWaitMs: number = 31 * 24 * 3_600_000;

/** When `claim` may take the row: at the end of its lease, otherwise when it is due; `null` = never. */
export function claimableAt(row: Head): number | null {
  if (row.lease !== null) return row.lease.until;
  return row.lane === null ? row.dueAt : null;
}

/** The lane in which the row waits for `grant`, if it does. */
export function waitsIn(row: Head): { readonly lane: Lane; readonly since: number } | null {
  return row.lane !== null && row.lease === null ? { lane: row.lane, since: row.waitsSince ?? 0 } : null;
}

/** Whether the commit may replace `row`. `again`: it was already written, and the first answer was lost. */
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
  // seam: a-repeated-write-is-recognised
  if (row.writeId === commit.writeId) return "again";
  if (row.revision !== commit.expectedRevision) return "conflict";
  const ours = row.lease !== null && row.lease.id === commit.lease.id;
  if (commit.mode === "keep" || commit.mode === "end") return ours ? "write" : "conflict";
  const live = row.lease !== null && row.lease.until > now && row.lease.until <= now + longestLeaseMs;
  // seam: a-live-lease-keeps-others-out
  return live && !(ours && commit.mode === "take") ? "conflict" : "write";
}

/** The revision of the row after the commit. */
export function nextRevision({ expectedRevision, firstRevision = 1 }: Commit): number {
  return expectedRevision > 0 ? expectedRevision + 1 : firstRevision;
}

/** The row after the commit. */
export function written(row: Head | undefined, commit: Commit, now: number, took: Slot | null = null): Row {
  const leased = commit.mode === "take" || commit.mode === "keep";
  return {
    revision: nextRevision(commit),
    writeId: commit.writeId,
    state: commit.state,
    dueAt: commit.dueInMs === null ? null : now + commit.dueInMs,
    lane: commit.lane,
    waitsSince: commit.lane === null ? null : commit.lane === row?.lane ? (row.waitsSince ?? now) : now,
    lease: leased ? { id: commit.lease.id, owner: commit.lease.owner, until: now + commit.lease.ms } : null,
    staleAt: commit.staleInMs === undefined ? undefined : now + commit.staleInMs,
    took: took ?? undefined,
    value: commit.value,
  };
}

/** The row after it was leased by `claim` or `grant`; the revision stays. */
export function leasedTo(row: Row, lease: Lease, now: number): Row {
  return { ...row, lease: { id: lease.id, owner: lease.owner, until: now + lease.ms } };
}

/** The row with the times that `claim` uses shifted by `ms`. */
export function shiftedBy(row: Row, ms: number): Row {
  const { lease, dueAt } = row;
  return {
    ...row,
    dueAt: dueAt === null ? null : dueAt + ms,
    lease: lease && { ...lease, until: lease.until + ms },
  };
}

/**
 * The row with its lease extended by a forward jump of the clock since. Otherwise the jump would end every lease, while its
 * owner still works.
 */
export function withLeaseAcrossJump<R extends Head>(row: R, { jump }: Past): R {
  const { lease } = row;
  if (lease === null || jump === null || jump.by <= 0) return row;
  const isOlder = lease.until > jump.from && lease.until <= jump.from + Math.min(jump.by, longestLeaseMs);
  return isOlder ? { ...row, lease: { ...lease, until: lease.until + jump.by } } : row;
}

/** The row as the contract returns it. */
export function storedRecordOf(id: string, row: Row, now: number): StoredRecord {
  return {
    id,
    value: row.value,
    revision: row.revision,
    state: row.state,
    dueInMs: row.dueAt === null || row.lane !== null ? null : row.dueAt - now,
    lane: row.lane,
    lease: row.lease && { id: row.lease.id, owner: row.lease.owner, leftMs: row.lease.until - now },
  };
}

/** What `load` answers for a row; `undefined`: there is none. */
export function loadedFrom(id: string, row: Row | Tombstone | undefined, now: number): Loaded {
  if (row === undefined) return { type: "absent" };
  if ("renamedTo" in row) return { type: "renamed", to: row.renamedTo };
  return { type: "record", record: storedRecordOf(id, row, now) };
}

const beforeValue = ',"value":';

/**
 * The row as text, its value last. Adapters call it before any change, so a value that cannot be stored changes
 * nothing.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if the value cannot be represented as JSON
 */
export function encodeRow(row: Row | Tombstone): string {
  if ("renamedTo" in row) return JSON.stringify(row);
  const head = JSON.stringify({ ...row, value: undefined });
  return `${head.slice(0, -1)}${beforeValue}${encodeValue(row.value)}}`;
}

/**
 * A value as a single line of JSON.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if it cannot be represented as JSON
 */
export function encodeValue(value: Json | AccountRecord): string {
  try {
    const text = JSON.stringify(value) as string | undefined; // undefined for values that JSON does not support
    if (text !== undefined) return text;
  } catch (cause) {
    throw invalidOption("Cannot store this value: it must survive JSON", { cause });
  }
  throw invalidOption("Cannot store this value: it must survive JSON");
}

/**
 * Decodes the result of {@link encodeRow}. If only its value is damaged, as that of a text that was cut, the value is
 * `null`: no user is, so it is reported, and `reauthorize()` can replace it.
 *
 * @throws {LifecycleError} `RECORD_DAMAGED` if the text is anything else
 */
export function decodeRow(text: string): Row | Tombstone {
  const row = parsedIfJson(text);
  if (isTombstone(row) || (isHead(row) && "value" in row)) return row as Row | Tombstone; // just checked
  if (row !== undefined || !text.includes(beforeValue)) throw damaged();
  const head = decodeHead(text);
  return "renamedTo" in head ? head : { ...head, value: null };
}

/**
 * Decodes only the bookkeeping of a row and skips its value, which is most of the text. @throws as {@link decodeRow}
 */
export function decodeHead(text: string): Head | Tombstone {
  // Quotation marks in strings are escaped, so this is the first key "value", which is the last key of the row.
  const end = text.indexOf(beforeValue);
  const row = parsedIfJson(end < 0 ? text : `${text.slice(0, end)}}`);
  if (isTombstone(row) || isHead(row)) return row;
  throw damaged();
}

/** Whether the text of a row is a tombstone's. */
export function isTombstoneText(text: string): boolean {
  return text.startsWith('{"renamedTo":"');
}

/** The value of a text; `undefined` if it is no JSON. */
export function parsedIfJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTombstone(row: unknown): row is Tombstone {
  return isObject(row) && typeof row["renamedTo"] === "string";
}

function isHead(row: unknown): row is Head {
  if (!isObject(row)) return false;
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, staleAt, took } = row;
  return (
    typeof revision === "number" &&
    typeof writeId === "string" &&
    typeof state === "string" &&
    (dueAt === null || typeof dueAt === "number") &&
    (lane === null || lanes.some((known) => known === lane)) &&
    (waitsSince === null || typeof waitsSince === "number") &&
    (lease === null || isLease(lease)) &&
    (staleAt === undefined || typeof staleAt === "number") &&
    (took === undefined || isSlot(took))
  );
}

function isSlot(slot: unknown): boolean {
  if (!isObject(slot)) return false;
  const { limit, windowMs, lane, at } = slot;
  const counted = typeof windowMs === "number" && typeof at === "number";
  return typeof limit === "string" && counted && lanes.some((known) => known === lane);
}

function isLease(lease: unknown): boolean {
  if (!isObject(lease)) return false;
  const { id, owner, until } = lease;
  return typeof id === "string" && typeof owner === "string" && typeof until === "number";
}

/** The error for a row that cannot be read. */
export function damaged(): LifecycleError {
  return recordDamaged(
    "Cannot read a record: its stored value is damaged or was not written by this library",
  );
}
