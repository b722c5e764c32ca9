/**
 * A set of numbers that is filled first and asked then: eight bytes each, where a `Set` takes forty.
 *
 * @module
 */

/** See the module. */
export class Numbers {
  #all = new Float64Array(1_024);
  #count = 0;
  #isSorted = true;

  add(number: number): void {
    if (this.#count === this.#all.length) {
      const more = new Float64Array(2 * this.#count);
      more.set(this.#all);
      this.#all = more;
    }
    this.#all[this.#count++] = number;
    this.#isSorted = false;
  }

  has(number: number): boolean {
    const all = this.#sorted();
    let [from, to] = [0, all.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((all[middle] ?? 0) < number) from = middle + 1;
      else to = middle;
    }
    return all[from] === number;
  }

  #sorted(): Float64Array {
    const all = this.#all.subarray(0, this.#count);
    if (!this.#isSorted) all.sort();
    this.#isSorted = true;
    return all;
  }
}
