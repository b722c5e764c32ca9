/**
 * Replaces the store's own key while everybody works: a fresh one takes over, every user is sealed anew with it, and
 * the old one goes once nobody can bring anything any more that only it opens.
 *
 * @module
 */
import { sleep } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { accountOf } from "../store/account.ts";
import type { StoredRecord } from "../store/contract.ts";
import { sealingKeyOf } from "../store/envelope.ts";
import { newStoreKey, wrapNames } from "../store/key-record.ts";
import { tell } from "./changes.ts";
import { newLease } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { RewrapOptions, RewrapSummary } from "./key-verbs.ts";
import { find } from "./load.ts";
import { wrap, wrappedAnew } from "./rewrap.ts";
import { save } from "./save.ts";
import { freshMs } from "./store-keys.ts";

/** Users that are sealed anew side by side. */
const pageSize = 32;
/** Pause between two rounds while somebody is in the way, ms. */
const roundMs = 1_000;

/**
 * Seals every user with a fresh store key and drops the older ones.
 * @throws {LifecycleError} as `rewrap()`; the signal's reason
 */
export async function sealRecordsAnew(engine: Engine, options: RewrapOptions): Promise<RewrapSummary> {
  const { clock, closing, keys, sealer } = engine;
  const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
  await beginStoreKey(engine);
  const sealing = sealer.keyId;
  // Until then some process may begin something on an old look at the record.
  const settledAt = clock.monotonic() + freshMs;
  const early = new EarlyLeases();
  let resealed = 0;
  let quietRounds = 0;
  for (;;) {
    const began = clock.monotonic();
    const settled = began >= settledAt;
    const round = await sealRound(engine, signal, settled ? early : null, (seen, of, more) =>
      options.onProgress?.({ seen, of, resealed: resealed + more }),
    );
    if (settled) early.complete();
    resealed += round.resealed;
    quietRounds = settled && round.resealed + round.busy === 0 ? quietRounds + 1 : 0;
    // One round can miss a user who changes its state meanwhile.
    if (quietRounds === 2) {
      const dropped = round.tooNew > 0 ? 0 : await dropOlder(engine, sealing);
      return { storeKeys: keys.view.storeKeys.length, resealed, unreadable: round.unreadable, dropped };
    }
    const tookMs = clock.monotonic() - began;
    const settlesInMs = settledAt - clock.monotonic();
    await sleep(clock, round.busy > 0 ? Math.max(roundMs, tookMs) : Math.max(0, settlesInMs), signal);
  }
}

/**
 * Leases whose holders may have begun before they knew of the fresh key: those met in the first round once nobody can
 * begin so any more. What they bring is perhaps sealed with an older key, so it is waited for, however long such a lease
 * is: other processes may have another `leaseMs`. Later leases are no worry, and somebody always has one.
 */
class EarlyLeases {
  readonly #ids = new Set<string>();
  #complete = false;

  /** Is it one of them? In the first round every one is. */
  has(leaseId: string): boolean {
    if (!this.#complete) this.#ids.add(leaseId);
    return this.#ids.has(leaseId);
  }

  /** The first round is over. */
  complete(): void {
    this.#complete = true;
  }
}

/**
 * A fresh store key takes over, unless an earlier rewrap under the same ring key was interrupted: then its key goes on.
 * One that was made under an older ring key is known to whoever had that and a copy of the store, so it is replaced.
 */
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
    const next = await wrappedAnew(engine, record);
    const [{ madeUnder, by }] = next.storeKeys;
    if (next.storeKeys.length > 1 && madeUnder === by) return next;
    const wrapped = await wrap(engine, engine.keys.ring(), record, fresh);
    const first = { id: fresh.id, madeUnder: wrapped.by, ...wrapped };
    const names = wrapNames(keys.view.names, fresh, accountOf(account.credentials.clientId));
    return { ...next, storeKeys: [first, ...next.storeKeys], names };
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
  early: EarlyLeases | null,
  progress: (seen: number, of: number, resealed: number) => void,
): Promise<Round> {
  const round = { seen: 0, current: 0, resealed: 0, busy: 0, unreadable: 0, tooNew: 0 };
  const counts = Object.entries(await engine.store.counts());
  const of = counts.reduce((sum, [, count]) => sum + count, 0);
  for (const [state] of counts) {
    for (let after: string | undefined, full = true; full;) {
      signal.throwIfAborted();
      const ids = await engine.store.page({ state, after, limit: pageSize });
      const ended = await Promise.all(ids.map((id) => sealAnew(engine, id, early)));
      for (const each of ended) round[each]++;
      round.seen += ids.length;
      tell(() => progress(round.seen, Math.max(of, round.seen), round.resealed), null);
      after = ids.at(-1);
      full = ids.length === pageSize;
    }
  }
  return round;
}

async function sealAnew(engine: Engine, id: string, early: EarlyLeases | null): Promise<Sealed> {
  try {
    const found = await find(engine, id);
    if (found === null) return "current";
    const { user, record } = found;
    if (isSettled(engine, record, early)) return "current";
    if (record.lease !== null && record.lease.leftMs > 0) return "busy";
    // Whoever held an expired lease is gone: the user is due at once, as it was when the lease ended. Should the holder
    // come back all the same, it finds that the record has changed.
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

/**
 * Is it written as it would be now, and will it stay so? Whoever holds a user with secrets knows the key that opens them;
 * whoever has held one without them since before may not.
 */
function isSettled({ sealer }: Engine, { value, lease }: StoredRecord, early: EarlyLeases | null): boolean {
  const heldEarly = early !== null && lease !== null && early.has(lease.id);
  return sealer.isWritten(value) && (!heldEarly || sealingKeyOf(value) !== null);
}
