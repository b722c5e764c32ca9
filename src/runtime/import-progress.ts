/**
 * Where an import stands: the store counts who of it has not arrived.
 *
 * @module
 */
import type { Lane } from "../store/contract.ts";
import { total } from "../store/shares.ts";
import { shutGates } from "./budget.ts";
import type { Comparison } from "./comparison.ts";
import type { Engine } from "./engine.ts";
import type { ImportProgress, RowCounts } from "./imports.ts";
import { leftOf } from "./shelves.ts";

/** Users of an import who have not arrived. */
export interface Standing {
  readonly left: number;
  readonly failed: number;
}

/** How many there are. */
export async function standing({ store }: Engine, name: string): Promise<Standing> {
  const { failed = 0, offboarding: _, offboarded: __, ...others } = leftOf(name, await store.counts());
  return { failed, left: Object.values(others).reduce((sum, one) => sum + one, 0) };
}

/** Where the import stands now. */
export async function look(
  engine: Engine,
  at: Pick<ImportProgress, "name" | "phase"> & {
    readonly counts: RowCounts;
    readonly lane: Lane;
    readonly compared: Comparison;
    readonly before: Standing;
  },
): Promise<ImportProgress> {
  const { account, clock, guard } = engine;
  const { name, phase, counts, before } = at;
  const [{ used, waiting, inMs }, { left, failed }] = await Promise.all([
    guard.forecast(1, at.lane),
    standing(engine, name),
    account.look(),
  ]);
  return {
    name,
    phase,
    ...counts,
    known: at.compared.known,
    // Who came and is not here any more has arrived; a row in hand may be written and not be counted yet.
    arrived: Math.max(0, before.left + before.failed + counts.added - left - failed),
    failed,
    left,
    waiting: waiting[at.lane],
    slots: { used: total(used), of: guard.limits.management.calls },
    shut: shutGates(account.gates()),
    endsAt: phase === "reading" || left === 0 ? null : new Date(clock.now() + inMs),
  };
}
