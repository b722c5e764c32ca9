/**
 * For the tests of applications and adapters.
 *
 * @module
 */
export { manualClock } from "./manual-clock.ts";
export type { ManualClock, MovableClock } from "./manual-clock.ts";
export { storeConformance } from "./store-conformance.ts";
export type { StoreConformanceOptions, TestFunction } from "./store-conformance.ts";
