/**
 * A store on any other Keyv store, for one process and a few thousand users.
 *
 * @module
 */
import type { Keyv, KeyvStoreAdapter } from "keyv";
import { invalidOption, isLifecycleError, LifecycleError, underneath } from "../src/errors.ts";
import {
  checkTimeout,
  optionsOf,
  type OptionNames,
  shown,
  unfitOption,
} from "../src/store/adapter-options.ts";
import type { Store, StoreAdapter } from "../src/store/contract.ts";
import { escapeColons } from "../src/store/table-store/places.ts";
import { steadyTime } from "../src/store/steady-time.ts";
import { openTableStore } from "../src/store/table-store/table-store.ts";
import type { TableEngine } from "../src/store/table-store/tables.ts";
import { fullKey } from "./keyv/entries.ts";
import { layoutInUse, layoutsOf, type Layouts } from "./keyv/layouts.ts";
import { openLedger, type Ledger } from "./keyv/ledger.ts";
import type { Keyv6, Keyv6Storage } from "./keyv/versions.ts";

export type { Keyv6, Keyv6Storage };

/** Options of {@link keyv}. */
export interface KeyvOptions {
  /** Timeout of one read or write of the Keyv store, in milliseconds, more than 0. @default 5000 */
  readonly timeoutMs?: number;
  /**
   * Whether the data outlives the process. If so, secrets must be encrypted. @default false for a Map, otherwise true
   */
  readonly durable?: boolean;
}

/**
 * A store on any Keyv 5 or 6 whose storage adapter has an iterator. Each version opens what the other wrote.
 *
 * **One process at a time.** Keyv has no compare-and-set, so this adapter makes all decisions in memory. A second
 * process that opens the same data takes over: the first notices it before its next write, and stops with
 * `STORE_UNUSABLE`; what both wrote at that moment may be lost. All data is read once on opening and stays in memory.
 * Durability is that of the underlying Keyv store: a promise resolves once the Keyv store has acknowledged the write.
 * For several processes use `lmdb`, `redis` or `postgres`. Read-only commands may run beside the process: they write
 * nothing and show the data as it was when they started.
 *
 * Each user is stored under `<account>:users:<id>` as text in Keyv's own format, so keys can reach about 550 bytes
 * (`keySize` of `@keyv/postgres` and `@keyv/mysql`). Keys must differ in case, accents and trailing spaces, and what was
 * deleted must be gone: opening tries both. The Keyv's default TTL does not apply. `close()` leaves the Keyv connected.
 *
 * Errors do not include the messages of the underlying storage, because these may quote keys, and so user ids. Listen
 * to the Keyv's `error` event to see them.
 *
 * A Keyv 6 itself is not called: its storage, namespace, serialization, compression and encryption are used in the form
 * of Keyv 5. One that has hooks, or removes characters from keys, is refused.
 *
 * @param store a Keyv, or a Keyv storage adapter, which is not modified: keys are written in namespace `keyv` unless it has
 *   a namespace of its own
 * @throws {LifecycleError} `INVALID_OPTION` at once, also for a Keyv version other than 5 and 6. On opening: `STORE_UNUSABLE`
 *   without a working iterator, for keys or deletions that do not work as above, or if the account is there more than once, or where another Keyv writes;
 *   `STORE_UNAVAILABLE` if the Keyv store does not answer, `RECORD_DAMAGED` if the account record or a log cannot be read
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
export function keyv(
  store: Keyv | KeyvStoreAdapter | Keyv6 | Keyv6Storage,
  options: KeyvOptions = {},
): StoreAdapter {
  const { timeoutMs = 5_000, durable } = optionsOf(verb, options, names);
  checkTimeout(verb, timeoutMs);
  if (durable !== undefined && typeof durable !== "boolean")
    throw unfitOption(verb, "`durable` must be true or false", durable);
  const given = layouts(store);
  const { storage } = given;
  return {
    name: "keyv",
    durable: durable ?? !(storage instanceof Map),
    timeoutMs,
    async open({ account, clock, readOnly = false }): Promise<Store> {
      const prefix = `${escapeColons(account)}:`;
      const beneath = await layoutInUse(given, prefix, clock, timeoutMs);
      const { ledger, leave } = await join(storage, fullKey(beneath, prefix), readOnly, () =>
        openLedger(beneath, prefix, clock, timeoutMs, readOnly),
      );
      const time = steadyTime(clock);
      let closed = false;
      const openOnly = (): void => {
        if (closed) throw new LifecycleError("CLOSED", "Cannot use the Keyv store: it was closed");
      };
      const engine: TableEngine = {
        async write(unit) {
          openOnly();
          return ledger.write((tables) => unit(tables, { now: time.now(), past: time.past() }));
        },
        read(unit) {
          openOnly();
          return unit(ledger.tables, { now: time.now(), past: time.past() });
        },
        async probe() {
          openOnly();
          await ledger.probe();
        },
        async close() {
          if (closed) return;
          closed = true;
          await leave();
        },
      };
      return openTableStore(engine, readOnly);
    },
  };
}

const names: OptionNames<KeyvOptions> = { timeoutMs: true, durable: true };
const verb = "use a Keyv store";

/**
 * The application's own storage, and where the keys are in it. Openings with the same storage share their state, whether
 * they were given a Keyv or the storage adapter.
 */
function layouts(store: Parameters<typeof keyv>[0]): Layouts {
  try {
    return layoutsOf(store);
  } catch (cause) {
    if (isLifecycleError(cause)) throw cause;
    throw invalidOption(
      `Cannot use a Keyv store: it must be a Keyv or a storage adapter of Keyv, not ${shown(store)}`,
      { cause: underneath(cause) },
    );
  }
}

/** A ledger, once it is open, and the number of its openings. */
interface Entry {
  readonly opening: Promise<Ledger>;
  openings: number;
  ledger?: Ledger;
}

const open = new WeakMap<object, Map<string, Entry>>();

/**
 * Joins the ledger that is already open for the account on this Keyv store, or opens one. The ledger ends when its last
 * user leaves. A read-only opening shares an existing writable ledger and so sees its writes; a writable opening never
 * shares a read-only ledger.
 */
async function join(
  store: object,
  account: string,
  readOnly: boolean,
  opened: () => Promise<Ledger>,
): Promise<{ readonly ledger: Ledger; readonly leave: () => Promise<void> }> {
  const ledgers = open.get(store) ?? new Map<string, Entry>();
  open.set(store, ledgers);
  const name = readOnly && !ledgers.has(account) ? `${account}read only` : account; // account names end in a colon, so this name is unique
  // The ledger of a storage that was emptied since serves no new opening.
  const under = ledgers.get(name);
  if (under?.ledger !== undefined && (await under.ledger.isLost()) && ledgers.get(name) === under)
    ledgers.delete(name);
  const entry: Entry = ledgers.get(name) ?? { opening: opened(), openings: 0 };
  ledgers.set(name, entry);
  entry.openings++;
  const leave = async (): Promise<void> => {
    const ledger = await entry.opening.catch(() => undefined);
    await ledger?.quiet();
    if (--entry.openings > 0) return;
    if (ledgers.get(name) === entry) ledgers.delete(name);
    ledger?.end();
  };
  try {
    entry.ledger = await entry.opening;
    return { ledger: entry.ledger, leave };
  } catch (error) {
    await leave();
    throw error;
  }
}
