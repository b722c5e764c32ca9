/**
 * Tools for testing applications and adapters: a complete lifecycle in one line, assertions, and the conformance suite
 * for stores.
 *
 * @module
 */
export { assertInState, assertNoSecrets, assertSpentCalls, assertVisited } from "./assertions.ts";
export type { SpentCalls, Spender } from "./expectations.ts";
export type { Duration } from "./test-clock.ts";
export type { CrashPoint, CrashStep } from "./test-process.ts";
export { manualClock } from "./manual-clock.ts";
export type { ManualClock, MovableClock } from "./manual-clock.ts";
export { storeConformance } from "./store-conformance.ts";
export type { StoreConformanceOptions, TestFunction } from "./conformance/store-conformance-options.ts";
export type { TestClock } from "./test-clock.ts";
export { createTestLifecycle } from "./test-lifecycle.ts";
export type { RestartOptions, TestLifecycle, TestLifecycleOptions } from "./test-lifecycle.ts";
