/**
 * The store's keys and format as this process last saw them. Another process may replace a key or raise the format at
 * any time: whoever looks at the account's record for the gates brings the news here, and before anything is written
 * the last look must be recent.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import type { AccountRecord, Json, Store } from "../store/contract.ts";
import {
  openKeys,
  readKeyRecord,
  storeKeyContext,
  unlock,
  withKeyRecord,
  wrapNames,
} from "../store/key-record.ts";
import type { KeyRecord, KeyView, StoreKey, WrappedStoreKey } from "../store/key-record.ts";
import type { KeyRing } from "../store/key-ring.ts";
import { Sealer } from "../store/seal.ts";
import type { Logger } from "./options.ts";

/** What {@link StoreKeys} works with. */
export interface StoreKeysParts {
  readonly record: Store["account"];
  readonly account: string;
  /** `storeIsNew`: nothing was sealed yet, so a key may be made. */
  readonly ring: (storeIsNew: boolean) => KeyRing;
  /** Must users stand under hidden ids? @default false */
  readonly hideIds?: boolean | undefined;
  readonly clock: Clock;
  /** The newest format that is known here. */
  readonly newest: number;
  readonly logger: Logger;
}

/** Nothing is sealed on a look at the account's record that is older, ms. A dropped key must have been out of use for longer. */
export const freshMs = 10_000;

/** See the module. */
export class StoreKeys {
  readonly sealer: Sealer;
  readonly #parts: StoreKeysParts;
  /** Every store key this process ever held. */
  #known: readonly StoreKey[] = [];
  #view: KeyView;
  /** The keys' part of the record as last seen, as text, and the look that is taking it up. */
  #seen = "";
  #taking: { readonly text: string; readonly taken: Promise<void> } | null = null;
  #revision = 0;
  #seenAt: number;
  #trouble: LifecycleError | null = null;
  readonly #troubles = new WeakSet<Error>();

  /** Opens the store's keys. @throws {LifecycleError} as {@link openKeys} */
  static async open(parts: StoreKeysParts): Promise<StoreKeys> {
    const began = parts.clock.monotonic();
    const view = await openKeys({ ...parts, writeId: randomName(parts.clock) });
    return new StoreKeys(parts, view, began);
  }

  private constructor(parts: StoreKeysParts, view: KeyView, began: number) {
    this.#parts = parts;
    this.sealer = new Sealer(view, parts.account, parts.newest);
    this.#view = view;
    this.#known = view.storeKeys;
    this.#seenAt = began;
  }

  /** The keys as last seen. */
  get view(): KeyView {
    return this.#view;
  }

  /** Why nothing new may be begun: a newer release has the store, or its newest key does not open here. */
  get trouble(): LifecycleError | null {
    return this.#trouble;
  }

  /** Is the error about the whole account, whomever it was met with? Several looks at a time each bring one of their own. */
  isTrouble(error: Error): boolean {
    return this.#troubles.has(error);
  }

  /** May something be written without another look? */
  get isFresh(): boolean {
    return this.#trouble === null && this.#parts.clock.monotonic() - this.#seenAt <= freshMs;
  }

  /** Takes up what a look that began `at` found. Never rejects; trouble is kept and told. */
  see(found: AccountRecord, at: number): Promise<void> {
    if (this.#isOld(found, at)) return Promise.resolve();
    try {
      const record = readKeyRecord(found.value, this.#parts.newest);
      const text = JSON.stringify(record);
      if (text === this.#seen) {
        this.#looked(found, at);
        return Promise.resolve();
      }
      if (this.#taking?.text !== text) {
        const taken = this.#take(record, text, found, at).finally(() => (this.#taking = null));
        this.#taking = { text, taken };
      }
      return this.#taking.taken.then(
        () => this.#looked(found, at),
        (error: unknown) => this.#refuse(error, found, at),
      );
    } catch (error) {
      this.#refuse(error, found, at);
      return Promise.resolve();
    }
  }

  /**
   * Looks at the account's record again, now.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`; `RECORD_TOO_NEW`, `KEY_REFUSED`, `RECORD_DAMAGED` if what stands there
   * cannot be used by this process
   */
  async renew(): Promise<void> {
    const at = this.#parts.clock.monotonic();
    const found = await this.#parts.record.load();
    if (found !== null) await this.see(found, at);
    if (this.#trouble !== null) throw this.#trouble;
  }

  /**
   * Changes the keys' part of the record, by compare-and-set, and takes the change up. `null` = leave it as it is.
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

  /** The ring as it is now: a key file is read again. */
  ring(): KeyRing {
    return this.#parts.ring(false);
  }

  /** A look that began earlier says nothing new, whenever it ends. */
  #isOld({ revision }: AccountRecord, at: number): boolean {
    return at < this.#seenAt || (at === this.#seenAt && revision < this.#revision);
  }

  async #take(record: KeyRecord, text: string, found: AccountRecord, at: number): Promise<void> {
    const view = await unlock(record, this.#parts.account, () => this.ring(), this.#known);
    if (this.#isOld(found, at)) return;
    const before = this.#view;
    const wentBack = found.revision < this.#revision;
    const ids = new Set(view.storeKeys.map(({ id }) => id));
    this.#known = [...view.storeKeys, ...this.#known.filter(({ id }) => !ids.has(id))];
    this.#view = view;
    this.#seen = text;
    this.sealer.use(view);
    if (wentBack) await this.#putBack(before);
  }

  /**
   * The store forgot writes that it had acknowledged, as after a failover to a replica that lagged behind, and with them
   * perhaps a store key that users are sealed with: what this process still holds goes back into the record.
   */
  async #putBack({ format, storeKeys, names }: KeyView): Promise<void> {
    const { account, logger } = this.#parts;
    logger.warn("The account's record is an older one: its store has lost writes; lost keys are put back");
    await this.change(async (record) => {
      const has = new Set(record.storeKeys.map(({ id }) => id ?? this.sealer.keyId));
      const lost: WrappedStoreKey[] = [];
      for (const { id, bytes } of storeKeys) {
        if (has.has(id)) continue;
        const wrapped = await this.ring().wrap(bytes, storeKeyContext(account));
        lost.push({ id, madeUnder: null, ...wrapped });
      }
      if (lost.length === 0 && format <= record.format) return null;
      const [first, ...others] = record.storeKeys;
      const named = { ...first, id: first.id ?? this.sealer.keyId };
      const kept = record.names ?? wrapNames(names, this.#view.storeKeys[0], account);
      const newest = Math.max(format, record.format);
      return { ...record, format: newest, storeKeys: [named, ...others, ...lost], names: kept };
    });
  }

  #looked(found: AccountRecord, at: number): void {
    if (this.#isOld(found, at)) return;
    this.#revision = found.revision;
    this.#seenAt = at;
    this.#trouble = null;
  }

  #refuse(error: unknown, found: AccountRecord, at: number): void {
    if (this.#isOld(found, at)) return;
    const trouble = isLifecycleError(error)
      ? error
      : new LifecycleError("KEY_REFUSED", "Cannot read the store's keys: the key source failed", {
          cause: error,
        });
    if (trouble.message !== this.#trouble?.message) {
      this.#parts.logger.warn(`Cannot begin anything new: ${trouble.message}`);
    }
    this.#trouble = trouble;
    this.#troubles.add(trouble);
  }
}
