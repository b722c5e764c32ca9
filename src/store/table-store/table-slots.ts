/**
 * Takes, completes and refunds slots in the logs of an account's tables.
 *
 * @module
 */
import { lanes, type Lane, type Limit, type Slot, type SlotRequest } from "../contract.ts";
import { isServed, mayTake, turn } from "../lane-scheduler.ts";
import { differs, newLog, opened, withoutSlot, withSettled, withSlot, type KeptLog } from "../slot-log.ts";
import type { Time } from "../steady-time.ts";
import type { Tables } from "./tables.ts";
import { freeInMs, slotAt, used } from "../sliding-window.ts";

/** The log of a limit, ready for use. Stores changes that result from opening it. */
export function openedLog(tables: Tables, limit: Limit, { now, past }: Time): KeptLog {
  const kept = tables.logs.get(limit.name) ?? newLog;
  const log = opened(kept, limit, now, past);
  if (differs(log, kept)) tables.logs.set(limit.name, log);
  return log;
}

/** The slot that this request would take, or in how many milliseconds to ask again. */
export function freeSlot(tables: Tables, time: Time, { limit, holdMs, lane }: SlotRequest): Slot | number {
  const { now } = time;
  const log = openedLog(tables, limit, time).moments;
  const counted = lane ?? "interactive";
  if (lane === null || hasNoQueue(tables)) {
    if (mayTake(limit, used(log, limit.windowMs, now), counted)) return slotAt(limit, now, holdMs, counted);
  }
  const waits = (other: Lane): boolean =>
    lane !== null && isServed(limit, other) && tables.waiting[other].first(1).length > 0;
  const asks = (other: Lane): boolean => other === counted || waits(other);
  const queued = lanes.slice(0, lanes.indexOf(counted) + 1).some(waits);
  if (!queued && turn(limit, used(log, limit.windowMs, now), asks) === counted) {
    return slotAt(limit, now, holdMs, counted);
  }
  return freeInMs(log, limit, now, asks) ?? limit.windowMs;
}

/** Records a slot in the opened log. */
export function note(tables: Tables, slot: Slot, now: number): void {
  changeLog(tables, slot, (log) => withSlot(log, slot, now));
}

function hasNoQueue({ waiting }: Tables): boolean {
  for (const lane of lanes) if (waiting[lane].first(1).length > 0) return false;
  return true;
}

function changeLog(tables: Tables, slot: Slot, change: (log: KeptLog) => KeptLog): void {
  const log = tables.logs.get(slot.limit) ?? newLog;
  const after = change(log);
  if (after !== log) tables.logs.set(slot.limit, after);
}

export function settle(tables: Tables, slot: Slot, now: number): void {
  changeLog(tables, slot, (log) => withSettled(log, slot, now));
}

export function giveBack(tables: Tables, slot: Slot): void {
  changeLog(tables, slot, (log) => withoutSlot(log, slot));
}
