/**
 * Reports a lifecycle's work to OpenTelemetry.
 *
 * @module
 */
import { metrics, trace, type Attributes, type MeterProvider, type TracerProvider } from "@opentelemetry/api";
import { anObject, check, withMethods, type Rules } from "../checks.ts";
import { systemClock } from "../clock.ts";
import type { Recorder, Telemetry } from "../telemetry.ts";
import { startGauges } from "./gauges.ts";
import { workMetrics } from "./metrics.ts";
import { describeWork, inSpan } from "./spans.ts";
import { detached, unseen } from "./suppression.ts";

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** Creates the spans. @default the global one */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Creates the metrics. @default the global one */
  readonly meterProvider?: MeterProvider | undefined;
  /**
   * Added to every span and metric, for example `{ account: "east" }` where one process has lifecycles of several
   * accounts: without it, their gauges would be one series. Never name a user here.
   * @default none
   */
  readonly attributes?: Attributes | undefined;
}

const rules: Rules<OpenTelemetryOptions> = {
  tracerProvider: withMethods("getTracer"),
  meterProvider: withMethods("getMeter"),
  attributes: anObject,
};

const scope = "oneup-lifecycle";

/**
 * The option `telemetry` of `createLifecycle()`: spans and metrics of OpenTelemetry. Start the SDK before the lifecycle.
 *
 * Requests to 1upHealth and to the store run with tracing suppressed and without a parent or baggage, so no other
 * instrumentation reports their URLs and keys, or adds headers to them. `docs/observability.md` lists the spans and
 * metrics.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { createLifecycle } from "oneup-lifecycle";
 * import { openTelemetry } from "oneup-lifecycle/opentelemetry";
 *
 * const open = () => createLifecycle.fromEnv({ telemetry: openTelemetry() });
 * ```
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Telemetry {
  const { tracerProvider, meterProvider, attributes = {} } = check("use OpenTelemetry", options, rules);
  return {
    attach({ store, calls }): Recorder {
      // An API without an SDK returns a meter that stays silent, so it is asked when a lifecycle opens.
      const tracer = (tracerProvider ?? trace.getTracerProvider()).getTracer(scope);
      const meter = (meterProvider ?? metrics.getMeterProvider()).getMeter(scope);
      const counted = workMetrics(meter, attributes, calls);
      let stopGauges = (): void => {};
      return {
        during(work, task, end) {
          const began = systemClock.monotonic();
          const described = describeWork(work, store, attributes);
          return inSpan(tracer, described, task, end, (ended) =>
            counted.ended(work, ended, systemClock.monotonic() - began),
          );
        },
        unseen,
        detached,
        takenOver: counted.takenOver,
        granted: counted.granted,
        observe(read) {
          stopGauges = startGauges(meter, attributes, read);
        },
        detach: () => stopGauges(),
      };
    },
  };
}
