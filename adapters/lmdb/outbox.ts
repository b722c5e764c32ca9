/**
 * The outbox of one account as LMDB databases: events by number, and their numbers by key.
 *
 * Events of one transaction share one entry, under the last of their numbers: an entry costs more than the text in it.
 * Number 0 is the outbox's head as of the last removal: since then, the last entry shows the highest number, so that no
 * commit writes it. The numbers by key are needed only to forget a user, and are written before that, in batches.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { decodeEvent, encodeEvent, type KeptEvent } from "../../src/store/event-text.ts";
import { noEvents } from "../../src/store/table-store/memory-outbox.ts";
import type { OutboxHead, OutboxTables } from "../../src/store/table-store/tables.ts";
import { write } from "./failures.ts";

/** The outbox. What a transaction changes is written by `flush`, before it ends. */
export interface LmdbOutbox {
  readonly tables: OutboxTables;
  readonly flush: () => void;
  /** Drops what is known of a transaction. */
  readonly reset: () => void;
}

/** Events in one entry: all of a large transaction, and few enough to be rewritten for the sake of one. */
const mostInPack = 64;

/** Opens its databases, which it creates if they are missing. */
export function lmdbOutbox(root: RootDatabase, account: string): LmdbOutbox {
  const events = root.openDB<string, number>({ name: `${account}/events`, encoding: "string" });
  const keys = root.openDB<true, [string, number]>({
    name: `${account}/eventKeys`,
    encoding: "ordered-binary",
  });
  /** The head as this transaction has changed it, and the stored one, once it was read. */
  let changed: OutboxHead | null = null;
  let before: OutboxHead | null = null;
  /** What this transaction has met: the highest number, and whether an event was removed. */
  let highest: number | null = null;
  let hasRemoved = false;
  /** The pack that was last read or written, and whether it is to be written. */
  let open: { last: number; readonly lines: string[]; isNew: boolean; isChanged: boolean } | null = null;

  const highestStored = (): number => [...events.getKeys({ reverse: true, limit: 1 })][0] ?? 0;
  const stored = (): OutboxHead => {
    const text = events.get(0);
    before = text === undefined ? noEvents : (JSON.parse(text) as OutboxHead); // written by flush()
    return { ...before, last: Math.max(before.last, highestStored()) };
  };
  const head = (): OutboxHead => changed ?? stored();

  function writeOpen(): void {
    if (open?.isChanged === true) {
      const { last, lines } = open;
      const isEmpty = lines.every((line) => line === "");
      write(isEmpty ? events.remove(last) : events.put(last, lines.join("\n")));
    }
    open = null;
  }

  /** The pack with this number, opened, and the number's place in it. */
  function placeOf(number: number): { readonly lines: string[]; readonly at: number } | undefined {
    if (open === null || number > open.last || number <= open.last - open.lines.length) {
      writeOpen();
      const [pack] = packsFrom(number, 1);
      if (pack === undefined) return undefined;
      open = { last: pack.last, lines: [...pack.lines], isNew: false, isChanged: false };
    }
    const { last, lines } = open;
    const at = number - (last - lines.length + 1);
    return at < 0 ? undefined : { lines, at };
  }

  /**
   * The packs that end at this number or later: events with consecutive numbers, up to `last`, each as one line; the
   * line of one that was removed is empty.
   */
  function packsFrom(number: number, limit = Number.POSITIVE_INFINITY) {
    return events
      .getRange({ start: Math.max(1, number), ...(limit < Number.POSITIVE_INFINITY && { limit }) })
      .map(({ key, value }) => ({ last: key, lines: value.split("\n") }));
  }

  function put(number: number, line: string): void {
    highest ??= highestStored();
    const place = number > highest ? undefined : placeOf(number);
    if (place !== undefined) {
      place.lines[place.at] = line;
      if (open !== null) open.isChanged = true;
      return;
    }
    highest = Math.max(highest, number);
    if (open?.isNew === true && open.last === number - 1 && open.lines.length < mostInPack) {
      open.lines.push(line);
      open.last = number;
      return;
    }
    writeOpen();
    open = { last: number, lines: [line], isNew: true, isChanged: true };
  }

  function get(number: number): KeptEvent | undefined {
    const place = placeOf(number);
    const line = place?.lines[place.at] ?? "";
    return line === "" ? undefined : decodeEvent(line);
  }

  function after(number: number, limit: number): readonly (readonly [number, KeptEvent])[] {
    writeOpen();
    const found: [number, KeptEvent][] = [];
    for (const { last, lines } of packsFrom(number + 1)) {
      const first = last - lines.length + 1;
      for (const [at, line] of lines.entries()) {
        if (found.length === limit) return found;
        if (first + at > number && line !== "") found.push([first + at, decodeEvent(line)]);
      }
    }
    return found;
  }

  const tables: OutboxTables = {
    head,
    setHead(to) {
      if (before === null) stored();
      changed = to;
    },
    get,
    set: (number, { key, at, text }) => put(number, encodeEvent({ key, at, text })),
    delete(number, { key }) {
      changed ??= stored(); // the event may be the last one
      const place = placeOf(number);
      if (place === undefined || open === null) return;
      hasRemoved = true;
      place.lines[place.at] = "";
      open.isChanged = true;
      if (number <= (changed.keyed ?? 0)) write(keys.remove([key, number]));
    },
    after,
    under(key, { above = 0, below = Number.MAX_SAFE_INTEGER, limit }) {
      const at = (number: number): [string, number] => [key, number];
      const range = { start: at(below - 1), end: at(above), reverse: true, limit };
      return Array.from(keys.getKeys(range), ([, number]) => number);
    },
    noteKeys(limit) {
      const { keyed = 0, ...rest } = head();
      const found = after(keyed, limit);
      for (const [number, { key }] of found) write(keys.put([key, number], true));
      const isLast = found.length < limit;
      const to = isLast ? rest.last : (found.at(-1)?.[0] ?? keyed);
      if (to > keyed) tables.setHead({ ...rest, keyed: to });
      return isLast;
    },
  };
  return {
    tables,
    flush() {
      writeOpen();
      if (changed === null) return;
      const { last, trimmed, keyed } = changed;
      const was = before ?? noEvents;
      const isAsStored = trimmed === was.trimmed && keyed === was.keyed;
      const isShown = !hasRemoved && isAsStored && last === Math.max(was.last, highest ?? 0);
      if (!isShown) write(events.put(0, JSON.stringify(changed)));
    },
    reset() {
      changed = null;
      before = null;
      highest = null;
      hasRemoved = false;
      open = null;
    },
  };
}
