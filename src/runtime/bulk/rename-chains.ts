/**
 * The order in which records move to the ids that their users have at 1upHealth. An id may be that of another record,
 * which has to move first: `b` to `c`, then `a` to `b`. Ids that were exchanged form a ring, in which each record waits
 * for another one.
 *
 * @module
 */
import type { Difference } from "./reconciliation.ts";

/** A user that has another id at 1upHealth. */
export type Renamed = Extract<Difference, { readonly type: "renamed" }>;

/** Users in the order in which their records can move. */
export interface RenameChain {
  readonly users: readonly Renamed[];
  /** The first one's new id is that of the last one. */
  readonly isRing: boolean;
}

/** Each user is in one of them. They can be repaired at the same time. */
export function chainsOf(renamed: readonly Renamed[]): readonly RenameChain[] {
  const byId = new Map(renamed.map((each) => [each.appUserId, each]));
  const newIds = new Set(renamed.map(({ thereAppUserId }) => thereAppUserId));
  const seen = new Set<Renamed>();
  const chainFrom = (start: Renamed): RenameChain => {
    const users: Renamed[] = [];
    let next: Renamed | undefined = start;
    for (; next !== undefined && !seen.has(next); next = byId.get(next.thereAppUserId)) {
      seen.add(next);
      users.push(next);
    }
    return { users: users.toReversed(), isRing: next === start };
  };
  const starts = renamed.filter(({ appUserId }) => !newIds.has(appUserId));
  const chains = starts.map(chainFrom);
  const rings = renamed.flatMap((each) => (seen.has(each) ? [] : [chainFrom(each)]));
  return [...chains, ...rings];
}
