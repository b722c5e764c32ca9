/**
 * Prints lines, and a display that is redrawn in place on a terminal.
 *
 * @module
 */
import { wrapped } from "./columns.ts";
import { paintFor, type Paint } from "./paint.ts";
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

/** Prose, wrapped on a terminal. */
export function wrappedFor(target: ScreenTarget, text: string): readonly string[] {
  const width = widthOf(target);
  return wrapped(text, width === Infinity ? width : Math.min(longestLine, width));
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
