/**
 * Reads and writes rows with their index entries.
 *
 * @module
 */
import { unlessDamaged } from "../../errors.ts";
import {
  claimableAt,
  decodeHead,
  decodeRow,
  encodeRow,
  waitsIn,
  type Head,
  type Row,
  type Tombstone,
} from "../row-rules.ts";
import type { Tables } from "./tables.ts";

/** @throws {LifecycleError} `RECORD_DAMAGED` */
export function rowOf(tables: Tables, id: string): Row | Tombstone | undefined {
  if (tables.rows.read !== undefined) return tables.rows.read(id);
  const text = tables.rows.get(id);
  return text === undefined ? undefined : decodeRow(text);
}

/** Stores a row without its index entries. */
export function storeRow(tables: Tables, id: string, row: Row | Tombstone): void {
  if (tables.rows.keep === undefined) tables.rows.set(id, encodeRow(row));
  else tables.rows.keep(id, row);
}

/** @throws {LifecycleError} `RECORD_DAMAGED` */
export function headOf(tables: Tables, id: string): Head | Tombstone | undefined {
  if (tables.rows.read !== undefined) return tables.rows.read(id);
  const text = tables.rows.get(id);
  return text === undefined ? undefined : decodeHead(text);
}

export function isRecord(row: Head | Tombstone | undefined): row is Head {
  return row !== undefined && !("renamedTo" in row);
}

/**
 * The row an index entry points at; `undefined` if it is missing or unreadable. One bad row must not stop the others.
 */
export function readableRow(tables: Tables, id: string): Row | undefined {
  const row = unlessDamaged(() => rowOf(tables, id));
  return row === undefined || "renamedTo" in row ? undefined : row;
}

/** Writes a row and updates its index entries. */
export function put(tables: Tables, oldId: string, before: Head | undefined, id: string, after: Row): void {
  storeRow(tables, id, after);
  const moved = oldId !== id;
  const dueBefore = before === undefined ? null : claimableAt(before);
  const dueAfter = claimableAt(after);
  if (moved || dueBefore !== dueAfter) {
    if (dueBefore !== null) tables.due.delete(dueBefore, oldId);
    if (dueAfter !== null) tables.due.add(dueAfter, id);
  }
  const waitBefore = before === undefined ? null : waitsIn(before);
  const waitAfter = waitsIn(after);
  if (moved || waitBefore?.lane !== waitAfter?.lane || waitBefore?.since !== waitAfter?.since) {
    if (waitBefore !== null) tables.waiting[waitBefore.lane].delete(waitBefore.since, oldId);
    if (waitAfter !== null) tables.waiting[waitAfter.lane].add(waitAfter.since, id);
  }
  const isElsewhere = moved || before?.state !== after.state;
  if (isElsewhere) {
    if (before !== undefined) tables.states.delete(before.state, oldId);
    tables.states.add(after.state, id);
  }
  if (isElsewhere || before.staleAt !== after.staleAt) {
    if (before?.staleAt !== undefined) tables.stale.delete(before.state, before.staleAt, oldId);
    if (after.staleAt !== undefined) tables.stale.add(after.state, after.staleAt, id);
  }
}

/** Removes a row and its index entries. */
export function remove(tables: Tables, id: string): void {
  const row = headOf(tables, id);
  tables.rows.delete(id);
  if (isRecord(row)) index(tables, id, row, "delete");
}

/** Adds the index entries of a row, or removes them. */
export function index(tables: Tables, id: string, row: Head, change: "add" | "delete"): void {
  const due = claimableAt(row);
  const waits = waitsIn(row);
  if (due !== null) tables.due[change](due, id);
  if (waits !== null) tables.waiting[waits.lane][change](waits.since, id);
  tables.states[change](row.state, id);
  if (row.staleAt !== undefined) tables.stale[change](row.state, row.staleAt, id);
}
