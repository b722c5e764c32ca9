/**
 * The arithmetic of a rolling window. Pure. For every call, a log holds the latest time at which it can have reached
 * the server. The call counts for a full window from then on, so no window at the server can contain more calls than
 * the log counted, whatever the latency.
 *
 * Moments are rounded up to 1/512 of the window, so a log stays small for any limit and wastes at most 0.2 % of a
 * window.
 *
 * Redis and PostgreSQL compute the same in their servers: `adapters/redis/lua/slots.ts` and
 * `adapters/postgres/functions.ts`. The conformance suite holds all three to the same results.
 *
 * @module
 */
import type { Counts, Lane, Limit, Slot } from "./contract.ts";
import { reach, total, turn } from "./lane-scheduler.ts";

/** Moments (ms, ascending) with the number of calls per lane that count from each. */
export type SlotLog = readonly (readonly [at: number, interactive: number, recovery: number, bulk: number])[];

/** A log without calls. */
export const emptyLog: SlotLog = [];

/** The moment at which a call at `at` is recorded, in a window of `windowMs`. */
export function noted(windowMs: number, at: number): number {
  const grain = Math.max(1, Math.ceil(windowMs / 512));
  return Math.ceil(at / grain) * grain;
}

/** The log without the calls that no longer count at `now`. */
export function prune(log: SlotLog, windowMs: number, now: number): SlotLog {
  const first = log.findIndex(([at]) => at + windowMs > now);
  return first === 0 ? log : first < 0 ? emptyLog : log.slice(first);
}

/** The number of calls that count at `now`, by lane. */
export function used(log: SlotLog, windowMs: number, now: number): Counts {
  let [interactive, recovery, bulk] = [0, 0, 0];
  for (const [at, ofInteractive, ofRecovery, ofBulk] of log) {
    if (at + windowMs <= now) continue;
    interactive += ofInteractive;
    recovery += ofRecovery;
    bulk += ofBulk;
  }
  return { interactive, recovery, bulk };
}

const column = { interactive: 1, recovery: 2, bulk: 3 } as const satisfies Record<Lane, number>;

/** The log with `calls` more (or fewer, if negative) of `lane` at the moment `at`. */
export function add(log: SlotLog, at: number, lane: Lane, calls: number): SlotLog {
  const index = log.findIndex(([other]) => other >= at);
  const found = index < 0 ? undefined : log[index];
  if (found?.[0] !== at && calls <= 0) return log;
  const moment: [number, number, number, number] = found?.[0] === at ? [...found] : [at, 0, 0, 0];
  moment[column[lane]] = Math.max(0, moment[column[lane]] + calls);
  if (found?.[0] !== at) return log.toSpliced(index < 0 ? log.length : index, 0, moment);
  return moment[1] + moment[2] + moment[3] > 0 ? log.with(index, moment) : log.toSpliced(index, 1);
}

/**
 * In how many milliseconds from `now` the first of the requesting lanes may get a slot, if nothing else changes.
 * `null`: never.
 */
export function freeInMs(
  log: SlotLog,
  limit: Limit,
  now: number,
  asks: (lane: Lane) => boolean,
): number | null {
  const kept = prune(log, limit.windowMs, now);
  if (turn(limit, used(kept, limit.windowMs, now), asks) !== null) return 0;
  for (const [at] of kept) {
    const then = at + limit.windowMs;
    if (turn(limit, used(kept, limit.windowMs, then), asks) !== null) return then - now;
  }
  return null;
}

/**
 * In how many milliseconds from `now` `calls` more calls of `lane` will have been granted, if each ends as soon as it
 * is granted and no other lane requests a slot. Each slot of the window becomes free at some time, and then once per
 * window; the result is the `calls`-th of these times.
 */
export function grantedInMs(log: SlotLog, limit: Limit, now: number, calls: number, lane: Lane): number {
  const kept = prune(log, limit.windowMs, now);
  const most = reach(limit, lane);
  const taken = total(used(kept, limit.windowMs, now));
  let surplus = Math.max(0, taken - most); // other lanes may use more slots, or the limit was lowered
  const places: (readonly [freeInMs: number, calls: number])[] = [[0, Math.max(0, most - taken)]];
  for (const [at, ...counts] of kept) {
    const count = counts.reduce((sum, one) => sum + one, 0);
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
  let high = Math.ceil((places.at(-1)?.[0] ?? 0) + limit.windowMs * Math.ceil(calls / most));
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (grantedBy(middle) >= calls) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The slot of a call that is granted at `now` and may arrive up to `holdMs` later. */
export function slotAt(limit: Limit, now: number, holdMs: number, lane: Lane): Slot {
  return { limit: limit.name, windowMs: limit.windowMs, lane, at: noted(limit.windowMs, now + holdMs) };
}

/** The log after the call of `slot` has ended at `now`: it cannot have arrived later than that. */
export function settled(log: SlotLog, slot: Slot, now: number): SlotLog {
  const at = noted(slot.windowMs, now);
  const held = log.some((moment) => moment[0] === slot.at && moment[column[slot.lane]] > 0);
  return held && at < slot.at ? add(add(log, slot.at, slot.lane, -1), at, slot.lane, 1) : log;
}
