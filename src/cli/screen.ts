/**
 * Prints lines, and a display that is redrawn in place on a terminal: with colour where it carries meaning and the output
 * supports it, and in columns, whose cells are padded or cut to their width while the last one may run on.
 *
 * @module
 */
import { styleText, stripVTControlCharacters } from "node:util";
import { sleep, systemClock } from "../clock.ts";

/** The parts of `process.stdout` that a screen uses. */
export interface ScreenTarget {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** The widest line. */
export const width = 80;

/** The width of a line: that of the terminal, at least forty columns; unlimited on a pipe. */
export function widthOf({ isTTY = false, columns = 0 }: ScreenTarget): number {
  return isTTY ? Math.max(40, columns === 0 ? width : columns) : Infinity; // 0: the terminal does not tell
}

/** The longest line of prose that is easy to read, in columns. */
const longestLine = 100;

/** Prints prose on the standard error. */
export function printError(text: string): void {
  for (const line of wrappedFor(process.stderr, text)) console.error(line);
}

/** Prose, wrapped on a terminal, line by line; an indented line stays as it is. */
export function wrappedFor(target: ScreenTarget, text: string): readonly string[] {
  const width = widthOf(target);
  const most = width === Infinity ? width : Math.min(longestLine, width);
  return text.split("\n").flatMap((line) => (line.startsWith(" ") ? [line] : wrapped(line, most)));
}

/** Writes to a terminal or a pipe. On a pipe nothing is redrawn: a display is printed once, when it is final. */
export class Screen {
  readonly paint: Paint;
  readonly #target: ScreenTarget;
  /** Number of lines that the current display has and may be redrawn over. */
  #drawn = 0;

  constructor(target: ScreenTarget) {
    this.#target = target;
    this.paint = paintFor(target);
  }

  /** Whether a display can be redrawn: not on a pipe, nor where lines would wrap or scroll away. */
  get moves(): boolean {
    const { isTTY = false, columns = 0, rows = 0 } = this.#target;
    return isTTY && columns >= width && rows >= 16 && process.env["TERM"] !== "dumb";
  }

  /** Prints lines. A display above them stays as it is. */
  say(...lines: readonly string[]): void {
    this.#drawn = 0;
    for (const line of lines) this.#target.write(`${line}\n`);
  }

  /** Draws a display over the last one. */
  draw(lines: readonly string[]): void {
    if (!this.moves) return;
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    this.#target.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
    this.#drawn = lines.length;
  }

  /** Draws a display for the last time. */
  settle(lines: readonly string[]): void {
    if (this.moves) this.draw(lines);
    else this.say(...lines);
    this.#drawn = 0;
  }

  /** Gives people time to read; skipped on a pipe. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.moves) await sleep(systemClock, ms, signal);
  }
}

/** Colours by meaning, not by appearance. */
export interface Paint {
  /** Success: usable, kept, done. */
  good(text: string): string;
  /** In progress, or needs attention soon. */
  busy(text: string): string;
  /** Failed, or unknown. */
  bad(text: string): string;
  /** Recovered after trouble. */
  saved(text: string): string;
  /** What readers should see first. */
  strong(text: string): string;
  /** What readers may skip. */
  quiet(text: string): string;
}

/** What colouring needs to know about the output. */
export interface PaintTarget {
  readonly isTTY?: boolean | undefined;
}

/** The colours for `target`: none unless it is a terminal. `NO_COLOR` and `FORCE_COLOR` take precedence, in this order. */
export function paintFor(
  target: PaintTarget,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Paint {
  return wantsColour(target, env) ? colours : plain;
}

function wantsColour(
  { isTTY = false }: PaintTarget,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR: no = "", FORCE_COLOR: force, TERM: term } = env;
  if (no !== "") return false;
  if (force !== undefined) return force !== "0" && force !== "false";
  return isTTY && term !== "dumb";
}

/** Whether bars are drawn: on a terminal that shows their characters. Elsewhere they are noise beside the numbers. */
export function drawsBars(
  { isTTY = false }: PaintTarget,
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(
    (name) => name !== undefined && name !== "",
  );
  return isTTY && env["TERM"] !== "dumb" && locale !== "C" && locale !== "POSIX";
}

const same = (text: string): string => text;

const plain: Paint = { good: same, busy: same, bad: same, saved: same, strong: same, quiet: same };

const colours: Paint = {
  good: style("green"),
  busy: style("yellow"),
  bad: style("red"),
  saved: style("cyan"),
  strong: style("bold"),
  quiet: style("dim"),
};

/** The caller has decided about colour already, so the stream is not checked again. */
function style(format: Parameters<typeof styleText>[0]): (text: string) => string {
  return (text) => (text === "" ? text : styleText(format, text, { validateStream: false }));
}

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
function shortened(text: string, width: number): string {
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
