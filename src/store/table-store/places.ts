/**
 * The tables in memory as texts by key, for an adapter that stores them elsewhere.
 *
 * @module
 */
import { recordDamaged } from "../../errors.ts";
import { decodeEvent, encodeEvent } from "../event-text.ts";
import { encodeValue, isTombstoneText, parsedIfJson } from "../row-rules.ts";
import { newLog, readLog } from "../slot-log.ts";
import { noEvents } from "./memory-outbox.ts";
import type { MemoryTables } from "./memory-tables.ts";
import type { AccountRow, OutboxHead, OutboxTables, Tables } from "./tables.ts";

/** One entry of the tables, as text under a key; `""` = absent. */
export interface Place {
  readonly key: string;
  get(): string;
  /** @throws {LifecycleError} `RECORD_DAMAGED` if a log or the account's record is unreadable; rows are not checked */
  put(text: string): void;
}

/** The previous text of a place. */
interface Touched {
  readonly place: Place;
  readonly before: string;
}

/** The previous and the new text of a place. */
export interface Change extends Touched {
  readonly after: string;
}

/** Tables as texts under the keys `users:<id>`, `slots:<limit>`, `account`, `events:<number>` and `outbox`. */
export interface Places {
  readonly row: (id: string) => Place;
  readonly event: (number: number) => Place;
  readonly outbox: OutboxTables;
  /** The place with that key; `undefined` for a foreign key. */
  readonly find: (key: string) => Place | undefined;
  /**
   * Runs units on the tables, then rolls back all their changes. A unit that renames a user runs alone, as
   * {@link inSteps} requires, so not all units may have run: `ran` is the number of those that have.
   */
  readonly rehearse: (units: readonly ((tables: Tables) => void)[]) => {
    readonly ran: number;
    readonly changes: readonly Change[];
  };
}

/** See {@link Places}. */
export function placesOf(tables: MemoryTables): Places {
  const row = (id: string): Place => ({
    key: keyOfRow(id),
    get: () => tables.rows.get(id) ?? "",
    put: (text) => tables.replace(id, text === "" ? undefined : text),
  });
  const log = (limit: string): Place => {
    const key = `slots:${escapeColons(limit)}`;
    const get = (): string => JSON.stringify(tables.logs.get(limit) ?? newLog);
    return {
      key,
      get,
      put: (text) => tables.logs.set(limit, text === "" ? newLog : readLog(parsedIfJson(text), limit)),
    };
  };
  const account: Place = {
    key: "account",
    get: () => JSON.stringify(tables.account.get()) ?? "",
    put: (text) => tables.account.set(text === "" ? undefined : read("account", text, readAccount)),
  };
  const { outbox } = tables;
  const event = (number: number): Place => {
    return {
      key: `events:${number}`,
      get() {
        const kept = outbox.get(number);
        return kept === undefined ? "" : encodeEvent(kept);
      },
      put(text) {
        const before = outbox.get(number);
        if (text !== "") outbox.set(number, decodeEvent(text));
        else if (before !== undefined) outbox.delete(number, before);
      },
    };
  };
  const head: Place = {
    key: headKey,
    get: () => JSON.stringify(outbox.head()),
    put: (text) => outbox.setHead(text === "" ? noEvents : read(headKey, text, readHead)),
  };
  return {
    row,
    event,
    outbox,
    find(key) {
      if (key === "account") return account;
      if (key === headKey) return head;
      const [, kind, name] = /^(users|slots|events):(.*)$/su.exec(key) ?? [];
      if (name === undefined) return undefined;
      if (kind === "events") return /^[1-9]\d{0,15}$/.test(name) ? event(Number(name)) : undefined;
      return kind === "users" ? row(unescapeColons(name)) : log(unescapeColons(name));
    },
    rehearse(units) {
      const settled = outbox.head().last;
      const batch = new Map<string, Touched>();
      let ran = 0;
      for (const unit of units) {
        const own = new Map<string, Touched>();
        unit(touching(own));
        const renames = [...own.values()].some(({ place }) => readLeft(place.get()) !== undefined);
        if (renames && ran > 0) {
          takeBack(own);
          break;
        }
        for (const [key, touched] of own) if (!batch.has(key)) batch.set(key, touched);
        ran++;
        if (renames) break;
      }
      const changes = [...batch.values()]
        .map(({ place, before }) => ({ place, before, after: place.get() }))
        .filter(({ before, after }) => before !== after);
      const all = withSettled(changes, settled);
      takeBack(batch);
      return { ran, changes: all };
    },
  };

  /**
   * Notes what is settled before anything is removed, and before another record takes an id, because the events of the one
   * before cannot be judged by its row. A forgotten event leaves its row too, which may carry it as {@link inSteps} explains.
   */
  function withSettled(changes: readonly Change[], settled: number): readonly Change[] {
    const isNoted = ({ place, before, after }: Change): boolean =>
      (after === "" && place.key !== "account") || isTombstoneText(before);
    if (!changes.some(isNoted)) return changes;
    const { trimmed } = outbox.head();
    const changed = new Set(changes.map(({ place }) => place.key));
    const rewritten = new Map<string, Change>();
    for (const { place: event, before, after } of changes) {
      const number = numberOf(event);
      if (number === undefined || number <= trimmed || after !== "") continue;
      const { of } = decodeEvent(before);
      if (of === undefined) continue;
      const place = row(of.id);
      const text = place.get();
      if (isLive(text) && !changed.has(place.key))
        rewritten.set(place.key, { place, before: text, after: text });
    }
    const others = changes.filter(({ place }) => place.key !== headKey);
    const before = changes.find(({ place }) => place.key === headKey)?.before ?? head.get();
    const after = JSON.stringify({ ...outbox.head(), settled });
    return [...others, { place: head, before, after }, ...rewritten.values()];
  }

  /** The tables, recording the previous text of a place before it changes. */
  function touching(noted: Map<string, Touched>): Tables {
    const touch = (place: Place): void => {
      if (!noted.has(place.key)) noted.set(place.key, { place, before: place.get() });
    };
    const { rows, logs, account: record } = tables;
    const events: OutboxTables = {
      ...outbox,
      setHead: (to) => (touch(head), outbox.setHead(to)),
      set: (number, to) => (touch(event(number)), outbox.set(number, to)),
      delete: (number, from) => (touch(event(number)), outbox.delete(number, from)),
    };
    return {
      ...tables,
      outbox: events,
      rows: {
        get: rows.get,
        after: rows.after,
        set: (id, text) => (touch(row(id)), rows.set(id, text)),
        delete: (id) => (touch(row(id)), rows.delete(id)),
      },
      logs: { get: logs.get, set: (limit, to) => (touch(log(limit)), logs.set(limit, to)) },
      account: {
        get: record.get,
        set(to) {
          touch(account);
          // A value that does not survive JSON throws here, so that only this unit fails and not its whole batch.
          record.set(to && read("account", encodeValue(to), readAccount));
        },
      },
    };
  }
}

/** The key of the row with that id. */
export function keyOfRow(id: string): string {
  return `users:${escapeColons(id)}`;
}

const headKey = "outbox";

/** Whether the place is an event, and its number. */
export function numberOf({ key }: Place): number | undefined {
  return key.startsWith("events:") ? Number(key.slice("events:".length)) : undefined;
}

function takeBack(noted: ReadonlyMap<string, Touched>): void {
  for (const { place, before } of noted.values()) place.put(before);
}

/** Whether it is a row, a log or an account record, and not a tombstone. */
export function isLive(text: string): boolean {
  return text !== "" && readLeft(text) === undefined;
}

/** The tombstone of a renamed id, with the row as long as that may not be stored under the new id. */
export function readLeft(
  text: string,
): { readonly renamedTo: string; readonly carries?: string } | undefined {
  // Checked by the prefix. A damaged row is reported when it is loaded.
  return isTombstoneText(text) ? (parsedIfJson(text) as { renamedTo: string } | undefined) : undefined;
}

/** Colons separate the parts of a key, and some stores skip keys with two colons in a row. */
export function escapeColons(name: string): string {
  return name.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function unescapeColons(name: string): string {
  return name.replaceAll("%3A", ":").replaceAll("%25", "%");
}

function readAccount(row: unknown): AccountRow | undefined {
  const isRow =
    typeof row === "object" && row !== null && "revision" in row && "writeId" in row && "value" in row;
  return isRow ? (row as AccountRow) : undefined; // just checked
}

function readHead(head: unknown): OutboxHead | undefined {
  const isHead = typeof head === "object" && head !== null && "last" in head && "trimmed" in head;
  return isHead ? (head as OutboxHead) : undefined; // just checked
}

function read<T>(key: string, text: string, reading: (it: unknown) => T | undefined): T {
  const it = reading(parsedIfJson(text));
  if (it !== undefined) return it;
  throw recordDamaged(
    `Cannot open the store: the value of "${key}" is damaged or was not written by this library`,
  );
}
