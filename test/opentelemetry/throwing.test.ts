import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { BasicTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Recorder } from "../../src/telemetry.ts";
import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { warningsIn } from "../support/loggers.ts";

/** A processor of the application with a mistake. */
function broken(when: "onStart" | "onEnd"): TracerProvider {
  const fails = (): never => {
    throw new Error("a mistake in a processor");
  };
  const nothing = async (): Promise<void> => {};
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: () => {},
    shutdown: nothing,
    forceFlush: nothing,
    [when]: fails,
  };
  return new BasicTracerProvider({ spanProcessors: [processor] });
}

const refusing = {
  getTracer(): never {
    throw new Error("no tracer");
  },
  getMeter(): never {
    throw new Error("no meter");
  },
};

async function lives(telemetry: ReturnType<typeof openTelemetry>): Promise<readonly string[]> {
  const warnings: string[] = [];
  const world = await createTestLifecycle({ lifecycle: { telemetry, logger: warningsIn(warnings) } });
  onTestFinished(() => world.close());
  const { lifecycle, sandbox } = world;
  expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
  await expect(lifecycle.fhir("ada", "r4").read("Patient", "none")).rejects.toMatchObject({
    code: "FHIR_REFUSED",
  });
  await expect(lifecycle.onboard("ada", { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  expect(sandbox.journal.spent()).toMatchObject({ management: 1 });
  expect(sandbox.journal.count("exchangeCode")).toBe(1);
  return warnings;
}

describe("telemetry that throws", () => {
  it.each(["onStart", "onEnd"] as const)(
    "in %s of a processor costs no answer, and is logged once",
    async (when) => {
      const warnings = await lives(openTelemetry({ tracerProvider: broken(when) }));
      expect(warnings.join()).toMatch(/^Cannot report to the telemetry; the work goes on without it[^,]*$/);
    },
  );

  it("as it is attached leaves a lifecycle that works", async () => {
    expect(await lives(openTelemetry({ tracerProvider: refusing }))).toHaveLength(1);
    const meterProvider: MeterProvider = refusing;
    expect(await lives(openTelemetry({ meterProvider }))).toHaveLength(1);
  });

  it("in each method of a recorder does no harm, and one that runs no task does not keep it from running", async () => {
    const fails = (): never => {
      throw new Error("a mistake in a recorder");
    };
    const recorder: Recorder = {
      during: fails,
      unseen: (task) => task(),
      detached: fails,
      takenOver: fails,
      granted: fails,
      observe: fails,
      detach: fails,
    };
    expect(await lives({ attach: () => recorder })).toHaveLength(1);
    const idle = { ...recorder, during: async () => undefined as never };
    expect(await lives({ attach: () => idle })).toHaveLength(1);
  });

  it.each<readonly [string, () => unknown]>([
    ["reject", () => Promise.reject(new Error("a mistake in a recorder"))],
    ["never end", () => new Promise(() => {})],
  ])("whose methods %s costs no answer and ends no process", async (_, mistaken) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const fails = mistaken as () => never;
    const recorder: Recorder = {
      during: fails,
      unseen: async (task) => (await task(), fails()),
      detached: fails,
      takenOver: fails,
      granted: fails,
      observe: fails,
      detach: fails,
    };
    expect((await lives({ attach: () => recorder })).length).toBeLessThanOrEqual(1);
    expect(await lives({ attach: fails })).toHaveLength(1);
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  });
});
