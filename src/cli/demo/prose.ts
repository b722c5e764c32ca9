/**
 * Formats the demo's text.
 *
 * @module
 */
import type { UserStatus } from "../../index.ts";
import { type Paint, width } from "../screen.ts";

/** The headline of a step. */
export function headline(mark: number | string, title: string, paint: Paint): string {
  return `  ${paint.quiet(String(mark))}  ${paint.strong(title)}`;
}

/** `3 × createUser, 2 × exchangeCode`. */
export function listed(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} × ${word}`).join(", ");
}

const arrow = " → ";

/** The states a user went through, wrapped. */
export function lineOfLife(name: string, history: UserStatus["history"]): string[] {
  const states = history.map(({ to }) => to).filter((state, index, all) => state !== all[index - 1]);
  const lines: string[] = [];
  let line = `${name}: ${states[0] ?? ""}`;
  for (const state of states.slice(1)) {
    if (line.length + arrow.length + state.length > width - 10) {
      lines.push(line);
      line = " ".repeat(name.length + 1);
    }
    line += `${arrow}${state}`;
  }
  return [...lines, line];
}
