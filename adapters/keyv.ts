/**
 * Any other Keyv store as the place where users are kept: for some thousand users in one process.
 *
 * @module
 */
import { Keyv } from "keyv";
import type { KeyvStoreAdapter } from "keyv";
import { randomName } from "../src/clock.ts";
import type { Clock } from "../src/clock.ts";
import { isLifecycleError, LifecycleError, underneath } from "../src/errors.ts";
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { escapeColons, inSteps, isLive, memoryTables } from "../src/store/memory-tables.ts";
import { placesOf, putAll, restoring } from "../src/store/memory-tables.ts";
import type { Change, Place, Writing } from "../src/store/memory-tables.ts";
import { tableStore } from "../src/store/tables.ts";
import type { Tables } from "../src/store/tables.ts";
import { storageTrouble, Trouble, unavailable, unusable, within } from "./keyv/failures.ts";

/** Options of {@link keyv}. */
export interface KeyvOptions {
  /** How long one read or write of the Keyv store may take, in milliseconds, more than 0. @default 5000 */
  readonly timeoutMs?: number;
  /** Does what is written outlive the process? If so, secrets need a key. @default false for a Map, otherwise true */
  readonly durable?: boolean;
}

/**
 * A store on any Keyv store whose adapter has an iterator.
 *
 * **One process at a time.** Keyv has no compare-and-set, so this adapter decides in its own memory: a second process
 * on the same data would not be noticed, and both would lose writes. Everything is read once, when it is opened, and
 * stays in memory. It is as durable as the Keyv store beneath: a promise resolves when that has acknowledged the write.
 * For several processes take `lmdb` or `redis`.
 * Commands that only look may be run beside it: they write nothing, and show what was there when they began.
 *
 * Every user stands under `<account>:users:<id>` as text in Keyv's own form, so keys may grow to some 550 bytes
 * (`keySize` of `@keyv/postgres` and `@keyv/mysql`), and the store must tell upper from lower case. A default time to
 * live of the Keyv does not apply. `close()` leaves the Keyv connected.
 *
 * A failure is told without the words of the storage beneath, which may quote keys, and so ids of users: listen to the
 * `error` event of the Keyv for those.
 *
 * @param store a Keyv, or a Keyv storage adapter
 * @throws {LifecycleError} `INVALID_OPTION` at once. On opening: `STORE_UNUSABLE` without a working iterator,
 *   `STORE_UNAVAILABLE` if the Keyv store does not answer, `RECORD_DAMAGED` if the account or a log cannot be read
 * @example
 * ```ts
 * import { Keyv } from "keyv";
 * import { keyv } from "oneup-lifecycle/adapters/keyv";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const store = keyv(new Keyv({ throwOnErrors: true })); // or on any storage adapter: { store: new KeyvSqlite(…) }
 * const { lifecycle } = await createTestLifecycle({ lifecycle: { store, encryption: { keys: ["0".repeat(64)] } } });
 * await lifecycle.onboard("ada");
 * await lifecycle.close();
 * ```
 */
export function keyv(store: Keyv | KeyvStoreAdapter, options: KeyvOptions = {}): StoreAdapter {
  const { timeoutMs = 5_000 } = options;
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use a Keyv store: timeoutMs must be a number above 0, not ${String(timeoutMs)}`,
    );
  }
  const beneath = asKeyv(store);
  return {
    name: "keyv",
    durable: options.durable ?? !(beneath.store instanceof Map),
    async open({ account, clock, readOnly = false }): Promise<Store> {
      const prefix = `${escapeColons(account)}:`;
      const { ledger, leave } = await join(beneath.store as object, fullKey(beneath, prefix), readOnly, () =>
        openLedger(beneath, prefix, clock, timeoutMs, readOnly),
      );
      let closed = false;
      const openOnly = (): void => {
        if (closed) throw new LifecycleError("CLOSED", "Cannot use the Keyv store: it was closed");
      };
      return tableStore({
        async write(unit) {
          openOnly();
          return ledger.write((tables) => unit(tables, ledger.now(clock)));
        },
        read(unit) {
          openOnly();
          return unit(ledger.tables, ledger.now(clock));
        },
        async close() {
          if (closed) return;
          closed = true;
          await leave();
        },
      });
    },
  };
}

function asKeyv(store: Keyv | KeyvStoreAdapter): Keyv {
  try {
    if (store instanceof Keyv || "useKeyPrefix" in store) return store as Keyv; // or that of another copy of Keyv
    return new Keyv({ store, namespace: store.namespace ?? "keyv", throwOnErrors: true });
  } catch (cause) {
    throw new LifecycleError("INVALID_OPTION", "Cannot use a Keyv store: Keyv does not accept this", {
      cause: underneath(cause),
    });
  }
}

const open = new WeakMap<object, Map<string, { readonly opening: Promise<Ledger>; openings: number }>>();

/**
 * Joins the ledger of the account that is open on this Keyv store, or opens it; the last one that leaves ends it.
 * Whoever only reads sees what others here write, if they were first; nobody writes upon a ledger that was opened to read.
 */
async function join(
  store: object,
  account: string,
  readOnly: boolean,
  opened: () => Promise<Ledger>,
): Promise<{ readonly ledger: Ledger; readonly leave: () => Promise<void> }> {
  const ledgers = open.get(store) ?? new Map<string, { opening: Promise<Ledger>; openings: number }>();
  open.set(store, ledgers);
  const name = readOnly && !ledgers.has(account) ? `${account}read only` : account; // an account ends in a colon
  const entry = ledgers.get(name) ?? { opening: opened(), openings: 0 };
  ledgers.set(name, entry);
  entry.openings++;
  const leave = async (): Promise<void> => {
    const ledger = await entry.opening.catch(() => undefined);
    await ledger?.quiet();
    if (--entry.openings > 0) return;
    ledgers.delete(name);
    ledger?.end();
  };
  try {
    return { ledger: await entry.opening, leave };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** What all openings of one account share. */
type Ledger = Awaited<ReturnType<typeof openLedger>>;

/** A Keyv or its storage adapter, as far as it tells of its errors. */
interface Emitter {
  on?(event: "error", listener: (error: unknown) => void): unknown;
  off?(event: "error", listener: (error: unknown) => void): unknown;
}

/**
 * Reads the account, and from then on writes what changes.
 *
 * A batch of units runs on the tables, what it changed is taken back, written to Keyv, and put into the tables when
 * that has acknowledged all of it: nobody reads what may not last, and a batch that fails leaves nothing to undo.
 */
async function openLedger(beneath: Keyv, prefix: string, clock: Clock, timeoutMs: number, readOnly: boolean) {
  const tables = memoryTables();
  const places = placesOf(tables);
  const waiting: { run(tables: Tables): void; settle(): void; reject(error: unknown): void }[] = [];
  /** Where Keyv may hold something else than memory, since a write failed. Written anew before the next batch. */
  const unsure = new Map<string, Place>();
  const flying = new Set<Promise<unknown>>();
  /** Writes that were given up and may still land. */
  let adrift: readonly Promise<unknown>[] = [];
  let running: Promise<void> | null = null;
  let latest = 0;
  let ended = false;
  // Many storage adapters tell nobody but their listeners that a write failed, and a Keyv need not pass it on.
  let heard: unknown;
  const hear = (error: unknown): void => void (heard = error ?? new Trouble("the store emitted an error"));
  const emitters: readonly Emitter[] = [beneath, beneath.store as Emitter];

  async function writeAll(): Promise<void> {
    while (waiting.length > 0 || unsure.size > 0) {
      const { ran, changes } = places.rehearse(waiting.map(({ run }) => run));
      const units = waiting.splice(0, ran);
      try {
        await fly((over) => store(over, changes));
        for (const { place, after } of changes) place.put(after);
        for (const unit of units) unit.settle();
      } catch (cause) {
        for (const unit of units) unit.reject(unavailable("write to", cause));
        if (waiting.length === 0) break;
      }
    }
    running = null;
  }

  /** Gives one attempt its time. The signal tells it when that is over. */
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

  async function store(over: AbortSignal, changes: readonly Change[]): Promise<void> {
    if (adrift.length > 0) {
      // They should land before what is newer. They may never, so they are waited for once and not for ever.
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
    for (const { place, after } of changes) if (!isLive(after)) doubt(place); // it may carry a row still
  }

  /** Marks a place. A new object each time, so that a mark made meanwhile is not wiped out with an older one. */
  function doubt(place: Place): Place {
    const mark = { ...place };
    unsure.set(place.key, mark);
    return mark;
  }

  function trust(marks: readonly Place[]): void {
    for (const mark of marks) if (unsure.get(mark.key) === mark) unsure.delete(mark.key);
  }

  /** Writes at the same time; rejects if one is not acknowledged. */
  async function put(over: AbortSignal, texts: readonly Writing[]): Promise<void> {
    over.throwIfAborted();
    heard = undefined;
    const all = await Promise.allSettled(texts.map(({ place, after }) => send(over, place, after)));
    over.throwIfAborted(); // or what was given up would count as written
    for (const end of all) if (end.status === "rejected") throw end.reason;
    if (heard !== undefined) throw storageTrouble(heard);
  }

  async function send(over: AbortSignal, place: Place, text: string): Promise<void> {
    const sent = beneath.set(`${prefix}${place.key}`, text, 0); // 0: for ever, whatever is usual in this Keyv
    flying.add(sent);
    try {
      if (!(await sent)) throw new Trouble("set() answered false");
    } finally {
      flying.delete(sent);
      if (over.aborted && !ended) {
        doubt(place); // it landed late, perhaps on top of something newer
        running ??= writeAll();
      }
    }
  }

  async function readAll(): Promise<void> {
    const entries = entriesOf(beneath);
    const probe = (key: string): Writing => ({
      place: { key, get: () => "", put() {} },
      after: randomName(clock),
    });
    const probes = readOnly ? [] : [probe("Probe"), probe("pROBE")];
    await fly((over) => put(over, probes));
    const texts = new Map<string, string>();
    const base = fullKey(beneath, prefix);
    for (;;) {
      const step = await within(clock, timeoutMs, Promise.resolve(entries.next()));
      if (step.done === true) break;
      const [key, raw] = step.value;
      if (key.startsWith(base)) texts.set(key.slice(base.length), await decoded(beneath, raw));
    }
    if (probes.some(({ place, after }) => texts.get(place.key) !== after)) {
      throw unusable("its iterator must give all that was written, upper and lower case apart");
    }
    const unfinished = putAll(places, texts);
    if (!readOnly) for (const step of unfinished) await fly((over) => put(over, step));
    else if (![...texts.keys()].some(places.find)) throw unusable("it must hold users of this client id");
  }

  for (const emitter of emitters) emitter.on?.("error", hear);
  const end = (): void => {
    ended = true;
    for (const emitter of emitters) emitter.off?.("error", hear);
  };
  try {
    await readAll();
  } catch (cause) {
    end();
    throw isLifecycleError(cause) ? cause : unavailable("read", cause);
  }
  return {
    tables,
    /** Never goes back, whoever asks. */
    now: (ofOpening: Clock): number => (latest = Math.max(latest, ofOpening.now())),
    /** Runs `unit`; resolves with its value once Keyv has acknowledged what it changed. */
    write: <T>(unit: (tables: Tables) => T): Promise<T> =>
      new Promise((resolve, reject) => {
        let settle: () => void;
        const run = (rehearsed: Tables): void => {
          try {
            const value = unit(rehearsed);
            settle = () => resolve(value);
          } catch (error) {
            settle = () => reject(error); // it has changed nothing, and spoils no other
          }
        };
        waiting.push({ run, settle: () => settle(), reject });
        running ??= writeAll();
      }),
    /** Resolves when nothing is under way, or for too long. */
    async quiet(): Promise<void> {
      await running;
      if (flying.size > 0) await within(clock, timeoutMs, Promise.allSettled(flying)).catch(() => {});
      if (unsure.size > 0) running ??= writeAll(); // the last chance to put it right
      await running;
    },
    end,
  };
}

/** The entries beneath the Keyv, each to be decoded by itself: Keyv's own iterator ends at the first that is damaged. */
function entriesOf(beneath: Keyv): Iterator<[string, unknown]> | AsyncIterator<[string, unknown]> {
  const store = beneath.store as { iterator?(namespace?: string): AsyncIterator<[string, unknown]> }; // by Keyv's contract
  if (store instanceof Map) return (store as Map<string, unknown>).entries();
  if (typeof store.iterator === "function") return store.iterator(beneath.namespace);
  throw unusable("its storage adapter must have an iterator, since the index is built by one scan");
}

/** The key under which the Keyv has its storage keep `key`. */
function fullKey({ useKeyPrefix, namespace }: Keyv, key: string): string {
  const prefix = useKeyPrefix && namespace ? `${namespace}:` : "";
  return key.startsWith(prefix) ? key : `${prefix}${key}`;
}

async function decoded(beneath: Keyv, raw: unknown): Promise<string> {
  try {
    const data = typeof raw === "string" ? await beneath.deserializeData<unknown>(raw) : raw;
    if (typeof data === "object" && data !== null && "value" in data && typeof data.value === "string") {
      return data.value;
    }
  } catch {
    // not even Keyv can read it
  }
  return "damaged"; // as a row, a log or an account it cannot be read
}
