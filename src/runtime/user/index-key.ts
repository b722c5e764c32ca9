/**
 * The index key under which a store counts and pages a user: its state, followed by the import's name for an imported
 * user that has had no token yet. So the store itself counts the remaining users of an import, exactly and at no cost.
 * Users of a leave that have no receipt yet are under its name in the same way, and under both names while they wait to
 * leave and the import still waits for them.
 *
 * @module
 */
import type { UserState } from "../../../machines/index.ts";
import type { Tally } from "../../store/contract.ts";
import { hasLeft, isState } from "./step.ts";
import type { User } from "./user.ts";

/** A number of users by index key, and by state. */
type Counts = Readonly<Record<string, number>>;
export type StateCounts = Readonly<Partial<Record<UserState, number>>>;

/** The key under which the user is counted. */
export function indexKeyOf({ position: { state }, origin, leaving }: User): string {
  const imported = origin === null || origin.arrived ? state : indexKey(state, origin.name);
  if (leaving === null || leaving.isReceipted) return imported;
  return hasLeft(state) ? leaveKey(state, leaving.name) : `${imported} ${ofLeave}${leaving.name}`;
}

/** The key of pending users of an import. */
export function indexKey(state: UserState, name: string): string {
  return `${state} ${name}`;
}

/** No import has a colon in its name. */
const ofLeave = "leave:";

/** The key of users that have left, or are about to, in this leave, and have no receipt yet. */
export function leaveKey(state: UserState, name: string): string {
  return indexKey(state, `${ofLeave}${name}`);
}

/** The number of users of a leave without a receipt, by state. */
export function leavingIn(name: string, counts: Counts): StateCounts {
  return byState(leaveKeysIn(name, counts));
}

/** The leaves that have users without a receipt, by name. */
export function openLeavesIn(counts: Counts): ReadonlySet<string> {
  const keys = Object.keys(counts).filter((key) => (counts[key] ?? 0) > 0);
  const names = keys.flatMap((key) => key.split(" ").slice(1));
  return new Set(names.flatMap((name) => (name.startsWith(ofLeave) ? [name.slice(ofLeave.length)] : [])));
}

/** The same by key. */
export function leaveKeysIn(name: string, counts: Counts): Counts {
  return under(`${ofLeave}${name}`, counts);
}

/** Those of the counts whose key has this name. */
function under(name: string, counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([key]) => key.split(" ").includes(name, 1)));
}

/** The state in a key; `null`: a later release may know it. */
export function stateOf(key: string): UserState | null {
  const [state = ""] = key.split(" ", 1);
  return isState(state) ? state : null;
}

/** Whether users under this key were offboarded, or are being offboarded. */
export function isOfDeparted(key: string): boolean {
  const state = stateOf(key);
  return state !== null && hasLeft(state);
}

/** The existing keys of this state. */
export function indexKeysOf(state: UserState, counts: Counts): readonly string[] {
  return Object.keys(counts).filter((key) => stateOf(key) === state);
}

/** The number of users under all of these keys, or in all of these states. */
export function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The number of users in each state, imported or not. */
export function byState(counts: Counts): StateCounts {
  const states: Partial<Record<UserState, number>> = {};
  for (const [key, count] of Object.entries(counts)) {
    const state = stateOf(key);
    if (state !== null) states[state] = (states[state] ?? 0) + count;
  }
  return states;
}

/** The number of users in each state at this moment: of a stale record, the token is due for a refresh. */
export function byStateNow(tallies: Readonly<Record<string, Tally>>): StateCounts {
  const entries = Object.entries(tallies);
  const fresh = entries.flatMap(([key, { all, stale }]) =>
    all > stale ? [[key, all - stale] as const] : [],
  );
  const stale = sumOf(Object.fromEntries(entries.map(([key, tally]) => [key, tally.stale])));
  const { expiring = 0, ...others } = byState(Object.fromEntries(fresh));
  return { ...others, ...(expiring + stale > 0 && { expiring: expiring + stale }) };
}

/** The number of pending users of an import, by state. */
export function leftOf(name: string, counts: Counts): StateCounts {
  return byState(under(name, counts));
}

/** An import that has users without a token: on their way to one, or failed. */
export interface OpenImport {
  readonly name: string;
  /** Its users that are neither usable nor failed. */
  readonly left: number;
  /** Its users that ended in `failed` before they had a token; `retry()` takes them back. */
  readonly failed: number;
}

/** The imports that have users without a token, by name. */
export function importsIn(tallies: Readonly<Record<string, Tally>>): readonly OpenImport[] {
  const found = new Map<string, OpenImport>();
  for (const [key, { all }] of Object.entries(tallies)) {
    const [state = "", name] = key.split(" ", 2);
    const hasFailed = state === "failed";
    if (name === undefined || name.startsWith(ofLeave) || all === 0 || (isOver(state) && !hasFailed))
      continue;
    const { left, failed } = found.get(name) ?? { left: 0, failed: 0 };
    found.set(name, hasFailed ? { name, left, failed: failed + all } : { name, left: left + all, failed });
  }
  return [...found.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Those still in progress: without failed and offboarded users, even if data remains to be erased. */
export function stillInProgress(name: string, counts: Counts): StateCounts {
  return byState(keysInProgress(name, counts));
}

/** The same by key. */
export function keysInProgress(name: string, counts: Counts): Counts {
  const isLeft = ([key]: readonly [string, number]): boolean => {
    const state = stateOf(key);
    return state !== null && !isOver(state);
  };
  return Object.fromEntries(Object.entries(under(name, counts)).filter(isLeft));
}

function isOver(state: string): boolean {
  return state === "failed" || hasLeft(state);
}
