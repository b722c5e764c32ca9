/**
 * Words as attributes of metrics: each one makes a series that lives as long as the process, so there are few.
 *
 * @module
 */

/** Returns the first words as they are, and all others as `_OTHER`. */
export class FewWords {
  readonly #most: number;
  readonly #words = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  known(word: string): string {
    if (this.#words.has(word)) return word;
    if (this.#words.size >= this.#most) return "_OTHER";
    this.#words.add(word);
    return word;
  }
}
