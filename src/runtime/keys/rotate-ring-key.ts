/**
 * Replaces ring keys by wrapping the store keys again, while all processes keep working.
 *
 * @module
 */
import { keyRefused } from "../../errors.ts";
import { accountOf } from "../../store/account-of.ts";
import {
  wrapStoreKey,
  type KeyRecord,
  type StoreKey,
  type WrappedStoreKey,
} from "../../store/sealing/key-record.ts";
import type { KeyRing, Wrapped } from "../../store/sealing/key-ring.ts";
import type { Engine } from "../engine/engine.ts";
import type { RotateKeysSummary } from "./rotate-keys-options.ts";

/**
 * Wraps every store key with the newest key of the ring.
 * @throws {LifecycleError} `KEY_REFUSED` if that key is retired, or was replaced by another one before
 */
export async function rotateRingKey(engine: Engine): Promise<RotateKeysSummary> {
  const { keys } = engine;
  let wrapping: Wrapping = { key: "", wrapped: 0 };
  await keys.change(async (record) => {
    const next = await wrappedAnew(engine, record);
    wrapping = wrappingOf(record, next);
    return next;
  });
  return { ...wrapping, storeKeys: keys.view.storeKeys.length, resealed: 0, unreadable: 0, dropped: 0 };
}

/** Which key wraps the store keys now, and how many of them another one wrapped before. */
export type Wrapping = Pick<RotateKeysSummary, "key" | "wrapped">;

/** What a change of the record has wrapped. */
export function wrappingOf({ storeKeys: before }: KeyRecord, { storeKeys: [{ by }] }: KeyRecord): Wrapping {
  return { key: by, wrapped: before.filter((each) => each.by !== by).length };
}

/** The record with all its store keys wrapped by the newest key of the ring. */
export async function wrappedAnew(engine: Engine, record: KeyRecord): Promise<KeyRecord> {
  const ring = engine.keys.ring();
  const [first, ...others] = record.storeKeys;
  const wrapped: [WrappedStoreKey, ...WrappedStoreKey[]] = [
    /* seam: a-store-key-is-wrapped-again */ await wrappedBy(engine, ring, record, first),
  ];
  for (const each of others) wrapped.push(await wrappedBy(engine, ring, record, each));
  const now = new Set(wrapped.map(({ by }) => by));
  if (record.storeKeys.every(({ by }) => now.has(by))) refuseNewKeyBehind(ring, record);
  const before = [...record.former, ...record.storeKeys.map(({ by }) => by)];
  return { ...record, storeKeys: wrapped, former: [...new Set(before)].filter((id) => !now.has(id)) };
}

/**
 * A new key that was put behind the old one would wrap nothing, and the old one be taken away all the same.
 * @throws {LifecycleError} `KEY_REFUSED`
 */
function refuseNewKeyBehind({ ids: [first, ...others] }: KeyRing, { retired, former }: KeyRecord): void {
  const fresh = others.find((id) => ![first, ...retired, ...former].includes(id));
  if (fresh === undefined) return;
  throw keyRefused(
    `Cannot rotate keys: the first key, ${first}, wraps the store's keys already, and key ${fresh} behind it has never wrapped any; put key ${fresh} first and start every process again, or, if it is no new one, take it away; nothing was changed`,
    { facts: { storeKey: first ?? null, reason: "keyOrder" } },
  );
}

async function wrappedBy(
  engine: Engine,
  ring: KeyRing,
  record: KeyRecord,
  { id, madeUnder }: WrappedStoreKey,
): Promise<WrappedStoreKey> {
  const held = (): StoreKey | undefined => engine.keys.view.storeKeys.find((key) => key.id === id);
  if (held() === undefined) await engine.keys.renew(); // it was added since the last read
  const key = held();
  const why = "Cannot rotate keys: another process is replacing the keys";
  if (key === undefined) throw keyRefused(why, { retryable: true });
  return { id, madeUnder, ...(await wrap(engine, ring, record, key)) };
}

/**
 * A store key, wrapped by the newest key of the ring.
 * @throws {LifecycleError} `KEY_REFUSED` if that key is retired, or was replaced by another one before
 */
export async function wrap(
  { account }: Engine,
  ring: KeyRing,
  { retired, former, storeKeys }: KeyRecord,
  key: StoreKey,
): Promise<Wrapped> {
  const wrapped = await wrapStoreKey(key, accountOf(account.credentials.clientId), ring);
  const { by } = wrapped;
  if (retired.includes(by))
    throw keyRefused(
      `Cannot rotate keys: the newest key must not be a retired one, and ${by} is; put a fresh key before it`,
    );
  // A process that was not restarted since would take the store from those that hold the newer key alone.
  if (former.includes(by))
    throw keyRefused(
      `Cannot rotate keys: the newest key must not be one that was replaced before, and ${by} was, by ${storeKeys[0].by}; put that key, or a fresh one, before it, and start this process again; nothing was changed`,
      { facts: { storeKey: storeKeys[0].by } },
    );
  return wrapped;
}
