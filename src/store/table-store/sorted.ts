/**
 * A sorted set in pieces, so that an insertion among a million items moves a few hundred of them instead of half a
 * million.
 *
 * @module
 */

/** Maximum size of a piece; a larger one is split in two. */
const most = 512;

/** A sorted set. */
export class Sorted<T> {
  /** Each piece is sorted and not empty, and all its items precede those of the next piece. */
  readonly #pieces: T[][] = [];
  readonly #compare: (a: T, b: T) => number;
  #size = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    const { place, piece, index, found } = this.#find(item);
    if (found) return;
    this.#size++;
    if (piece === undefined) {
      this.#pieces.push([item]);
      return;
    }
    piece.splice(index, 0, item);
    if (piece.length > most) this.#pieces.splice(place + 1, 0, piece.splice(most / 2));
  }

  delete(item: T): void {
    const { place, piece, index, found } = this.#find(item);
    if (!found || piece === undefined) return;
    this.#size--;
    piece.splice(index, 1);
    if (piece.length === 0) this.#pieces.splice(place, 1);
  }

  /** Up to `limit` items after `item`. */
  after(item: T | undefined, limit: number): readonly T[] {
    const start = item === undefined ? { place: 0, index: 0, found: false } : this.#find(item);
    const items: T[] = [];
    let from = start.found ? start.index + 1 : start.index;
    for (let place = start.place; items.length < limit; place++, from = 0) {
      const piece = this.#pieces[place];
      if (piece === undefined) break;
      for (const each of piece.slice(from, from + limit - items.length)) items.push(each);
    }
    return items;
  }

  /** How many items, from the first one on, `holds` is true for. */
  countWhile(holds: (item: T) => boolean): number {
    const full = lowest(this.#pieces.length, (at) => !holds(this.#pieces[at]?.at(-1) as T)); // no piece is empty
    const last = this.#pieces[full];
    const before = this.#pieces.slice(0, full).reduce((sum, piece) => sum + piece.length, 0);
    return before + lowest(last?.length ?? 0, (at) => !holds(last?.[at] as T)); // within bounds
  }

  /** The position of the item, or where it would be inserted; after all others this is the end of the last piece. */
  #find(item: T): { place: number; piece: T[] | undefined; index: number; found: boolean } {
    const last = this.#pieces.length - 1;
    const place = Math.min(
      Math.max(0, last),
      lowest(this.#pieces.length, (at) => this.#compare(this.#pieces[at]?.at(-1) as T, item) >= 0), // no piece is empty
    );
    const piece = this.#pieces[place];
    const index = lowest(piece?.length ?? 0, (at) => this.#compare(piece?.[at] as T, item) >= 0); // within bounds
    const there = piece?.[index];
    return { place, piece, index, found: there !== undefined && this.#compare(there, item) === 0 };
  }
}

/** The lowest number below `end` for which `holds` is true (it must then hold for all larger ones); otherwise `end`. */
function lowest(end: number, holds: (at: number) => boolean): number {
  let [low, high] = [0, end];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
