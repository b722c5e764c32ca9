/**
 * Durations as written in tests: `"90s"`, `"2h"`, `"14d"`.
 *
 * @module
 */
import { invalidOption } from "../errors.ts";
import { spanOf } from "../runtime/options/time-in-words.ts";

/** A duration: milliseconds, or a number with a unit. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/**
 * Converts to milliseconds.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for an invalid or negative duration
 */
export function inMs(time: Duration): number {
  if (typeof time === "number" && Number.isFinite(time) && time >= 0) return time;
  const ms = typeof time === "string" ? spanOf(time) : undefined;
  if (ms !== undefined) return ms;
  throw invalidOption(
    `Cannot read a duration: it must be milliseconds from 0, or text such as "90s", "2h" or "14d", got ${String(time)}`,
  );
}
