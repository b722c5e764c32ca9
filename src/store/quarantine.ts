/**
 * Damaged records: nobody can go on with one until a person has done something about it. Claimed again and again, it
 * would never be free for that.
 *
 * @module
 */
import type { Lease, Store, StoredRecord } from "./contract.ts";

/** A user whose record is damaged is met again after this time, ms. */
export const asideMs = 3_600_000;

/** Ids that are listed with one question to the store. */
const pageSize = 500;

/**
 * Ends the lease on a damaged record, which is counted under `state`, and leaves the rest as it is. If that fails, the
 * lease ends by itself.
 */
export async function setAside(
  store: Store,
  { id, value, revision }: StoredRecord,
  lease: Lease,
  state: string,
): Promise<void> {
  const write = { id, value, state, expectedRevision: revision, writeId: `${lease.id} aside` };
  await store.commit({ ...write, mode: "end", lease, dueInMs: asideMs, lane: null });
}

/**
 * The word under which a store counts this id, found by looking through all of them, those with the fewest ids first: for
 * a record that does not say it. `null`: under none, or `isOver` said so.
 */
export async function stateWith(store: Store, id: string, isOver: () => boolean): Promise<string | null> {
  const states = Object.entries(await store.counts()).toSorted(([, one], [, other]) => one - other);
  for (const [state] of states) {
    for (let after: string | undefined, more = true; more && !isOver();) {
      const ids = await store.page({ state, after, limit: pageSize });
      if (ids.includes(id)) return state;
      after = ids.at(-1);
      more = ids.length === pageSize;
    }
  }
  return null;
}
