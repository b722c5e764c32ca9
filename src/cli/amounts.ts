/**
 * Numbers and times on a command line.
 *
 * @module
 */
import { UsageError } from "./arguments.ts";

/** A whole number. @throws {UsageError} with the option, the rule and the value */
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

const units: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** A length of time, in ms. @throws {UsageError} likewise */
export function duration(name: string, text: string): number {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const value = Number(amount) * (units.get(unit ?? "") ?? NaN);
  if (value > 0) return value;
  throw new UsageError(`--${name} must be a time such as 90s, 30m or 1h, got ${JSON.stringify(text)}`);
}
