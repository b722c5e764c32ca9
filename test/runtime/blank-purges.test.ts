import { describe, expect, it } from "vitest";
import type { Fault } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { workingWorld } from "../support/scene.ts";

/** Answers that are none of 1upHealth's own to a purge that is done. */
const blank: readonly (readonly [string, Fault])[] = [
  ["204", { status: 204 }],
  ["an empty 200", { status: 200, body: "" }],
  ["an empty object", { status: 200, body: {} }],
  ["an empty list", { status: 200, body: "[]" }],
  ["an unrelated Bundle", { status: 200, body: { resourceType: "Bundle", type: "searchset", entry: [] } }],
  [
    "an outcome",
    { status: 200, body: { resourceType: "OperationOutcome", issue: [{ severity: "information" }] } },
  ],
  ["a list of users", { status: 200, body: { success: true, entry: [] } }],
  ["a promise", { status: 202, body: { success: true } }],
];

async function world(): Promise<TestLifecycle> {
  const made = await workingWorld();
  await made.lifecycle.onboard("ada");
  made.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
  return made;
}

describe.each(blank)("a purge that is answered with %s", (_, fault) => {
  it("is repeated until 1upHealth itself calls it done", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail({ call: "fhir.purge", times: 2, ...fault });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: { done: [], left: ["r4"] } });
    await clock.advance("10m");
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: "offboarded",
      purge: { done: ["r4"], left: [], skipped: null },
    });
    expect(sandbox.journal.count("fhir.purge")).toBe(3);
    await lifecycle.onboard("ada");
    expect((await lifecycle.fhir("ada", "r4").search("Patient")).resources).toEqual([]);
  });

  it("never counts as done: it fails after a day, is asked less and less often, and says what is left", async () => {
    const { lifecycle, sandbox, clock } = await world();
    sandbox.fail({ call: "fhir.purge", times: Infinity, ...fault });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await clock.advance("23h");
    expect(await lifecycle.inspect("ada")).toMatchObject({
      purge: { done: [], left: ["r4"] },
      failure: null,
    });
    await clock.advance("12h");
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: "failed",
      failure: { in: "offboarding", reason: "refused", why: "unclear_answer" },
      purge: { done: [], left: ["r4"], skipped: null },
    });
    expect(sandbox.journal.count("fhir.purge")).toBeLessThan(20);
    sandbox.clearFaults();
    await lifecycle.retry("ada", { waitMs: 60_000 });
    await clock.advance("1m");
    expect(await lifecycle.inspect("ada")).toMatchObject({ purge: { done: ["r4"], left: [] } });
  });
});
