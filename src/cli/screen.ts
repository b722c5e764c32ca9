/**
 * Lines, and a picture that is redrawn in place where the reader has a terminal.
 *
 * @module
 */
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { sleep, systemClock } from "../clock.ts";

/** What a screen needs of `process.stdout`. */
export interface ScreenTarget {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** The widest line. */
export const width = 80;

/** How many places a line has: those of the terminal, forty at least; on a pipe as many as it wants. */
export function widthOf({ isTTY = false, columns = width }: ScreenTarget): number {
  return isTTY ? Math.max(40, columns) : Infinity;
}

/** Writes to a terminal or a pipe. On a pipe nothing moves: a picture is printed once, when it is settled. */
export class Screen {
  readonly paint: Paint;
  readonly #target: ScreenTarget;
  /** Lines of the picture that is drawn and may be drawn over. */
  #drawn = 0;

  constructor(target: ScreenTarget) {
    this.#target = target;
    this.paint = paintFor(target);
  }

  /** Can a picture be redrawn? Not where lines would wrap or scroll away. */
  get moves(): boolean {
    const { isTTY = false, columns = 0, rows = 0 } = this.#target;
    return isTTY && columns >= width && rows >= 16 && process.env["TERM"] !== "dumb";
  }

  /** Prints lines. A picture above them stays as it is. */
  say(...lines: readonly string[]): void {
    this.#drawn = 0;
    for (const line of lines) this.#target.write(`${line}\n`);
  }

  /** Draws a picture over the last one. */
  draw(lines: readonly string[]): void {
    if (!this.moves) return;
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    this.#target.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}\u001b[J`);
    this.#drawn = lines.length;
  }

  /** Draws a picture for the last time. */
  settle(lines: readonly string[]): void {
    if (this.moves) this.draw(lines);
    else this.say(...lines);
    this.#drawn = 0;
  }

  /** Gives whoever watches a moment to read; a pipe needs none. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.moves) await sleep(systemClock, ms, signal);
  }
}
