/**
 * Replaces the store's own key while all processes keep working: a fresh key takes over, every user is sealed again
 * with it, and the old key is dropped once no process can write anything more that only the old key opens.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { accountOf } from "../../store/account-of.ts";
import type { Store } from "../../store/contract.ts";
import { sealingKeyOf } from "../../store/envelope.ts";
import { newStoreKey, wrapNames } from "../../store/sealing/key-record.ts";
import type { Engine } from "../engine/engine.ts";
import { callListener } from "../options/call-listener.ts";
import { resealEvents } from "../events/reseal-events.ts";
import type { RotateKeysOptions, RotateKeysSummary } from "./rotate-keys-options.ts";
import { findUser, isLeased, pagesOfUserIds } from "../engine/load-user.ts";
import { sumOf } from "../user/index-key.ts";
import { tombstoneKey } from "../user/tombstone.ts";
import { untilGivenUp } from "../engine/deadline.ts";
import { wrap, wrappedAnew, wrappingOf, type Wrapping } from "./rotate-ring-key.ts";
import { samePlace, saveIdle } from "../engine/save-user.ts";
import { freshMs } from "../account/store-keys.ts";
import { storeAnswerMs } from "../account/checked-store.ts";

/** Users sealed concurrently. */
const pageSize = 32;
/** The pause between two rounds while users are leased, ms. */
const roundMs = 1_000;

/**
 * Seals every user with a fresh store key and drops the older keys.
 *
 * @throws {LifecycleError} as `rotateKeys()`; the signal's reason
 */
export async function rotateStoreKey(engine: Engine, options: RotateKeysOptions): Promise<RotateKeysSummary> {
  return withSignals(options.signal, engine.closing, (signal) =>
    untilGivenUp(engine.clock, signal, sealRounds(engine, options, signal)),
  );
}

async function sealRounds(
  engine: Engine,
  options: RotateKeysOptions,
  signal: AbortSignal,
): Promise<RotateKeysSummary> {
  const { clock, keys, sealer, settings } = engine;
  const wrapping = await beginStoreKey(engine);
  const sealing = sealer.keyId;
  // Until then a process may begin work on a copy of the record that lacks the fresh key, and its write may arrive.
  const settledAt = clock.monotonic() + freshMs + (settings.store.timeoutMs ?? storeAnswerMs);
  // Leases whose holders may have begun before they knew the fresh key: those seen in the first round after which no
  // process can begin that way. Their writes may be sealed with an older key, so they are waited for, however long the
  // lease, because other processes may have another `leaseMs`. Later leases are harmless, and there are always some.
  const early = new Set<string>();
  let settledRounds = 0;
  let resealed = 0;
  let quietRounds = 0;
  for (;;) {
    const began = clock.monotonic();
    const settled = began >= settledAt;
    if (settled) settledRounds++;
    const isEarly = (lease: string): boolean => {
      if (settledRounds === 1) early.add(lease);
      return early.has(lease);
    };
    const round = await sealRound(engine, signal, isEarly, (seen, of, more) => {
      const progress = { seen, of, resealed: resealed + more };
      callListener(engine.settings.logger, "onProgress", options.onProgress, progress);
    });
    resealed += round.resealed;
    quietRounds = settled && round.resealed + round.busy === 0 ? quietRounds + 1 : 0;
    // One round can miss a user that is renamed meanwhile.
    if (quietRounds === 2) {
      if (engine.outbox.setting !== null) await resealEvents(engine, signal);
      if (round.nameless > 0)
        settings.logger.warn(
          { users: round.nameless },
          "The older store keys are kept: users need them whose records do not tell their ids; repair those records from a backup, and rotate again",
        );
      const dropped = round.tooNew + round.nameless > 0 ? 0 : await dropOlder(engine, sealing);
      const unreadable = round.unreadable + round.nameless;
      return { ...wrapping, storeKeys: keys.view.storeKeys.length, resealed, unreadable, dropped };
    }
    const tookMs = clock.monotonic() - began;
    const settlesInMs = settledAt - clock.monotonic();
    await sleep(clock, round.busy > 0 ? Math.max(roundMs, tookMs) : Math.max(0, settlesInMs), signal);
  }
}

/**
 * Adds a fresh store key, unless an earlier rotation under the same ring key was interrupted: its key is then kept. A
 * key made under an older ring key is known to anyone who had that ring key and a copy of the store, so it is
 * replaced.
 */
async function beginStoreKey(engine: Engine): Promise<Wrapping> {
  const { account, keys } = engine;
  const fresh = newStoreKey();
  let wrapping: Wrapping = { key: "", wrapped: 0 };
  await keys.change(async (record) => {
    const next = await wrappedAnew(engine, record);
    wrapping = wrappingOf(record, next);
    const [{ madeUnder, by }] = next.storeKeys;
    if (next.storeKeys.length > 1 && madeUnder === by) return next;
    const wrapped = await wrap(engine, engine.keys.ring(), record, fresh);
    const first = { id: fresh.id, madeUnder: wrapped.by, ...wrapped };
    const names = wrapNames(keys.view.names, fresh, accountOf(account.credentials.clientId));
    return { ...next, storeKeys: [first, ...next.storeKeys], names };
  });
  return wrapping;
}

/** Drops the older store keys, and notes that they are not lost. Returns their number; 0 if another process did it, or started over. */
async function dropOlder({ keys }: Engine, sealing: string): Promise<number> {
  let dropped = 0;
  await keys.change((record) => {
    const [first, ...older] = record.storeKeys;
    dropped = first.id === sealing ? older.length : 0;
    if (dropped === 0) return null;
    return { ...record, storeKeys: [first], dropped: [...record.dropped, ...older.map(({ id }) => id)] };
  });
  return dropped;
}

/** What became of a user in one round. */
type Sealed =
  | "current"
  | "resealed"
  /** It is leased, and is visited again. */
  | "busy"
  /** No key can decrypt its record. */
  | "unreadable"
  /** Its record does not tell its id, but opens with an older key for those who have the id. */
  | "nameless"
  /** Its record is of a newer release, which may need an older key. */
  | "tooNew";

/** Visits every user once and seals those again that are not sealed with the current key and format. */
async function sealRound(
  engine: Engine,
  signal: AbortSignal,
  isEarly: (lease: string) => boolean,
  progress: (seen: number, of: number, resealed: number) => void,
): Promise<Readonly<Record<Sealed, number>>> {
  const round = { current: 0, resealed: 0, busy: 0, unreadable: 0, nameless: 0, tooNew: 0 };
  const { [tombstoneKey]: _, ...counts } = await engine.store.counts();
  const of = sumOf(counts);
  let seen = 0;
  const leftOut: string[] = [];
  const leavesOut = (form: string): void => void leftOut.push(form);
  const store = { page: (ask: Parameters<Store["page"]>[0]) => engine.store.page({ ...ask, leavesOut }) };
  for await (const ids of pagesOfUserIds({ store }, pageSize)) {
    signal.throwIfAborted();
    const ended = await Promise.all(ids.map((id) => sealAnew(engine, id, isEarly)));
    for (const form of leftOut.splice(0)) ended.push(await nameless(engine, form));
    for (const each of ended) round[each]++;
    seen += ids.length;
    progress(seen, Math.max(of, seen), round.resealed);
  }
  return round;
}

/** A record that does not tell its id cannot be sealed again. */
async function nameless({ sealer, store }: Engine, form: string): Promise<Sealed> {
  const loaded = await store.load(form);
  if (loaded.type !== "record") return "current"; // it is gone
  const key = sealingKeyOf(loaded.record.value);
  return key === null || key === sealer.keyId ? "unreadable" : "nameless";
}

async function sealAnew(engine: Engine, id: string, isEarly: (lease: string) => boolean): Promise<Sealed> {
  try {
    const found = await findUser(engine, id);
    if (found === null) return "current";
    const { user, record } = found;
    // It is written with the current key and format, and will stay so: a process that holds a user with secrets knows
    // the key that opens them, and one that has held a user without secrets since before may not.
    const heldEarly = record.lease !== null && isEarly(record.lease.id);
    // seam: a-record-is-sealed-again
    if (engine.sealer.isWritten(record.value) && (!heldEarly || sealingKeyOf(record.value) !== null))
      return "current";
    if (isLeased(record)) return "busy";
    // The holder of an expired lease is presumed dead: the user is due at once, as when the lease expired. If the
    // holder does return, it finds that the record has changed.
    const place = record.lease === null ? samePlace(record) : { dueInMs: 0, lane: null };
    const done = await saveIdle(engine, user, place, false);
    return done.type === "committed" ? "resealed" : "busy";
  } catch (error) {
    if (isLifecycleError(error, "RENAMED")) return "current";
    if (!isLifecycleError(error, "RECORD_DAMAGED") && !isLifecycleError(error, "RECORD_TOO_NEW")) throw error;
    const fields = { user: engine.sealer.alias(id), error: error.code };
    engine.settings.logger.warn(fields, `Cannot seal a user again: ${error.message}`);
    return error.code === "RECORD_TOO_NEW" ? "tooNew" : "unreadable";
  }
}
