/**
 * Replaces keys while everybody works: ring keys by wrapping the store keys anew, a store key by sealing every record
 * anew.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { newStoreKey, storeKeyContext, wrapNames } from "../store/key-record.ts";
import type { KeyRecord, StoreKey, WrappedStoreKey } from "../store/key-record.ts";
import type { KeyRing } from "../store/key-ring.ts";
import { accountOf } from "../store/account.ts";
import { checkRewrap } from "./call-options.ts";
import { tell } from "./changes.ts";
import { wrong } from "./checks.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { KeyVerbs, RewrapOptions, RewrapSummary } from "./lifecycle.ts";
import { find } from "./load.ts";
import { save } from "./save.ts";
import { freshMs } from "./store-keys.ts";

/** The verbs of a lifecycle that deal with keys. `working`: what closing waits for. */
export function createKeyVerbs(engine: Engine, open: () => void, working: Set<Promise<unknown>>): KeyVerbs {
  function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    open();
    const done = work().finally(() => working.delete(done));
    working.add(done);
    return done;
  }
  return {
    keys: {
      list: async () => {
        open();
        return list(engine);
      },
      retire: async (id) => {
        open();
        if (typeof id !== "string" || id === "") throw wrong("retire a key", "its id", "text", id);
        await retire(engine, id);
      },
    },
    rewrap: async (options) => {
      const checked = checkRewrap(options);
      return whileOpen(() => (checked.records ? rewrapRecords(engine, checked) : rewrapKeys(engine)));
    },
    upgradeFormat: async () => whileOpen(() => upgradeFormat(engine)),
  };
}

async function list({ keys }: Engine): Promise<Awaited<ReturnType<KeyVerbs["keys"]["list"]>>> {
  const wraps = new Map<string, string[]>();
  await keys.change(({ storeKeys }) => {
    wraps.clear();
    for (const { by, id } of storeKeys) {
      wraps.set(by, [...(wraps.get(by) ?? []), id ?? keys.sealer.keyId]);
    }
    return null;
  });
  return [...wraps].map(([id, storeKeys]) => ({ id, storeKeys }));
}

async function retire({ keys }: Engine, id: string): Promise<void> {
  await keys.change((record) => {
    const wrapped = record.storeKeys.filter(({ by }) => by === id).length;
    if (wrapped > 0) {
      throw new LifecycleError(
        "KEY_REFUSED",
        `Cannot retire key ${id}: it must wrap nothing, and it wraps ${wrapped} of the store's keys; call rewrap() with a newer key first`,
        { facts: { storeKeys: wrapped } },
      );
    }
    return record.retired.includes(id) ? null : { ...record, retired: [...record.retired, id] };
  });
}

async function upgradeFormat({ account, keys, sealer }: Engine): Promise<number> {
  await keys.change((record) => {
    if (record.format >= sealer.newest) return null;
    const [key] = keys.view.storeKeys;
    const names = wrapNames(keys.view.names, key, accountOf(account.credentials.clientId));
    return { ...record, format: sealer.newest, storeKeys: named(record, key.id), names };
  });
  return sealer.format;
}

/** The store keys with their ids: format 1 has a single one and does not name it. */
function named({ storeKeys }: KeyRecord, id: string): KeyRecord["storeKeys"] {
  const [first, ...others] = storeKeys;
  return [{ ...first, id: first.id ?? id }, ...others];
}

async function rewrapKeys(engine: Engine): Promise<RewrapSummary> {
  const { keys } = engine;
  await keys.change(async (record) => ({ ...record, storeKeys: await wrappedAnew(engine, record) }));
  return { storeKeys: keys.view.storeKeys.length, resealed: 0, unreadable: 0, dropped: 0 };
}

/** The store keys, all wrapped by the newest key of the ring. */
async function wrappedAnew(engine: Engine, record: KeyRecord): Promise<KeyRecord["storeKeys"]> {
  const ring = engine.keys.ring();
  const [first, ...others] = record.storeKeys;
  const wrapped: [WrappedStoreKey, ...WrappedStoreKey[]] = [await wrappedBy(engine, ring, record, first)];
  for (const each of others) wrapped.push(await wrappedBy(engine, ring, record, each));
  return wrapped;
}

async function wrappedBy(
  engine: Engine,
  ring: KeyRing,
  record: KeyRecord,
  { id }: WrappedStoreKey,
): Promise<WrappedStoreKey> {
  const held = (): StoreKey | undefined =>
    engine.keys.view.storeKeys.find((key) => key.id === (id ?? engine.sealer.keyId));
  if (held() === undefined) await engine.keys.renew(); // it came up since the last look
  const key = held();
  if (key === undefined) throw replacedMeanwhile();
  return { id, ...(await wrap(engine, ring, record, key)) };
}

async function wrap(
  { account }: Engine,
  ring: KeyRing,
  { retired }: KeyRecord,
  key: StoreKey,
): Promise<Omit<WrappedStoreKey, "id">> {
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

/** Users that are sealed anew side by side. */
const pageSize = 32;
/** Pause between two rounds while somebody is in the way, ms. */
const roundMs = 1_000;

async function rewrapRecords(engine: Engine, options: RewrapOptions): Promise<RewrapSummary> {
  const { clock, closing, keys, sealer, settings } = engine;
  const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
  await beginStoreKey(engine);
  const sealing = sealer.keyId;
  const since = clock.monotonic();
  // Until then some process may seal with an older key: on an old look at the record, or with a call in hand.
  const settledAt = since + freshMs + settings.leaseMs;
  let resealed = 0;
  for (;;) {
    const began = clock.monotonic();
    const round = await sealRound(engine, signal, (seen, of, more) =>
      options.onProgress?.({ seen, of, resealed: resealed + more }),
    );
    resealed += round.resealed;
    const { unreadable } = round;
    if (round.resealed + round.busy === 0 && began >= settledAt) {
      const dropped = round.tooNew > 0 ? 0 : await dropOlder(engine, sealing);
      return { storeKeys: keys.view.storeKeys.length, resealed, unreadable, dropped };
    }
    const tookMs = clock.monotonic() - began;
    const settlesInMs = settledAt - clock.monotonic();
    await sleep(clock, round.busy > 0 ? Math.max(roundMs, tookMs) : Math.max(0, settlesInMs), signal);
  }
}

/** A fresh store key takes over, unless an earlier rewrap was interrupted: then its key goes on. */
async function beginStoreKey(engine: Engine): Promise<void> {
  const { account, keys } = engine;
  const fresh = newStoreKey();
  await keys.change(async (record) => {
    if (record.format < 2) {
      throw new LifecycleError(
        "INVALID_OPTION",
        `Cannot rewrap records: the store must be written in format 2 or newer, and it is in format ${record.format}; call upgradeFormat() once every process runs this release`,
        { facts: { format: record.format } },
      );
    }
    const wrapped = await wrappedAnew(engine, record);
    if (record.storeKeys.length > 1) return { ...record, storeKeys: wrapped };
    const first = { id: fresh.id, ...(await wrap(engine, engine.keys.ring(), record, fresh)) };
    const names = wrapNames(keys.view.names, fresh, accountOf(account.credentials.clientId));
    return { ...record, storeKeys: [first, ...wrapped], names };
  });
}

/** The older store keys leave the record. How many; none if another process did it, or began anew. */
async function dropOlder({ keys }: Engine, sealing: string): Promise<number> {
  let dropped = 0;
  await keys.change((record) => {
    const [first, ...older] = record.storeKeys;
    dropped = first.id === sealing ? older.length : 0;
    return dropped === 0 ? null : { ...record, storeKeys: [first] };
  });
  return dropped;
}

interface Round {
  /** Users looked at. */
  readonly seen: number;
  readonly resealed: number;
  /** Somebody works on them: they are met again. */
  readonly busy: number;
  /** Records that do not open, by whatever key. */
  readonly unreadable: number;
  /** Records of a newer release, which may need an older key. */
  readonly tooNew: number;
}

type Sealed = "current" | "resealed" | "busy" | "unreadable" | "tooNew";

/** Looks at every user once, and seals those anew that are not sealed as they would be now. */
async function sealRound(
  engine: Engine,
  signal: AbortSignal,
  progress: (seen: number, of: number, resealed: number) => void,
): Promise<Round> {
  const round = { seen: 0, current: 0, resealed: 0, busy: 0, unreadable: 0, tooNew: 0 };
  const counts = Object.entries(await engine.store.counts());
  const of = counts.reduce((sum, [, count]) => sum + count, 0);
  for (const [state] of counts) {
    for (let after: string | undefined, full = true; full;) {
      signal.throwIfAborted();
      const ids = await engine.store.page({ state, after, limit: pageSize });
      const ended = await Promise.all(ids.map((id) => sealAnew(engine, id)));
      for (const each of ended) round[each]++;
      round.seen += ids.length;
      tell(() => progress(round.seen, Math.max(of, round.seen), round.resealed), null);
      after = ids.at(-1);
      full = ids.length === pageSize;
    }
  }
  return round;
}

async function sealAnew(engine: Engine, id: string): Promise<Sealed> {
  try {
    const found = await find(engine, id);
    if (found === null) return "current";
    const { user, record } = found;
    if (engine.sealer.isWritten(record.value)) return "current";
    if (record.lease !== null && record.lease.leftMs > 0) return "busy";
    // Whoever held an expired lease is gone: the user is due at once, as it was when the lease ended.
    const place =
      record.lease === null
        ? { dueInMs: record.dueInMs === null ? null : Math.max(0, record.dueInMs), lane: record.lane }
        : { dueInMs: 0, lane: null };
    const done = await save(engine, user, false, { mode: "none", lease: newLease(engine), ...place });
    return done.type === "committed" ? "resealed" : "busy";
  } catch (error) {
    if (isLifecycleError(error, "RENAMED")) return "current";
    if (!isLifecycleError(error, "RECORD_DAMAGED") && !isLifecycleError(error, "RECORD_TOO_NEW")) throw error;
    engine.settings.logger.warn(`Cannot seal a user anew: ${error.message}`);
    return error.code === "RECORD_TOO_NEW" ? "tooNew" : "unreadable";
  }
}
