/**
 * Words as attributes of metrics: each one makes a series that lives as long as the process, so there are few.
 *
 * @module
 */

/** What returns the first words as they are, and all others as `_OTHER`. */
export function fewWords(most: number): (word: string) => string {
  const words = new Set<string>();
  return (word) => {
    if (words.has(word)) return word;
    if (words.size >= most) return "_OTHER";
    words.add(word);
    return word;
  };
}
