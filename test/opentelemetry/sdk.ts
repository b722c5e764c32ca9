/** A real SDK of OpenTelemetry with the instrumentations of the libraries beneath, and what it has collected. */
import { createRequire } from "node:module";
import { context, metrics, propagation, trace, type Baggage } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  isTracingSuppressed,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { RedisInstrumentation } from "@opentelemetry/instrumentation-redis";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";
import { beforeAll, beforeEach } from "vitest";

/** What was collected. */
export interface Sdk {
  /** The spans that have ended, oldest first. */
  spans(): readonly ReadableSpan[];
  /** The page that Prometheus reads. */
  page(): Promise<string>;
  /** Forgets all spans. */
  reset(): void;
}

/**
 * Registers a global SDK for the tests of this file. `instrumented`: the libraries beneath report as much as they can,
 * such as values of queries, arguments of commands and headers. It can be asked for once in a process.
 */
export function useSdk({ instrumented = false } = {}): Sdk {
  const kept = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] });
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(
      new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
    );
    trace.setGlobalTracerProvider(tracerProvider);
    metrics.setGlobalMeterProvider(meterProvider);
    const restore = instrumented ? instrument(tracerProvider, meterProvider) : () => {};
    return async () => {
      restore();
      for (const api of [context, propagation, trace, metrics]) api.disable();
      await tracerProvider.shutdown();
      await meterProvider.shutdown();
    };
  });
  beforeEach(() => kept.reset());
  return {
    spans: () => kept.getFinishedSpans(),
    async page() {
      const { resourceMetrics } = await exporter.collect();
      return new PrometheusSerializer().serialize(resourceMetrics);
    },
    reset: () => kept.reset(),
  };
}

/** Instruments the libraries beneath; the returned function ends that. */
function instrument(tracerProvider: BasicTracerProvider, meterProvider: MeterProvider): () => void {
  const disable = registerInstrumentations({
    tracerProvider,
    meterProvider,
    instrumentations: [
      new UndiciInstrumentation({
        headersToSpanAttributes: { requestHeaders: ["authorization", "client_id", "client_secret"] },
      }),
      new RedisInstrumentation({ dbStatementSerializer: (name, words) => [name, ...words].join(" ") }),
      new PgInstrumentation({ enhancedDatabaseReporting: true }),
    ],
  });
  // They patch prototypes when a module is required: these are the modules, whether they were loaded before or not.
  const load = createRequire(import.meta.url);
  for (const name of ["@redis/client/dist/lib/client/index.js", "@redis/client", "pg"]) load(name);
  return disable;
}

/** Runs a task as an application does that handles a request: within a span, with baggage. */
export function inRequest<T>(baggage: Readonly<Record<string, string>>, task: () => Promise<T>): Promise<T> {
  const entries = Object.entries(baggage).map(([key, value]) => [key, { value }] as const);
  const carried: Baggage = propagation.createBaggage(Object.fromEntries(entries));
  return trace.getTracer("application").startActiveSpan("request", async (span) => {
    try {
      return await context.with(propagation.setBaggage(context.active(), carried), task);
    } finally {
      span.end();
    }
  });
}

/** All that a span would export, as text. */
export function textOf(span: ReadableSpan): string {
  const { name, attributes, events, links, status, resource, instrumentationScope } = span;
  const { attributes: ofResource } = resource;
  return JSON.stringify({ name, attributes, events, links, status, ofResource, instrumentationScope });
}

/** Whether the SDK records nothing here. */
export function isHidden(): boolean {
  return isTracingSuppressed(context.active());
}
