/**
 * Whether the store accepts writes. The outcome of real writes counts first: the last one may have failed although the
 * store accepts others, for example on a full disk. Without a recent write, the store is probed.
 *
 * @module
 */
import { randomName, type Clock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import { todoAbout } from "../../next-step.ts";
import type { Logger } from "../options/logger.ts";
import type { Store } from "../../store/contract.ts";
import { isError } from "../../realms.ts";

/** How long a result is reused, ms: health probes may come every second and from many processes. */
const freshMs = 1_000;

/** How long a failed call explains a store that does not answer, ms. */
const heardMs = 60_000;

export class Writability {
  readonly #store: Pick<Store, "probe" | "account">;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** A real write failed, and none has succeeded since. */
  #failed = false;
  /** The last call that failed, also a read, and its time. */
  #heard: { readonly at: number; readonly error: Error } | null = null;
  /** The last result, and its time. */
  #found: { readonly at: number; readonly refusal: Error | null } | null = null;
  #asking: Promise<void> | null = null;

  /** Why the last write or probe failed; `null`: it did not. */
  get refusal(): Error | null {
    return this.#found?.refusal ?? null;
  }

  /** Why the store may be silent: that refusal, or the failure of any call of late. */
  get trouble(): Error | null {
    const isRecent = this.#heard !== null && this.#clock.monotonic() - this.#heard.at < heardMs;
    return this.refusal ?? (isRecent ? (this.#heard?.error ?? null) : null);
  }

  constructor(store: Pick<Store, "probe" | "account">, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A write has changed something. A result without a change, such as a conflict, proves nothing. */
  succeeded(): void {
    this.#note(null);
  }

  /** A call failed. */
  heard(error: Error): void {
    if (isLifecycleError(error, "STORE_UNAVAILABLE") || isLifecycleError(error, "STORE_UNUSABLE"))
      this.#heard = { at: this.#clock.monotonic(), error };
  }

  /** A write failed. */
  failed(error: unknown): void {
    // A user whose row another transaction holds says nothing about the others.
    if (!isLifecycleError(error, "STORE_UNAVAILABLE") || error.facts["waitsFor"] === "row") return;
    this.#failed = true;
    this.#note(error);
  }

  /**
   * Resolves if the store accepts writes. It is probed at most once a second, however many callers ask.
   * @throws {LifecycleError} the error that a write would get
   */
  async check(): Promise<void> {
    const found = this.#found;
    if (found !== null && this.#clock.monotonic() - found.at < freshMs) {
      if (found.refusal !== null) throw found.refusal;
      return;
    }
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    await this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      await this.#store.probe?.(this.#failed);
      if (this.#failed) await this.#writeAgain();
      this.#note(null);
    } catch (error) {
      this.#note(isError(error) ? error : new Error("the store refused", { cause: error }));
      throw error;
    }
  }

  /** Rewrites the account record unchanged: only a real write shows that a disk has space again. */
  async #writeAgain(): Promise<void> {
    const { account } = this.#store;
    const found = await account.load();
    if (found === null) return;
    const { value, revision: expectedRevision } = found;
    // False: another process has just written it.
    await account.commit({ value, expectedRevision, writeId: randomName(this.#clock) });
  }

  #note(refusal: Error | null): void {
    if (refusal === null) [this.#failed, this.#heard] = [false, null];
    const isUnavailable = isLifecycleError(refusal, "STORE_UNAVAILABLE");
    if (isUnavailable && this.refusal === null) {
      const message = `The store does not work: ${refusal.message}${todoAbout(refusal)}`;
      this.#logger.warn({ error: refusal.code }, message);
    } else if (refusal === null && this.refusal !== null) this.#logger.info({}, "The store works again");
    this.#found = { at: this.#clock.monotonic(), refusal };
  }
}
