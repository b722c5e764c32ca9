/**
 * The keys of a store that moves: those that hold them before and after.
 *
 * @module
 */
import { keyRing, type KeyRing } from "../../store/sealing/key-ring.ts";
import {
  readKeyRecord,
  storeKeyContext,
  unlock,
  withKeyRecord,
  type StoreKey,
  type WrappedStoreKey,
} from "../../store/sealing/key-record.ts";
import { readOnce, type Encryption } from "../../store/sealing/keys.ts";
import type { Json } from "../../store/contract.ts";
import { memoryKey } from "../account/memory-key.ts";
import type { BothStores } from "./both-stores.ts";
import type { MoveOptions } from "./move-options.ts";

/**
 * The account's record as the other store keeps it: the same store keys, wrapped for those who will open it, which is
 * tried. @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED`
 */
export async function wrappedAnew(
  value: Json,
  { account, clock }: Pick<BothStores, "account" | "clock">,
  { encryption, newEncryption }: MoveOptions,
): Promise<Json> {
  const ring = (given: Encryption | undefined, isNew: boolean): KeyRing =>
    keyRing(readOnce(given ?? { keys: [memoryKey] }), isNew, clock);
  const record = readKeyRecord(value);
  const { storeKeys } = await unlock(record, account, () => ring(encryption, false));
  if (newEncryption === undefined) return value;
  const target = ring(newEncryption, true);
  const wrap = async (key: StoreKey): Promise<WrappedStoreKey> => {
    const { by, wrapped } = await target.wrap(key.bytes, storeKeyContext(account));
    return { id: key.id, madeUnder: by, by, wrapped };
  };
  const [first, ...others] = storeKeys;
  const wrapped: [WrappedStoreKey, ...WrappedStoreKey[]] = [await wrap(first)];
  for (const each of others) wrapped.push(await wrap(each));
  const anew = { ...record, storeKeys: wrapped, retired: [], former: [] };
  await unlock(anew, account, () => ring(newEncryption, false));
  return withKeyRecord(value, anew);
}

/** Tries the keys of the other store, once it has moved. @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED` */
export async function checkKeys(
  value: Json,
  { account, clock }: Pick<BothStores, "account" | "clock">,
  { encryption, newEncryption = encryption }: MoveOptions,
): Promise<void> {
  const keys = readOnce(newEncryption ?? { keys: [memoryKey] });
  await unlock(readKeyRecord(value), account, () => keyRing(keys, false, clock));
}
