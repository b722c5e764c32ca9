/**
 * What follows from how the account stands: when shut gates let a call through, and who has no token and is in no lane.
 *
 * @module
 */
import { gatesBefore } from "../guard/gates.ts";
import type { BudgetView, UserState } from "../index.ts";
import { callOf } from "../runtime/step.ts";

type Standing = Pick<BudgetView, "nextInMs" | "shut" | "users" | "waiting">;

/**
 * In how many ms calls that the limit grants `inMs` from now can leave. A shut gate puts off the first of those who wait,
 * and everybody behind it by as much at most.
 */
export function leavesInMs(inMs: number, { nextInMs, shut }: Standing, now: number): number {
  const before = shut.filter(({ gate }) => gatesBefore.createUser.includes(gate));
  const openInMs = Math.max(0, ...before.map(({ until }) => until.getTime() - now));
  return inMs + Math.max(0, openInMs - Math.max(0, nextInMs));
}

/**
 * Users who are on their way to a token, or out of the account, and wait in no lane: their call is under way, they wait
 * for a time, or an import that was stopped holds them for a while. No record is read for it.
 */
export function underWayOrHeld({ users, waiting }: Pick<Standing, "users" | "waiting">): number {
  const states = Object.entries(users) as [UserState, number][]; // its keys
  const onTheirWay = states.filter(([state]) => state !== "expiring" && callOf(state) !== undefined); // with a token still
  const all = onTheirWay.reduce((sum, [, count]) => sum + count, 0);
  return Math.max(0, all - waiting.interactive - waiting.recovery - waiting.bulk);
}
