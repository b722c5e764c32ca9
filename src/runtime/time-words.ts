/**
 * Times as people read them.
 *
 * @module
 */

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

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

/** `2026-11-25 14:05:00 UTC`: the same for everybody who reads it, wherever they sit. */
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
