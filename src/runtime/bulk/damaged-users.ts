/**
 * The users of an import whose records are damaged. No process can continue such a user until a person has
 * intervened, so an import that waited for it would never end.
 *
 * @module
 */
import { isLifecycleError } from "../../errors.ts";
import type { Engine } from "../engine/engine.ts";
import { findUser, listUserIds } from "../engine/load-user.ts";
import { keysInProgress } from "../user/index-key.ts";

/** The users are examined once none has become usable for this time, ms. */
const stillMs = 60_000;
/** While users wait for slots it is too early, unless at most this many are left. */
const few = 1_000;
/** Users listed per request to the store. */
const pageSize = 500;

/** The damaged users of one import. */
export class DamagedUsers {
  readonly #engine: Engine;
  readonly #name: string;
  #ids: readonly string[] = [];
  #nameless = 0;
  #left = Number.NaN;
  #since = 0;

  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  /** The ids of users that were unreadable at the last examination, as far as their records contain an id. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /**
   * How many of the import's `left` users are unreadable. Examines each of them when none has become usable for a
   * minute, and again before all of them are reported as unreadable.
   *
   * @throws {LifecycleError} of the store
   */
  async among(left: number, waiting: number): Promise<number> {
    const now = this.#engine.clock.monotonic();
    if (left !== this.#left) [this.#left, this.#since] = [left, now];
    const isStill = now - this.#since >= stillMs && (waiting === 0 || left <= few);
    if (left > 0 && (isStill || left <= this.#known)) {
      this.#since = now;
      await this.#examine();
    }
    return Math.min(left, this.#known);
  }

  get #known(): number {
    return this.#ids.length + this.#nameless;
  }

  async #examine(): Promise<void> {
    const ids: string[] = [];
    let nameless = 0;
    const before = await this.#counts();
    for (const [key, count] of Object.entries(before)) {
      let listed = 0;
      for await (const id of listUserIds(this.#engine, pageSize, key)) {
        listed++;
        if (await this.#isDamaged(id)) ids.push(id);
      }
      // Only with hidden ids is a record counted that is not listed: one that does not contain its id. Otherwise a user
      // was in another state while its page was read.
      const isMissing = this.#engine.hidden !== null && listed < count;
      if (isMissing && (await this.#counts())[key] === count) nameless += count - listed;
    }
    this.#ids = ids;
    this.#nameless = nameless;
  }

  async #counts(): Promise<ReturnType<typeof keysInProgress>> {
    return keysInProgress(this.#name, await this.#engine.store.counts());
  }

  #isDamaged(id: string): Promise<boolean> {
    const damaged = (error: unknown): boolean => {
      if (!isLifecycleError(error)) throw error;
      return error.code === "RECORD_DAMAGED"; // transient errors are examined again; the rest is for a newer release
    };
    return findUser(this.#engine, id).then(() => false, damaged);
  }
}
