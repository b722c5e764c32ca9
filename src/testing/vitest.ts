/**
 * Matchers for Vitest: importing this module adds them to `expect`, with their types.
 *
 * @example
 * ```ts
 * import "oneup-lifecycle/testing/vitest";
 *
 * expect(await lifecycle.inspect("ada")).toBeInLifecycleState("tokenActive");
 * ```
 *
 * @module
 */
import { expect } from "vitest";
import type { UserState } from "../../machines/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { inState, noSecrets, spentCalls, visited } from "./checks.ts";
import type { Checked, SpentCalls } from "./checks.ts";

/** What is added to `expect`. */
export interface LifecycleMatchers {
  /**
   * Of what `inspect()` or `onboard()` resolved with: the user is in this state.
   *
   * @example
   * ```ts
   * expect(await lifecycle.inspect("ada")).toBeInLifecycleState("tokenActive");
   * ```
   */
  toBeInLifecycleState(state: UserState): void;
  /**
   * Likewise: the user came through these states, in this order; others may lie between. The record keeps the last steps
   * only.
   *
   * @example
   * ```ts
   * expect(await lifecycle.inspect("ada")).toHaveVisited(["codeIssued", "tokenActive"]);
   * ```
   */
  toHaveVisited(states: readonly UserState[]): void;
  /**
   * Of a user's status, a sandbox or its journal: exactly so many management calls, or some of
   * `{ management, token, fhir }`.
   *
   * @example
   * ```ts
   * expect(sandbox).toHaveSpentCalls({ management: 1, token: 2 });
   * ```
   */
  toHaveSpentCalls(calls: number | SpentCalls): void;
  /**
   * Of anything: no code, no token and no client secret stands in it. `sandbox`: whose; those of all test lifecycles that
   * are open, by default.
   *
   * @example
   * ```ts
   * expect(logged).toContainNoSecrets();
   * ```
   */
  toContainNoSecrets(sandbox?: Sandbox): void;
}

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
