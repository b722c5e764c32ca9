/**
 * The progress of an import: the store counts its users that are not usable yet.
 *
 * @module
 */
import type { Lane } from "../../store/contract.ts";
import { total } from "../../store/lane-scheduler.ts";
import { shutGates } from "../operations/budget.ts";
import type { Engine } from "../engine/engine.ts";
import { forecast } from "../operations/forecast.ts";
import type { ImportProgress, RowCounts } from "./imports.ts";
import { leftOf, onTheirWay, sumOf } from "../user/index-key.ts";
import type { DamagedUsers } from "./damaged-users.ts";

/** Users of an import that are not usable yet. */
export interface Standing {
  readonly left: number;
  readonly failed: number;
}

/** Their number, including users whose record cannot be read. */
export async function standing({ store }: Engine, name: string): Promise<Standing> {
  const counts = await store.counts();
  const { failed = 0 } = leftOf(name, counts);
  return { failed, left: sumOf(onTheirWay(name, counts)) };
}

/** The import's current progress. */
export async function look(
  engine: Engine,
  at: Pick<ImportProgress, "name" | "phase" | "known"> & {
    readonly counts: RowCounts;
    readonly lane: Lane;
    readonly before: Standing;
    readonly unreadable: DamagedUsers;
  },
): Promise<ImportProgress> {
  const { account, clock, guard } = engine;
  const { name, phase, counts, known, before } = at;
  const [{ used, waiting, inMs }, { left, failed }] = await Promise.all([
    forecast(engine, 1, at.lane),
    standing(engine, name),
  ]);
  const isWorking = phase === "onboarding";
  const unreadable = isWorking ? await at.unreadable.among(left, waiting[at.lane]) : 0;
  return {
    name,
    phase,
    ...counts,
    known,
    // A user that was added and is no longer counted has arrived. A row in progress may be stored but not counted
    // yet.
    arrived: Math.max(0, before.left + before.failed + counts.added - left - failed),
    failed,
    unreadable,
    left: left - unreadable,
    waiting: waiting[at.lane],
    slots: { used: total(used), of: guard.limits.management.calls },
    shut: shutGates(account.gates()),
    endsAt:
      phase === "reading" || left === unreadable || inMs === Infinity ? null : new Date(clock.now() + inMs),
  };
}
