/**
 * Parses numbers and durations on a command line.
 *
 * @module
 */
import { spanOf } from "../runtime/options/time-in-words.ts";
import { UsageError } from "./arguments.ts";
import type { Given } from "./command.ts";

/** Parses a whole number. @throws {UsageError} with the option, the rule and the value */
export function whole(
  name: string,
  text: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(
    `--${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`,
  );
}

/** The whole number of an option; `undefined`: it was not given. @throws {UsageError} as {@link whole} */
export function wholeIn({ texts }: Given, name: string, least: number, most?: number): number | undefined {
  const text = texts.get(name);
  return text === undefined ? undefined : whole(name, text, least, most);
}

/** Parses a duration, in ms. @throws {UsageError} with the option, the rule and the value */
export function duration(name: string, text: string): number {
  const value = spanOf(text) ?? NaN;
  if (value > 0 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${name} must be a time such as 90s, 30m or 1h, got ${JSON.stringify(text)}`);
}
