import { createTestLifecycle } from "oneup-lifecycle/testing";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

describe("offboardMany({ onlyAfterExport })", () => {
  it("leaves out users that were offboarded before, and whose data no export has", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
    afterwards(() => lifecycle.close());
    for (const id of ["exported", "offboarded", "purged", "in part"]) await lifecycle.onboard(id);
    await lifecycle.offboard("offboarded");
    await lifecycle.offboard("purged", { purge: true });
    await lifecycle.offboard("in part", { purge: ["r4"] });
    const [receipts, write] = [join(folder("receipts"), "receipts.ndjson"), folder("export")];
    await lifecycle.exportMany("all", { name: "spring", write, types: ["Patient"] });
    const before = sandbox.journal.count("fhir.purge");
    const leave = { name: "leave", onlyAfterExport: "spring", allowPartialExport: true };
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ count: 2, leftOut: 2, unexported: 0 });
    const summary = await lifecycle.offboardMany("all", { ...leave, count: 2, receipts });
    expect(summary).toMatchObject({ receipts: 2, left: 0, closed: true });
    expect(sandbox.journal.count("fhir.purge") - before).toBe(3); // of the exported one alone
  });
});
