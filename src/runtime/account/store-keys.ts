/**
 * The store's keys and format as this process last saw them. Another process may replace a key or raise the format at
 * any time: every read of the account's record for the gates also updates the keys, and before a write the last read
 * must be recent.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { isLifecycleError, type LifecycleError, keyRefused } from "../../errors.ts";
import { todoAbout } from "../../next-step.ts";
import type { AccountRecord, Json } from "../../store/contract.ts";
import {
  openKeys,
  readKeyRecord,
  unlock,
  withKeyRecord,
  wrapStoreKey,
  type KeyParts,
  type KeyRecord,
  type KeyView,
  type StoreKey,
  type WrappedStoreKey,
} from "../../store/sealing/key-record.ts";
import type { KeyRing } from "../../store/sealing/key-ring.ts";
import { momentOn, passedSince, type Moment, type SteadyClock } from "../../store/steady-time.ts";
import { Sealer, type SealMemory } from "../../store/sealing/sealer.ts";
import type { RecordParts } from "./change-account.ts";

/** The dependencies of {@link StoreKeys}. */
export interface StoreKeysParts extends Omit<KeyParts, "newest" | "writeId">, RecordParts {
  /** The newest format that this release knows. */
  readonly newest: number;
  readonly clock: SteadyClock;
  /** Called with each read of the account's record, and when that began. */
  readonly seen?: (found: AccountRecord, began: Moment) => void;
  /** See {@link SealMemory}. */
  readonly memory?: SealMemory | undefined;
}

/**
 * Nothing is sealed if the last read of the account's record is older than this, ms. A key may be dropped only after it
 * has been out of use for longer.
 */
export const freshMs = 10_000;

export class StoreKeys {
  readonly sealer: Sealer;
  readonly #parts: StoreKeysParts;
  /** Every store key that this process has held. */
  #known: readonly StoreKey[] = [];
  #view: KeyView;
  /** The keys' part of the record as last seen, as JSON, and the update in progress. */
  #seen = "";
  /** The value that it was read from: a store may return the same object again, which need not be parsed again. */
  #seenIn: Json = null;
  #taking: { readonly text: string; readonly taken: Promise<void> } | null = null;
  #revision = 0;
  /** When the read began that was last applied. */
  #read: Moment;
  #trouble: LifecycleError | null = null;
  readonly #troubles = new WeakSet<Error>();

  /** Opens the store's keys. @throws {LifecycleError} as {@link openKeys} */
  static async open(parts: StoreKeysParts): Promise<StoreKeys> {
    const began = momentOn(parts.clock);
    const view = await openKeys({ ...parts, writeId: randomName(parts.clock) });
    return new StoreKeys(parts, view, began);
  }

  private constructor(parts: StoreKeysParts, view: KeyView, began: Moment) {
    this.#parts = parts;
    this.sealer = new Sealer(view, parts.account, parts.newest, parts.memory);
    this.#view = view;
    this.#known = view.storeKeys;
    this.#read = began;
  }

  /** The keys as last seen. */
  get view(): KeyView {
    return this.#view;
  }

  /** Why no new work may start: a newer release uses the store, or its newest key cannot be unlocked here. */
  get trouble(): LifecycleError | null {
    return this.#trouble;
  }

  /**
   * Whether the error concerns the whole account, not the user it occurred with. Concurrent reads each throw an error
   * of their own.
   */
  isTrouble(error: Error): boolean {
    return this.#troubles.has(error);
  }

  /** Whether something may be written without another read. */
  get isFresh(): boolean {
    return this.#trouble === null && passedSince(this.#parts.clock, this.#read) <= freshMs;
  }

  /** Applies the result of a read. Never rejects; an error is kept in {@link trouble} and logged. */
  async applyRecord(found: AccountRecord, began: Moment): Promise<void> {
    this.#parts.seen?.(found, began);
    if (this.#isOld(found, began)) return;
    if (found.value !== null && found.value === this.#seenIn) return this.#noteRead(found, began);
    try {
      const record = readKeyRecord(found.value, this.#parts.newest);
      const text = JSON.stringify(record);
      if (text === this.#seen) this.#seenIn = found.value;
      else {
        if (this.#taking?.text !== text) {
          const taken = this.#take(record, text, found, began).finally(() => (this.#taking = null));
          this.#taking = { text, taken };
        }
        await this.#taking.taken;
      }
      this.#noteRead(found, began);
    } catch (error) {
      this.#refuse(error, found, began);
    }
  }

  /**
   * Reads the account's record again, now.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`; `RECORD_TOO_NEW`, `KEY_REFUSED`, `RECORD_DAMAGED` if this process
   * cannot use the record
   */
  async renew(): Promise<void> {
    const began = momentOn(this.#parts.clock);
    const found = await this.#parts.record.load();
    if (found !== null) await this.applyRecord(found, began);
    if (this.#trouble !== null) throw this.#trouble;
  }

  /**
   * Changes the keys' part of the record by compare-and-set and applies the change. `null` = leave it as it is.
   * @throws {LifecycleError} what `change` throws; as {@link renew}
   */
  async change(change: (record: KeyRecord) => Promise<KeyRecord | null> | KeyRecord | null): Promise<void> {
    const { record, newest, clock } = this.#parts;
    for (;;) {
      const found = await record.load();
      const value: Json = found?.value ?? null;
      const next = await change(readKeyRecord(value, newest));
      if (next === null) break;
      const write = { value: withKeyRecord(value, next), expectedRevision: found?.revision ?? 0 };
      if (await record.commit({ ...write, writeId: randomName(clock) })) break;
    }
    await this.renew();
  }

  /** The current key ring: a key file is read again. */
  ring(): KeyRing {
    return this.#parts.ring(false);
  }

  /** A read that started earlier is outdated, whenever it ends. */
  #isOld({ revision }: AccountRecord, { at }: Moment): boolean {
    return at < this.#read.at || (at === this.#read.at && revision < this.#revision);
  }

  async #take(record: KeyRecord, text: string, found: AccountRecord, began: Moment): Promise<void> {
    const view = await unlock(record, this.#parts.account, () => this.ring(), this.#known);
    if (this.#isOld(found, began)) return;
    const before = this.#view;
    const ids = new Set(view.storeKeys.map(({ id }) => id));
    this.#known = [...view.storeKeys, ...this.#known.filter(({ id }) => !ids.has(id))];
    this.#view = view;
    this.#seen = text;
    this.#seenIn = found.value;
    this.sealer.use(view);
    this.#checkRing(record);
    if (before.format <= record.format && this.#lostIn(record).length === 0) return;
    try {
      await this.#restoreLostKeys(before.format);
    } catch (error) {
      [this.#seen, this.#seenIn] = ["", null]; // the next read tries again
      throw error;
    }
  }

  /** The keys that this process has held and that no rotation has dropped, although the record lacks them. */
  #lostIn({ storeKeys, dropped }: KeyRecord): readonly StoreKey[] {
    const has = new Set([...dropped, ...storeKeys.map(({ id }) => id)]);
    return this.#known.filter(({ id }) => !has.has(id));
  }

  /** A process that does not hold the key that the store's keys are wrapped with goes on, and could not start again. */
  #checkRing({ storeKeys }: KeyRecord): void {
    try {
      const { ids } = this.ring();
      const missing = storeKeys.find(({ by }) => ids.length > 0 && !ids.includes(by));
      if (missing === undefined) return;
      this.#parts.logger.warn(
        { key: missing.by },
        `This process goes on, but could not start again: the store's keys were rotated to key ${missing.by}, which its \`encryption\` does not hold`,
      );
    } catch {
      // The ring is needed for new keys only, and its error is reported when it is.
    }
  }

  /**
   * The store lost writes that it had acknowledged, as after a failover to a lagging replica, and perhaps a store key
   * that users are sealed with. The keys that this process still holds are written back into the record, which another
   * process may have written since.
   */
  async #restoreLostKeys(format: number): Promise<void> {
    const { account, logger } = this.#parts;
    await this.change(async (record) => {
      const keys = this.#lostIn(record);
      if (keys.length === 0 && format <= record.format) return null;
      logger.warn({}, "The store has lost writes of the account's record; lost keys are restored");
      const lost: WrappedStoreKey[] = [];
      for (const key of keys) {
        const wrapped = await wrapStoreKey(key, account, this.ring());
        if (record.retired.includes(wrapped.by))
          throw keyRefused(
            `Cannot restore a lost store key: the newest key must not be a retired one, and ${wrapped.by} is; put a fresh key before it`,
          );
        lost.push({ id: key.id, madeUnder: null, ...wrapped });
      }
      const newest = Math.max(format, record.format);
      return { ...record, format: newest, storeKeys: [...record.storeKeys, ...lost] };
    });
  }

  #noteRead(found: AccountRecord, began: Moment): void {
    if (this.#isOld(found, began)) return;
    this.#revision = found.revision;
    this.#read = began;
    this.#trouble = null;
  }

  #refuse(error: unknown, found: AccountRecord, began: Moment): void {
    if (this.#isOld(found, began)) return;
    const trouble = isLifecycleError(error)
      ? error
      : keyRefused("Cannot read the store's keys: the key source failed", {
          cause: error,
        });
    if (trouble.message !== this.#trouble?.message) {
      this.#parts.logger.error(
        { error: trouble.code },
        `Cannot start new work: ${trouble.message}${todoAbout(trouble)}`,
      );
    }
    this.#trouble = trouble;
    this.#troubles.add(trouble);
  }
}
