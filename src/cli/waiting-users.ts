/**
 * What follows from how the account stands: who has no token and is in no lane.
 *
 * @module
 */
import type { BudgetView, UserState } from "../index.ts";
import { callOf } from "../runtime/step.ts";

/**
 * Users who are on their way to a token, or out of the account, and wait in no lane: their call is under way, they wait
 * for a time, or an import that was stopped holds them for a while. No record is read for it.
 */
export function underWayOrHeld({ users, waiting }: Pick<BudgetView, "users" | "waiting">): number {
  const states = Object.entries(users) as [UserState, number][]; // its keys
  const onTheirWay = states.filter(([state]) => state !== "expiring" && callOf(state) !== undefined); // with a token still
  const all = onTheirWay.reduce((sum, [, count]) => sum + count, 0);
  return Math.max(0, all - waiting.interactive - waiting.recovery - waiting.bulk);
}
