/**
 * The verbs of a move over tables. They read in units of writing: a unit of reading may see the moment before the fence.
 *
 * @module
 */
import type { KeptRows, Transfer } from "../movable.ts";
import { encodeValue, type Row } from "../row-rules.ts";
import { newLog, type KeptLog } from "../slot-log.ts";
import { noEvents } from "./memory-outbox.ts";
import { sameAccount } from "./same-account.ts";
import { headOf, isRecord, put, remove, rowOf, storeRow } from "./table-rows.ts";
import type { TableEngine, Tables } from "./tables.ts";

/** Rows and events that one call of `clear` removes. */
const clearedPerUnit = 500;

/** See {@link Transfer}. */
export function tableTransfer(engine: TableEngine): Transfer {
  return {
    now: () => engine.write((_tables, { now }) => now),
    seat: ({ value, expectedRevision, expectedIdentity, writeId, identity }) =>
      engine.write((tables) => {
        const row = tables.account.get();
        if (row?.writeId === writeId) return true;
        if ((row?.revision ?? 0) !== expectedRevision || row?.identity !== expectedIdentity) return false;
        tables.account.set({ value, revision: expectedRevision + 1, writeId, identity });
        return true;
      }),
    rows: (after, limit) =>
      engine.write((tables) => {
        const ids = tables.rows.after(after ?? undefined, limit);
        const last = ids.length < limit ? undefined : ids.at(-1);
        return { rows: rowsOf(tables, ids), next: last ?? null };
      }),
    rowsOf: (ids) => engine.write((tables) => rowsOf(tables, ids)),
    logs: (limits) =>
      engine.write((tables) => {
        const kept = limits.map((limit) => [limit, tables.logs.get(limit)] as const);
        return new Map(kept.filter((each): each is [string, KeptLog] => each[1] !== undefined));
      }),
    async writeRows({ rows, identity }) {
      // Tombstones in a unit of their own: a unit with both is a rename, to tables that are stored as texts.
      const isRow = ([, row]: KeptRows[number]): boolean => !("renamedTo" in row);
      for (const part of [rows.filter(isRow), rows.filter((each) => !isRow(each))]) {
        if (part.length > 0)
          await engine.write((tables) => writeRows(sameAccount(tables, { identity }), part));
      }
    },
    writeLog: ({ limit, log, identity }) =>
      engine.write((tables) => sameAccount(tables, { identity }).logs.set(limit, log)),
    writeEvents({ events, last, trimmed, identity }) {
      const kept = events.map(({ number, key, at, value }) => ({
        number,
        key,
        at,
        text: encodeValue(value),
      }));
      return engine.write((tables) => {
        const { outbox } = sameAccount(tables, { identity });
        for (const { number, ...event } of kept) outbox.set(number, event);
        outbox.setHead({ last, trimmed });
      });
    },
    clear: ({ limits, identity }) =>
      engine.write((tables) => clear(sameAccount(tables, { identity }), limits)),
  };
}

function rowsOf(tables: Tables, ids: readonly string[]): KeptRows {
  return ids.flatMap((id) => {
    const row = rowOf(tables, id);
    return row === undefined ? [] : [[id, row] as const];
  });
}

function writeRows(tables: Tables, rows: KeptRows): void {
  for (const [id, row] of rows) {
    const before = headOf(tables, id);
    if ("renamedTo" in row) {
      remove(tables, id);
      storeRow(tables, id, row);
    } else put(tables, id, isRecord(before) ? before : undefined, id, row satisfies Row);
  }
}

/** See {@link Transfer.clear}. */
function clear(tables: Tables, limits: readonly string[]): boolean {
  const ids = tables.rows.after(undefined, clearedPerUnit);
  for (const id of ids) remove(tables, id);
  const { outbox, logs, account } = tables;
  const events = outbox.after(0, clearedPerUnit);
  for (const [number, event] of events) outbox.delete(number, event);
  if (ids.length > 0 || events.length > 0) return false;
  outbox.setHead(noEvents);
  for (const limit of limits) if (logs.get(limit) !== undefined) logs.set(limit, newLog);
  account.set(undefined);
  return true;
}
