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

  /** How many different ones. */
  size(): number {
    const all = this.#sorted();
    return all.reduce((count, number, at) => count + (at > 0 && all[at - 1] === number ? 0 : 1), 0);
  }

  #sorted(): Float64Array {
    const all = this.#all.subarray(0, this.#count);
    if (!this.#isSorted) all.sort();
    this.#isSorted = true;
    return all;
  }
}

/** A number for a text, of 53 bits: two texts of a million share one once in twenty thousand times. Spread, not secrecy. */
export function numberOf(text: string): number {
  let [high, low] = [0xdead_beef, 0x41c6_ce57]; // cyrb53
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 2 ** 32 * (low & 0x1f_ffff) + (high >>> 0);
}
