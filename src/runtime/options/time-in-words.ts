/**
 * Formats times and durations for people.
 *
 * @module
 */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: minute, h: hour, d: day };

/** Parses `90s`, `1.5h` or `14d` to ms; `undefined` if it is not a duration. */
export function spanOf(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,16}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = units[unit];
  return ms === undefined ? undefined : Number(digits) * ms;
}

/** `40 s`, `12 min`, `3 h 20 min`, `4 d 3 h`. */
export function spanInWords(ms: number): string {
  if (ms < minute) return `${Math.max(1, Math.round(ms / 1_000))} s`;
  if (ms < hour) return `${Math.round(ms / minute)} min`;
  const [big, small, bigName, smallName] =
    ms < day
      ? [Math.floor(ms / hour), Math.floor((ms % hour) / minute), "h", "min"]
      : [Math.floor(ms / day), Math.floor((ms % day) / hour), "d", "h"];
  return small === 0 ? `${big} ${bigName}` : `${big} ${bigName} ${small} ${smallName}`;
}

/** The same to the millisecond if it is short, and by its two largest units: `12 ms`, `1 min 30 s`. */
export function spanInFull(ms: number): string {
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

/** `2026-11-25 14:05:00 UTC`, independent of the local time zone. */
export function timeInWords(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `in 12 min`, `12 min ago`, or `now`. */
export function distanceInWords(at: Date, now: number): string {
  const ms = at.getTime() - now;
  if (Math.abs(ms) < 1_000) return "now";
  return ms > 0 ? `in ${spanInWords(ms)}` : `${spanInWords(-ms)} ago`;
}

/** `2026-11-25 14:05:00 UTC, in 12 min`. */
export function momentInWords(at: Date, now: number): string {
  return `${timeInWords(at)}, ${distanceInWords(at, now)}`;
}
