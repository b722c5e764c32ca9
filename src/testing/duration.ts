/**
 * Times as people write them in a test: `"90s"`, `"2h"`, `"14d"`.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";

/** A length of time: milliseconds, or a number with its unit. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * In milliseconds.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for what is no time, or goes back
 */
export function inMs(time: Duration): number {
  if (typeof time === "number" && Number.isFinite(time) && time >= 0) return time;
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(time)) ?? [];
  const ms = units[unit];
  if (typeof time === "string" && ms !== undefined) return Number(digits) * ms;
  throw new LifecycleError(
    "INVALID_OPTION",
    `Cannot read a time: it must be milliseconds from 0, or such as "90s", "2h" or "14d", got ${String(time)}`,
  );
}

/** In words, by its two largest units: `1 h 50 min`. */
export function spoken(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}
