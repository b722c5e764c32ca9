/**
 * Finds the word that was probably meant.
 *
 * @module
 */

/**
 * The word of `known` that differs least from `word`, if it differs in at most so many letters; `undefined` if none
 * does.
 */
export function nearest(
  word: string,
  known: readonly string[],
  most: number = Math.max(1, Math.floor(word.length / 3)),
): string | undefined {
  const [best] = known
    .map((one) => ({ one, far: one.startsWith(word) && word.length >= 3 ? 1 : distance(word, one) }))
    .filter(({ far }) => far <= most)
    .toSorted((left, right) => left.far - right.far);
  return best?.one;
}

/** How many letters must be added, dropped, replaced, or swapped with their neighbour. */
function distance(from: string, to: string): number {
  let [last, before]: [number[], number[]] = [Array.from({ length: to.length + 1 }, (_, index) => index), []];
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      const [drop, add, keep] = [last[column] ?? 0, line[column - 1] ?? 0, last[column - 1] ?? 0];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swap = swapped ? (before[column - 2] ?? Infinity) + 1 : Infinity;
      line.push(Math.min(drop + 1, add + 1, keep + same, swap));
    }
    [last, before] = [line, last];
  }
  return last[to.length] ?? 0;
}
