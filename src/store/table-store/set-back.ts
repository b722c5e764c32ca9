/**
 * Corrects rows after the clock was set back: those that were written while it was ahead would become due too late.
 *
 * @module
 */
import { claimableAt, longestWaitMs, shiftedBy } from "../row-rules.ts";
import type { Jump } from "../steady-time.ts";
import { put, readableRow } from "./table-rows.ts";
import type { TableEngine, Tables } from "./tables.ts";

/** Number of rows checked per unit while other units wait, and while the store is opened. */
const rowsPerUnit = 100;
const rowsPerUnitOfOpening = 1_000;
/** How far the rows were corrected after each jump. */
const correctedTo = new WeakMap<Jump, number>();

/** Rows that are due later than this are corrected only after a clock was set back by more: they wait for long anyway, ms. */
const longMs = 6 * 3_600_000;
/** Precision of `AccountRow.lastAt`, ms. */
const notedMs = 60_000;
/** A clock that was ahead by less than this makes no user wait for long, and no call arrives later than this, ms. */
const shortMs = 600_000;

/** Notes the time of a write, for {@link correctSetBack}. */
export function noteTime({ account }: Tables, now: number): void {
  const row = account.get();
  if (row !== undefined && now > (row.lastAt ?? 0) + notedMs) account.set({ ...row, lastAt: now });
}

/**
 * Corrects the rows of a store that is being opened, if its last writes lie ahead of now: the clock was set back while no
 * process ran, for example after a start with a wrong one.
 */
export async function correctSetBack(engine: TableEngine): Promise<void> {
  const jump = engine.read(({ account }, { now }): Jump | null => {
    const from = account.get()?.lastAt ?? now;
    return from > now + shortMs ? { from, by: now - from, since: now + shortMs } : null;
  });
  if (jump === null) return;
  const next = (): Promise<boolean> =>
    engine.write((tables, { now }) => {
      const isDone = correctRows(tables, jump, rowsPerUnitOfOpening);
      const row = tables.account.get();
      if (isDone && row !== undefined) tables.account.set({ ...row, lastAt: now });
      return isDone;
    });
  while (!(await next()));
}

/**
 * Corrects the next rows after the clock was set back: every row that is due in the range of those written while it was
 * ahead is made due earlier. For rows that were meant to be due then this is harmless: they are only checked too early.
 * Returns whether all are corrected.
 */
export function correctRows(tables: Tables, jump: Jump, limit: number = rowsPerUnit): boolean {
  const end = jump.from + Math.min(longestWaitMs, Math.max(longMs, -jump.by));
  const from = correctedTo.get(jump) ?? jump.since;
  if (from > end) return true;
  const found = tables.due.first(limit, from);
  for (const { at, id } of found) {
    if (at > end) break;
    const row = readableRow(tables, id);
    if (row !== undefined && claimableAt(row) === at) put(tables, id, row, id, shiftedBy(row, jump.by));
  }
  const last = found.length < limit ? undefined : found.at(-1)?.at;
  correctedTo.set(jump, last ?? Number.POSITIVE_INFINITY);
  return last === undefined;
}
