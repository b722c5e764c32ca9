/**
 * Adds the matchers to Vitest's `expect`. Kept out of the entry point's own module, because JSR rejects entry points that
 * augment the types of another package.
 * @module
 */
import { expect } from "vitest";
import type { UserState } from "../../machines/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { inState, noSecrets, spentCalls, visited, type Checked, type SpentCalls } from "./expectations.ts";
import type { AsymmetricLifecycleMatchers, LifecycleMatchers } from "./lifecycle-matchers.ts";

declare global {
  // All assertions of Vitest have these methods. Its own interface for matchers has one type parameter in Vitest 4 and two
  // in Vitest 5, and all declarations of an interface must have the same ones.
  namespace Chai {
    interface Assertion extends LifecycleMatchers {}
  }
}

declare module "vitest" {
  // Inside of `toEqual()` and the like: this one has no type parameter in either.
  interface AsymmetricMatchersContaining extends AsymmetricLifecycleMatchers {}
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
  { holds, isUnsure = false, message, actual, expected }: Checked,
  negated: boolean,
): { pass: boolean; message: () => string; actual: unknown; expected: unknown } {
  return { pass: holds || (negated && isUnsure), message: () => message(negated), actual, expected };
}
