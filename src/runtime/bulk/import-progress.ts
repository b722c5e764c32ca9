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
import { forecast } from "./forecast.ts";
import type { ImportProgress, RowCounts } from "./imports.ts";
import { leftOf, onTheirWay } from "./shelves.ts";
import type { Unreadable } from "./unreadable.ts";

/** Users of an import who have not arrived. */
export interface Standing {
  readonly left: number;
  readonly failed: number;
}

/** How many there are; those whose record cannot be read are among them. */
export async function standing({ store }: Engine, name: string): Promise<Standing> {
  const counts = await store.counts();
  const { failed = 0 } = leftOf(name, counts);
  return { failed, left: Object.values(onTheirWay(name, counts)).reduce((sum, one) => sum + one, 0) };
}

/** Where the import stands now. */
export async function look(
  engine: Engine,
  at: Pick<ImportProgress, "name" | "phase"> & {
    readonly counts: RowCounts;
    readonly lane: Lane;
    readonly compared: Comparison;
    readonly before: Standing;
    readonly unreadable: Unreadable;
  },
): Promise<ImportProgress> {
  const { account, clock, guard } = engine;
  const { name, phase, counts, before } = at;
  const [{ used, waiting, inMs }, { left, failed }] = await Promise.all([
    forecast(engine, 1, at.lane),
    standing(engine, name),
  ]);
  const isWorking = phase === "onboarding" || phase === "done";
  const unreadable = isWorking ? await at.unreadable.among(left, waiting[at.lane]) : 0;
  return {
    name,
    phase,
    ...counts,
    known: at.compared.known,
    // Who came and is not here any more has arrived; a row in hand may be written and not be counted yet.
    arrived: Math.max(0, before.left + before.failed + counts.added - left - failed),
    failed,
    unreadable,
    left: left - unreadable,
    waiting: waiting[at.lane],
    slots: { used: total(used), of: guard.limits.management.calls },
    shut: shutGates(account.gates()),
    endsAt: phase === "reading" || left === unreadable ? null : new Date(clock.now() + inMs),
  };
}
