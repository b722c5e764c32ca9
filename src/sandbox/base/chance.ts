/** Seeded random numbers (sfc32): the same seed gives the same ids, codes and tokens in every run. */

/** The generator's state, four 32-bit integers. Part of a snapshot. */
export type ChanceState = readonly [number, number, number, number];

/** A seeded source of numbers and hexadecimal names. Not suitable for keys. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = (seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    this.#d = 1;
    // The first draws are still correlated with the seed.
    for (let i = 0; i < 15; i++) this.#draw();
  }

  get state(): ChanceState {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  set state(state: ChanceState) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#draw() / 2 ** 32;
  }

  /** `length` hexadecimal digits. */
  hex(length: number): string {
    let text = "";
    while (text.length < length) text += this.#draw().toString(16).padStart(8, "0");
    return text.slice(0, length);
  }

  #draw(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }
}
