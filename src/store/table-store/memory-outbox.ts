/**
 * The outbox of an account in memory.
 *
 * @module
 */
import type { KeptEvent } from "../event-text.ts";
import { Sorted } from "./sorted.ts";
import type { OutboxHead, OutboxTables } from "./tables.ts";

/** The head of an empty outbox. */
export const noEvents: OutboxHead = { last: 0, trimmed: 0 };

/** An empty outbox. */
export function memoryOutbox(): OutboxTables {
  const events = new Map<number, KeptEvent>();
  const numbers = new Sorted<number>((a, b) => a - b);
  const byKey = new Map<string, Set<number>>();
  let head = noEvents;
  return {
    head: () => head,
    setHead: (to) => void (head = to),
    get: (number) => events.get(number),
    set(number, event) {
      if (!events.has(number)) numbers.add(number);
      events.set(number, event);
      byKey.set(event.key, (byKey.get(event.key) ?? new Set()).add(number));
    },
    delete(number, { key }) {
      if (!events.delete(number)) return;
      numbers.delete(number);
      const others = byKey.get(key);
      others?.delete(number);
      if (others?.size === 0) byKey.delete(key);
    },
    after(number, limit) {
      const found = numbers.after(number, limit);
      return found.flatMap((each) => {
        const event = events.get(each);
        return event === undefined ? [] : [[each, event] as const];
      });
    },
    under(key, { above = 0, below = Number.POSITIVE_INFINITY, limit }) {
      const found = [...(byKey.get(key) ?? [])].filter((number) => number > above && number < below);
      return found.toSorted((one, other) => other - one).slice(0, limit);
    },
  };
}
