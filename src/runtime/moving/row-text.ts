/**
 * Rows and events as texts that are the same for all kinds of stores.
 *
 * @module
 */
import type { EventOutbox } from "../../store/contract.ts";
import { shiftedBy, type Row, type Tombstone } from "../../store/row-rules.ts";
import type { KeptLog } from "../../store/slot-log.ts";

/** The row with its times by the other store's clock. */
export function redated(row: Row | Tombstone, ms: number): Row | Tombstone {
  if ("renamedTo" in row) return row;
  const { waitsSince, staleAt, took } = row;
  return {
    ...shiftedBy(row, ms),
    waitsSince: waitsSince === null ? null : waitsSince + ms,
    ...(staleAt !== undefined && { staleAt: staleAt + ms }),
    ...(took && { took: { ...took, at: took.at + ms } }),
  };
}

/** A row as text, the same for all stores. */
export function textOf(row: Row | Tombstone): string {
  if ("renamedTo" in row) return JSON.stringify([row.renamedTo]);
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, staleAt = null, took, value } = row;
  const leased = lease && [lease.id, lease.owner, lease.until];
  const slot = took === undefined ? null : [took.limit, took.windowMs, took.lane, took.at];
  return JSON.stringify([revision, writeId, state, dueAt, lane, waitsSince, leased, staleAt, slot, value]);
}

/** Events, and the highest numbers given and trimmed, as text. */
export function eventsText({ events, trimmed, last }: Awaited<ReturnType<EventOutbox["read"]>>): string {
  const each = events.map(({ number, key, at, value }) => [number, key, at, value]);
  return JSON.stringify([each, trimmed, last]);
}

/** A log of calls as text. */
export function logText(log: KeptLog | undefined): string {
  const moments = (log?.moments ?? []).filter(([, ...calls]) => calls.some((each) => each > 0));
  return JSON.stringify(moments);
}
