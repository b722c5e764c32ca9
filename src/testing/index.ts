/**
 * For the tests of applications and adapters: a lifecycle with everything around it in one line, assertions, and the
 * suite that every store passes.
 *
 * @module
 */
export { assertInState, assertNoSecrets, assertSpentCalls, assertVisited } from "./assertions.ts";
export type { SpentCalls, Spender } from "./expectations.ts";
export type { Duration } from "./duration.ts";
export type { CrashPoint, CrashStep } from "./life.ts";
export { manualClock } from "./manual-clock.ts";
export type { ManualClock, MovableClock } from "./manual-clock.ts";
export { storeConformance } from "./store-conformance.ts";
export type { StoreConformanceOptions, TestFunction } from "./store-conformance.ts";
export type { TestClock } from "./test-clock.ts";
export { createTestLifecycle } from "./test-lifecycle.ts";
export type { RestartOptions, TestLifecycle, TestLifecycleOptions } from "./test-lifecycle.ts";
