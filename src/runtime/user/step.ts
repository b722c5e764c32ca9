/**
 * The one place that steps the machine: everything the runtime asks of XState stands here.
 *
 * XState's public `transition()` builds a throw-away actor per call: 36 µs and most of the memory that an onboarding
 * touches. This machine is a table without effects, so its own table is read here instead: the transitions that XState
 * made of it, innermost state first, the first whose condition holds. A test compares the two for every state, event
 * and condition.
 *
 * @module
 */
import { changes, conditions, userLifecycle, valueOf } from "../../machines/index.ts";
import type { Change, Condition, UserCall, UserContext, UserEvent, UserState } from "../../machines/index.ts";

/** Where a user stands: what a snapshot of the machine comes down to. */
export interface Position {
  readonly state: UserState;
  readonly context: UserContext;
}

/** One row of the table. */
interface Edge {
  readonly condition: Condition | undefined;
  readonly change: Change | undefined;
  /** The leaf it leads to; none: the state stays. */
  readonly to: UserState | undefined;
}

/** Where `event` takes a user. The same object comes back when the event means nothing in that state. */
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

/** Is this the name of a state of the machine? */
export function isState(name: string): name is UserState {
  return leaves.has(name);
}

/** The call that a state asks for. */
export function callOf(state: UserState): UserCall | undefined {
  return rowsOf(state).call;
}

type Node = typeof userLifecycle.root;

/** The state in words. */
export function saysOf(state: UserState): string {
  return rowsOf(state).says;
}

interface Rows {
  readonly call: UserCall | undefined;
  readonly says: string;
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
    rows = { call: meta?.call, says: meta?.says ?? state, edges: new Map(), nodes };
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
