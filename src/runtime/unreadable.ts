/**
 * Users of an import whose records are damaged. Nobody goes on with such a user until a person has done something about
 * it, so an import that waited for it would never end.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { idsOn } from "./listing.ts";
import { find } from "./load.ts";
import { onTheirWay, shelf } from "./shelves.ts";
import type { UserState } from "../../machines/index.ts";

/** It is worth a look once nobody has arrived for so long, ms. */
const stillMs = 60_000;
/** As long as somebody waits for slots it is too early, unless so few are left. */
const few = 1_000;
/** Users that are listed with one question to the store. */
const pageSize = 500;

/** What an import knows of them. */
export class Unreadable {
  readonly #engine: Engine;
  readonly #name: string;
  #ids: readonly string[] = [];
  #left = Number.NaN;
  #since = 0;

  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  /** Who could not be read at the last look. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /**
   * How many of the `left` users of the import cannot be read. Looks at each of them when none has arrived for a minute,
   * and again before all of them are said to be unreadable.
   *
   * @throws {LifecycleError} of the store
   */
  async among(left: number, waiting: number): Promise<number> {
    const now = this.#engine.clock.monotonic();
    if (left !== this.#left) [this.#left, this.#since] = [left, now];
    const isStill = now - this.#since >= stillMs && (waiting === 0 || left <= few);
    if (left > 0 && (isStill || left <= this.#ids.length)) {
      this.#since = now;
      this.#ids = await this.#found();
    }
    return Math.min(left, this.#ids.length);
  }

  async #found(): Promise<readonly string[]> {
    const { store } = this.#engine;
    const ids: string[] = [];
    for (const state of Object.keys(onTheirWay(this.#name, await store.counts())) as UserState[]) {
      for await (const id of idsOn(this.#engine, shelf(state, this.#name), pageSize)) {
        if (await this.#isDamaged(id)) ids.push(id);
      }
    }
    return ids;
  }

  async #isDamaged(id: string): Promise<boolean> {
    try {
      await find(this.#engine, id);
      return false;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      return error.code === "RECORD_DAMAGED"; // a release that knows more goes on with any other
    }
  }
}
