import { join } from "node:path";
import type { Json } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import type { UserEvent } from "../../machines/index.ts";
import { unexportedAt } from "../../src/runtime/user/departure.ts";
import type { Position } from "../../src/runtime/user/step.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { afterwards, folder } from "../support/scene.ts";

async function withAda(): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  await test.lifecycle.onboard("ada");
  test.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
  return test;
}

/** As an earlier release has left it: the marks of exports do not tell what those had. */
async function withEarlierMarks({ store, sandbox, clock }: TestLifecycle, id: string): Promise<void> {
  const opened = await store.open({ account: accountOf(sandbox.credentials.clientId), clock });
  const found = await opened.load(id);
  if (found.type !== "record") throw new Error("it is there");
  const { value, revision, state, dueInMs, lane } = found.record;
  const user = value as { readonly exports: readonly (readonly Json[])[] };
  const earlier = { ...user, exports: user.exports.map(([name, at]) => [name, at]) } as unknown as Json;
  const lease = { id: "of the test", owner: "the test", ms: 1 };
  const how = { mode: "none", lease, dueInMs, lane } as const;
  await opened.commit({ id, value: earlier, expectedRevision: revision, writeId: "earlier", state, ...how });
}

const refused = { code: "INVALID_OPTION" };

describe("offboardMany({ onlyAfterExport }) of an export that left something out", () => {
  it.each([
    { types: ["Patient"], versions: ["r4"], purge: ["r4"], holds: "Patient in r4" },
    { versions: ["r4"], purge: true, holds: "all types in r4" },
    { versions: ["r4", "stu3"], purge: ["dstu2"], holds: "all types in r4, stu3" },
  ] as const)("refuses it, also dry, and purges only if it is told so: %o", async ({ holds, ...how }) => {
    const { lifecycle, sandbox } = await withAda();
    const { purge, ...scope } = how;
    await lifecycle.exportMany("all", { name: "spring", write: folder("export"), ...scope });
    const leave = { name: "leave", purge, onlyAfterExport: "spring" };
    const acting = { ...leave, count: 1, receipts: join(folder("receipts"), "receipts.ndjson") };
    for (const options of [leave, acting]) {
      const left = lifecycle.offboardMany("all", options as typeof acting);
      await expect(left).rejects.toMatchObject({ ...refused, message: expect.stringContaining(holds) });
    }
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
    const told = await lifecycle.offboardMany("all", { ...acting, allowPartialExport: true });
    expect(told).toMatchObject({ receipts: 1, closed: true });
  });

  it("takes an export of all types in the versions that are purged, and one of a leave that purges nothing", async () => {
    const { lifecycle } = await withAda();
    await lifecycle.exportMany("all", { name: "spring", write: folder("export"), versions: ["r4"] });
    const leave = { name: "leave", onlyAfterExport: "spring" };
    expect(await lifecycle.offboardMany("all", { ...leave, purge: ["r4"] })).toMatchObject({ unexported: 0 });
    expect(await lifecycle.offboardMany("all", { ...leave, purge: false })).toMatchObject({ unexported: 0 });
  });

  it.each([undefined, ["Patient"]])(
    "a whole export of an earlier release counts once it is started again with types %o",
    async (types) => {
      const test = await withAda();
      const { lifecycle, sandbox } = test;
      const exporting = { name: "spring", write: folder("export"), versions: ["r4"] } as const;
      const scope = types === undefined ? exporting : { ...exporting, types };
      await lifecycle.exportMany("all", scope);
      await withEarlierMarks(test, "ada");
      const leave = { name: "leave", purge: ["r4"], onlyAfterExport: "spring" } as const;
      const left = (): Promise<unknown> => lifecycle.offboardMany("all", leave);
      const message = types === undefined ? "start that export again by the same name" : "Patient in r4";
      await expect(left()).rejects.toMatchObject({ ...refused, message: expect.stringContaining(message) });
      const before = sandbox.journal.count("fhir.search");
      expect(await lifecycle.exportMany("all", scope)).toMatchObject({ exported: 1, resources: 0 });
      expect(await lifecycle.exportMany("all", scope)).toMatchObject({ present: 1 });
      if (types !== undefined) {
        expect(sandbox.journal.count("fhir.search"), "the file is whole").toBe(before);
        return expect(left()).rejects.toMatchObject(refused);
      }
      return expect(await left()).toMatchObject({ count: 1, unexported: 0 });
    },
  );

  it("an export of an earlier release of a user that has left since stays as it is", async () => {
    const test = await withAda();
    const { lifecycle } = test;
    const exporting = { name: "spring", write: folder("export"), versions: ["r4"] } as const;
    await lifecycle.exportMany("all", exporting);
    await lifecycle.offboard("ada");
    await withEarlierMarks(test, "ada");
    expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ present: 1, failed: 0 });
  });

  it("an export does not go on with other types or versions, which its finished users would lack", async () => {
    const { lifecycle } = await withAda();
    const exporting = {
      name: "spring",
      write: folder("export"),
      versions: ["r4"],
      types: ["Patient"],
    } as const;
    await lifecycle.exportMany("all", exporting);
    for (const other of [
      { types: ["Patient", "Observation"] },
      { types: undefined },
      { versions: ["stu3"] },
    ] as const)
      await expect(lifecycle.exportMany("all", { ...exporting, ...other })).rejects.toMatchObject(refused);
    expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ present: 1, exported: 0 });
  });
});

describe("the mark of an export", () => {
  const exports = [["spring", 4]] as const;
  const at = (state: string, oneupUserId: number | null) => ({
    position: { state, context: { oneupUserId } } as unknown as Position, // enough of it
    exports,
    restarted: 5,
  });
  const event = { type: "USER_FOUND", at: 1 } as unknown as UserEvent; // of a look-up

  it.each([
    [7, 8],
    [7, null], // the next one may be another
  ])("goes from number %s to %s", (before, after) => {
    expect(unexportedAt(at("locating", before), at("usable", after).position, event)).toEqual({
      exports: [],
      restarted: 5,
    });
  });

  it("stays while the number does", () => {
    expect(unexportedAt(at("locating", 7), at("usable", 7).position, event)).toEqual({
      exports,
      restarted: 5,
    });
  });
});
