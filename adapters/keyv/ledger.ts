/**
 * The state of one account on a Keyv store: read once, then decided in memory and written through.
 *
 * @module
 */
import type { Keyv, KeyvStoreAdapter } from "keyv";
import { randomName, sleep, type Clock } from "../../src/clock.ts";
import { isLifecycleError, type LifecycleError } from "../../src/errors.ts";
import { isError } from "../../src/realms.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { inSteps, putAll, restoring, type Writing } from "../../src/store/table-store/place-writes.ts";
import { isLive, placesOf, type Change, type Place } from "../../src/store/table-store/places.ts";
import type { Tables } from "../../src/store/table-store/tables.ts";
import { decoded, entriesUnder, expires, fullKey, lifetimeOf, readIdentity } from "./entries.ts";
import {
  Late,
  onErrorOf,
  refusedKeyError,
  storageTrouble,
  Trouble,
  unavailable,
  unusable,
  within,
} from "./failures.ts";
import { formerTrials, trials } from "./trial-keys.ts";

/** Some storages answer nothing when a read fails, so a record is gone only if it is missing this often, in a row. */
const looks = 3;

/** One whose reads lag may show the mark of the opening before for this long, in pauses of this length, ms. */
const [longestLagMs, lagPauseMs] = [2_500, 250];

/** How often the entries are read until they are the same twice. */
const mostScans = 5;

/** The most units in a batch, and writes at once: each has the time limit to itself. */
const mostAtOnce = 64;
/** If so many fail one after the other, it may not be because of them. */
const mostFailures = 3;

/** Many storages hold shorter keys than this library may write, such as 255 characters, and refuse or cut longer ones. */
const surelyHeld = 200;

/** Whether a change adds a user. */
function isNewRow({ place, before, after }: Change): boolean {
  return place.key.startsWith("users:") && before === "" && after !== "";
}

/** The state shared by all openings of one account. */
export interface Ledger {
  readonly tables: Tables;
  /** Finds out whether the storage was emptied since, see {@link lostStore}. */
  isLost(): Promise<boolean>;
  /** Runs `unit`; resolves with its result once Keyv has acknowledged its changes. */
  write<T>(unit: (tables: Tables) => T): Promise<T>;
  /** Writes one key, along with everything that Keyv may not hold yet. */
  probe(): Promise<void>;
  /** Resolves when no write is pending, or when waiting has timed out. */
  quiet(): Promise<void>;
  end(): void;
}

/**
 * Reads the account, then writes every change.
 *
 * A batch of units runs against the tables; its changes are rolled back, written to Keyv, and applied to the tables
 * once Keyv has acknowledged all of them. So no reader sees data that may not be durable, and a failed batch needs no
 * undo.
 */
export async function openLedger(
  beneath: Keyv,
  prefix: string,
  clock: Clock,
  timeoutMs: number,
  readOnly: boolean,
): Promise<Ledger> {
  const tables = memoryTables();
  const places = placesOf(tables);
  const waiting: { run(tables: Tables): void; settle(): void; reject(error: unknown): void }[] = [];
  /** Places where Keyv may differ from memory because a write failed. Rewritten before the next batch. */
  const unsure = new Map<string, Place>();
  const flying = new Set<Promise<unknown>>();
  /** Writes that timed out and may still arrive. */
  let adrift: readonly Promise<unknown>[] = [];
  let running: Promise<void> | null = null;
  /** Fewer after one that took too long, because a storage may carry them out one after the other. */
  let width = mostAtOnce;
  let ended = false;
  let emittedError: unknown;
  /** Why the last batch failed. */
  let failure: unknown;
  /** This opening. The last one that may write has its mark in the storage, and those before stop when they see it. */
  const opening = randomName(clock);
  const mark: Writing = { place: { key: "Probe", get: () => opening, put() {} }, after: opening };
  /** The mark of the opening before. */
  let former: string | undefined;
  /** The storage was emptied or opened anew, see {@link lostStore}. */
  let lost: LifecycleError | null = null;
  let emittedErrors = 0;
  const onError = (error: unknown): void => {
    emittedErrors++;
    emittedError = error ?? new Trouble("the store emitted an error");
  };

  async function writeAll(): Promise<void> {
    /** Units that run alone, because one of them may have made their batch fail; how many of them have failed in a row. */
    let [alone, failures] = [0, 0];
    while (waiting.length > 0 || unsure.size > 0) {
      const next = waiting.slice(0, alone > 0 ? 1 : mostAtOnce);
      const { ran, changes } = places.rehearse(next.map(({ run }) => run));
      const units = waiting.splice(0, ran);
      alone = Math.max(0, alone - ran);
      try {
        await fly(async (over) => {
          if (lost !== null || changes.length > 0 || unsure.size > 0) await refuseLost(over);
          await store(over, changes);
        });
        for (const { place, after } of changes) place.put(after);
        for (const unit of units) unit.settle();
        failures = 0;
        if (units.length + waiting.length === 0) break; // what is still unsure waits for the next batch
      } catch (cause) {
        failure = cause;
        if (units.length > 1 && lost === null && !(cause instanceof Late)) {
          waiting.unshift(...units);
          alone = units.length;
          continue;
        }
        const refused = lost === null ? await refusedKey(changes, cause) : null;
        if (refused !== null) failures = 0;
        else if (++failures % mostFailures === 0 && !(await works())) units.push(...waiting.splice(0, alone));
        for (const unit of units) unit.reject(lost ?? refused ?? unavailable("write to", cause));
        if (waiting.length === 0) break;
      }
    }
    running = null;
  }

  /** Whether the storage takes a write. */
  async function works(): Promise<boolean> {
    return fly((over) => put(over, [mark])).then(
      () => true,
      () => false,
    );
  }

  /** The error for a new row whose long key the storage refuses for good, while it takes others; `null`: it is not that. */
  async function refusedKey(changes: readonly Change[], cause: unknown): Promise<LifecycleError | null> {
    const row = changes.find((change) => isNewRow(change) && change.place.key.length > surelyHeld);
    if (row === undefined || cause instanceof Late) return null;
    const again = await fly((over) => store(over, changes)).then(
      () => null,
      (error: unknown) => error,
    );
    if (again === null || again instanceof Late || !(await works())) return null;
    return refusedKeyError(prefix + row.place.key, cause);
  }

  /** Runs one attempt, of which each read and write has a time limit. The signal aborts when the attempt is over. */
  async function fly(work: (over: AbortSignal) => Promise<void>): Promise<void> {
    const flight = new AbortController();
    try {
      await work(flight.signal);
    } catch (error) {
      adrift = [...flying];
      throw error;
    } finally {
      flight.abort();
    }
  }

  /**
   * Reads the mark of the last opening and the account's record, before a write, which Keyv cannot make one unit: if the
   * mark is another's, another process has taken over; if the record is gone while the storage answers, or was created
   * anew, the storage was emptied.
   */
  async function refuseLost(over: AbortSignal): Promise<void> {
    if (lost !== null) throw lost;
    const held = tables.account.get();
    const look = async (): Promise<{ readonly by: unknown; readonly isThere: boolean }> => {
      const before = emittedErrors;
      const [by, text] = await Promise.all(["Probe", "account"].map(read));
      over.throwIfAborted();
      if (emittedErrors > before) throw storageTrouble(emittedError);
      const isKnown = held?.identity !== undefined && !unsure.has("account");
      const isThere = !isKnown || (typeof text === "string" && readIdentity(text) === held.identity);
      return { by, isThere };
    };
    const lags = (by: unknown): boolean => by === former && by !== opening;
    let found = await look();
    if (found.by === undefined) {
      if (found.isThere) return; // only the mark was deleted
      // A storage that fails may answer nothing instead of rejecting, so what was just written must be found.
      await put(over, [mark]);
      found = await look();
      if (found.by === undefined) throw new Trouble("it does not return what it stores");
    }
    for (let times = 1; found.by === opening && !found.isThere && times < looks; times++)
      found = await look();
    for (let lagMs = 0; lags(found.by) && lagMs < longestLagMs; lagMs += lagPauseMs) {
      await sleep(clock, lagPauseMs);
      found = await look();
    }
    if (found.by !== opening)
      lost = lostStore("it was opened by another process, or restored, while this process had it open");
    else if (!found.isThere) lost = lostStore();
    if (lost !== null) throw lost;
  }

  /** Reads the storage itself: a Keyv without `throwOnErrors` answers nothing when a read fails, and reports no error. */
  async function read(key: string): Promise<string | undefined> {
    const storage = beneath.store as KeyvStoreAdapter; // part of Keyv's adapter contract
    const asked = (async (): Promise<unknown> => storage.get(fullKey(beneath, prefix + key)))();
    asked.catch(report);
    const raw = await within(clock, timeoutMs, asked);
    return raw === undefined || raw === null ? undefined : decoded(beneath, raw);
  }

  /** Lets the application hear what a Keyv would have reported, had it read by itself. */
  function report(error: unknown): void {
    if (isError(error)) beneath.emit("error", error);
  }

  async function store(over: AbortSignal, changes: readonly Change[]): Promise<void> {
    if (adrift.length > 0) {
      // They should arrive before newer writes. They may never arrive, so wait once, with a limit.
      const landed = Promise.allSettled(adrift);
      adrift = [];
      await within(clock, timeoutMs / 2, landed).catch(() => {});
    }
    await restore(over);

    const marks = changes.map(({ place }) => doubt(place));
    for (const step of inSteps(changes)) await put(over, step);
    await refuseMisplaced(over, changes.filter(isNewRow));
    trust(marks);
    for (const { place, after } of changes)
      if (place.key.startsWith("users:") && !isLive(after)) doubt(place); // the old id may still carry the row
  }

  /** A storage may cut a key or change a character, and answer that it has stored the row: what is new is read back. */
  async function refuseMisplaced(over: AbortSignal, rows: readonly Change[]): Promise<void> {
    for (let lagMs = 0; ; lagMs += lagPauseMs) {
      const found = await Promise.all(rows.map(({ place }) => read(place.key)));
      over.throwIfAborted();
      const texts = new Set(rows.filter((_, at) => found[at] === undefined).map(({ after }) => after));
      if (texts.size === 0) return;
      for (const [key, raw] of await scanned()) {
        const text = await decoded(beneath, raw);
        const place = places.find(key);
        if (place === undefined || !texts.delete(text)) continue;
        if (rows.some((row) => row.place.key === key)) continue; // it is there, and only not read yet
        doubt(place); // another's, or one that only the storage knows: it becomes again what memory holds
        throw new Trouble("it keeps a row under another key");
      }
      if (texts.size === 0) return;
      if (lagMs >= longestLagMs) throw new Trouble("it does not return what it stores");
      await sleep(clock, lagPauseMs);
    }
  }

  /** Writes what memory holds of the places that are unsure. Each counts as written once it is. */
  async function restore(over: AbortSignal): Promise<void> {
    for (const step of restoring([...unsure.values()])) {
      for (let at = 0; at < step.length;) {
        const part = step.slice(at, at + width);
        try {
          await restorePart(over, part);
        } catch (error) {
          if (over.aborted || error instanceof Late) throw error;
          await restoreSingly(over, part);
        }
        at += part.length;
      }
    }
  }

  async function restorePart(over: AbortSignal, part: readonly Writing[]): Promise<void> {
    const marks = part.map(({ place }) => unsure.get(place.key)).filter((mark) => mark !== undefined);
    await put(over, part);
    trust(marks);
  }

  /**
   * One after the other. What the storage refuses, and holds as memory does, holds up no other write: a row whose key is too
   * long was never there, and cannot be deleted either.
   */
  async function restoreSingly(over: AbortSignal, part: readonly Writing[]): Promise<void> {
    const refused: Writing[] = [];
    let failed: unknown;
    let inARow = 0;
    for (const writing of part) {
      try {
        await restorePart(over, [writing]);
        inARow = 0;
      } catch (error) {
        if (over.aborted || error instanceof Late) throw error;
        failed = error;
        refused.push(writing);
        if (++inARow % mostFailures === 0) await put(over, [mark]); // is it because of them, or does the storage fail?
      }
    }
    if (refused.length === 0) return;
    const there = await scanned();
    for (const { place } of refused) {
      const raw = there.get(place.key);
      const isHeld = (raw === undefined ? "" : await decoded(beneath, raw)) === place.get();
      if (!isHeld || place.key === mark.place.key) throw failed; // the mark is written to see whether it can be
      unsure.delete(place.key);
    }
  }

  /** Marks a place as unsure. Each mark is a new object, so clearing an older mark does not clear a newer one. */
  function doubt(place: Place): Place {
    const mark = { ...place };
    unsure.set(place.key, mark);
    return mark;
  }

  function trust(marks: readonly Place[]): void {
    for (const mark of marks) if (unsure.get(mark.key) === mark) unsure.delete(mark.key);
  }

  /** Writes all texts, some at once; rejects if any of them is not acknowledged. */
  async function put(over: AbortSignal, texts: readonly Writing[]): Promise<void> {
    for (let at = 0; at < texts.length;) {
      over.throwIfAborted();
      const part = texts.slice(at, at + width);
      const before = emittedErrors;
      const all = await Promise.allSettled(part.map(({ place, after }) => send(over, place, after)));
      over.throwIfAborted(); // otherwise abandoned writes would count as written
      const reasons = all.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
      const late = reasons.find((reason) => reason instanceof Late);
      width = late === undefined ? Math.min(mostAtOnce, 2 * width) : Math.max(1, Math.floor(width / 4));
      if (late !== undefined) throw late;
      if (emittedErrors > before) throw storageTrouble(emittedError);
      if (reasons.length > 0) throw reasons[0];
      at += part.length;
    }
  }

  async function send(over: AbortSignal, place: Place, text: string): Promise<void> {
    const key = `${prefix}${place.key}`;
    // TTL 0 overrides the Keyv's default.
    const sent = text === "" ? deleted(place) : beneath.set(key, text, 0);
    flying.add(sent);
    const landed = (): void => {
      flying.delete(sent);
      if (!over.aborted || ended) return;
      doubt(place); // the write arrived late and may have overwritten a newer one
      running ??= writeAll();
    };
    sent.then(landed, landed);
    if (!(await within(clock, timeoutMs, sent)))
      throw new Trouble(text === "" ? "delete() left it there" : "set() answered false");
  }

  /** Some storages answer false for a key that is missing, and a Keyv without `emitErrors` for one that it could not delete. */
  async function deleted({ key }: Place): Promise<boolean> {
    return (await beneath.delete(prefix + key)) || (await read(key)) === undefined;
  }

  /** A storage that only says so would bring back the events of a user who was forgotten. */
  async function remove(over: AbortSignal, texts: readonly Writing[]): Promise<void> {
    await put(
      over,
      texts.map(({ place }) => ({ place, after: "" })),
    );
    const left = await Promise.all(texts.map(({ place }) => read(place.key)));
    if (left.some((text) => text !== undefined))
      throw unusable("what it has deleted must be gone, and it still returns it");
  }

  /** The raw entries. A storage may end its iterator where it fails, and only report an error. */
  async function scan(): Promise<Map<string, unknown>> {
    const before = emittedErrors;
    const found = new Map<string, unknown>();
    try {
      for await (const [key, raw] of entriesUnder(beneath, prefix, clock, timeoutMs)) found.set(key, raw);
    } catch (error) {
      if (!(error instanceof Trouble) && !isLifecycleError(error)) report(error);
      throw error;
    }
    if (emittedErrors > before) throw storageTrouble(emittedError);
    return found;
  }

  /**
   * The same, read until it has the same keys twice: an iterator that reads page after page may skip an entry where another
   * one is removed meanwhile. Beside a process that writes, all that was found counts.
   */
  async function scanned(): Promise<ReadonlyMap<string, unknown>> {
    let found = await scan();
    for (let times = 1; times < mostScans; times++) {
      const again = await scan();
      const isSame = again.size === found.size && [...again.keys()].every((key) => found.has(key));
      if (isSame) return again;
      found = readOnly ? new Map([...found, ...again]) : again;
    }
    if (readOnly) return found;
    throw new Trouble("its iterator returns other entries each time");
  }

  async function readAll(): Promise<void> {
    const since = clock.now();
    const tried = readOnly ? [] : trials(opening, since);
    if (!readOnly) {
      if (lifetimeOf(beneath.store) > 0)
        throw unusable("its entries must not expire, and its storage adapter has a ttl for all of them");
      former = await read("Probe");
      await fly((over) => put(over, [mark]));
      await fly((over) => put(over, tried)).catch(refuseLetters);
    }
    const entries = await scanned();
    const texts = new Map<string, string>();
    for (const [key, raw] of entries) texts.set(key, await decoded(beneath, raw));
    if (!readOnly) {
      const found = texts.get("Probe");
      if (found === undefined)
        throw unusable("its iterator must return every entry, and it lacks one that was just written");
      if (await expires(beneath, entries.get("Probe")))
        throw unusable("its entries must not expire, and what was just written does");
      if (found !== opening && /^\w+$/.test(found) && found !== "damaged")
        throw unusable("another process has opened it at the same moment, and only one at a time may use it");
      if (found !== opening)
        throw unusable(
          "what it stores must come back as it was, and a hook or its serializer has changed it",
        );
      if (tried.some(({ place, after }) => texts.get(place.key) !== after))
        throw unusable(
          "its keys must be case-sensitive and differ in accents, in their form and in trailing spaces (a binary collation without PAD SPACE), and keep all letters (utf8mb4)",
        );
    }
    if (!readOnly) await fly((over) => remove(over, [...tried, ...formerTrials(texts, since)]));
    const unfinished = putAll(places, texts);
    if (!readOnly) for (const step of unfinished) await fly((over) => put(over, step));
    else if (![...texts.keys()].some(places.find)) throw unusable("it must hold users of this client id");
  }

  /** The keys failed that differ in letters only, though the mark was just written. */
  async function refuseLetters(cause: unknown): Promise<void> {
    if (cause instanceof Late || !(await works())) throw cause;
    throw unusable("it must take keys with any letters (utf8mb4), and it refuses some", cause);
  }

  const off = onErrorOf([beneath], onError);
  const end = (): void => {
    ended = true;
    off();
  };
  try {
    await readAll();
  } catch (cause) {
    end();
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  }
  return {
    tables,
    async isLost() {
      await fly(refuseLost).catch(() => {}); // an unavailable storage is not lost
      return lost !== null;
    },
    write: <T>(unit: (tables: Tables) => T): Promise<T> =>
      new Promise((resolve, reject) => {
        let settle: () => void;
        const run = (rehearsed: Tables): void => {
          try {
            const value = unit(rehearsed);
            settle = () => resolve(value);
          } catch (error) {
            settle = () => reject(error); // it has changed nothing and does not affect other units
          }
        };
        waiting.push({ run, settle: () => settle(), reject });
        running ??= writeAll();
      }),
    async probe(): Promise<void> {
      doubt(mark.place);
      running ??= writeAll();
      await running;
      if (unsure.has("Probe")) throw lost ?? unavailable("write to", failure);
    },
    async quiet(): Promise<void> {
      await running;
      if (flying.size > 0) await within(clock, timeoutMs, Promise.allSettled(flying)).catch(() => {});
      if (unsure.size > 0) running ??= writeAll(); // last chance to correct these places
      await running;
    },
    end,
  };
}
