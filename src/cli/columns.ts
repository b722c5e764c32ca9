/**
 * Lays out text in columns: cells are padded or cut to their width, and the last one may run on.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** Characters two columns wide on a terminal. */
const wide = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
const signs = new Intl.Segmenter();

function* placesOf(text: string): Generator<{ readonly sign: string; readonly places: number }> {
  for (const { segment } of signs.segment(text)) yield { sign: segment, places: wide.test(segment) ? 2 : 1 };
}

/** The width of the text on a terminal, in columns; colour codes have none. */
export function placesIn(text: string): number {
  let places = 0;
  for (const one of placesOf(stripVTControlCharacters(text))) places += one.places;
  return places;
}

/** Pads or cuts the text to exactly `width` columns; `right` aligns it right. */
export function fitted(text: string, width: number, right = false): string {
  const cut = shortened(text, width);
  const rest = " ".repeat(Math.max(0, width - placesIn(cut)));
  return right ? rest + cut : cut + rest;
}

/** Cuts the text to at most `width` columns. */
export function shortened(text: string, width: number): string {
  if (placesIn(text) <= width) return text;
  let kept = "";
  let places = 0;
  for (const one of placesOf(text)) {
    if (places + one.places > width - 1) break;
    kept += one.sign;
    places += one.places;
  }
  return `${kept}…`;
}

/** The space between a number and its unit, where no line ends: `59 min`. */
const inMeasure = /(?<=\d) (?=(?:d|h|min|s|ms)\b)/;

/** Wraps the text at `width` columns; `Infinity` keeps it on one line. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  const words = text.split(" ");
  for (const [index, part] of words.entries()) {
    if (index > 0 && inMeasure.test(`${words[index - 1]} ${part}`)) continue; // it came with its number
    const next = words[index + 1];
    const word = next !== undefined && inMeasure.test(`${part} ${next}`) ? `${part} ${next}` : part;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || placesIn(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** The text beside `start`, wrapped at `width` columns; later lines are indented as far. `paint` colours the text. */
export function hanging(
  start: string,
  text: string,
  width: number,
  paint: (text: string) => string = (same) => same,
): readonly string[] {
  const indent = placesIn(start);
  return wrapped(text, Math.max(12, width - indent)).map(
    (line, index) => (index === 0 ? start : " ".repeat(indent)) + paint(line),
  );
}
