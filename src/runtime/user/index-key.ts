/**
 * The index key under which a store counts and pages a user: its state, followed by the import's name for an imported
 * user that has had no token yet. So the store itself counts the remaining users of an import, exactly and at no cost.
 *
 * @module
 */
import { isPurging, type UserState } from "../../../machines/index.ts";
import { isState } from "./step.ts";
import type { User } from "./user.ts";

/** The key under which the user is counted. */
export function indexKeyOf({ position, origin }: User): string {
  return origin === null || origin.arrived ? position.state : indexKey(position.state, origin.name);
}

/** The key of pending users of an import. */
export function indexKey(state: UserState, name: string): string {
  return `${state} ${name}`;
}

/** The state in a key; `null`: a later release may know it. */
function stateOf(key: string): UserState | null {
  const [state = ""] = key.split(" ", 1);
  return isState(state) ? state : null;
}

/** The existing keys of this state. */
export function indexKeysOf(state: UserState, counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.keys(counts).filter((key) => stateOf(key) === state);
}

/** The number of users in each state, imported or not. */
export function byState(
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  const states: Partial<Record<UserState, number>> = {};
  for (const [key, count] of Object.entries(counts)) {
    const state = stateOf(key);
    if (state !== null) states[state] = (states[state] ?? 0) + count;
  }
  return states;
}

/** The number of pending users of an import, by state. */
export function leftOf(
  name: string,
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  return byState(Object.fromEntries(Object.entries(counts).filter(([key]) => key.endsWith(` ${name}`))));
}

/** The number of users in progress of each import that has any. */
export function leftByImport(counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const left = new Map<string, number>();
  for (const [key, count] of Object.entries(counts)) {
    const [state = "", name] = key.split(" ", 2);
    if (name !== undefined && !isOver(state) && count > 0) left.set(name, (left.get(name) ?? 0) + count);
  }
  return Object.fromEntries(left);
}

/** Those still in progress: without failed and offboarded users, even if data remains to be erased. */
export function onTheirWay(
  name: string,
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  return Object.fromEntries(Object.entries(leftOf(name, counts)).filter(([state]) => !isOver(state)));
}

function isOver(state: string): boolean {
  return state === "failed" || state === "offboarded" || isPurging(state);
}
