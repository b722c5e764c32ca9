/**
 * The keys in the account's record: store keys, each wrapped by one of the application's ring keys, and the format in
 * which users are written. Other fields of the record are preserved.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { invalidOption, keyRefused, LifecycleError, recordDamaged, storeUnusable } from "../../errors.ts";
import type { Json, Store } from "../contract.ts";
import { newestFormat, startFormat } from "../envelope.ts";
import { unwrapWith, wrapWith, type KeyRing, type Wrapped } from "./key-ring.ts";
import { naming } from "./keys.ts";
import { isObject, isTexts } from "../guards.ts";

/** A stored store key. Its id is a hash. */
export interface WrappedStoreKey extends Wrapped {
  readonly id: string;
  /**
   * The ring key that wrapped it when it was created, so its holders may know this store key. `null` = not recorded.
   */
  readonly madeUnder: string | null;
}

/** The key fields of the account's record. */
export interface KeyRecord {
  readonly format: number;
  /** Newest first: the first one seals, the others still open. */
  readonly storeKeys: readonly [WrappedStoreKey, ...WrappedStoreKey[]];
  /** The names key, wrapped by a store key. */
  readonly names: Wrapped;
  /** Ring keys that must not wrap any more. */
  readonly retired: readonly string[];
  /** Ring keys that have wrapped a store key before. */
  readonly former: readonly string[];
  /** Store keys that a rotation has dropped. One that a process has held and that is in neither list was lost. */
  readonly dropped: readonly string[];
}

/** A store key, which protects the secrets of users. */
export interface StoreKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The keys of a store, unwrapped. */
export interface KeyView {
  /** The format in which users are written. */
  readonly format: number;
  /** Newest first. */
  readonly storeKeys: readonly [StoreKey, ...StoreKey[]];
  /**
   * The names key (for aliases, hidden ids and fingerprints of secrets). It never changes during the life of the store.
   */
  readonly names: Uint8Array;
}

/** Generates a store key. */
export function newStoreKey(): StoreKey {
  return storeKeyOf(randomBytes(32));
}

/** The store key with these bytes. Its id reveals nothing about them. */
export function storeKeyOf(bytes: Uint8Array): StoreKey {
  const id = createHash("sha256").update("oneup-lifecycle store key id").update(bytes).digest("hex");
  return { id: id.slice(0, 12), bytes };
}

/**
 * Wraps a store key with the newest key of the ring, which has proved that it unwraps the same bytes.
 * @throws {LifecycleError} `KEY_REFUSED`, also if the bytes in memory are no longer those of this key
 */
export async function wrapStoreKey(
  { id, bytes }: StoreKey,
  account: string,
  ring: KeyRing,
): Promise<Wrapped> {
  const copy = Uint8Array.from(bytes);
  if (storeKeyOf(copy).id !== id)
    throw keyRefused(
      `Cannot wrap the store key: its bytes must be those of key ${id}, and they were changed in memory; nothing was changed in the store, start this process again`,
    );
  return ring.wrap(copy, storeKeyContext(account));
}

/** The context that a wrapped store key is bound to. */
export function storeKeyContext(account: string): string {
  return JSON.stringify(["store key", account]);
}

function namesContext(account: string): string {
  return JSON.stringify(["names", account]);
}

/** Wraps the names key with a store key. */
export function wrapNames(names: Uint8Array, by: StoreKey, account: string): Wrapped {
  return wrapWith(by, names, namesContext(account));
}

/**
 * Reads the key fields. `newest`: the newest format known here.
 * @throws {LifecycleError} `RECORD_TOO_NEW`, `RECORD_DAMAGED`
 */
export function readKeyRecord(value: Json, newest: number = newestFormat): KeyRecord {
  const record = isObject(value) ? value : {};
  const { format, names = null, retired = [], former = [], dropped = [] } = record;
  if (typeof format === "number" && format > newest) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot open the store: its account has format ${format}, this release knows formats up to ${newest}; update oneup-lifecycle`,
      { facts: { format } },
    );
  }
  if (typeof format !== "number" || format < 1 || !Number.isInteger(format)) throw damaged();
  const kept = record["storeKeys"];
  const [first, ...others] = (Array.isArray(kept) ? kept : []).map(storeKeyIn);
  if (first === undefined || !isWrapped(names)) throw damaged();
  if (!isTexts(retired) || !isTexts(former) || !isTexts(dropped)) throw damaged();
  return {
    format,
    storeKeys: [first, ...others],
    names: { by: names.by, wrapped: names.wrapped },
    retired,
    former,
    dropped,
  };
}

function storeKeyIn(key: Json): WrappedStoreKey {
  if (!isWrapped(key) || typeof key["id"] !== "string") throw damaged();
  const { id, madeUnder, by, wrapped } = key;
  return { id, madeUnder: typeof madeUnder === "string" ? madeUnder : null, by, wrapped };
}

/** The account's record with these keys in it. */
export function withKeyRecord(value: Json, record: KeyRecord): Json {
  const { format, storeKeys, names, retired, former, dropped } = record;
  const own = ["format", "storeKeys", "names", "retired", "former", "dropped"];
  const others = Object.entries(isObject(value) ? value : {}).filter(([name]) => !own.includes(name));
  const keys = storeKeys.map(({ id, madeUnder, by, wrapped }) => ({
    id,
    ...(madeUnder !== null && { madeUnder }),
    by,
    wrapped,
  }));
  const kept: [string, Json][] = [
    ["format", format],
    ["storeKeys", keys],
    ["names", { by: names.by, wrapped: names.wrapped }],
  ];
  if (retired.length > 0) kept.push(["retired", retired]);
  if (former.length > 0) kept.push(["former", former]);
  if (dropped.length > 0) kept.push(["dropped", dropped]);
  return Object.fromEntries([...kept, ...others]);
}

/**
 * Unwraps the keys of a record. Keys in `known` are not unwrapped again, so the ring is needed only for new ones.
 * @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED`
 */
export async function unlock(
  record: KeyRecord,
  account: string,
  ring: () => KeyRing,
  known: readonly StoreKey[] = [],
): Promise<KeyView> {
  const open = async (kept: WrappedStoreKey): Promise<StoreKey> => {
    const before = known.find(({ id }) => id === kept.id);
    if (before !== undefined) return before;
    const key = storeKeyOf(await ringFor(kept, ring).unwrap(kept, storeKeyContext(account)));
    if (key.id !== kept.id) throw damaged();
    return key;
  };
  const [first, ...rest] = record.storeKeys;
  const storeKeys: [StoreKey, ...StoreKey[]] = [await open(first)];
  for (const each of rest) storeKeys.push(await open(each));
  return { format: record.format, storeKeys, names: namesOf(record, account, storeKeys) };
}

function ringFor({ by }: Wrapped, ring: () => KeyRing): KeyRing {
  try {
    return ring();
  } catch (error) {
    throw naming(by, error);
  }
}

function namesOf({ names }: KeyRecord, account: string, storeKeys: readonly StoreKey[]): Uint8Array {
  const by = storeKeys.find(({ id }) => id === names.by);
  if (by === undefined) throw damaged();
  return unwrapWith(by, names, namesContext(account));
}

/** The parameters of {@link openKeys}. */
export interface KeyParts {
  readonly record: Store["account"];
  /** A store that holds users is not begun anew. Without it that is not looked at. */
  readonly users?: Pick<Store, "counts" | "page"> | undefined;
  readonly account: string;
  /** `storeIsNew`: nothing has been sealed yet, so a ring key may be created. */
  readonly ring: (storeIsNew: boolean) => KeyRing;
  /** Whether the store hides user ids. The first opening decides. @default false */
  readonly hideIds?: boolean | undefined;
  /** The newest format known here. */
  readonly newest?: number | undefined;
  /** Identifies the write that creates the record. */
  readonly writeId: string;
  /** Further fields of a record that is created. */
  readonly fields?: Readonly<Record<string, Json>> | undefined;
  /** Draws the 32 bytes of a key of a new store. @default random bytes */
  readonly newKey?: ((use: "store" | "names") => Uint8Array) | undefined;
  /** Called if this opening is the first of the store. */
  readonly begun?: (() => void) | undefined;
}

/**
 * Opens the store's keys. The first opening creates a store key and wraps it with the newest ring key; later openings
 * unwrap it. Of several processes that open an empty store concurrently, one creates the key.
 *
 * @throws {LifecycleError} `KEY_REFUSED` if no key of the ring opens this store; `INVALID_OPTION` if the store was
 *   created with the other setting of `hideIds`; `RECORD_TOO_NEW`, `RECORD_DAMAGED`; `STORE_UNUSABLE` if users are there
 *   and the record is not. Nothing is changed then
 */
export async function openKeys(parts: KeyParts): Promise<KeyView> {
  const { record, account, ring, hideIds = false, newest = newestFormat, writeId, fields = {} } = parts;
  const { newKey = () => randomBytes(32) } = parts;
  for (;;) {
    const found = await record.load();
    if (found !== null) {
      const view = await unlock(readKeyRecord(found.value, newest), account, () => ring(false)).catch(
        async (error: unknown) => {
          // The old key may have been replaced and removed between reading the record and reading the ring.
          if ((await record.load())?.revision === found.revision) throw error;
          return null;
        },
      );
      if (view === null) continue;
      checkHiding(found.value, hideIds);
      return view;
    }
    if (parts.users !== undefined && (await holdsUsers(parts.users))) {
      if ((await record.load()) !== null) continue; // another process has begun the store meanwhile, and a user
      throw storeUnusable(
        "Cannot open the store: it holds users of this client id, and the account's record, which has their keys, is missing: restore the whole backup, or begin with an empty store; nothing was changed",
      );
    }
    const key = storeKeyOf(newKey("store"));
    const byRing = await wrapStoreKey(key, account, ring(true));
    const names = newKey("names");
    const start = { ...fields, ...(hideIds && { hideIds }), mark: writeId };
    const value = withKeyRecord(start, {
      format: startFormat,
      storeKeys: [{ id: key.id, madeUnder: byRing.by, ...byRing }],
      names: wrapNames(names, key, account),
      retired: [],
      former: [],
      dropped: [],
    });
    if (await record.commit({ value, expectedRevision: 0, writeId })) {
      parts.begun?.();
      return { format: startFormat, storeKeys: [key], names };
    }
  }
}

/** Whether there is a user. The counts may be lost as well. */
async function holdsUsers(users: Pick<Store, "counts" | "page">): Promise<boolean> {
  const counts = Object.values(await users.counts());
  return counts.some((count) => count > 0) || (await users.page({ limit: 1 })).length > 0;
}

/**
 * Compares the setting with that of the store, which is in the account's record since the first opening.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if they differ: with the other setting no user would be found
 */
function checkHiding(account: Json, hideIds: boolean): void {
  const hidden = isObject(account) && account["hideIds"] === true;
  if (hidden === hideIds) return;
  const found = hideIds ? "its ids are stored in clear" : "its ids are hidden";
  throw invalidOption(
    `Cannot open the store: ${found} since its first opening, so hideIds must be ${!hideIds}, not ${hideIds}; nothing was changed`,
  );
}

function damaged(): LifecycleError {
  return recordDamaged(
    "Cannot open the store: the account's record must hold a readable store key, and it does not",
  );
}

function isWrapped(value: Json | undefined): value is Readonly<Record<string, Json>> & Wrapped {
  return isObject(value) && typeof value["by"] === "string" && typeof value["wrapped"] === "string";
}
