/**
 * Ordered tables in this process's memory, for the adapters that keep their index there, and the same tables as
 * texts under keys, for one that writes them elsewhere.
 *
 * @module
 */
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { lanes } from "./contract.ts";
import type { Lane } from "./contract.ts";
import { claimableAt, decodeHead, waitsIn } from "./rules.ts";
import type { Head } from "./rules.ts";
import { Sorted } from "./sorted.ts";
import type { AccountRow, LaneQueue, Tables } from "./tables.ts";
import { emptyLog } from "./window.ts";
import type { SlotLog } from "./window.ts";

/** Tables in memory, and what lies beneath the verbs. */
export interface MemoryTables extends Tables {
  readonly account: { get(): AccountRow | undefined; set(row: AccountRow | undefined): void };
  /** Every row, in the order in which the ids came. */
  entries(): Iterable<readonly [id: string, text: string]>;
  /**
   * Puts a row (`undefined`: none) in the place of what stands under the id, with all its entries in the indexes.
   * A row that cannot be read stands in none.
   */
  replace(id: string, text: string | undefined): void;
}

/** Empty tables. */
export function memoryTables(): MemoryTables {
  const rows = new Map<string, string>(); // as text, so that a caller's object can never be the stored one
  const states = new Map<string, Sorted<string>>();
  const logs = new Map<string, SlotLog>();
  let account: AccountRow | undefined;
  const group = (state: string): Sorted<string> => {
    const ids = states.get(state) ?? new Sorted((a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0));
    states.set(state, ids);
    return ids;
  };
  const tables: MemoryTables = {
    rows: { get: (id) => rows.get(id), set: (id, text) => void rows.set(id, text) },
    due: queue(),
    waiting: Object.fromEntries(lanes.map((lane) => [lane, queue()])) as Record<Lane, LaneQueue>, // of all lanes
    states: {
      add: (state, id) => group(state).add(id),
      delete: (state, id) => group(state).delete(id),
      page: (state, after, limit) => group(state).after(after, limit),
      counts() {
        const counts: Record<string, number> = {};
        for (const [state, ids] of states) if (ids.size > 0) counts[state] = ids.size;
        return counts;
      },
    },
    logs: { get: (limit) => logs.get(limit), set: (limit, log) => void logs.set(limit, log) },
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

/** Adds the entries of a row to the indexes, or takes them out. */
function index(tables: Tables, id: string, text: string | undefined, change: "add" | "delete"): void {
  const head = text === undefined ? undefined : readableHead(text);
  if (head === undefined) return;
  const at = claimableAt(head);
  if (at !== null) tables.due[change](at, id);
  const waits = waitsIn(head);
  // A row from outside may name a lane that there is not.
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

function queue(): LaneQueue {
  type Entry = { readonly at: number; readonly id: string };
  const sorted = new Sorted<Entry>((a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return {
    add: (at, id) => sorted.add({ at, id }),
    delete: (at, id) => sorted.delete({ at, id }),
    first: (limit) => sorted.after(undefined, limit),
    size: () => sorted.size,
  };
}

/** One thing in the tables, as text under a key; `""` = there is nothing. */
export interface Place {
  readonly key: string;
  get(): string;
  /** @throws {LifecycleError} `RECORD_DAMAGED` if a log or the account's record cannot be read; a row is not looked at */
  put(text: string): void;
}

/** What was in a place. */
interface Touched {
  readonly place: Place;
  readonly before: string;
}

/** What became of it. */
export interface Change extends Touched {
  readonly after: string;
}

/** Tables as texts under the keys `users:<id>`, `slots:<limit>` and `account`. */
export interface Places {
  readonly row: (id: string) => Place;
  /** The place with that key, if it is one. */
  readonly find: (key: string) => Place | undefined;
  /**
   * Runs units on the tables, and takes back all that they changed. A unit that renames somebody runs alone, as the
   * steps of {@link inSteps} want it; those from there on have not run.
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
    const get = (): string => JSON.stringify(tables.logs.get(limit) ?? emptyLog);
    return {
      key,
      get,
      put: (text) => tables.logs.set(limit, text === "" ? emptyLog : read(key, text, isLog)),
    };
  };
  const account: Place = {
    key: "account",
    get: () => JSON.stringify(tables.account.get()) ?? "",
    put: (text) => tables.account.set(text === "" ? undefined : read("account", text, isAccount)),
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

  /** The tables, noting what was where before it is changed. */
  function touching(noted: Map<string, Touched>): Tables {
    const touch = (place: Place): void => {
      if (!noted.has(place.key)) noted.set(place.key, { place, before: place.get() });
    };
    const { rows, logs, account: record } = tables;
    return {
      ...tables,
      rows: { get: rows.get, set: (id, text) => (touch(row(id)), rows.set(id, text)) },
      logs: { get: logs.get, set: (limit, to) => (touch(log(limit)), logs.set(limit, to)) },
      account: {
        get: record.get,
        set: (to) => (touch(account), record.set(read("account", accountText(to), isAccount))),
      },
    };
  }
}

function takeBack(noted: ReadonlyMap<string, Touched>): void {
  for (const { place, before } of noted.values()) place.put(before);
}

/** One text to be written. */
export type Writing = Pick<Change, "place" | "after">;

/**
 * What to write for these changes where no two writes are one unit: step by step, within a step at the same time.
 *
 * Logs and account come before rows, so that a crash in between may count a call that was never made, and not the
 * reverse. A rename crosses in one write: what is left under the old id carries the row until it stands under the new.
 */
export function inSteps(changes: readonly Change[]): readonly (readonly Writing[])[] {
  const rows = changes.filter(({ place }) => place.key.startsWith("users:"));
  const books = changes.filter((change) => !rows.includes(change));
  const live = rows.filter(({ after }) => isLive(after));
  const left = rows.filter((change) => !live.includes(change));
  const carries = live[0]?.after; // a rename is alone in its batch
  const loaded = (after: string): string => JSON.stringify({ ...readLeft(after), carries });
  return [books, left.map(({ place, after }) => ({ place, after: loaded(after) })), live];
}

/**
 * What to write so that these places hold what they should: first those of which nothing is left, or a user whose
 * rename failed might stand under both ids.
 */
export function restoring(places: readonly Place[]): readonly (readonly Writing[])[] {
  const all = places.map((place) => ({ place, after: place.get() }));
  return [false, true].map((live) => all.filter(({ after }) => isLive(after) === live));
}

/**
 * Puts texts into the tables, and ends renames of which a crash has kept the last step from being written: nothing
 * else was written under the new id since. What is to be written for that, step by step.
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
  for (const { place, after } of arriving) place.put(after); // over what the texts had there
  return [arriving, left];
}

/** Is there a row, a log, an account? Not what is left of a row that was renamed. */
export function isLive(text: string): boolean {
  return text !== "" && readLeft(text) === undefined;
}

/** What is left under an id that was renamed, with the row while it may not have arrived under the new one. */
function readLeft(text: string): { readonly renamedTo: string; readonly carries?: string } | undefined {
  try {
    return text.startsWith('{"renamedTo":"') ? (JSON.parse(text) as { renamedTo: string }) : undefined; // it begins so
  } catch {
    return undefined; // a damaged row, for whoever asks for it
  }
}

/** Colons part the words of a key, and some stores leave out keys with two of them in a row. */
export function escapeColons(name: string): string {
  return name.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function unescapeColons(name: string): string {
  return name.replaceAll("%3A", ":").replaceAll("%25", "%");
}

/** Throws here, while only its own unit fails, rather than later, with a batch. */
function accountText(row: AccountRow): string {
  try {
    return JSON.stringify(row);
  } catch (cause) {
    throw new LifecycleError("INVALID_OPTION", "Cannot store this value: it must survive JSON", { cause });
  }
}

function isAccount(row: unknown): row is AccountRow {
  return typeof row === "object" && row !== null && "revision" in row && "writeId" in row && "value" in row;
}

function isLog(log: unknown): log is SlotLog {
  return Array.isArray(log) && log.every((moment) => Array.isArray(moment) && moment.length === 4);
}

function read<T>(key: string, text: string, passes: (it: unknown) => it is T): T {
  try {
    const it: unknown = JSON.parse(text);
    if (passes(it)) return it;
  } catch {
    // said below
  }
  throw new LifecycleError("RECORD_DAMAGED", `Cannot open the store: what stands under "${key}" is not ours`);
}
