/**
 * Sets damaged records aside. They cannot be processed until a person has repaired them, and if they were claimed again
 * and again, they would never be free for the repair.
 *
 * @module
 */
import type { Lease, Store, StoredRecord } from "./contract.ts";

/** A damaged record is claimed again after this time, ms. */
export const quarantineMs = 3_600_000;

/** Page size for listing ids. */
const pageSize = 500;

/**
 * Ends the lease on a damaged record, which is counted under `state`, without other changes. If this fails, the lease
 * expires by itself.
 */
export async function quarantine(
  store: Store,
  { id, value, revision }: StoredRecord,
  lease: Lease,
  state: string,
): Promise<void> {
  const write = { id, value, state, expectedRevision: revision, writeId: `${lease.id} aside` };
  await store.commit({ ...write, mode: "end", lease, dueInMs: quarantineMs, lane: null });
}

/**
 * The state under which a store counts this id, for a record that does not contain it. Scans all states, smallest
 * first. `null`: not found, or `isOver` returned true.
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
