// OpenTelemetry: spans and metrics of a lifecycle, with the page that Prometheus reads.
//
//   npm run example 16-opentelemetry       or       deno run -A examples/16-opentelemetry.ts
//
// docs/monitoring has alert rules for Prometheus and a dashboard for Grafana.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { context, metrics, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createLifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import { createSandbox } from "oneup-lifecycle/sandbox";

// The SDK starts first. In production the spans go to an OTLP exporter, and instrumentations of other libraries may run
// beside it: they do not see this library's requests.
const spans = new InMemorySpanExporter();
const exporter = new PrometheusExporter({ preventServerStart: true });
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
const meterProvider = new MeterProvider({ readers: [exporter] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(tracerProvider);
metrics.setGlobalMeterProvider(meterProvider);

// A local 1upHealth, so that this example runs anywhere.
const sandbox = createSandbox();
const server = await sandbox.listen();

const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: memory(), // in production a durable store, such as lmdb("./data/lifecycle")
  telemetry: openTelemetry(),
});

// The page for Prometheus, beside your application's other routes.
const page = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
await new Promise<void>(
  (resolve) => void page.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", resolve),
);
const { port } = page.address() as AddressInfo; // of a server that listens on a port

try {
  await trace.getTracer("sign-up").startActiveSpan("POST /sign-up", async (span) => {
    await lifecycle.onboard("ada@example.org");
    await lifecycle.fhir("ada@example.org", "r4").search("Patient", { family: "Lovelace" });
    span.end();
  });

  for (const { name, attributes } of spans.getFinishedSpans())
    console.log(name, attributes["user.hash"] ?? "", attributes["oneup.outcome"] ?? "");

  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  console.log(text.match(/^oneup_(?:users|slots_free|token_wait_duration_count)\{.*/gm)?.join("\n"));
} finally {
  await lifecycle.close();
  await Promise.all([tracerProvider.shutdown(), meterProvider.shutdown(), server.close()]);
  page.close();
}
