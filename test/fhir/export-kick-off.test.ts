/** The kick-off of a bulk export, which may take longer than other calls: it may list the files. */
import {
  createFhirClient,
  fetchTransport,
  type BulkExport,
  type BulkExportOptions,
  type FhirClient,
} from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { nextStepOf } from "../../src/next-step.ts";
import { afterwards } from "../support/scene.ts";
import { all, errorOf } from "./ada.ts";
import { analytics } from "./exporting.ts";

async function world(): Promise<TestLifecycle> {
  const opened = await createTestLifecycle();
  afterwards(() => opened.close());
  await opened.lifecycle.onboard("ada");
  opened.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
  return opened;
}

const clients: Readonly<Record<string, (world: TestLifecycle) => FhirClient<"r4">>> = {
  "a lifecycle": ({ lifecycle }) => lifecycle.fhir("ada", "r4", { analytics }),
  "a client of its own": ({ lifecycle, sandbox, clock }) =>
    createFhirClient({
      version: "r4",
      token: { get: () => lifecycle.accessToken("ada") },
      transport: fetchTransport(sandbox.fetch),
      clock,
      analytics,
    }),
};

describe.each(Object.keys(clients))("a kick-off of %s", (name) => {
  const exportOf = (world: TestLifecycle, options?: BulkExportOptions<"Patient">): BulkExport<object> =>
    (clients[name] ?? expect.unreachable())(world).bulkExport(options);

  it("may take longer than other calls", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.export", delayMs: 290_000, delay: "after" });
    const exported = exportOf(here);
    expect(await all(exported)).toHaveLength(1);
    expect(here.sandbox.journal.count("fhir.export")).toBe(1);
  });

  it("that takes longer than kickOffMs tells what to raise, and that an export may have begun", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.export", delayMs: 61_000, delay: "after" });
    const exported = exportOf(here, { kickOffMs: 60_000 });
    const start = here.clock.monotonic();
    const error = await errorOf(exported.start());
    expect(here.clock.monotonic() - start).toBe(60_000);
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(error.failedCall).toMatchObject({ code: "TIMEOUT", timeoutMs: 60_000 });
    expect(error.message).toBe(
      "Cannot start the export: the answer was lost; none came within 60000 ms, so raise kickOffMs if there is much to export; an export may have begun, and the next start begins another one",
    );
    expect(nextStepOf(error)).toMatch(/^raise kickOffMs of bulkExport\(\)/);
    expect(here.sandbox.journal.count("fhir.export")).toBe(1);
  });

  it("ends with its signal", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.export", delayMs: 290_000, delay: "after" });
    const caller = new AbortController();
    const reason = new Error("no longer wanted");
    here.clock.timer(100_000, () => caller.abort(reason));
    const { signal } = caller;
    await expect(exportOf(here, { signal }).start()).rejects.toBe(reason);
  });
});

it.each([0, 5, Infinity, 86_400_001, "60s"])("kickOffMs: %j is refused", async (kickOffMs) => {
  const { lifecycle } = await world();
  const fhir = lifecycle.fhir("ada", "r4", { analytics });
  expect(() => fhir.bulkExport({ kickOffMs: kickOffMs as number })).toThrow("kickOffMs must be");
});
