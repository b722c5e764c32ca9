/**
 * The outbox of one account as LMDB databases: events by number, and the numbers of each key. Number 0 is the outbox's
 * head as of the last removal: since then, the last event shows the highest number, so that no commit writes it.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { decodeEvent, encodeEvent } from "../../src/store/event-text.ts";
import { noEvents } from "../../src/store/table-store/memory-outbox.ts";
import type { OutboxHead, OutboxTables } from "../../src/store/table-store/tables.ts";
import { write } from "./failures.ts";

/** The outbox, whose head is written once per transaction at most. */
export interface LmdbOutbox {
  readonly tables: OutboxTables;
  /** Writes the head, if the events do not show what it is after this transaction. */
  readonly flush: () => void;
  readonly end: () => void;
}

/** Opens its databases, which it creates if they are missing. */
export function lmdbOutbox(root: RootDatabase, account: string): LmdbOutbox {
  const events = root.openDB<string, number>({ name: `${account}/events`, encoding: "string" });
  const keys = root.openDB<true, [string, number]>({
    name: `${account}/eventKeys`,
    encoding: "ordered-binary",
  });
  let changed: OutboxHead | null = null;
  /** What this transaction has met: the highest event, whether one was removed, and the number in the stored head. */
  let highestSet = 0;
  let hasRemoved = false;
  let trimmedBefore: number | null = null;
  const stored = (): OutboxHead => {
    const text = events.get(0);
    const { last, trimmed } = text === undefined ? noEvents : (JSON.parse(text) as OutboxHead); // written by flush()
    trimmedBefore = trimmed;
    const [highest = 0] = events.getKeys({ reverse: true, limit: 1 });
    return { last: Math.max(last, highest), trimmed };
  };
  const tables: OutboxTables = {
    head: () => changed ?? stored(),
    setHead: (head) => void (changed = head),
    get(number) {
      const text = events.get(number);
      return text === undefined ? undefined : decodeEvent(text);
    },
    set(number, { key, at, text }) {
      highestSet = Math.max(highestSet, number);
      write(events.put(number, encodeEvent({ key, at, text })));
      write(keys.put([key, number], true));
    },
    delete(number, { key }) {
      changed ??= stored(); // the event may be the last one
      hasRemoved = true;
      write(events.remove(number));
      write(keys.remove([key, number]));
    },
    after: (number, limit) =>
      Array.from(
        events.getRange({ start: number, exclusiveStart: true, limit }),
        ({ key, value }) => [key, decodeEvent(value)] as const,
      ),
    under: (key, limit) =>
      Array.from(keys.getKeys({ start: [key, 0], end: [key, Number.MAX_SAFE_INTEGER], limit }), ([, n]) => n),
  };
  return {
    tables,
    flush() {
      if (changed === null) return;
      const isShown = !hasRemoved && changed.last === highestSet && changed.trimmed === trimmedBefore;
      if (!isShown) write(events.put(0, JSON.stringify(changed)));
    },
    end() {
      changed = null;
      highestSet = 0;
      hasRemoved = false;
      trimmedBefore = null;
    },
  };
}
