/**
 * In which order the texts of `Places` are written to a store without transactions, so that a crash in between loses
 * nothing, and what is put right after one.
 *
 * @module
 */
import { unlessDamaged } from "../../errors.ts";
import { decodeEvent, type CommittedRow } from "../event-text.ts";
import { decodeHead, isTombstoneText } from "../row-rules.ts";
import { isLive, keyOfRow, numberOf, readLeft, type Change, type Place, type Places } from "./places.ts";
import type { OutboxHead } from "./tables.ts";

/** One text to write. */
export type Writing = Pick<Change, "place" | "after">;

/**
 * The writes for these changes, for a store without transactions: a list of steps, with the writes of a step made
 * concurrently.
 *
 * Logs, account record and the outbox's head come before rows, so that a crash in between can only count a call that was
 * never made, not miss one that was. A rename is committed by one write: the tombstone under the old id carries the row
 * until it is stored under the new id. A commit with events too: its row carries them until its next write, and an event
 * without its row is removed on opening. The head notes which events are settled before any is removed, so that no row
 * brings those back.
 */
export function inSteps(changes: readonly Change[]): readonly (readonly Writing[])[] {
  const isRow = ({ place }: Change): boolean => place.key.startsWith("users:");
  const isEvent = ({ place }: Change): boolean => numberOf(place) !== undefined;
  const isSame = ({ before, after }: Change): boolean => before === after;
  const events = changes.filter((change) => isEvent(change) && change.after !== "");
  const appended = appendedBy(events);
  const rows = changes
    .filter((change) => isRow(change) && !isSame(change))
    .map(({ place, after }) => ({ place, after: withEvents(after, appended.get(place.key)) }));
  const removed = changes.filter((change) => isEvent(change) && change.after === "");
  const books = changes.filter(
    (change) => (isRow(change) ? isSame(change) : !isEvent(change)) && !isCountOnly(change),
  );
  const live = rows.filter(({ after }) => isLive(after));
  const left = rows.filter(({ after }) => !isLive(after));
  const carries = live[0]?.after; // a rename is alone in its batch
  const loaded = (after: string): string =>
    after === "" ? "" : JSON.stringify({ ...readLeft(after), carries });
  const leaving = left.map(({ place, after }) => ({ place, after: loaded(after) }));
  return [books, [...leaving, ...removed], [...live, ...events]];
}

/** Whether only the highest number has changed, which the events show themselves. */
function isCountOnly({ place, before, after }: Change): boolean {
  if (place.key !== "outbox") return false;
  const [old, now] = [before, after].map((text) => JSON.parse(text) as OutboxHead); // written by this process
  return old?.trimmed === now?.trimmed && old?.settled === now?.settled;
}

const beforeEvents = ',"appends":';

/** New events by the key of their row. */
function appendedBy(events: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const appended = new Map<string, Change[]>();
  for (const event of events) {
    const { of } = decodeEvent(event.after);
    if (event.before !== "" || of === undefined) continue;
    const key = keyOfRow(of.id);
    appended.set(key, [...(appended.get(key) ?? []), event]);
  }
  return appended;
}

/** The row with the events of its commits. */
function withEvents(row: string, events: readonly Change[] = []): string {
  if (events.length === 0 || !isLive(row)) return row;
  const texts = JSON.stringify(events.map(({ place, after }) => [numberOf(place), after]));
  return `${row.slice(0, -1)}${beforeEvents}${JSON.stringify(texts)}}`;
}

/** The row as it was, and the events that it carries. */
function withoutEvents(text: string): {
  readonly row: string;
  readonly events: readonly (readonly [number: number, text: string])[];
} {
  const start = text.lastIndexOf(beforeEvents); // in a string, the quotation marks would be escaped
  if (start > 0) {
    try {
      const texts = JSON.parse(text.slice(start + beforeEvents.length, -1)) as unknown;
      if (typeof texts === "string")
        return { row: `${text.slice(0, start)}}`, events: JSON.parse(texts) as [number, string][] }; // written above
    } catch {
      // a part of the user's value, or damaged
    }
  }
  return { row: text, events: [] };
}

/**
 * The writes that restore these places. Tombstones and deletions come first; otherwise a user whose rename failed could
 * exist under both ids. The outbox's head comes last: it may show more as removed than is, not less.
 */
export function restoring(places: readonly Place[]): readonly (readonly Writing[])[] {
  const all = places.map((place) => ({ place, after: place.get() }));
  const heads = all.filter(({ place }) => place.key === "outbox");
  const others = all.filter((writing) => !heads.includes(writing));
  return [...[false, true].map((live) => others.filter(({ after }) => isLive(after) === live)), heads];
}

/**
 * Loads texts into the tables, and completes what a crash has interrupted: renames whose last write was lost (until then
 * nothing else was written under the new id), and the events of commits. Returns the writes needed for that, step by
 * step.
 */
export function putAll(places: Places, texts: ReadonlyMap<string, string>): readonly (readonly Writing[])[] {
  const { find, row } = places;
  const arriving: Writing[] = [];
  const left: Writing[] = [];
  const carried = new Map<number, string>();
  const bare = (text: string): string => {
    const { row: after, events } = withoutEvents(text);
    for (const [number, event] of events) carried.set(number, event);
    return after;
  };
  for (const [key, text] of texts) {
    const place = find(key);
    const { renamedTo, carries } = readLeft(text) ?? {};
    if (renamedTo !== undefined) place?.put(JSON.stringify({ renamedTo }));
    else place?.put(key.startsWith("users:") ? bare(text) : text);
    if (place === undefined || renamedTo === undefined || carries === undefined) continue;
    arriving.push({ place: row(renamedTo), after: bare(carries) });
    left.push({ place, after: place.get() });
  }
  for (const { place, after } of arriving) place.put(after); // replaces what the texts contained there
  return [completeEvents(places, carried), arriving, left]; // an arriving row carries no events any more
}

/** Removes the events whose commit was not written, and adds those that were not written with their commit. */
function completeEvents(
  { row, event, outbox }: Places,
  carried: ReadonlyMap<number, string>,
): readonly Writing[] {
  const { settled = 0, ...head } = outbox.head();
  const writes: Writing[] = [];
  const put = (number: number, after: string): void => {
    const place = event(number);
    place.put(after);
    writes.push({ place, after });
  };
  let last = Math.max(head.last, settled);
  for (const [number, { of }] of outbox.after(0, Number.POSITIVE_INFINITY)) {
    if (number > settled && of !== undefined && !isWritten(row(of.id).get(), of)) put(number, "");
    else last = Math.max(last, number);
  }
  for (const [number, text] of carried) {
    if (number > settled && outbox.get(number) === undefined) put(number, text);
    last = Math.max(last, number);
  }
  outbox.setHead({ ...outbox.head(), last });
  return writes;
}

/** Whether the commit with that revision was written, as its row shows. */
function isWritten(text: string, { revision }: CommittedRow): boolean {
  if (text === "") return false;
  if (isTombstoneText(text)) return true;
  const head = unlessDamaged(() => decodeHead(text));
  return head === undefined || "renamedTo" in head || head.revision >= revision; // `undefined`: unknown
}
