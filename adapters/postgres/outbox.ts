/**
 * The verbs of the outbox.
 *
 * @module
 */
import type { EventOutbox, Json, NewEvent, StoredEvent } from "../../src/store/contract.ts";
import { encodeValue } from "../../src/store/row-rules.ts";
import type { calling, Verb } from "./connection.ts";

/** How often one trim gives numbers to a thousand events. */
const numberedInARow = 10;

/** An event with its key and its value as JSON. */
export type SentEvent = readonly [key: string, value: string];

/** @throws {LifecycleError} `INVALID_OPTION` if a value cannot be represented as JSON */
export function sentEvents(events: readonly NewEvent[]): readonly SentEvent[] {
  return events.map(({ key, value }) => [JSON.stringify(key), encodeValue(value)]);
}

/** An event as `read_events` and `events_under` return it. */
type SentFound = readonly [number: number, key: string, at: number, value: Json];

/** What `read_events` returns. */
type SentPage = readonly [
  head: readonly [last: number, trimmed: number] | null,
  events: readonly SentFound[] | null,
];

function storedEvent([number, key, at, value]: SentFound): StoredEvent {
  return { number, key, at, value };
}

type Asking = <Answer>(which: Verb, ...values: unknown[]) => Promise<Answer>;

/**
 * The verbs; `verb` describes a call of a function, and `ask` makes it for the account. `telling` and `read` do the same,
 * and take in the users that transactions have written.
 */
export function postgresOutbox(
  verb: ReturnType<typeof calling>,
  ask: Asking,
  telling: ReturnType<typeof calling>,
  read: Asking,
): EventOutbox {
  const verbs = {
    read: telling("read", true, "read_events($1, $2, $3)"),
    under: verb("read", true, "events_under($1, $2, $3, $4)"),
    number: verb("write to", true, "number_events($1)::text"),
    trim: verb("write to", false, "trim_events($1, $2, $3, $4)"),
    forget: verb("write to", true, "forget_events($1, $2, $3, $4, $5)"),
    replace: verb("write to", true, "replace_event($1, $2, $3, $4, $5)"),
  };
  return {
    async read({ after, limit }) {
      const [head, found] = await read<SentPage>(verbs.read, after, limit);
      const [last, trimmed] = head ?? [0, 0];
      return { events: (found ?? []).map(storedEvent), trimmed, last };
    },
    async trim({ olderThanMs, limit, identity = null }) {
      // Without a reader nothing else gives them numbers, and forget() would first have to number those of months.
      for (let rounds = 0; !(await ask<boolean>(verbs.number)); rounds++) {
        if (rounds === numberedInARow) return limit; // among the rest there may be old ones
      }
      return ask(verbs.trim, olderThanMs, limit, identity);
    },
    async under({ key, before = null, limit }) {
      for (;;) {
        const found = await ask<readonly SentFound[] | null>(verbs.under, JSON.stringify(key), before, limit);
        if (found !== null) return found.map(storedEvent);
      }
    },
    async forget({ key, above = 0, events, identity = null }) {
      const values = [JSON.stringify(key), above, JSON.stringify(sentEvents(events)), identity];
      while (!(await ask<boolean>(verbs.forget, ...values)));
    },
    async replace({ number, value, expected, identity = null }) {
      const before = expected === undefined ? null : encodeValue(expected);
      await ask(verbs.replace, number, encodeValue(value), before, identity);
    },
  };
}
