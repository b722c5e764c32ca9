/**
 * Matchers for Vitest: importing this module adds them to `expect`, with their types.
 *
 * @example
 * ```ts ignore
 * import "oneup-lifecycle/testing/vitest";
 *
 * expect(await lifecycle.inspect("ada")).toBeInLifecycleState("tokenActive");
 * ```
 *
 * @module
 */
import "./vitest-expect.ts";
export type { AsymmetricLifecycleMatchers, LifecycleMatchers } from "./lifecycle-matchers.ts";
export type { SpentCalls } from "./expectations.ts";
