/**
 * The matchers in words. `vitest-expect.ts` is what they do.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { SpentCalls } from "./expectations.ts";

/** What is added to `expect`. */
export interface LifecycleMatchers {
  /**
   * Of what `inspect()` or `onboard()` resolved with: the user is in this state.
   *
   * @example
   * ```ts ignore
   * expect(await lifecycle.inspect("ada")).toBeInLifecycleState("tokenActive");
   * ```
   */
  toBeInLifecycleState(state: UserState): void;
  /**
   * Likewise: the user came through these states, in this order; others may lie between. The record keeps the last steps
   * only.
   *
   * @example
   * ```ts ignore
   * expect(await lifecycle.inspect("ada")).toHaveVisited(["codeIssued", "tokenActive"]);
   * ```
   */
  toHaveVisited(states: readonly UserState[]): void;
  /**
   * Of a user's status, a sandbox or its journal: exactly so many management calls, or some of
   * `{ management, token, fhir }`.
   *
   * @example
   * ```ts ignore
   * expect(sandbox).toHaveSpentCalls({ management: 1, token: 2 });
   * ```
   */
  toHaveSpentCalls(calls: number | SpentCalls): void;
  /**
   * Of anything: no code, no token and no client secret stands in it. `sandbox`: whose; those of all test lifecycles that
   * are open, by default.
   *
   * @example
   * ```ts ignore
   * expect(logged).toContainNoSecrets();
   * ```
   */
  toContainNoSecrets(sandbox?: Sandbox): void;
}
