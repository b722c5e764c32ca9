import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { createTestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { inRequest, isHidden, useSdk } from "./sdk.ts";

const sdk = useSdk();

async function world(
  options: TestLifecycleOptions["lifecycle"] = {},
  sandbox: TestLifecycleOptions["sandbox"] = {},
) {
  const made = await createTestLifecycle({ lifecycle: { telemetry: openTelemetry(), ...options }, sandbox });
  onTestFinished(() => made.close());
  return made;
}

/** The names of spans and of the spans that they are parts of: `request > onboard > POST /oauth2/token`. */
function paths(): readonly string[] {
  const spans = sdk.spans();
  const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]));
  const pathOf = (span: ReadableSpan): string => {
    const parent = byId.get(span.parentSpanContext?.spanId ?? "");
    return parent === undefined ? span.name : `${pathOf(parent)} > ${span.name}`;
  };
  return spans.map(pathOf);
}

const named = (name: string): readonly ReadableSpan[] => sdk.spans().filter((span) => span.name === name);

describe("spans", () => {
  it("an onboarding is a part of the request that asks for it, and its calls and commits are parts of it", async () => {
    const { lifecycle } = await world();
    await inRequest({}, () => lifecycle.onboard("ada"));
    expect(paths()).toEqual([
      "request > onboard > commit memory",
      "request > onboard > POST /user-management/v1/user",
      "request > onboard > commit memory",
      "request > onboard > POST /oauth2/token",
      "request > onboard > commit memory",
      "request > onboard",
      "request",
    ]);
  });

  it("a call has the conventions' attributes, the user's alias and its state, and the outcome", async () => {
    const { lifecycle } = await world();
    await lifecycle.onboard("ada");
    const [exchange] = named("POST /oauth2/token");
    expect(exchange?.attributes).toEqual({
      "http.request.method": "POST",
      "url.template": "/oauth2/token",
      "server.address": expect.any(String),
      "server.port": 443,
      "http.response.status_code": 200,
      "oneup.call": "exchangeCode",
      "oneup.endpoint": "token",
      "oneup.outcome": "tokens",
      "oneup.user.state": "codeIssued",
      "user.hash": lifecycle.alias("ada"),
    });
  });

  it("a refresh is a part of the FHIR operation that needs it, which names no id and no query", async () => {
    const { lifecycle, clock } = await world();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const { id = "" } = await fhir.create({ resourceType: "Patient" });
    await clock.advance("3h");
    sdk.reset();
    await fhir.read("Patient", id);
    await fhir.search("Patient", { family: "Lovelace" });
    expect(paths()).toEqual([
      "GET /r4/Patient/{id} > commit memory",
      "GET /r4/Patient/{id} > POST /oauth2/token",
      "GET /r4/Patient/{id} > commit memory",
      "GET /r4/Patient/{id}",
      "GET /r4/Patient",
    ]);
    const states = named("GET /r4/Patient").map(({ attributes }) => attributes["oneup.user.state"]);
    expect(states).toEqual(["refreshed"]);
  });

  it("calls whose answers are read piece by piece are operations, unless they go to another host", async () => {
    const { lifecycle, sandbox } = await world({}, { exportLinks: { origin: "https://files.example.net" } });
    await lifecycle.onboard("ada");
    const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", data: "aGVsbG8=" }]);
    const analytics = "https://analytics.1up.health/bulk-data";
    const fhir = lifecycle.fhir("ada", "r4", { analytics });
    sdk.reset();
    await (await fhir.attachment(id)).bytes();
    for await (const _ of fhir.bulkExport());
    expect(paths()).toEqual(["GET /r4/Binary/{id}", "GET /r4/$export"]);
    sandbox.fail({ call: "fhir.read", status: 403 });
    await expect(fhir.attachment(id)).rejects.toThrow();
    expect(named("GET /r4/Binary/{id}").at(-1)?.attributes).toMatchObject({
      "error.type": "FORBIDDEN",
      "http.response.status_code": 403,
    });
    sdk.reset();
    const own = await world();
    await own.lifecycle.onboard("ada");
    own.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    sdk.reset();
    for await (const _ of own.lifecycle.fhir("ada", "r4", { analytics }).bulkExport());
    expect(paths()).toEqual(["GET /r4/$export", "GET /{file}"]);
  });

  it("a failed call has the code of its cause, and the span of its caller the code of the error", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    sandbox.fail({ status: 404 });
    await expect(lifecycle.fhir("ada", "r4").read("Patient", "1")).rejects.toThrow();
    sandbox.fail({ call: "createUser", status: 503 });
    await lifecycle.onboard("eve", { waitMs: 0 });
    const [read] = named("GET /r4/Patient/{id}");
    expect(read?.attributes).toMatchObject({
      "error.type": "FHIR_REFUSED",
      "http.response.status_code": 404,
    });
    expect(read?.status.code).toBe(2);
    expect(read?.events).toEqual([]);
    const failed = named("POST /user-management/v1/user").map(({ attributes }) => attributes["error.type"]);
    expect(failed).toEqual([undefined, "http_503"]);
  });

  it("a worker's runs are parts of nothing, whichever call started it", async () => {
    const { lifecycle, arrange } = await world();
    await arrange("ada", "reauthorizing");
    await inRequest({}, () => lifecycle.resume());
    expect(paths().filter((path) => path.startsWith("request >"))).toEqual([]);
    expect(named("POST /oauth2/token")).toHaveLength(1);
  });

  it("users that wait for a slot are no parts of the request that waits first", async () => {
    const limits = { management: { calls: 1, windowMs: 3_600_000 } };
    const { lifecycle } = await world({ limits });
    await inRequest({}, async () => {
      await lifecycle.onboard("ada");
      await lifecycle.onboard("eve", { waitMs: 2 * 3_600_000 });
    });
    const ofEve = sdk.spans().filter(({ attributes }) => attributes["user.hash"] === lifecycle.alias("eve"));
    const calls = ofEve.filter(({ name }) => name.startsWith("POST"));
    expect(calls).toHaveLength(2);
    expect(calls.filter(({ parentSpanContext }) => parentSpanContext !== undefined)).toEqual([]);
  });

  it("requests run where the SDK suppresses tracing, and only they", async () => {
    const hidden: Record<string, boolean> = {};
    const telemetry = openTelemetry().attach({ store: "memory", calls: [] });
    await telemetry.unseen(async () => void (hidden["request"] = isHidden()));
    await telemetry.detached(async () => void (hidden["worker"] = isHidden()));
    expect(hidden).toEqual({ request: true, worker: false });
  });

  it("an application may add attributes to all of them", async () => {
    const { lifecycle } = await world({ telemetry: openTelemetry({ attributes: { account: "east" } }) });
    await lifecycle.onboard("ada");
    expect(new Set(sdk.spans().map(({ attributes }) => attributes["account"]))).toEqual(new Set(["east"]));
  });

  it("openTelemetry() refuses options that cannot be used", () => {
    const meterProvider = {} as never;
    expect(() => openTelemetry({ meterProvider })).toThrow(
      "meterProvider must be an object with the method getMeter",
    );
  });
});
