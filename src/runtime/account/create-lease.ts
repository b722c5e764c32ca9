/**
 * A lock for creating a FHIR resource, for `ensure()`, implemented as a rate limit of one call: a lease is the only slot of
 * such a limit, which the store grants to one process by its own clock. It counts until the create was answered or can no
 * longer arrive, and then for as long as a search may miss what was created.
 *
 * There are 4,096 leases for all resources, so a store keeps no more of them than that, and the name of one, twelve bits of
 * a digest, identifies no user. Two resources with the same bits wait for each other, which delays but does no harm.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Slot, Store } from "../../store/contract.ts";
import { momentOn, passedSince, type SteadyClock } from "../../store/steady-time.ts";

/** The names of all leases: limits of one call. */
export const leaseNames: readonly string[] = Array.from(
  { length: 4_096 },
  (_, bits) => `ensure-${bits.toString(16).padStart(3, "0")}`,
);

/** How long a search may miss a resource that was created, ms: ten times what 1upHealth documents for a read. */
export const unseenMs = 10_000;

/** What leases depend on. */
export interface LeaseParts {
  readonly store: Pick<Store, "slots">;
  readonly clock: SteadyClock;
  readonly settings: { readonly timeoutMs: number; readonly graceMs: number };
}

/** A lease, or in how many milliseconds to ask again. */
export type CreateLease =
  /** `isOver`: the create must not leave any more. A machine may have been suspended since its search. */
  | { readonly type: "taken"; readonly slot: Slot; readonly isOver: () => boolean }
  | { readonly type: "refused"; readonly retryInMs: number };

/** The name of the lease on the resource that these texts identify. */
export function leaseName(...texts: readonly string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(texts)).digest("hex");
  return `ensure-${digest.slice(0, 3)}`;
}

/** Takes the lease of this name, if it is free. */
export async function takeLease(
  { store, clock, settings: { timeoutMs, graceMs } }: LeaseParts,
  name: string,
): Promise<CreateLease> {
  const began = momentOn(clock);
  const isOver = (): boolean => passedSince(clock, began) > timeoutMs;
  const limit = { name, calls: 1, windowMs: unseenMs };
  // A create that leaves at the last moment may take its whole time, and arrive later than that.
  const answer = await store.slots.take({ limit, lane: null, holdMs: 2 * (timeoutMs + graceMs) });
  return answer.type === "refused" ? answer : { ...answer, isOver };
}

/** How long after a process died all its leases are free, ms. */
export function longestLeaseMs({ settings: { timeoutMs, graceMs } }: LeaseParts): number {
  return 2 * timeoutMs + 2 * graceMs + unseenMs;
}
