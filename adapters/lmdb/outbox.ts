/**
 * The outbox of one account as LMDB databases: events by number, with the outbox's head as number 0, and the numbers of
 * each key.
 *
 * @module
 */
import type { RootDatabase } from "lmdb";
import { decodeEvent, encodeEvent } from "../../src/store/event-text.ts";
import type { OutboxHead, OutboxTables } from "../../src/store/table-store/tables.ts";
import { write } from "./failures.ts";

/** The outbox, whose head is written once per transaction. */
export interface LmdbOutbox {
  readonly tables: OutboxTables;
  /** Writes the head, if it has changed in this transaction. */
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
  const stored = (): OutboxHead => {
    const text = events.get(0);
    return text === undefined ? { last: 0, trimmed: 0 } : (JSON.parse(text) as OutboxHead); // written by flush()
  };
  const tables: OutboxTables = {
    head: () => changed ?? stored(),
    setHead: (head) => void (changed = head),
    get(number) {
      const text = events.get(number);
      return text === undefined ? undefined : decodeEvent(text);
    },
    set(number, { key, at, text }) {
      write(events.put(number, encodeEvent({ key, at, text })));
      write(keys.put([key, number], true));
    },
    delete(number, { key }) {
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
      if (changed !== null) write(events.put(0, JSON.stringify(changed)));
    },
    end: () => void (changed = null),
  };
}
