/**
 * Sets damaged records aside. They cannot be processed until a person has repaired them, and if they were claimed again
 * and again, they would never be free for the repair.
 *
 * @module
 */
import type { Lease, Store, StoredRecord } from "./contract.ts";

/** A damaged record is claimed again after this time, ms. */
export const quarantineMs = 3_600_000;

/** Ends the lease on a damaged record, without other changes. If this fails, the lease expires by itself. */
export async function quarantine(
  store: Store,
  { id, value, revision, state }: StoredRecord,
  lease: Lease,
): Promise<void> {
  const write = { id, value, state, expectedRevision: revision, writeId: `${lease.id} aside` };
  await store.commit({ ...write, mode: "end", lease, dueInMs: quarantineMs, lane: null }).catch(() => {});
}
