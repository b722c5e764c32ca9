/**
 * The outbox of an account over its tables.
 *
 * @module
 */
import type { Commit, EventOutbox, Json, StoredEvent } from "../contract.ts";
import type { CommittedRow, KeptEvent } from "../event-text.ts";
import { encodeValue } from "../row-rules.ts";
import { sameAccount } from "./same-account.ts";
import type { TableEngine, Tables } from "./tables.ts";

/** The verbs of the outbox. */
export function tableOutbox(engine: TableEngine): EventOutbox {
  return {
    read: async (ask) => engine.read((tables) => readEvents(tables, ask)),
    async trim(ask) {
      const [removed, isAll] = await engine.write((tables, { now }) => {
        const count = trim(sameAccount(tables, ask), now, ask);
        return [count, notesKeys(tables)] as const; // now and then, so that forgetting a user finds few left
      });
      const note = (): Promise<boolean> => engine.write((tables) => notesKeys(sameAccount(tables, ask)));
      if (!isAll) while (!(await note()));
      return removed;
    },
    async under(ask) {
      const page = (): Promise<readonly StoredEvent[] | null> =>
        engine.write((tables) => (notesKeys(tables) ? eventsUnder(tables, ask) : null));
      for (;;) {
        const found = await page();
        if (found !== null) return found;
      }
    },
    async forget(ask) {
      const page = (): Promise<boolean> =>
        engine.write((tables, { now }) => forget(sameAccount(tables, ask), now, ask));
      while (!(await page()));
    },
    replace: (ask) => engine.write((tables) => replace(sameAccount(tables, ask), ask)),
  };
}

/** The events of a commit as they will be kept. @throws {LifecycleError} `INVALID_OPTION` if one cannot survive JSON */
export function encodeEvents(events: Commit["events"]): readonly EncodedEvent[] {
  return (events ?? []).map(({ key, value }) => ({ key, text: encodeValue(value) }));
}

interface EncodedEvent {
  readonly key: string;
  readonly text: string;
}

/** Appends events in their order. `of`: the commit that they belong to. */
export function append(
  { outbox }: Tables,
  now: number,
  events: readonly EncodedEvent[],
  of?: CommittedRow,
): void {
  if (events.length === 0) return;
  const head = outbox.head();
  let number = head.last;
  for (const event of events) outbox.set(++number, { ...event, at: now, ...(of && { of }) });
  outbox.setHead({ ...head, last: number });
}

/** What {@link EventOutbox.read} returns. */
function readEvents(
  { outbox }: Tables,
  { after, limit }: Parameters<EventOutbox["read"]>[0],
): Awaited<ReturnType<EventOutbox["read"]>> {
  const events = outbox.after(after, limit).map(storedEvent);
  const { last, trimmed } = outbox.head();
  return { events, trimmed, last };
}

function storedEvent([number, { key, at, text }]: readonly [number, KeptEvent]): StoredEvent {
  return { number, key, at, value: JSON.parse(text) as Json }; // written by encodeValue()
}

/** See {@link EventOutbox.under}. */
function eventsUnder(
  { outbox }: Tables,
  { key, before, limit }: Parameters<EventOutbox["under"]>[0],
): readonly StoredEvent[] {
  return outbox.under(key, { below: before, limit }).flatMap((number) => {
    const event = outbox.get(number);
    return event === undefined ? [] : [storedEvent([number, event])];
  });
}

/** See {@link EventOutbox.trim}. */
function trim(
  { outbox }: Tables,
  now: number,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): number {
  const first = outbox.after(0, limit);
  const old = first.slice(0, first.findLastIndex(([, { at }]) => at < now - olderThanMs) + 1);
  for (const [number, event] of old) outbox.delete(number, event);
  const [trimmed] = old.at(-1) ?? [];
  if (trimmed !== undefined) outbox.setHead({ ...outbox.head(), trimmed });
  return old.length;
}

/** Events that `forget` removes in one unit, and whose keys are noted in one. */
const forgottenPerUnit = 1_000;

/** Notes the keys of some events. Returns whether those of all are noted. */
function notesKeys({ outbox }: Tables): boolean {
  return outbox.noteKeys?.(forgottenPerUnit) ?? true;
}

/** One unit of {@link EventOutbox.forget}; returns whether it was the last one. */
function forget(
  tables: Tables,
  now: number,
  { key, above, events }: Parameters<EventOutbox["forget"]>[0],
): boolean {
  const encoded = encodeEvents(events);
  if (!notesKeys(tables)) return false;
  const { outbox } = tables;
  const numbers = outbox.under(key, { above, limit: forgottenPerUnit });
  for (const number of numbers) {
    const event = outbox.get(number);
    if (event !== undefined) outbox.delete(number, event);
  }
  if (numbers.length === forgottenPerUnit) return false;
  append(tables, now, encoded);
  return true;
}

/** See {@link EventOutbox.replace}. */
function replace(
  { outbox }: Tables,
  { number, value, expected }: Parameters<EventOutbox["replace"]>[0],
): void {
  const text = encodeValue(value);
  const event = outbox.get(number);
  if (event === undefined || (expected !== undefined && event.text !== encodeValue(expected))) return;
  outbox.set(number, { ...event, text });
}
