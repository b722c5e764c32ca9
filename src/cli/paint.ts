/**
 * Colour, where it means something and the reader can see it.
 *
 * @module
 */
import { styleText } from "node:util";

/** What a piece of text is, not how it looks. */
export interface Paint {
  /** It went well: usable, kept, done. */
  good(text: string): string;
  /** It is on its way, or needs attention soon. */
  busy(text: string): string;
  /** It went wrong, or nobody knows yet. */
  bad(text: string): string;
  /** It was saved: recovered after trouble. */
  saved(text: string): string;
  /** What the eye should find first. */
  strong(text: string): string;
  /** What the eye may skip. */
  quiet(text: string): string;
}

/** Where text goes, as far as colour is concerned. */
export interface PaintTarget {
  readonly isTTY?: boolean | undefined;
}

/** Paints for `target`: plain unless it is a terminal. `NO_COLOR` and `FORCE_COLOR` decide first, in this order. */
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

/** Whether there is colour is decided above, so the stream is not asked again. */
function style(format: Parameters<typeof styleText>[0]): (text: string) => string {
  return (text) => (text === "" ? text : styleText(format, text, { validateStream: false }));
}
