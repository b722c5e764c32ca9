/**
 * Counts users without a token that are in no lane.
 *
 * @module
 */
import type { BudgetView, UserState } from "../index.ts";
import { callOf } from "../runtime/user/step.ts";

/**
 * Users on their way to a token, or being offboarded, that wait in no lane: their call is in flight, they wait for a
 * time, or a stopped import holds them for a while. Computed from counts; reads no record.
 */
export function waitingUsers({ users, waiting }: Pick<BudgetView, "users" | "waiting">): number {
  const states = Object.entries(users) as [UserState, number][]; // its keys
  const onTheirWay = states.filter(([state]) => state !== "expiring" && callOf(state) !== undefined); // expiring users still have a token
  const all = onTheirWay.reduce((sum, [, count]) => sum + count, 0);
  return Math.max(0, all - waiting.interactive - waiting.recovery - waiting.bulk);
}
