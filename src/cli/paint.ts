/**
 * Adds colour where it carries meaning and the output supports it.
 *
 * @module
 */
import { styleText } from "node:util";

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
