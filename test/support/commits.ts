/** What a test writes into a store. */
import type { Commit } from "../../src/store/contract.ts";

/** A commit that creates a record in state `created`, without a lease; `change` says what differs. */
export function write(id: string, change: Partial<Commit> = {}): Commit {
  return {
    id,
    value: { of: id },
    expectedRevision: 0,
    writeId: `write of ${id} ${change.expectedRevision ?? 0}`,
    mode: "none",
    lease: { id: "lease", owner: "test", ms: 60_000 },
    state: "created",
    dueInMs: null,
    lane: null,
    ...change,
  };
}
