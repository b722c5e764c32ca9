/**
 * The latest entries of a map that would otherwise grow for ever.
 *
 * @module
 */

/** Keeps at least the latest `fewest` entries, and at most twice as many. */
export class Latest<T> {
  readonly #fewest: number;
  #newer = new Map<number, T>();
  /** Those before them. To delete the oldest one by one would leave gaps that each look at the first one passes. */
  #older: ReadonlyMap<number, T> = new Map();

  constructor(fewest: number) {
    this.#fewest = fewest;
  }

  get(key: number): T | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: number, value: T): void {
    if (this.#newer.size >= this.#fewest) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }
}
