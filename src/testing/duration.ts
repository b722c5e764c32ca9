/**
 * Times as people write them in a test: `"90s"`, `"2h"`, `"14d"`.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { spanOf } from "../runtime/time-words.ts";

/** A length of time: milliseconds, or a number with its unit. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/**
 * In milliseconds.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for what is no time, or goes back
 */
export function inMs(time: Duration): number {
  if (typeof time === "number" && Number.isFinite(time) && time >= 0) return time;
  const ms = typeof time === "string" ? spanOf(time) : undefined;
  if (ms !== undefined) return ms;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot read a time: it must be milliseconds from 0, or such as "90s", "2h" or "14d", got ${String(time)}`,
  );
}
