/**
 * A machine as a Mermaid state diagram: the picture in the README is made by this function, and a test compares them.
 *
 * @module
 */
import { userLifecycle } from "./user-lifecycle.ts";
import type { UserState, UserStateMeta } from "./user.ts";

/** What is read of a state node. XState's own type carries much more. */
interface Node {
  readonly key: string;
  readonly id: string;
  readonly meta?: UserStateMeta;
  readonly states: Readonly<Record<string, Node>>;
  readonly initial?: { readonly target: readonly Node[] } | undefined;
  readonly transitions: ReadonlyMap<string, readonly Arrow[]>;
}

interface Arrow {
  readonly target: readonly Node[] | undefined;
}

/**
 * The lifecycle as the text of a Mermaid `stateDiagram-v2`: every state with the call it makes, every transition
 * that leads to another state. The way out to `offboarded`, open everywhere, is drawn once. `counts`: how many users
 * are in each state, as `lifecycle.counts()` says it; each state then shows its number.
 *
 * @example
 * ```ts
 * console.log(mermaid(await lifecycle.counts()));
 * ```
 */
export function mermaid(counts?: Readonly<Partial<Record<UserState, number>>>): string {
  const root = userLifecycle.root as unknown as Node; // its own type is XState's, with these fields among others
  const lines = ["stateDiagram-v2", "  direction TB", `  [*] --> ${initialOf(root)}`];
  for (const state of Object.values(root.states)) lines.push(...drawn(state, "  ", counts));
  const arrows = new Map<string, string[]>();
  for (const node of everyNode(root)) {
    for (const [event, transitions] of node.transitions) {
      for (const to of transitions.flatMap(({ target }) => target?.slice(0, 1) ?? [])) {
        for (const from of starts(node, event, to)) {
          const way = `${from} --> ${to.key}`;
          const labels = arrows.get(way) ?? [];
          if (!labels.includes(event)) arrows.set(way, [...labels, event]);
        }
      }
    }
  }
  for (const [way, events] of arrows) lines.push(`  ${way}: ${events.join(", ")}`);
  return lines.join("\n");
}

function drawn(
  state: Node,
  indent: string,
  counts: Readonly<Record<string, number>> | undefined,
): readonly string[] {
  const inner = Object.values(state.states);
  if (inner.length === 0) {
    const below = [
      ...(state.meta?.call === undefined ? [] : [`<i>${state.meta.call}</i>`]),
      ...(counts === undefined ? [] : [`<b>${counts[state.key] ?? 0}</b>`]),
    ];
    return below.length === 0 ? [] : [`${indent}${state.key}: ${[state.key, ...below].join("<br>")}`];
  }
  const body = inner.flatMap((child) => {
    const lines = drawn(child, `${indent}  `, counts);
    return lines.length > 0 ? lines : [`${indent}  ${child.key}`];
  });
  return [`${indent}state ${state.key} {`, ...body, `${indent}}`];
}

/**
 * Where the arrow of a transition starts: at the state itself, but inside a state at every leaf that has no answer of
 * its own. The way out of everywhere is drawn once, from where users spend their time.
 */
function starts(node: Node, event: string, to: Node): readonly string[] {
  const inner = Object.values(node.states);
  if (node.key === userLifecycle.id) return ["authorized"];
  if (!inner.includes(to)) return [node.key];
  return inner.filter((leaf) => leaf !== to && !leaf.transitions.has(event)).map((leaf) => leaf.key);
}

function initialOf(node: Node): string {
  return node.initial?.target[0]?.key ?? "";
}

function everyNode(node: Node): readonly Node[] {
  return [node, ...Object.values(node.states).flatMap(everyNode)];
}
