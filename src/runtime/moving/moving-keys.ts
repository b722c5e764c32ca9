/**
 * The keys of a move. If the other store is to have another key, a fresh store key seals everything in it; the mark of the
 * target holds that key, wrapped, so that a later call goes on with it.
 *
 * @module
 */
import { type LifecycleError, keyRefused } from "../../errors.ts";
import { HiddenNames } from "../../store/sealing/hidden-names.ts";
import { keyRing, type KeyRing } from "../../store/sealing/key-ring.ts";
import {
  newStoreKey,
  readKeyRecord,
  storeKeyContext,
  storeKeyOf,
  unlock,
  withKeyRecord,
  wrapNames,
  wrapStoreKey,
  type KeyView,
  type StoreKey,
  type WrappedStoreKey,
} from "../../store/sealing/key-record.ts";
import { readOnce, type Encryption } from "../../store/sealing/keys.ts";
import { Sealer } from "../../store/sealing/sealer.ts";
import type { Json } from "../../store/contract.ts";
import { isObject } from "../../store/guards.ts";
import type { BothStores } from "./both-stores.ts";
import { Contents } from "./contents.ts";
import type { MoveOptions } from "./move-options.ts";

/** What the keys are needed for. */
type About = Pick<BothStores, "account" | "clock">;

/** The keys of a move, open. */
export interface MovingKeys {
  /** What is in the rows and events of both stores. */
  readonly contents: Contents;
  /** The account's record as the other store keeps it. */
  record(): Promise<Json>;
}

/**
 * A fresh store key for the other store, wrapped; `undefined`: it keeps those of the first one, because the same key wraps
 * them. @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED`
 */
export async function beginKeys(
  value: Json,
  about: About,
  options: MoveOptions,
): Promise<WrappedStoreKey | undefined> {
  await unlocked(value, about, options.encryption);
  if (options.newEncryption === undefined) return undefined;
  const fresh = await wrapped(newStoreKey(), about, ringOf(options.newEncryption, true, about));
  if (readKeyRecord(value).storeKeys.some(({ by }) => by !== fresh.by)) return fresh;
  await unlocked(value, about, options.newEncryption);
  return undefined;
}

/**
 * Opens the keys of a move that was begun with this store key. @throws {LifecycleError} `KEY_REFUSED` if they are not those
 * that it was begun with; `RECORD_DAMAGED`
 */
export async function movingKeys(
  value: Json,
  storeKey: WrappedStoreKey | undefined,
  about: About,
  options: MoveOptions,
): Promise<MovingKeys> {
  const { account } = about;
  const view = await unlocked(value, about, options.encryption);
  const hidden = isObject(value) && value["hideIds"] === true ? new HiddenNames(view.names, account) : null;
  if (storeKey === undefined) {
    if ((await beginKeys(value, about, options)) !== undefined)
      throw otherKeys("without `newEncryption`, so leave that out");
    const contents = new Contents(new Sealer(view, account), hidden, false);
    return { contents, record: async () => value };
  }
  if (options.newEncryption === undefined) throw otherKeys("with `newEncryption`, so give that again");
  const ring = ringOf(options.newEncryption, false, about);
  const fresh = storeKeyOf(await ring.unwrap(storeKey, storeKeyContext(account)));
  const contents = new Contents(
    new Sealer({ ...view, storeKeys: [fresh, ...view.storeKeys] }, account),
    hidden,
    true,
  );
  return {
    contents,
    async record() {
      const older: WrappedStoreKey[] = [];
      if (contents.needsOlderKeys)
        for (const each of view.storeKeys) older.push(await wrapped(each, about, ring));
      const names = wrapNames(view.names, fresh, account);
      const storeKeys = [storeKey, ...older] as const;
      const before = readKeyRecord(value);
      const retired = before.retired.filter((id) => id !== storeKey.by);
      return withKeyRecord(value, { ...before, storeKeys, names, retired, former: [] });
    },
  };
}

/** Tries the keys of the other store, once it has moved. @throws {LifecycleError} `KEY_REFUSED`, `RECORD_DAMAGED` */
export async function checkKeys(
  value: Json,
  about: About,
  { encryption, newEncryption = encryption }: MoveOptions,
): Promise<void> {
  await unlocked(value, about, newEncryption);
}

function unlocked(value: Json, about: About, encryption: Encryption | undefined): Promise<KeyView> {
  return unlock(readKeyRecord(value), about.account, () => ringOf(encryption, false, about));
}

function ringOf(encryption: Encryption | undefined, isNew: boolean, { clock }: About): KeyRing {
  return keyRing(readOnce(encryption), isNew, clock);
}

async function wrapped(key: StoreKey, { account }: About, ring: KeyRing): Promise<WrappedStoreKey> {
  const { by, wrapped } = await wrapStoreKey(key, account, ring);
  return { id: key.id, madeUnder: by, by, wrapped };
}

function otherKeys(how: string): LifecycleError {
  return keyRefused(`Cannot go on with the move: it was begun ${how}, or call it off and start over`);
}
