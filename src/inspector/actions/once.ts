/**
 * Requests that are repeated: what was begun once is not begun again, and the repetition gets the same answer.
 *
 * @module
 */

/** Answers that are kept; the oldest are dropped first. */
const mostKept = 1_000;

export class Once<T> {
  readonly #begun = new Map<string, { readonly what: string; readonly answer: Promise<T> }>();

  /** Begins it, unless it was begun under this name. `null`: something else was begun under it. */
  run(name: string, what: string, begin: () => Promise<T>): Promise<T> | null {
    const known = this.#begun.get(name);
    if (known !== undefined) return known.what === what ? known.answer : null;
    const answer = begin();
    this.#begun.set(name, { what, answer });
    const [oldest] = this.#begun.keys();
    if (this.#begun.size > mostKept && oldest !== undefined) this.#begun.delete(oldest);
    return answer;
  }
}
