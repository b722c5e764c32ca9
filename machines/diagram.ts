/**
 * Draws a machine as a Mermaid state diagram. The diagram in the README is made by this function, and a test compares
 * them.
 *
 * @module
 */
import { isRenaming } from "./rename.ts";
import { userLifecycle } from "./user-lifecycle.ts";
import type { UserState, UserStateMeta } from "./user.ts";

/** The fields of a state node that are used. XState's own type has many more. */
interface Node {
  readonly key: string;
  readonly id: string;
  readonly meta?: UserStateMeta;
  readonly states: Readonly<Record<string, Node>>;
  readonly initial?: { readonly target: readonly Node[] } | undefined;
  readonly transitions: ReadonlyMap<string, readonly { readonly target: readonly Node[] | undefined }[]>;
}

/**
 * The lifecycle as a Mermaid `stateDiagram-v2`: every state with the call it makes, and every transition to another
 * state. The transition to `offboarded`, possible from everywhere, is drawn once, and so is a rename. `counts`: the
 * number of users in each state, as returned by `lifecycle.counts()`; each state then shows its number.
 *
 * @example
 * ```ts
 * import { mermaid } from "oneup-lifecycle/machines";
 *
 * console.log(mermaid({ tokenActive: 251, failed: 2 })); // with the numbers that lifecycle.counts() gives
 * ```
 */
export function mermaid(counts?: Readonly<Partial<Record<UserState, number>>>): string {
  const root = userLifecycle.root as unknown as Node; // its type is XState's, which has these fields among others
  const lines = ["stateDiagram-v2", "  direction TB", `  [*] --> ${root.initial?.target[0]?.key ?? ""}`];
  for (const state of Object.values(root.states)) lines.push(...drawn(state, "  ", counts));
  const arrows = new Map<string, string[]>();
  for (const node of everyNode(root)) {
    for (const [event, transitions] of node.transitions) {
      for (const to of transitions.flatMap(({ target }) => target?.slice(0, 1) ?? [])) {
        for (const from of starts(node, event, to)) {
          const way = `${from} --> ${isRenaming(node.key) && !isRenaming(to.key) ? "authorized" : to.key}`;
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
 * Where the arrow of a transition starts: at the state itself; for a transition to an inner state, at every other inner
 * state that does not handle the event. The transition to `offboarded`, and a rename and its way back, are drawn once,
 * at the state in which users spend most of their time.
 */
function starts(node: Node, event: string, to: Node): readonly string[] {
  const inner = Object.values(node.states);
  if (node.key === userLifecycle.id || event === "RENAME") return ["authorized"];
  if (!inner.includes(to)) return [node.key];
  return inner.filter((leaf) => leaf !== to && !leaf.transitions.has(event)).map((leaf) => leaf.key);
}

function everyNode(node: Node): readonly Node[] {
  return [node, ...Object.values(node.states).flatMap(everyNode)];
}
