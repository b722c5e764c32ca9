/**
 * The state of one account on a Keyv store: read once, then decided in memory and written through.
 *
 * @module
 */
import type { Keyv, KeyvStoreAdapter } from "keyv";
import { randomName, type Clock } from "../../src/clock.ts";
import { isLifecycleError, type LifecycleError } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { inSteps, putAll, restoring, type Writing } from "../../src/store/table-store/place-writes.ts";
import { isLive, placesOf, type Change, type Place } from "../../src/store/table-store/places.ts";
import type { Tables } from "../../src/store/table-store/tables.ts";
import { decoded, entriesUnder, fullKey, readIdentity } from "./entries.ts";
import { onErrorOf, storageTrouble, Trouble, unavailable, unusable, within } from "./failures.ts";

/** Some storages answer nothing when a read fails, so a record is gone only if it is missing this often, in a row. */
const looks = 3;

/**
 * Keys that only a careless storage takes for `Probe`, or for each other: by case, a trailing space, and an accent in its
 * two forms of Unicode. Ids may differ in no more than that.
 */
const likeProbe = ["pROBE", "Probe ", "Prob\u00E9", "Probe\u0301"];

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
  let ended = false;
  let emittedError: unknown;
  /** Why the last batch failed. */
  let failure: unknown;
  /** This opening. The last one that may write has its mark in the storage, and those before stop when they see it. */
  const opening = randomName(clock);
  const mark: Writing = { place: { key: "Probe", get: () => opening, put() {} }, after: opening };
  /** The storage was emptied or opened anew, see {@link lostStore}. */
  let lost: LifecycleError | null = null;
  let emittedErrors = 0;
  const onError = (error: unknown): void => {
    emittedErrors++;
    emittedError = error ?? new Trouble("the store emitted an error");
  };

  async function writeAll(): Promise<void> {
    while (waiting.length > 0 || unsure.size > 0) {
      const { ran, changes } = places.rehearse(waiting.map(({ run }) => run));
      const units = waiting.splice(0, ran);
      try {
        await fly(async (over) => {
          if (lost !== null || changes.length > 0 || unsure.size > 0) await refuseLost(over);
          await store(over, changes);
        });
        for (const { place, after } of changes) place.put(after);
        for (const unit of units) unit.settle();
      } catch (cause) {
        failure = cause;
        for (const unit of units) unit.reject(lost ?? unavailable("write to", cause));
        if (waiting.length === 0) break;
      }
    }
    running = null;
  }

  /** Runs one attempt with a time limit. The signal aborts when the attempt is over. */
  async function fly(work: (over: AbortSignal) => Promise<void>): Promise<void> {
    const flight = new AbortController();
    try {
      await within(clock, timeoutMs, work(flight.signal));
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
    if (found.by !== opening)
      lost = lostStore("it was opened by another process, or restored, while this process had it open");
    else if (!found.isThere) lost = lostStore();
    if (lost !== null) throw lost;
  }

  /** Reads the storage itself: a Keyv without `throwOnErrors` answers nothing when a read fails, and reports no error. */
  async function read(key: string): Promise<string | undefined> {
    const storage = beneath.store as KeyvStoreAdapter; // part of Keyv's adapter contract
    const raw: unknown = await storage.get(fullKey(beneath, prefix + key));
    return raw === undefined || raw === null ? undefined : decoded(beneath, raw);
  }

  async function store(over: AbortSignal, changes: readonly Change[]): Promise<void> {
    if (adrift.length > 0) {
      // They should arrive before newer writes. They may never arrive, so wait once, with a limit.
      const landed = Promise.allSettled(adrift);
      adrift = [];
      await within(clock, timeoutMs / 2, landed).catch(() => {});
    }
    const doubts = [...unsure.values()];
    for (const step of restoring(doubts)) await put(over, step);
    trust(doubts);

    const marks = changes.map(({ place }) => doubt(place));
    for (const step of inSteps(changes)) await put(over, step);
    trust(marks);
    for (const { place, after } of changes)
      if (place.key.startsWith("users:") && !isLive(after)) doubt(place); // the old id may still carry the row
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

  /** Writes all texts concurrently; rejects if any of them is not acknowledged. */
  async function put(over: AbortSignal, texts: readonly Writing[]): Promise<void> {
    over.throwIfAborted();
    emittedError = undefined;
    const all = await Promise.allSettled(texts.map(({ place, after }) => send(over, place, after)));
    over.throwIfAborted(); // otherwise abandoned writes would count as written
    for (const end of all) if (end.status === "rejected") throw end.reason;
    if (emittedError !== undefined) throw storageTrouble(emittedError);
  }

  async function send(over: AbortSignal, place: Place, text: string): Promise<void> {
    const key = `${prefix}${place.key}`;
    // TTL 0 overrides the Keyv's default. For a missing key some storages return false from delete(), so its result is
    // ignored.
    const sent = text === "" ? beneath.delete(key).then(() => true) : beneath.set(key, text, 0);
    flying.add(sent);
    try {
      if (!(await sent)) throw new Trouble("set() answered false");
    } finally {
      flying.delete(sent);
      if (over.aborted && !ended) {
        doubt(place); // the write arrived late and may have overwritten a newer one
        running ??= writeAll();
      }
    }
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

  async function readAll(): Promise<void> {
    const entries = entriesUnder(beneath, prefix, clock, timeoutMs);
    const probe = (key: string): Writing => ({
      place: { key, get: () => "", put() {} },
      after: randomName(clock),
    });
    const likeMark = readOnly ? [] : likeProbe.map(probe);
    const probes = readOnly ? [] : [mark, ...likeMark];
    await fly((over) => put(over, probes));
    const texts = new Map<string, string>();
    for await (const [key, raw] of entries) texts.set(key, await decoded(beneath, raw));
    if (probes.some(({ place, after }) => texts.get(place.key) !== after)) {
      throw unusable(
        "its iterator must return every entry that was written, and its keys must be case-sensitive and differ in accents, in their form and in trailing spaces (a binary collation without PAD SPACE)",
      );
    }
    await fly((over) => remove(over, likeMark));
    const unfinished = putAll(places, texts);
    if (!readOnly) for (const step of unfinished) await fly((over) => put(over, step));
    else if (![...texts.keys()].some(places.find)) throw unusable("it must hold users of this client id");
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
