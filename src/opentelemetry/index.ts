/**
 * Spans and metrics of OpenTelemetry: `createLifecycle({ telemetry: openTelemetry() })`. It needs `@opentelemetry/api`,
 * which nothing else here loads.
 *
 * @module
 */
export { openTelemetry } from "./open-telemetry.ts";
export type { OpenTelemetryOptions } from "./open-telemetry.ts";
export type { Telemetry } from "../telemetry.ts";
