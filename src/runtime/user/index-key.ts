/**
 * The word under which a store counts and pages a user: its state; for whoever came with an import and has not arrived,
 * the state and the import's name. So the store itself counts what is left of an import, exactly and at no cost.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import type { UserState } from "../../machines/index.ts";
import { isState } from "./step.ts";
import type { User } from "./user.ts";

/** Where the user is counted. */
export function shelfOf({ position, origin }: User): string {
  return origin === null || origin.arrived ? position.state : shelf(position.state, origin.name);
}

/** Where users of an import who have not arrived are counted. */
export function shelf(state: UserState, name: string): string {
  return `${state} ${name}`;
}

/** The state of a shelf; `null`: a later release may know it. */
function stateOf(shelf: string): UserState | null {
  const [state = ""] = shelf.split(" ", 1);
  return isState(state) ? state : null;
}

/** The shelves on which users of this state stand, of those that there are. */
export function shelvesOf(state: UserState, counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.keys(counts).filter((shelf) => stateOf(shelf) === state);
}

/** How many users each state has, whoever brought them. */
export function byState(
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  const states: Partial<Record<UserState, number>> = {};
  for (const [shelf, count] of Object.entries(counts)) {
    const state = stateOf(shelf);
    if (state !== null) states[state] = (states[state] ?? 0) + count;
  }
  return states;
}

/** How many users of an import have not arrived, by state. */
export function leftOf(
  name: string,
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  return byState(Object.fromEntries(Object.entries(counts).filter(([shelf]) => shelf.endsWith(` ${name}`))));
}

/** Those of them who are on their way: not those who failed, nor those who were let go, whatever is still to be erased. */
export function onTheirWay(
  name: string,
  counts: Readonly<Record<string, number>>,
): Readonly<Partial<Record<UserState, number>>> {
  const isOver = (state: string): boolean => state === "failed" || state === "offboarded" || isPurging(state);
  return Object.fromEntries(Object.entries(leftOf(name, counts)).filter(([state]) => !isOver(state)));
}
