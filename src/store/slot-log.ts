/**
 * The stored log of one limit. Pure. Besides its moments it has a head with data about its users, so that no process
 * prunes what another still counts, and no clock jump empties the log or fills it for longer than a window.
 *
 * @module
 */
import {
  lanes,
  type Counts,
  type Forecast,
  type Lane,
  type Limit,
  type Slot,
  type Store,
} from "./contract.ts";
import { LifecycleError } from "../errors.ts";
import { waitedMs } from "./lane-scheduler.ts";
import type { Past, Steps, Time } from "./steady-time.ts";
import { isObject } from "./guards.ts";
import { add, emptyLog, forecastInMs, noted, prune, settled, used, type SlotLog } from "./sliding-window.ts";

/**
 * What a process knew when it last used the log: the steps that it had noticed ({@link Steps}), how far the log would have
 * been moved by these alone, how far it had been moved, what the process took back of what others had moved it, and when
 * that was.
 */
export type Seen = readonly [
  stepsMs: number,
  ownMs: number,
  movedMs: number,
  takenBackMs: number,
  at: number,
];

/** A log with its head. Times are store time, ms. */
export interface KeptLog {
  /** The widest window that was recently used for it. Slots that this window still counts are not pruned. */
  readonly windowMs: number;
  /** When it was last used with that window. */
  readonly askedAt: number;
  /** When a slot was last taken. */
  readonly takenAt: number;
  readonly moments: SlotLog;
  /** How far the clock had been set in all when its moments were right, ms. */
  readonly movedMs: number;
  /** When that was changed, and by how much, ms; the latest last. */
  readonly moves: readonly (readonly [at: number, ms: number])[];
  /** What each process had noticed when it last used it. */
  readonly seen: Readonly<Record<string, Seen>>;
  /** Slots pruned by a process that had just started and whose clock may have been wrong. */
  readonly former: { readonly moments: SlotLog; readonly until: number } | null;
}

/** Maximum hold of a slot, ms: twice the longest time-out with its grace, and a margin. */
export const longestHoldMs = 600_000;

/** A log written this far in the future was written with a clock that has been set back since, ms. */
export const aheadMs = 60_000;

/** Steps of a clock up to this are taken for slow requests, ms. */
export const stepMs = 2_000;

/** How many moves of a log are kept. */
export const keptMoves = 64;

/** What a process has seen is kept for this long, and written once more after a part of it, ms. */
export const seenForMs: number = 26 * 3_600_000;
export const seenAgainMs: number = seenForMs / 26;
/** Of how many processes: those that asked last. */
export const mostSeen = 256;

/** Precision of `takenAt`, ms. */
export const takenNoteMs = 10_000;

/** The moments of a log, from the numbers of slots that a server keeps for each moment and lane. */
export function momentsOf(slots: Iterable<readonly [at: number, lane: Lane, calls: number]>): SlotLog {
  const moments = new Map<number, [at: number, interactive: number, recovery: number, bulk: number]>();
  for (const [at, lane, calls] of slots) {
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane)] = calls; // a lane's column, never the moment
    moments.set(at, counts);
  }
  return [...moments.values()].sort(([one], [other]) => one - other);
}

/** Whether nothing was ever taken from it, as far as it shows. */
export function isEmpty({ moments, takenAt }: KeptLog): boolean {
  return moments.length === 0 && takenAt === 0;
}

/** An unused log. */
export const newLog: KeptLog = {
  windowMs: 0,
  askedAt: 0,
  takenAt: 0,
  moments: emptyLog,
  movedMs: 0,
  moves: [],
  seen: {},
  former: null,
};

/**
 * The log at the time `now`, for a process that has noticed these steps of the clock, all up to now. Moments are moved
 * forward by what the clock was set forward since they were right, so that they count as if it had not been set. Where it
 * was set back, those from before count for longer, and the next ones are right by the new time.
 *
 * Each process follows the clock by its own steps. If its clock agrees with those of the others, it finds the log moved as
 * far as it would move it, or moves it there. If they do not agree (a machine stood still, or a process began after a step
 * that others had not noticed yet), it takes back what they moved too far. What others then move again without a step that
 * it has noticed, it accepts: else they would move the log for ever.
 */
export function redated(kept: KeptLog, now: number, { steps }: Past): KeptLog {
  const log = kept.takenAt > now + aheadMs ? correctedAhead(kept, now) : kept;
  if (steps === undefined) return log;
  const [stepsMs, ownMs, movedMs, takenBackMs, at] = log.seen[steps.process] ?? firstSeen(steps, log);
  const newMs = steps.ms - stepsMs;
  const byOthersMs = log.movedMs - movedMs;
  if (newMs === 0 && byOthersMs === 0 && now - at < seenAgainMs) return log;
  // Another process, or this one, has taken it back before.
  const wasTakenBack = Object.values(log.seen).some(
    ([, , , ms]) => ms > 0 && Math.abs(byOthersMs - ms) <= stepMs,
  );
  const disagrees = Math.abs(ownMs + newMs - log.movedMs) > stepMs;
  const accepts = wasTakenBack && disagrees && log === kept; // not where it has just been brought back to this time
  const own = newMs + (accepts ? log.movedMs : ownMs);
  // seam: a-log-is-moved-as-its-clock-was-set
  const dueMs = own - log.movedMs;
  const isMoved = Math.abs(dueMs) > stepMs;
  const takesBack = dueMs < -stepMs && byOthersMs > stepMs && !accepts;
  // What others have moved it may have been for other steps than these.
  const dated = isMoved ? movedForward(log, byOthersMs > stepMs ? Math.max(newMs, dueMs) : dueMs, now) : log;
  const moved = isMoved ? withMove(dated, dueMs, now) : log;
  const backMs = takesBack ? -dueMs : takenBackMs;
  return withSeen(moved, steps.process, [steps.ms, own, moved.movedMs, backMs, now]);
}

/**
 * What a process that has not used the log yet would have seen when it began: before the moves since then. Where the clock
 * was set back, their times do not tell for sure which these are, but what they come to may: all that the process has
 * noticed, or as much as it had when the clock was furthest back. Otherwise they are those that free slots the latest.
 */
function firstSeen({ ms, leastMs, since }: Steps, { movedMs, moves }: KeptLog): Seen {
  const sums = [0];
  let certain = 0;
  for (const [at, each] of moves.toReversed()) {
    if (at <= since && at - each <= since) break;
    sums.push((sums.at(-1) ?? 0) + each);
    if (at > since && certain === sums.length - 2) certain++;
  }
  const possible = sums.slice(certain);
  const noticed = leastMs < -stepMs ? [leastMs, ms] : [ms];
  const told = noticed.find((each) => possible.some((sum) => Math.abs(sum - each) <= stepMs));
  const moved = told === undefined ? movedMs - Math.min(...possible) : movedMs;
  return [told ?? 0, moved, moved, 0, Number.NEGATIVE_INFINITY];
}

function withMove(log: KeptLog, ms: number, now: number): KeptLog {
  const moves = [...log.moves, [now, ms] as const].slice(-keptMoves);
  return { ...log, movedMs: log.movedMs + ms, moves };
}

/** The log with all moments moved, none beyond what a call that left now may reach. */
function movedForward(log: KeptLog, ms: number, now: number): KeptLog {
  if (ms <= stepMs) return log;
  const latest = noted(log.windowMs, now + longestHoldMs);
  const by = noted(log.windowMs, ms);
  const moved = log.moments.map((moment) => shifted(moment, by, Math.max(latest, moment[0])));
  return {
    ...log,
    askedAt: Math.min(log.askedAt + ms, now),
    takenAt: log.takenAt === 0 ? 0 : now,
    moments: merged(emptyLog, moved),
  };
}

function withSeen(log: KeptLog, process: string, seen: Seen): KeptLog {
  const now = seen[4];
  const others = Object.entries(log.seen)
    .filter(([name, [, , , , at]]) => name !== process && now - at < seenForMs)
    .toSorted(([, one], [, other]) => other[4] - one[4])
    .slice(0, mostSeen - 1);
  return { ...log, seen: { ...Object.fromEntries(others), [process]: seen } };
}

/**
 * Corrects slots that were taken with a clock that was ahead: they count as if the last of them had been taken now, and
 * slots pruned by that clock are restored. No call arrives later than the longest hold.
 */
function correctedAhead(log: KeptLog, now: number): KeptLog {
  const by = noted(log.windowMs, now - log.takenAt);
  const latest = noted(log.windowMs, now + longestHoldMs);
  const all = merged(log.moments, log.former?.moments ?? emptyLog);
  const past = all.filter(([at]) => at <= latest);
  const ahead = all.slice(past.length).map((moment) => shifted(moment, by, latest));
  const moments = merged(past, ahead);
  return { ...log, askedAt: Math.min(log.askedAt, now), takenAt: now, moments, former: null };
}

function shifted([at, ...counts]: SlotLog[number], ms: number, latest: number): SlotLog[number] {
  return [Math.min(at + ms, latest), ...counts];
}

/** The union of both logs. */
function merged(log: SlotLog, other: SlotLog): SlotLog {
  let all = log;
  for (const [at, interactive, recovery, bulk] of other) {
    all = add(all, at, "interactive", interactive);
    all = add(all, at, "recovery", recovery);
    all = add(all, at, "bulk", bulk);
  }
  return all;
}

/**
 * The log after a request for `limit` at `now`, without the slots that neither its window nor the widest one counts. A
 * process that has just started cannot know whether its clock is right, so the slots it prunes are kept in `former`.
 */
export function opened(log: KeptLog, limit: Limit, now: number, past: Past): KeptLog {
  const dated = redated(log, now, past);
  const moments = prune(dated.moments, widest(dated, limit, now).windowMs, now);
  return { ...dated, ...widest(dated, limit, now), ...formerSlots(dated, moments, now, past), moments };
}

/** The widest window and its last use. The time is updated occasionally, not on every request. */
function widest(
  { windowMs, askedAt }: KeptLog,
  limit: Limit,
  now: number,
): Pick<KeptLog, "windowMs" | "askedAt"> {
  // seam: nothing-is-forgotten-that-a-wider-window-counts
  if (limit.windowMs > windowMs || now - askedAt > windowMs)
    return { windowMs: limit.windowMs, askedAt: now };
  const renews = limit.windowMs === windowMs && now - askedAt > windowMs / 8;
  return { windowMs, askedAt: renews ? now : askedAt };
}

/** What to keep of the pruned slots. */
function formerSlots(log: KeptLog, kept: SlotLog, now: number, { since }: Past): Pick<KeptLog, "former"> {
  const { former, takenAt, windowMs, moments } = log;
  const before = takenAt >= since || kept === moments ? emptyLog : prune(moments, windowMs, takenAt);
  if (before.length > 0) return { former: { moments: before, until: now + windowMs } };
  return { former: former !== null && former.until > now ? former : null };
}

/** Whether the two differ in anything that must be stored. */
export function differs(log: KeptLog, other: KeptLog): boolean {
  return (
    log.windowMs !== other.windowMs ||
    log.askedAt !== other.askedAt ||
    log.takenAt !== other.takenAt ||
    log.seen !== other.seen ||
    log.former !== other.former ||
    log.moments.length !== other.moments.length
  );
}

/** The log with `slot` taken at `now`. */
export function withSlot(log: KeptLog, slot: Slot, now: number): KeptLog {
  const takenAt = now - log.takenAt > takenNoteMs ? now : log.takenAt;
  return { ...log, takenAt, moments: add(log.moments, slot.at, slot.lane, 1) };
}

/** The log after the call of `slot` has ended at `now`. */
export function withSettled(log: KeptLog, slot: Slot, now: number): KeptLog {
  if (noted(slot.windowMs, now) >= slot.at) return log; // settling would not make it expire sooner
  if (log.takenAt > now + stepMs) return log; // the clock was set back, perhaps by mistake
  const moments = settled(log.moments, slot, now);
  return moments === log.moments ? log : { ...log, moments };
}

/** The log without `slot`, whose call was not sent. */
export function withoutSlot(log: KeptLog, slot: Slot): KeptLog {
  const moments = add(log.moments, slot.at, slot.lane, -1);
  return moments === log.moments ? log : { ...log, moments };
}

/**
 * The answer to {@link Store.slots}`.forecast()` from a log as it is kept, how many wait in each lane, and since when
 * the first one does (missing: none waits).
 */
export function forecastOf(
  log: KeptLog,
  { limit, later, calls, lane }: Parameters<Store["slots"]["forecast"]>[0],
  { now, past }: Time,
  { waiting, since }: { readonly waiting: Counts; readonly since: Readonly<Partial<Counts>> },
): Forecast {
  const { moments } = opened(log, limit, now, past);
  return {
    used: used(moments, limit.windowMs, now),
    waiting,
    oldestMs: waitedMs(now, since),
    inMs: forecastInMs(moments, limit, now, { later, calls, lane, waiting }),
  };
}

/**
 * Reads a stored log: one with a head, or moments alone. A log that cannot be read is never an empty one. Of moves and of
 * what processes have seen, a newer release may keep more numbers.
 *
 * @throws {LifecycleError} `RECORD_DAMAGED`; `RECORD_TOO_NEW` if it counts calls that this release does not know
 */
export function readLog(kept: unknown, limit: string): KeptLog {
  if (Array.isArray(kept)) return { ...newLog, moments: momentsIn(kept, limit) };
  if (!isObject(kept)) throw damaged(limit);
  const { windowMs, askedAt, takenAt, movedMs = 0, moves = [], seen = {}, former = null } = kept;
  const isHead = typeof windowMs === "number" && typeof askedAt === "number" && typeof takenAt === "number";
  if (!isHead || typeof movedMs !== "number" || !areMoves(moves) || !isSeen(seen)) throw damaged(limit);
  const moments = momentsIn(kept["moments"], limit);
  const log = { windowMs, askedAt, takenAt, moments, movedMs, moves, seen };
  if (former === null) return { ...log, former };
  if (!isObject(former) || typeof former["until"] !== "number") throw damaged(limit);
  return { ...log, former: { moments: momentsIn(former["moments"], limit), until: former["until"] } };
}

function momentsIn(kept: unknown, limit: string): SlotLog {
  if (!Array.isArray(kept)) throw damaged(limit);
  const all: readonly unknown[] = kept;
  for (const moment of all) {
    if (!areNumbers(moment) || moment.length < 4) throw damaged(limit);
    if (moment.length > 4)
      throw new LifecycleError(
        "RECORD_TOO_NEW",
        `Cannot count calls: the log of the limit "${limit}" has calls that this release does not know; update oneup-lifecycle`,
      );
  }
  return all as SlotLog; // just checked
}

function damaged(limit: string): LifecycleError {
  return new LifecycleError(
    "RECORD_DAMAGED",
    `Cannot count calls: the log of the limit "${limit}" is damaged or was not written by this library`,
    { facts: { reason: "log" } },
  );
}

function areNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => typeof each === "number");
}

function isSeen(seen: unknown): seen is KeptLog["seen"] {
  return isObject(seen) && Object.values(seen).every((each) => Array.isArray(each));
}

function areMoves(moves: unknown): moves is KeptLog["moves"] {
  return Array.isArray(moves) && moves.every((each) => areNumbers(each) && each.length >= 2);
}
