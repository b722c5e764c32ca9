/**
 * Text in columns: what is too wide for its place is cut, what has no place to end runs on.
 *
 * @module
 */

/** Signs that take two places on a terminal. */
const wide = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
const signs = new Intl.Segmenter();

function* placesOf(text: string): Generator<{ readonly sign: string; readonly places: number }> {
  for (const { segment } of signs.segment(text)) yield { sign: segment, places: wide.test(segment) ? 2 : 1 };
}

/** How many places the text takes on a terminal. It must hold no colour yet. */
export function placesIn(text: string): number {
  let places = 0;
  for (const one of placesOf(text)) places += one.places;
  return places;
}

/** The text in exactly `width` places, or cut to them; `right`: at their right end. */
export function fitted(text: string, width: number, right = false): string {
  const cut = shortened(text, width);
  const rest = " ".repeat(Math.max(0, width - placesIn(cut)));
  return right ? rest + cut : cut + rest;
}

/** The text in at most `width` places. */
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

/** The words in lines of at most `width` places; one of `Infinity` is a single line. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || placesIn(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}
