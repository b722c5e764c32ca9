/** Seeded random numbers (sfc32): the same seed gives the same ids, codes and tokens in every run. */

/** The generator's state, four 32-bit integers. Part of a snapshot. */
export type ChanceState = readonly [number, number, number, number];

/** A seeded source of numbers and hexadecimal names. Not suitable for keys. */
export class Chance {
  state: ChanceState;

  constructor(seed: number) {
    this.state = [seed | 0, (seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1];
    // The first draws are still correlated with the seed.
    for (let i = 0; i < 15; i++) this.#draw();
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
    const [a, b, c, d] = this.state;
    const sum = (((a + b) | 0) + d) | 0;
    const mixed = (c << 21) | (c >>> 11);
    this.state = [b ^ (b >>> 9), (c + (c << 3)) | 0, (mixed + sum) | 0, (d + 1) | 0];
    return sum >>> 0;
  }
}
