/**
 * The keys in the account's record: store keys, each wrapped by a key of yours, and the format in which users are
 * written. What the record holds beside them is left as it is.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, hkdfSync, randomBytes } from "node:crypto";
import { LifecycleError } from "../errors.ts";
import type { Json, Store } from "./contract.ts";
import { newestFormat } from "./envelope.ts";
import { unwrapWith, wrapWith } from "./key-ring.ts";
import type { KeyRing, Wrapped } from "./key-ring.ts";
import { isObject } from "./shapes.ts";

/** A store key as it is kept. Its id is a hash; `null` in format 1, which has a single key and does not name it. */
export interface WrappedStoreKey extends Wrapped {
  readonly id: string | null;
  /** The ring key under which it was made: who had that one may know this one. `null` = it was not noted. */
  readonly madeUnder: string | null;
}

/** The keys' part of the account's record. */
export interface KeyRecord {
  readonly format: number;
  /** Newest first: it seals, the others still open. */
  readonly storeKeys: readonly [WrappedStoreKey, ...WrappedStoreKey[]];
  /** The key of names, wrapped by a store key; `null` in format 1, where it comes from the store key itself. */
  readonly names: Wrapped | null;
  /** Ring keys that must not wrap any more. */
  readonly retired: readonly string[];
  /** Ring keys that wrapped something before. */
  readonly former: readonly string[];
}

/** A store key: what the secrets of users are sealed with. */
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
  /** The key of names (aliases, hidden ids, the fingerprints of secrets): the same as long as the store lives. */
  readonly names: Uint8Array;
}

/** A fresh store key. */
export function newStoreKey(): StoreKey {
  return storeKeyOf(randomBytes(32));
}

/** The store key of these bytes. Its id says nothing about them. */
export function storeKeyOf(bytes: Uint8Array): StoreKey {
  const id = createHash("sha256").update("oneup-lifecycle store key id").update(bytes).digest("hex");
  return { id: id.slice(0, 12), bytes };
}

/** What a wrapped store key is bound to. */
export function storeKeyContext(account: string): string {
  return JSON.stringify(["store key", account]);
}

function namesContext(account: string): string {
  return JSON.stringify(["names", account]);
}

/** The key of names, wrapped by a store key. */
export function wrapNames(names: Uint8Array, by: StoreKey, account: string): Wrapped {
  return wrapWith(by, names, namesContext(account));
}

/**
 * Reads the keys' part. `newest`: the newest format that is known here.
 * @throws {LifecycleError} `RECORD_TOO_NEW`, `RECORD_DAMAGED`
 */
export function readKeyRecord(value: Json, newest: number = newestFormat): KeyRecord {
  const record = isObject(value) ? value : {};
  const { format, names = null, retired = [], former = [] } = record;
  if (typeof format === "number" && format > newest) {
    throw new LifecycleError(
      "RECORD_TOO_NEW",
      `Cannot open the store: its account has format ${format}, this release knows formats up to ${newest}; update oneup-lifecycle`,
      { facts: { format } },
    );
  }
  if (typeof format !== "number" || format < 1 || !Number.isInteger(format)) throw damaged();
  const kept = format === 1 ? [record["storeKey"]] : record["storeKeys"];
  const [first, ...others] = (Array.isArray(kept) ? kept : []).map((key) => storeKeyIn(key, format));
  if (first === undefined) throw damaged();
  if (!Array.isArray(retired) || !Array.isArray(former)) throw damaged();
  return {
    format,
    storeKeys: [first, ...others],
    names: namesIn(names, format),
    retired: retired.map(String),
    former: former.map(String),
  };
}

function storeKeyIn(key: Json | undefined, format: number): WrappedStoreKey {
  if (!isWrapped(key)) throw damaged();
  const { id = null, madeUnder = null, by, wrapped } = key;
  if (format === 1 ? id !== null : typeof id !== "string") throw damaged();
  return {
    id: typeof id === "string" ? id : null,
    madeUnder: typeof madeUnder === "string" ? madeUnder : null,
    by,
    wrapped,
  };
}

function namesIn(names: Json, format: number): Wrapped | null {
  if (format === 1 && names === null) return null;
  if (format === 1 || !isWrapped(names)) throw damaged();
  return { by: names.by, wrapped: names.wrapped };
}

/** The account's record with these keys in it. */
export function withKeyRecord(value: Json, { format, storeKeys, names, retired, former }: KeyRecord): Json {
  const own = ["format", "storeKey", "storeKeys", "names", "retired", "former"];
  const others = Object.entries(isObject(value) ? value : {}).filter(([name]) => !own.includes(name));
  const kept: [string, Json][] = [["format", format]];
  const keys = storeKeys.map(({ id, madeUnder, by, wrapped }) => ({
    ...(id !== null && { id }),
    ...(madeUnder !== null && { madeUnder }),
    by,
    wrapped,
  }));
  if (format === 1) kept.push(["storeKey", keys[0] ?? null]);
  else kept.push(["storeKeys", keys]);
  if (names !== null) kept.push(["names", { by: names.by, wrapped: names.wrapped }]);
  if (retired.length > 0) kept.push(["retired", retired]);
  if (former.length > 0) kept.push(["former", former]);
  return Object.fromEntries([...kept, ...others]);
}

/**
 * Unwraps the keys of a record; those that are `known` are not unwrapped again, so the ring is asked for news alone.
 * @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED`
 */
export async function unlock(
  record: KeyRecord,
  account: string,
  ring: () => KeyRing,
  known: readonly StoreKey[] = [],
): Promise<KeyView> {
  const open = async (kept: WrappedStoreKey): Promise<StoreKey> => {
    // Format 1 never has another store key than its first.
    const before = kept.id === null ? known.at(-1) : known.find(({ id }) => id === kept.id);
    if (before !== undefined) return before;
    const key = storeKeyOf(await ring().unwrap(kept, storeKeyContext(account)));
    if (kept.id !== null && key.id !== kept.id) throw damaged();
    return key;
  };
  const [first, ...rest] = record.storeKeys;
  const storeKeys: [StoreKey, ...StoreKey[]] = [await open(first)];
  for (const each of rest) storeKeys.push(await open(each));
  return { format: record.format, storeKeys, names: namesOf(record, account, storeKeys) };
}

function namesOf({ names }: KeyRecord, account: string, storeKeys: readonly StoreKey[]): Uint8Array {
  if (names === null) return firstNames(storeKeys.at(-1)?.bytes ?? new Uint8Array()); // there is at least one
  const by = storeKeys.find(({ id }) => id === names.by);
  if (by === undefined) throw damaged();
  return unwrapWith(by, names, namesContext(account));
}

/** The key of names of a store that has its first store key. */
export function firstNames(storeKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", storeKey, Buffer.alloc(0), "oneup-lifecycle alias", 32));
}

/** What {@link openKeys} works with. */
export interface KeyParts {
  readonly record: Store["account"];
  readonly account: string;
  /** `storeIsNew`: nothing was sealed yet, so a key may be made. */
  readonly ring: (storeIsNew: boolean) => KeyRing;
  /** Must the store's users stand under hidden ids? The first opening decides. @default false */
  readonly hideIds?: boolean | undefined;
  /** The newest format that is known here. */
  readonly newest?: number | undefined;
  /** Names the write that makes the record. */
  readonly writeId: string;
}

/**
 * The store's keys: the first one is made and wrapped by the newest ring key on the first opening, and unwrapped on
 * every later one. Of several processes that open an empty store at once, one makes the key.
 *
 * A new store begins one format below the newest, so that a process of the last release can work on it, too; but one
 * that hides ids with the format that knows of it, for an older release would find nobody and create everybody again.
 *
 * @throws {LifecycleError} `KEY_REFUSED` if no key of the ring opens this store; `INVALID_OPTION` if it was begun with
 * the other setting of `hideIds`; `RECORD_TOO_NEW`, `RECORD_DAMAGED`. Nothing was changed
 */
export async function openKeys(parts: KeyParts): Promise<KeyView> {
  const { record, account, ring, hideIds = false, newest = newestFormat, writeId } = parts;
  for (;;) {
    const found = await record.load();
    if (found !== null) {
      const view = await unlock(readKeyRecord(found.value, newest), account, () => ring(false)).catch(
        async (error: unknown) => {
          // The old key may have been replaced, and taken away, between the look at the record and that at the ring.
          if ((await record.load())?.revision === found.revision) throw error;
          return null;
        },
      );
      if (view === null) continue;
      checkHiding(found.value, hideIds);
      return view;
    }
    const key = newStoreKey();
    const format = Math.max(hideIds ? 2 : 1, newest - 1);
    const byRing = await ring(true).wrap(key.bytes, storeKeyContext(account));
    const wrapped = { id: format === 1 ? null : key.id, madeUnder: byRing.by, ...byRing };
    const names = firstNames(key.bytes);
    const keptNames = format === 1 ? null : wrapNames(names, key, account);
    const value = withKeyRecord(hideIds ? { hideIds } : {}, {
      format,
      storeKeys: [wrapped],
      names: keptNames,
      retired: [],
      former: [],
    });
    if (await record.commit({ value, expectedRevision: 0, writeId }))
      return { format, storeKeys: [key], names };
  }
}

/**
 * Compares the setting with that of the store, which the account's record holds since the first opening.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if they differ: under the other setting nobody would be found
 */
function checkHiding(account: Json, hideIds: boolean): void {
  const hidden = isObject(account) && account["hideIds"] === true;
  if (hidden === hideIds) return;
  const found = hideIds ? "its ids stand in clear" : "its ids are hidden";
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot open the store: ${found} since its first opening, so hideIds must be ${!hideIds}, and it is ${hideIds}; nothing was changed`,
  );
}

function damaged(): LifecycleError {
  return new LifecycleError(
    "RECORD_DAMAGED",
    "Cannot open the store: the account's record holds no store key that can be read",
  );
}

function isWrapped(value: Json | undefined): value is Readonly<Record<string, Json>> & Wrapped {
  return isObject(value) && typeof value["by"] === "string" && typeof value["wrapped"] === "string";
}
