/**
 * How the lanes share the places of a limit, pure.
 *
 * A person at the screen goes first and may fill the whole limit. The other lanes leave `kept` places free, so that
 * somebody who comes later finds one. In turn each of them has a minimum of its own: as long as it has not had that
 * many places of the running window, and somebody waits in it, the lanes before it leave it room.
 *
 * @module
 */
import { lanes } from "./contract.ts";
import type { Counts, Lane, Limit } from "./contract.ts";

/** Nobody. */
export const none: Counts = { interactive: 0, recovery: 0, bulk: 0 };

/** All lanes together. */
export function total(counts: Counts): number {
  return counts.interactive + counts.recovery + counts.bulk;
}

/**
 * The lane that gets the next place, among those that ask; `null` if none may have one.
 *
 * First the lanes in their order: each if a place is left for it beyond what the asking others are still owed. If what
 * they are owed is more than what is free, whoever is owed something, in the same order.
 */
export function turn(limit: Limit, used: Counts, asks: (lane: Lane) => boolean): Lane | null {
  const taken = total(used);
  const free = limit.calls - taken;
  if (free <= 0) return null;
  const rest = limit.calls - (limit.kept ?? 0);
  const left = rest - used.recovery - used.bulk; // what people took of the rest costs nobody what it is owed
  const owed = (lane: Lane): number =>
    lane === "interactive" ? 0 : Math.max(0, Math.min(left, (limit.least?.[lane] ?? 0) - used[lane]));
  const asking = lanes.filter(asks);
  const allowed = asking.filter((lane) => lane === "interactive" || taken < rest || owed(lane) > 0);
  const spare = (lane: Lane): boolean =>
    free > asking.reduce((sum, other) => (other === lane ? sum : sum + owed(other)), 0);
  return allowed.find(spare) ?? allowed.find((lane) => owed(lane) > 0) ?? null;
}

/** May the lane have the next place if nobody else asks? As {@link turn} says, without its search: the usual case. */
export function mayTake(limit: Limit, used: Counts, lane: Lane): boolean {
  const taken = total(used);
  if (taken >= limit.calls) return false;
  const rest = limit.calls - (limit.kept ?? 0);
  if (lane === "interactive" || taken < rest) return true;
  return used.recovery + used.bulk < rest && used[lane] < (limit.least?.[lane] ?? 0);
}

/** How many places the lane can fill if nobody else asks. */
export function reach(limit: Limit, lane: Lane): number {
  if (lane === "interactive") return limit.calls;
  return Math.max(1, limit.calls - (limit.kept ?? 0), limit.least?.[lane] ?? 0);
}

/** Users who wait in the lane or one before it. */
export function ahead(waiting: Counts, lane: Lane): number {
  return lanes.slice(0, lanes.indexOf(lane) + 1).reduce((sum, each) => sum + waiting[each], 0);
}
