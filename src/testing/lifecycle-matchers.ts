/**
 * The types of the matchers. `vitest-expect.ts` implements them.
 *
 * @module
 */
import type { UserState } from "../../machines/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { SpentCalls } from "./expectations.ts";

/** The matchers added to `expect`. */
export interface LifecycleMatchers {
  /**
   * For a result of `inspect()` or `onboard()`: the user is in this state.
   *
   * @example
   * ```ts ignore
   * expect(await lifecycle.inspect("ada")).toBeInLifecycleState("tokenActive");
   * ```
   */
  toBeInLifecycleState(state: UserState): void;
  /**
   * For a result of `inspect()` or `onboard()`: the user passed through these states in this order, possibly with others
   * between. Only the last 12 steps are stored: once older ones are gone, the negated check fails, because it cannot tell.
   *
   * @example
   * ```ts ignore
   * expect(await lifecycle.inspect("ada")).toHaveVisited(["codeIssued", "tokenActive"]);
   * ```
   */
  toHaveVisited(states: readonly UserState[]): void;
  /**
   * For a user's status, a sandbox or its journal: exactly that many management calls, or some of
   * `{ management, token, fhir }`.
   *
   * @example
   * ```ts ignore
   * expect(sandbox).toHaveSpentCalls({ management: 1, token: 2 });
   * ```
   */
  toHaveSpentCalls(calls: number | SpentCalls): void;
  /**
   * For any value: it contains no code, token or client secret of `sandbox`, by default of all test lifecycles, open or
   * closed. A promise, a response with a body or a stream is refused: read it first.
   *
   * @example
   * ```ts ignore
   * expect(logged).toContainNoSecrets();
   * ```
   */
  toContainNoSecrets(sandbox?: Sandbox): void;
}

/** The same inside of other matchers: `toEqual({ user: expect.toBeInLifecycleState("tokenActive") })`. */
export type AsymmetricLifecycleMatchers = {
  // `any`, as those of Vitest: it stands for the value that it matches.
  // oxlint-disable-next-line typescript/no-explicit-any
  [Name in keyof LifecycleMatchers]: (...args: Parameters<LifecycleMatchers[Name]>) => any;
};
