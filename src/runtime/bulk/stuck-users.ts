/**
 * The users of an import that no process continues until a person has intervened: their records are damaged, so that an
 * import that waited for them would never end, or an operator holds them.
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

/** How many users of an import are stuck. */
export interface Stuck {
  readonly unreadable: number;
  readonly held: number;
}

/** The stuck users of one import. */
export class StuckUsers {
  readonly #engine: Engine;
  readonly #name: string;
  #ids: readonly string[] = [];
  #nameless = 0;
  #held = 0;
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
   * How many of the import's `left` users are stuck. Examines each of them when none has become usable for a minute, and
   * again before all of them are reported as unreadable.
   *
   * @throws {LifecycleError} of the store
   */
  async among(left: number, waiting: number): Promise<Stuck> {
    const now = this.#engine.clock.monotonic();
    if (left !== this.#left) [this.#left, this.#since] = [left, now];
    const isStill = now - this.#since >= stillMs && (waiting === 0 || left <= few);
    if (left > 0 && (isStill || left <= this.#known)) {
      this.#since = now;
      await this.#examine();
    }
    const unreadable = Math.min(left, this.#known);
    return { unreadable, held: Math.min(left - unreadable, this.#held) };
  }

  get #known(): number {
    return this.#ids.length + this.#nameless;
  }

  async #examine(): Promise<void> {
    const ids: string[] = [];
    let nameless = 0;
    let held = 0;
    const before = await this.#counts();
    for (const [key, count] of Object.entries(before)) {
      let listed = 0;
      for await (const id of listUserIds(this.#engine, pageSize, key)) {
        listed++;
        const stuck = await this.#whyStuck(id);
        if (stuck === "damaged") ids.push(id);
        else if (stuck === "held") held++;
      }
      // Only with hidden ids is a record counted that is not listed: one that does not contain its id. Otherwise a user
      // was in another state while its page was read.
      const isMissing = this.#engine.hidden !== null && listed < count;
      if (isMissing && (await this.#counts())[key] === count) nameless += count - listed;
    }
    this.#ids = ids;
    this.#nameless = nameless;
    this.#held = held;
  }

  async #counts(): Promise<ReturnType<typeof keysInProgress>> {
    return keysInProgress(this.#name, await this.#engine.store.counts());
  }

  #whyStuck(id: string): Promise<"damaged" | "held" | null> {
    const damaged = (error: unknown): "damaged" | null => {
      if (!isLifecycleError(error)) throw error;
      // transient errors are examined again; the rest is for a newer release
      return error.code === "RECORD_DAMAGED" ? "damaged" : null;
    };
    return findUser(this.#engine, id).then((found) => (found?.user.hold ? "held" : null), damaged);
  }
}
