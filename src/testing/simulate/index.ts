/**
 * Plays an application's own handlers against seeds of crashes, lost responses and store faults.
 *
 * @module
 */
export { simulate, SimulationError } from "./simulate.ts";
export type { AppProcess, SimulateOptions, SimulationReport, World } from "./simulate.ts";
