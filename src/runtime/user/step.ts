/**
 * The only place that steps the machine, and the only part of the runtime that reads XState.
 *
 * XState's public `transition()` builds a throw-away actor per call: 36 µs and most of the memory of an onboarding.
 * This machine is a table without effects, so this module reads the transitions that XState compiled from it instead:
 * innermost state first, the first whose condition holds. A test compares the two for every state, event and condition.
 *
 * @module
 */
import {
  changes,
  conditions,
  isPurging,
  userLifecycle,
  valueOf,
  type Change,
  type Condition,
  type UserCall,
  type UserContext,
  type UserEvent,
  type UserState,
} from "../../../machines/index.ts";

/** The position of a user: the essence of a machine snapshot. */
export interface Position {
  readonly state: UserState;
  readonly context: UserContext;
}

/** One transition of the table. */
interface Edge {
  readonly condition: Condition | undefined;
  readonly change: Change | undefined;
  /** The target leaf state; `undefined`: the state stays. */
  readonly to: UserState | undefined;
}

/** Applies `event`. Returns the same object if the event has no transition in that state. */
export function step(position: Position, event: UserEvent): Position {
  const { state, context } = position;
  const edge = edgesOf(state, event.type).find(({ condition }) => condition?.(context, event) ?? true);
  if (edge === undefined || (edge.to === undefined && edge.change === undefined)) return position;
  return {
    state: edge.to ?? state,
    context: edge.change === undefined ? context : { ...context, ...edge.change(context, event) },
  };
}

const leaves: ReadonlySet<string> = new Set(
  Object.values(userLifecycle.root.states).flatMap((node) => {
    const inner = Object.keys(node.states);
    return inner.length > 0 ? inner : [node.key];
  }),
);

/** The names of all states. */
export const userStates: readonly UserState[] = [...leaves].filter(isState);

/** The user is offboarded, or data of it are still being erased. */
export function hasLeft(state: string): boolean {
  return state === "offboarded" || isPurging(state);
}

/** Is this the name of a state of the machine? */
export function isState(name: string): name is UserState {
  return leaves.has(name);
}

/** The call that a state requires. */
export function callOf(state: UserState): UserCall | undefined {
  return rowsOf(state).call;
}

/** The calls that some state requires. */
export function userCalls(): readonly UserCall[] {
  return [...new Set(userStates.flatMap((state) => callOf(state) ?? []))];
}

type Node = typeof userLifecycle.root;

/** The description of a state. */
export function describeState(state: UserState): string {
  return rowsOf(state).description;
}

interface Rows {
  readonly call: UserCall | undefined;
  readonly description: string;
  readonly edges: Map<UserEvent["type"], readonly Edge[]>;
  /** The state's node and those around it, innermost first. */
  readonly nodes: readonly Node[];
}

const table = new Map<UserState, Rows>();

function rowsOf(state: UserState): Rows {
  let rows = table.get(state);
  if (rows === undefined) {
    const nodes = nodesOf(state);
    const meta = nodes[0]?.meta;
    rows = { call: meta?.call, description: meta?.description ?? state, edges: new Map(), nodes };
    table.set(state, rows);
  }
  return rows;
}

function edgesOf(state: UserState, type: UserEvent["type"]): readonly Edge[] {
  const { edges, nodes } = rowsOf(state);
  let found = edges.get(type);
  if (found === undefined) {
    found = nodes.flatMap((node) => node.transitions.get(type) ?? []).map(edgeOf);
    edges.set(type, found);
  }
  return found;
}

function nodesOf(state: UserState): readonly Node[] {
  const value = valueOf(state);
  const path = typeof value === "string" ? [value] : Object.entries(value).flat();
  const nodes = [userLifecycle.root];
  for (const key of path) {
    const inner = nodes[0]?.states[key];
    if (inner !== undefined) nodes.unshift(inner);
  }
  return nodes;
}

type Transition = Node["transitions"] extends Map<string, (infer T)[]> ? T : never;

/** Every transition of this machine has at most one condition, one change and one target. */
function edgeOf({ guard, actions, target }: Transition): Edge {
  let to = target?.[0];
  while (to?.initial !== undefined && Object.keys(to.states).length > 0) to = to.initial.target[0];
  const change = nameOf(actions[0]);
  const condition = nameOf(guard);
  return {
    condition: condition === undefined ? undefined : conditions[condition as keyof typeof conditions], // XState checked the name
    change: change === undefined ? undefined : changes[change as keyof typeof changes], // likewise
    to: to?.key as UserState | undefined, // leaves are named by their states
  };
}

function nameOf(thing: unknown): string | undefined {
  if (typeof thing === "string") return thing;
  return typeof thing === "object" && thing !== null && "type" in thing ? String(thing.type) : undefined;
}
