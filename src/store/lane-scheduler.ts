/**
 * Divides the slots of a limit among the lanes. Pure.
 *
 * `interactive` goes first and may use the whole limit. The other lanes leave `reserved` slots free for later interactive
 * users. In return each of them has a minimum: as long as it has used fewer slots of the current window, and users wait
 * in it, the lanes before it leave those slots free.
 *
 * @module
 */
import { lanes, type Counts, type Lane, type Limit } from "./contract.ts";

/** No users or slots. */
export const none: Counts = { interactive: 0, recovery: 0, bulk: 0 };

/** The sum of all lanes. */
export function total(counts: Counts): number {
  return counts.interactive + counts.recovery + counts.bulk;
}

/**
 * The lane that gets the next slot, among those that request one; `null` if none may have it.
 *
 * The first lane in order gets it if a slot remains after what the other requesting lanes are still owed; the slots that
 * are reserved for `interactive` remain for no other lane. Otherwise the first lane that is owed a slot gets it.
 */
export function turn(limit: Limit, used: Counts, asks: (lane: Lane) => boolean): Lane | null {
  const taken = total(used);
  const free = limit.calls - taken;
  if (free <= 0) return null;
  const rest = limit.calls - (limit.reserved ?? 0);
  const left = rest - used.recovery - used.bulk; // interactive calls do not reduce what the other lanes are owed
  const owed = (lane: Lane): number =>
    lane === "interactive" ? 0 : Math.max(0, Math.min(left, (limit.least?.[lane] ?? 0) - used[lane]));
  const asking = lanes.filter(asks);
  const allowed = asking.filter((lane) => lane === "interactive" || taken < rest || owed(lane) > 0);
  const room = (lane: Lane): number => (lane === "interactive" ? free : rest - taken);
  const spare = (lane: Lane): boolean =>
    room(lane) > asking.reduce((sum, other) => (other === lane ? sum : sum + owed(other)), 0);
  return allowed.find(spare) ?? allowed.find((lane) => owed(lane) > 0) ?? null;
}

/**
 * Whether the lane may have the next slot if no other lane requests one. A fast path of {@link turn} for the usual
 * case.
 */
export function mayTake(limit: Limit, used: Counts, lane: Lane): boolean {
  const taken = total(used);
  if (taken >= limit.calls) return false;
  const rest = limit.calls - (limit.reserved ?? 0);
  // seam: some-slots-are-reserved-for-people
  if (lane === "interactive" || taken < rest) return true;
  return used.recovery + used.bulk < rest && used[lane] < (limit.least?.[lane] ?? 0);
}

/** Whether users in this lane are granted slots now. */
export function isServed({ paused }: Limit, lane: Lane): boolean {
  return paused === undefined || !paused.includes(lane);
}

/** The waiting users that are granted slots now. */
export function served(limit: Limit, waiting: Counts): Counts {
  const of = (lane: Lane): number => (isServed(limit, lane) ? waiting[lane] : 0);
  return { interactive: of("interactive"), recovery: of("recovery"), bulk: of("bulk") };
}

/** The number of users who wait in the lane or one before it. */
export function ahead(waiting: Counts, lane: Lane): number {
  return lanes.slice(0, lanes.indexOf(lane) + 1).reduce((sum, each) => sum + waiting[each], 0);
}

/** How long the first user of each lane has been waiting, ms. `since`: its time; missing where no user waits. */
export function waitedMs(now: number, since: Readonly<Partial<Counts>>): Counts {
  const of = (lane: Lane): number => Math.max(0, now - (since[lane] ?? now));
  return { interactive: of("interactive"), recovery: of("recovery"), bulk: of("bulk") };
}
