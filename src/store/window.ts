/**
 * The arithmetic of a rolling window, pure. A log holds, for every call, the latest moment it can have reached
 * the server; a call counts until a whole window has passed since then, so no window at the server can hold more
 * calls than the log ever counted, whatever the latency.
 *
 * Moments are rounded up to 1/512 of the window, so a log stays small at any limit and loses at most 0.2 % of a window.
 *
 * @module
 */
import type { Limit, Slot } from "./contract.ts";

/** Moments (ms, ascending) and how many calls count from each. */
export type SlotLog = readonly (readonly [at: number, calls: number])[];

/** A log without calls. */
export const emptyLog: SlotLog = [];

/** The moment under which a call at `at` is noted in a window of `windowMs`. */
export function noted(windowMs: number, at: number): number {
  const grain = Math.max(1, Math.ceil(windowMs / 512));
  return Math.ceil(at / grain) * grain;
}

/** The log without what no longer counts at `now`. */
export function prune(log: SlotLog, limit: Limit, now: number): SlotLog {
  const first = log.findIndex(([at]) => at + limit.windowMs > now);
  return first === 0 ? log : first < 0 ? emptyLog : log.slice(first);
}

/** How many calls count at `now`. */
export function used(log: SlotLog, limit: Limit, now: number): number {
  return prune(log, limit, now).reduce((sum, [, calls]) => sum + calls, 0);
}

/** How many more calls may be granted at `now`. */
export function free(log: SlotLog, limit: Limit, now: number): number {
  return Math.max(0, limit.calls - used(log, limit, now));
}

/** The log with `calls` more (or fewer, if negative) noted at the moment `at`. */
export function add(log: SlotLog, at: number, calls: number): SlotLog {
  const index = log.findIndex(([other]) => other >= at);
  const found = index < 0 ? undefined : log[index];
  if (found?.[0] === at) return log.with(index, [at, found[1] + calls]).filter(([, count]) => count > 0);
  return calls > 0 ? log.toSpliced(index < 0 ? log.length : index, 0, [at, calls]) : log;
}

/**
 * In how many milliseconds, counted from `now`, `calls` more calls will have been granted if each is over as soon as
 * it is granted. Every place of the window is free again at some moment, and then once a window: the answer is the
 * `calls`-th of these moments.
 */
export function grantedInMs(log: SlotLog, limit: Limit, now: number, calls: number): number {
  const kept = prune(log, limit, now);
  let surplus = Math.max(0, used(kept, limit, now) - limit.calls); // after the limit was lowered
  const places: (readonly [freeInMs: number, calls: number])[] = [[0, free(kept, limit, now)]];
  for (const [at, count] of kept) {
    const skipped = Math.min(surplus, count);
    surplus -= skipped;
    places.push([at + limit.windowMs - now, count - skipped]);
  }
  const grantedBy = (ms: number): number =>
    places.reduce(
      (sum, [freeInMs, count]) =>
        ms < freeInMs ? sum : sum + count * (Math.floor((ms - freeInMs) / limit.windowMs) + 1),
      0,
    );
  let low = 0;
  let high = Math.ceil((places.at(-1)?.[0] ?? 0) + limit.windowMs * Math.ceil(calls / limit.calls));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (grantedBy(middle) >= calls) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The slot of a call that is granted at `now` and may arrive up to `holdMs` later. */
export function slotAt(limit: Limit, now: number, holdMs: number): Slot {
  return { limit: limit.name, windowMs: limit.windowMs, at: noted(limit.windowMs, now + holdMs) };
}

/** The log once the call of `slot` is over at `now`. It cannot have arrived later than that. */
export function settled(log: SlotLog, slot: Slot, now: number): SlotLog {
  const at = noted(slot.windowMs, now);
  const held = log.some(([moment]) => moment === slot.at);
  return held && at < slot.at ? add(add(log, slot.at, -1), at, 1) : log;
}
