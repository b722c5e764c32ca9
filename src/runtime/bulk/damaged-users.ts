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
  #nameless = 0;
  #left = Number.NaN;
  #since = 0;

  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  /** Who could not be read at the last look, as far as the records say whose they are. */
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
    if (left > 0 && (isStill || left <= this.#known)) {
      this.#since = now;
      await this.#look();
    }
    return Math.min(left, this.#known);
  }

  get #known(): number {
    return this.#ids.length + this.#nameless;
  }

  async #look(): Promise<void> {
    const ids: string[] = [];
    let nameless = 0;
    const before = await this.#counts();
    for (const [state, count] of Object.entries(before) as [UserState, number][]) {
      let listed = 0;
      for await (const id of idsOn(this.#engine, shelf(state, this.#name), pageSize)) {
        listed++;
        if (await this.#isDamaged(id)) ids.push(id);
      }
      // Where ids are hidden, a record that does not say whose it is stands on its shelf, and is not listed.
      const isSteady = listed < count && (await this.#counts())[state] === count;
      if (isSteady) nameless += count - listed;
    }
    this.#ids = ids;
    this.#nameless = nameless;
  }

  async #counts(): Promise<ReturnType<typeof onTheirWay>> {
    return onTheirWay(this.#name, await this.#engine.store.counts());
  }

  async #isDamaged(id: string): Promise<boolean> {
    try {
      await find(this.#engine, id);
      return false;
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      return error.code === "RECORD_DAMAGED"; // what passes is looked at again, and of the rest another release knows more
    }
  }
}
