/**
 * Replaces ring keys while everybody works, by wrapping the store keys anew.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { accountOf } from "../store/account.ts";
import { storeKeyContext } from "../store/key-record.ts";
import type { KeyRecord, StoreKey, WrappedStoreKey } from "../store/key-record.ts";
import type { KeyRing, Wrapped } from "../store/key-ring.ts";
import type { Engine } from "./engine.ts";
import type { RewrapSummary } from "./key-verbs.ts";

/** Wraps every store key with the newest key of the ring. @throws {LifecycleError} `KEY_REFUSED` if that one is retired */
export async function rewrapKeys(engine: Engine): Promise<RewrapSummary> {
  const { keys } = engine;
  await keys.change((record) => wrappedAnew(engine, record));
  return { storeKeys: keys.view.storeKeys.length, resealed: 0, unreadable: 0, dropped: 0 };
}

/** The record with its store keys all wrapped by the newest key of the ring. */
export async function wrappedAnew(engine: Engine, record: KeyRecord): Promise<KeyRecord> {
  const ring = engine.keys.ring();
  const [first, ...others] = record.storeKeys;
  const wrapped: [WrappedStoreKey, ...WrappedStoreKey[]] = [await wrappedBy(engine, ring, record, first)];
  for (const each of others) wrapped.push(await wrappedBy(engine, ring, record, each));
  const now = new Set(wrapped.map(({ by }) => by));
  const before = [...record.former, ...record.storeKeys.map(({ by }) => by)];
  return { ...record, storeKeys: wrapped, former: [...new Set(before)].filter((id) => !now.has(id)) };
}

async function wrappedBy(
  engine: Engine,
  ring: KeyRing,
  record: KeyRecord,
  { id, madeUnder }: WrappedStoreKey,
): Promise<WrappedStoreKey> {
  const held = (): StoreKey | undefined =>
    engine.keys.view.storeKeys.find((key) => key.id === (id ?? engine.sealer.keyId));
  if (held() === undefined) await engine.keys.renew(); // it came up since the last look
  const key = held();
  if (key === undefined) throw replacedMeanwhile();
  return { id, madeUnder, ...(await wrap(engine, ring, record, key)) };
}

/** A store key, wrapped by the newest key of the ring. @throws {LifecycleError} `KEY_REFUSED` if that one is retired */
export async function wrap(
  { account }: Engine,
  ring: KeyRing,
  { retired }: KeyRecord,
  key: StoreKey,
): Promise<Wrapped> {
  const wrapped = await ring.wrap(key.bytes, storeKeyContext(accountOf(account.credentials.clientId)));
  if (!retired.includes(wrapped.by)) return wrapped;
  throw new LifecycleError(
    "KEY_REFUSED",
    `Cannot rewrap: the newest key must not be a retired one, and ${wrapped.by} is; put a fresh key before it`,
  );
}

function replacedMeanwhile(): LifecycleError {
  return new LifecycleError("KEY_REFUSED", "Cannot rewrap: another process is replacing the keys", {
    retryable: true,
  });
}
