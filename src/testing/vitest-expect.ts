/**
 * Adds the matchers to Vitest's `expect`. Apart from its door: JSR takes no entry point that adds to the types of another
 * package.
 *
 * @module
 */
import { expect } from "vitest";
import type { UserState } from "../../machines/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { inState, noSecrets, spentCalls, visited } from "./expectations.ts";
import type { Checked, SpentCalls } from "./expectations.ts";
import type { LifecycleMatchers } from "./lifecycle-matchers.ts";

declare module "vitest" {
  // Its parameter must be there: every declaration of an interface has the same ones.
  interface Matchers<T> extends LifecycleMatchers {}
}

expect.extend({
  toBeInLifecycleState(given: unknown, state: UserState) {
    return verdict(inState(given, state), this.isNot);
  },
  toHaveVisited(given: unknown, states: readonly UserState[]) {
    return verdict(visited(given, states), this.isNot);
  },
  toHaveSpentCalls(given: unknown, calls: number | SpentCalls) {
    return verdict(spentCalls(given, calls), this.isNot);
  },
  toContainNoSecrets(given: unknown, sandbox?: Sandbox) {
    return verdict(noSecrets(given, sandbox), this.isNot);
  },
});

function verdict(
  { holds, says, actual, expected }: Checked,
  negated: boolean,
): { pass: boolean; message: () => string; actual: unknown; expected: unknown } {
  return { pass: holds, message: () => says(negated), actual, expected };
}
