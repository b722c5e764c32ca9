/**
 * The arithmetic of a rolling window. Pure. For every call, a log holds the latest time at which it can have reached
 * the server. The call counts for a full window from then on, so no window at the server can contain more calls than
 * the log counted, whatever the latency.
 *
 * Moments are rounded up to 1/512 of the window, so a log stays small for any limit and wastes at most 0.2 % of a
 * window.
 *
 * Whether a slot is free is decided by `freeSlot()` in `table-store/table-slots.ts`, for the lanes of `lane-scheduler.ts`.
 * Redis and PostgreSQL compute the same in their servers: `adapters/redis/lua/slots.ts` and
 * `adapters/postgres/functions.ts`. The conformance suite holds all three to the same results.
 *
 * @module
 */
import { lanes, type Counts, type Lane, type LaterLimit, type Limit, type Slot } from "./contract.ts";
import { none, served, total, turn } from "./lane-scheduler.ts";

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
 * The time until `calls` more calls of `lane` are granted, ms from `now`. It is assumed that each call ends as soon as it
 * is granted, and that the only other requests are those in `waiting`, which come first in the same lane. It plays the
 * scheduler forward from one freed slot to the next, and skips what repeats itself: a million waiting users cost no
 * more than a few windows of them.
 */
export function forecastInMs(
  log: SlotLog,
  limit: Limit,
  now: number,
  { calls, lane, waiting = none, later = [] }: Forecasted,
): number {
  const { windowMs } = limit;
  let current = limit;
  let grown = 0;
  const moments = prune(log, windowMs, now).map((moment): Moment => [...moment]);
  const counts: Tallied = { ...used(moments, windowMs, now) };
  const left: Tallied = { ...served(limit, waiting) };
  left[lane] += calls;
  let at = now;
  let before: Scene = { at, moments: [], left };
  for (let steps = 1, next = 1; ; steps++) {
    note(moments, noted(windowMs, at), grantAll(current, counts, left));
    if (left[lane] === 0) return at - now;
    const scene = { at, moments, left };
    if (
      grown === later.length &&
      isRepetition(before, scene) &&
      noted(windowMs, at - before.at) === at - before.at
    ) {
      at += skipRepetitions(before, scene);
      next = steps;
    }
    if (steps >= next) {
      before = { at, moments: moments.map((moment): Moment => [...moment]), left: { ...left } };
      next = steps * 2;
    }
    const grows = later[grown];
    const growsAt = now + (grows?.[0] ?? Number.POSITIVE_INFINITY);
    const freesAt = (moments[0]?.[0] ?? Number.POSITIVE_INFINITY) + windowMs;
    at = Math.min(growsAt, freesAt);
    if (at === Number.POSITIVE_INFINITY) return at; // no slot is left to this lane
    if (grows !== undefined && growsAt === at) {
      current = grows[1];
      grown++;
    }
    if (freesAt === at) {
      const freed = moments.shift();
      for (const each of lanes) counts[each] -= freed?.[column[each]] ?? 0;
    }
  }
}

/** The calls whose time {@link forecastInMs} tells. */
interface Forecasted {
  readonly calls: number;
  readonly lane: Lane;
  /** The users who wait before them. */
  readonly waiting?: Counts;
  /** The limits that will apply instead of the present one, the earliest first. */
  readonly later?: readonly LaterLimit[] | undefined;
}

type Moment = [at: number, interactive: number, recovery: number, bulk: number];
type Tallied = Record<Lane, number>;

/** The state of the forecast between two freed slots. */
interface Scene {
  readonly at: number;
  readonly moments: readonly Moment[];
  readonly left: Tallied;
}

/** Grants all slots that are free; how many in each lane. */
function grantAll(limit: Limit, counts: Tallied, left: Tallied): Counts {
  const granted: Tallied = { ...none };
  for (;;) {
    const lane = turn(limit, counts, (other) => left[other] > 0);
    if (lane === null) return granted;
    const many = inARow(limit, counts, left, lane);
    counts[lane] += many;
    left[lane] -= many;
    granted[lane] += many;
  }
}

/** How many slots the lane gets before another's turn comes. */
function inARow(limit: Limit, counts: Counts, left: Counts, lane: Lane): number {
  let low = 1;
  let high = Math.min(left[lane], limit.calls - total(counts));
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const then = { ...counts, [lane]: counts[lane] + middle - 1 };
    if (turn(limit, then, (other) => left[other] > 0) === lane) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Adds what was granted to the moments, which stay in order. */
function note(moments: Moment[], at: number, granted: Counts): void {
  if (total(granted) === 0) return;
  const index = moments.findLastIndex((moment) => moment[0] <= at);
  let moment = moments[index];
  if (moment?.[0] !== at) moments.splice(index + 1, 0, (moment = [at, 0, 0, 0]));
  for (const lane of lanes) moment[column[lane]] += granted[lane];
}

/** Whether the state is the same as before, only later: then what happened in between repeats. */
function isRepetition(before: Scene, scene: Scene): boolean {
  const by = scene.at - before.at;
  const isSame = (moment: Moment, other: Moment | undefined): boolean =>
    moment[0] - by === other?.[0] && lanes.every((lane) => moment[column[lane]] === other[column[lane]]);
  return (
    before.moments.length === scene.moments.length &&
    lanes.every((lane) => before.left[lane] > 0 === scene.left[lane] > 0) &&
    scene.moments.every((moment, index) => isSame(moment, before.moments[index]))
  );
}

/** Repeats what happened since `before` until a lane is about to be empty; how many milliseconds later that is. */
function skipRepetitions(before: Scene, { at, moments, left }: Scene): number {
  const passed = lanes.map((lane) => before.left[lane] - left[lane]);
  const times = lanes.map((lane, index) => Math.floor((left[lane] - 1) / (passed[index] ?? 0)));
  const most = Math.min(...times.filter((_, index) => passed[index] !== 0));
  lanes.forEach((lane, index) => (left[lane] -= most * (passed[index] ?? 0)));
  for (const moment of moments) moment[0] += most * (at - before.at);
  return most * (at - before.at);
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
