/**
 * Ordered tables in memory, for adapters that keep their index there, and the same tables as texts by key, for an
 * adapter that stores them elsewhere.
 *
 * @module
 */
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { lanes, type Lane } from "../contract.ts";
import { claimableAt, decodeHead, isTombstoneText, waitsIn, type Head } from "../row-rules.ts";
import { memoryOutbox } from "./memory-outbox.ts";
import { Sorted } from "./sorted.ts";
import type { AccountRow, LaneQueue, Tables } from "./tables.ts";
import { newLog, readLog, type KeptLog } from "../slot-log.ts";

/** In-memory tables, with access to their contents. */
export interface MemoryTables extends Tables {
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow | undefined): void };
  /** All rows, in order of insertion. */
  entries(): Iterable<readonly [id: string, text: string]>;
  /**
   * Replaces the row under the id (`undefined`: removes it), with all its index entries. An unreadable row has no index
   * entries.
   */
  replace(id: string, text: string | undefined): void;
}

/** Empty tables. */
export function memoryTables(): MemoryTables {
  const rows = new Map<string, string>(); // as text, so that a caller cannot mutate the stored object
  const states = new Map<string, Sorted<string>>();
  const logs = new Map<string, KeptLog>();
  let account: AccountRow | undefined;
  const group = (state: string): Sorted<string> => {
    const ids = states.get(state) ?? new Sorted(compareIds);
    states.set(state, ids);
    return ids;
  };
  const tables: MemoryTables = {
    rows: {
      get: (id) => rows.get(id),
      set: (id, text) => void rows.set(id, text),
      delete: (id) => void rows.delete(id),
    },
    due: queue(),
    waiting: Object.fromEntries(lanes.map((lane) => [lane, queue()])) as Record<Lane, LaneQueue>, // covers all lanes
    states: {
      add: (state, id) => group(state).add(id),
      delete: (state, id) => group(state).delete(id),
      page(state, after, limit) {
        if (state !== undefined) return group(state).after(after, limit);
        const pages = [...states.values()].map((ids) => ids.after(after, limit));
        return pages.flat().toSorted(compareIds).slice(0, limit);
      },
      counts() {
        const counts: Record<string, number> = {};
        for (const [state, ids] of states) if (ids.size > 0) counts[state] = ids.size;
        return counts;
      },
    },
    logs: { get: (limit) => logs.get(limit), set: (limit, log) => void logs.set(limit, log) },
    outbox: memoryOutbox(),
    account: { get: () => account, set: (row) => void (account = structuredClone(row)) },
    entries: () => rows.entries(),
    replace(id, text) {
      index(tables, id, rows.get(id), "delete");
      if (text === undefined) rows.delete(id);
      else rows.set(id, text);
      index(tables, id, text, "add");
    },
  };
  return tables;
}

/** Adds the index entries of a row, or removes them. */
function index(tables: Tables, id: string, text: string | undefined, change: "add" | "delete"): void {
  const head = text === undefined ? undefined : readableHead(text);
  if (head === undefined) return;
  const at = claimableAt(head);
  if (at !== null) tables.due[change](at, id);
  const waits = waitsIn(head);
  // A row from outside may name an unknown lane.
  if (waits !== null && lanes.includes(waits.lane)) tables.waiting[waits.lane][change](waits.since, id);
  tables.states[change](head.state, id);
}

function readableHead(text: string): Head | undefined {
  try {
    const head = decodeHead(text);
    return "renamedTo" in head ? undefined : head;
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return undefined;
    throw error;
  }
}

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function queue(): LaneQueue {
  type Entry = { readonly at: number; readonly id: string };
  const sorted = new Sorted<Entry>((a, b) => a.at - b.at || compareIds(a.id, b.id));
  return {
    add: (at, id) => sorted.add({ at, id }),
    delete: (at, id) => sorted.delete({ at, id }),
    first: (limit, from) => sorted.after(from === undefined ? undefined : { at: from, id: "" }, limit),
    size: () => sorted.size,
  };
}

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

/** Tables as texts under the keys `users:<id>`, `slots:<limit>` and `account`. */
export interface Places {
  readonly row: (id: string) => Place;
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
    key: `users:${escapeColons(id)}`,
    get: () => tables.rows.get(id) ?? "",
    put: (text) => tables.replace(id, text === "" ? undefined : text),
  });
  const log = (limit: string): Place => {
    const key = `slots:${escapeColons(limit)}`;
    const get = (): string => JSON.stringify(tables.logs.get(limit) ?? newLog);
    return {
      key,
      get,
      put: (text) => tables.logs.set(limit, text === "" ? newLog : read(key, text, readLog)),
    };
  };
  const account: Place = {
    key: "account",
    get: () => JSON.stringify(tables.account.get()) ?? "",
    put: (text) => tables.account.set(text === "" ? undefined : read("account", text, readAccount)),
  };
  return {
    row,
    find(key) {
      if (key === "account") return account;
      const [, kind, name] = /^(users|slots):(.*)$/su.exec(key) ?? [];
      if (name === undefined) return undefined;
      return kind === "users" ? row(unescapeColons(name)) : log(unescapeColons(name));
    },
    rehearse(units) {
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
      takeBack(batch);
      return { ran, changes };
    },
  };

  /** The tables, recording the previous text of a place before it changes. */
  function touching(noted: Map<string, Touched>): Tables {
    const touch = (place: Place): void => {
      if (!noted.has(place.key)) noted.set(place.key, { place, before: place.get() });
    };
    const { rows, logs, account: record } = tables;
    return {
      ...tables,
      outbox: memoryOutbox(), // not stored yet
      rows: {
        get: rows.get,
        set: (id, text) => (touch(row(id)), rows.set(id, text)),
        delete: (id) => (touch(row(id)), rows.delete(id)),
      },
      logs: { get: logs.get, set: (limit, to) => (touch(log(limit)), logs.set(limit, to)) },
      account: {
        get: record.get,
        set: (to) => (touch(account), record.set(read("account", accountText(to), readAccount))),
      },
    };
  }
}

function takeBack(noted: ReadonlyMap<string, Touched>): void {
  for (const { place, before } of noted.values()) place.put(before);
}

/** One text to write. */
export type Writing = Pick<Change, "place" | "after">;

/**
 * The writes for these changes, for a store without transactions: a list of steps, with the writes of a step made
 * concurrently.
 *
 * Logs and account record come before rows, so that a crash in between can only count a call that was never made, not
 * miss one that was. A rename is committed by one write: the tombstone under the old id carries the row until it is
 * stored under the new id.
 */
export function inSteps(changes: readonly Change[]): readonly (readonly Writing[])[] {
  const rows = changes.filter(({ place }) => place.key.startsWith("users:"));
  const books = changes.filter((change) => !rows.includes(change));
  const live = rows.filter(({ after }) => isLive(after));
  const left = rows.filter((change) => !live.includes(change));
  const carries = live[0]?.after; // a rename is alone in its batch
  const loaded = (after: string): string =>
    after === "" ? "" : JSON.stringify({ ...readLeft(after), carries });
  return [books, left.map(({ place, after }) => ({ place, after: loaded(after) })), live];
}

/**
 * The writes that restore these places. Tombstones and deletions come first; otherwise a user whose rename failed could
 * exist under both ids.
 */
export function restoring(places: readonly Place[]): readonly (readonly Writing[])[] {
  const all = places.map((place) => ({ place, after: place.get() }));
  return [false, true].map((live) => all.filter(({ after }) => isLive(after) === live));
}

/**
 * Loads texts into the tables, and completes renames whose last write was lost in a crash: until then nothing else was
 * written under the new id. Returns the writes needed for that, step by step.
 */
export function putAll(
  { find, row }: Places,
  texts: ReadonlyMap<string, string>,
): readonly (readonly Writing[])[] {
  const arriving: Writing[] = [];
  const left: Writing[] = [];
  for (const [key, text] of texts) {
    const place = find(key);
    const { renamedTo, carries } = readLeft(text) ?? {};
    place?.put(renamedTo === undefined ? text : JSON.stringify({ renamedTo }));
    if (place === undefined || renamedTo === undefined || carries === undefined) continue;
    arriving.push({ place: row(renamedTo), after: carries });
    left.push({ place, after: place.get() });
  }
  for (const { place, after } of arriving) place.put(after); // replaces what the texts contained there
  return [arriving, left];
}

/** Whether it is a row, a log or an account record, and not a tombstone. */
export function isLive(text: string): boolean {
  return text !== "" && readLeft(text) === undefined;
}

/** The tombstone of a renamed id, with the row as long as that may not be stored under the new id. */
function readLeft(text: string): { readonly renamedTo: string; readonly carries?: string } | undefined {
  try {
    return isTombstoneText(text) ? (JSON.parse(text) as { renamedTo: string }) : undefined; // checked by the prefix
  } catch {
    return undefined; // a damaged row, reported when it is loaded
  }
}

/** Colons separate the parts of a key, and some stores skip keys with two colons in a row. */
export function escapeColons(name: string): string {
  return name.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function unescapeColons(name: string): string {
  return name.replaceAll("%3A", ":").replaceAll("%25", "%");
}

/** Throws here, so that only this unit fails and not its whole batch. */
function accountText(row: AccountRow): string {
  try {
    return JSON.stringify(row);
  } catch (cause) {
    throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON", { cause });
  }
}

function readAccount(row: unknown): AccountRow | undefined {
  const isRow =
    typeof row === "object" && row !== null && "revision" in row && "writeId" in row && "value" in row;
  return isRow ? (row as AccountRow) : undefined; // just checked
}

function read<T>(key: string, text: string, reading: (it: unknown) => T | undefined): T {
  try {
    const it = reading(JSON.parse(text));
    if (it !== undefined) return it;
  } catch {
    // throws below
  }
  throw new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot open the store: the value of "${key}" is damaged or was not written by this library`,
  );
}
