/** Resources in order of creation, with a cache of search results: paging through a result searches only once. */

/** Something with a position in an order. */
export interface Ordered {
  readonly order: number;
}

/** How many search results a folder caches. */
const mostSearches = 8;

/** Resources of one kind that one reader can see. */
export class Folder<T extends Ordered> {
  #items: T[] = [];
  readonly #found = new Map<string, readonly T[]>();

  /** All of them, by order. */
  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.touch();
    const place = placeOf(this.#items, item.order);
    if (this.#items[place] === item) return;
    if (place === this.#items.length) this.#items.push(item);
    else this.#items.splice(place, 0, item);
  }

  delete(item: T): void {
    this.touch();
    const place = placeOf(this.#items, item.order);
    if (this.#items[place] === item) this.#items.splice(place, 1);
  }

  /** Drops the cached search results, because an item changed. */
  touch(): void {
    this.#found.clear();
  }

  /** The items that pass `matches`, cached under the name `search` until something changes. */
  find(search: string, matches: (item: T) => boolean): readonly T[] {
    const known = this.#found.get(search);
    if (known !== undefined) return known;
    const found = this.#items.filter(matches);
    const [oldest] = this.#found.keys();
    if (this.#found.size >= mostSearches && oldest !== undefined) this.#found.delete(oldest);
    this.#found.set(search, found);
    return found;
  }
}

/** The index of the first item whose order is `order` or above. */
export function placeOf(items: readonly Ordered[], order: number): number {
  let low = 0;
  let high = items.length;
  // The newest is requested most often.
  if ((items.at(-1)?.order ?? -1) < order) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.order ?? order) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
