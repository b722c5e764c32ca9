/** What a million moments come to: how many there are in a window, an hour, a day. */
import { hour } from "./time.ts";

/** The least, the mean and the most. */
export interface Spread {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** The most moments in any rolling window; two that are a window apart are not in one. */
export function mostWithin(at: Float64Array, windowMs: number): number {
  let [from, most] = [0, 0];
  for (const [index, time] of at.entries()) {
    while ((at[from] ?? time) <= time - windowMs) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

/** How many moments an hour there are, by how long each window's worth of them in a row takes. */
export function pace(at: Float64Array, places: number): Spread {
  let [longest, shortest, sum, count] = [0, Infinity, 0, 0];
  for (const [index, time] of at.entries()) {
    const next = at[index + places];
    if (next === undefined) break;
    longest = Math.max(longest, next - time);
    shortest = Math.min(shortest, next - time);
    [sum, count] = [sum + next - time, count + 1];
  }
  const perHour = (ms: number): number => (places * hour) / ms;
  return { min: perHour(longest), mean: perHour(sum / count), max: perHour(shortest) };
}

/** How many moments lie in each full bucket from the first of them on. */
export function buckets(at: Float64Array, ms: number, until: number): Spread {
  const first = at[0] ?? 0;
  const counts = Array.from({ length: Math.floor((until - first) / ms) }, () => 0);
  for (const time of at) {
    const index = Math.floor((time - first) / ms);
    if (index < counts.length) counts[index] = (counts[index] ?? 0) + 1;
  }
  if (counts.length === 0) return { min: 0, mean: 0, max: 0 };
  const sum = counts.reduce((total, count) => total + count, 0);
  return { min: Math.min(...counts), mean: sum / counts.length, max: Math.max(...counts) };
}
