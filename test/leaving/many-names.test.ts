/** The account's record keeps a bounded number of exports and leaves. What it drops must cost no data. */
import { join } from "node:path";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

async function withUsers(...ids: readonly string[]): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (const id of ids) {
    await test.lifecycle.onboard(id);
    test.sandbox.addResources(id, "r4", [{ resourceType: "Patient" }]);
  }
  return test;
}

/** As many other leaves as make the account's record drop names. */
async function otherNames({ lifecycle }: TestLifecycle): Promise<void> {
  const receipts = folder("others");
  for (let name = 0; name < 64; name++)
    await lifecycle.offboardMany([], {
      name: `other-${name}`,
      count: 0,
      receipts: join(receipts, `${name}.ndjson`),
    });
}

const receiptsAt = (): string => join(folder("receipts"), "receipts.ndjson");

describe("after 64 other names", () => {
  it("an export that left something out still lets no user leave", async () => {
    const test = await withUsers("ada");
    const { lifecycle } = test;
    const exporting = { name: "spring", write: folder("export"), versions: ["r4"] } as const;
    await lifecycle.exportMany("all", { ...exporting, types: ["Patient"] });
    await otherNames(test);
    const leave = { name: "leave", purge: ["r4"], onlyAfterExport: "spring" } as const;
    const refused = {
      code: "INVALID_OPTION",
      message: expect.stringContaining(`less of user ${lifecycle.alias("ada")}`),
    };
    await expect(lifecycle.offboardMany("all", leave)).rejects.toMatchObject(refused);
    // By its name goes on now what has all types, and leaves a finished user as it is.
    expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ present: 1 });
    const acting = { ...leave, count: 1, receipts: receiptsAt() };
    await expect(lifecycle.offboardMany("all", acting)).rejects.toMatchObject(refused);
    const told = await lifecycle.offboardMany("all", { ...acting, allowPartialExport: true });
    expect(told).toMatchObject({ receipts: 1, closed: true });
  });

  it("a whole export still lets its users leave", async () => {
    const test = await withUsers("ada");
    const { lifecycle } = test;
    await lifecycle.exportMany("all", { name: "spring", write: folder("export"), versions: ["r4"] });
    await otherNames(test);
    const leave = { name: "leave", purge: ["r4"], onlyAfterExport: "spring" } as const;
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 0, exportBegun: true });
  });

  it("a leave with users that wait goes on with its list, and without those that came since", async () => {
    const test = await withUsers("ada", "bob");
    const { lifecycle } = test;
    const exporting = { name: "spring", write: folder("export"), versions: ["r4"] } as const;
    await lifecycle.exportMany(["ada"], exporting);
    const leave = { name: "leave", purge: ["r4"], onlyAfterExport: "spring" } as const;
    const acting = { ...leave, count: 2, receipts: receiptsAt() };
    expect(await lifecycle.offboardMany("all", acting)).toMatchObject({ receipts: 1, waiting: 1 });
    await otherNames(test);
    await lifecycle.onboard("eve");
    await lifecycle.exportMany("all", exporting);
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ count: 2 });
    expect(await lifecycle.offboardMany("all", acting)).toMatchObject({ receipts: 2, closed: true });
    expect(await lifecycle.inspect("eve")).toMatchObject({ state: "tokenActive" }); // time passes while files are written
  });

  it("a leave that is over takes no user that came since, and may be called again without one", async () => {
    const test = await withUsers("ada");
    const { lifecycle } = test;
    const acting = { name: "leave", count: 1, receipts: receiptsAt() };
    await lifecycle.offboardMany("all", acting);
    await otherNames(test);
    expect(await lifecycle.offboardMany("all", acting)).toMatchObject({ receipts: 1, closed: true });
    await otherNames(test);
    await lifecycle.onboard("eve");
    for (const options of [{ name: "leave" }, { ...acting, count: 2 }])
      await expect(lifecycle.offboardMany("all", options as typeof acting)).rejects.toThrow(
        'Cannot begin the leave "leave": users here left by this name before',
      );
  });

  it("a leave that is under way meanwhile goes on", async () => {
    const test = await withUsers("ada");
    const { lifecycle, sandbox } = test;
    sandbox.fail({ call: "fhir.purge", status: 503, times: Infinity });
    const under = lifecycle.offboardMany("all", { name: "leave", count: 1, receipts: receiptsAt() });
    await expect.poll(() => sandbox.journal.count("fhir.purge")).toBeGreaterThan(0);
    await otherNames(test);
    sandbox.clearFaults();
    expect(await under).toMatchObject({ receipts: 1, closed: true });
  });

  it("an export that is under way meanwhile goes on", async () => {
    const test = await withUsers("ada", "bob");
    const { lifecycle } = test;
    async function* ids() {
      yield "ada";
      await otherNames(test);
      yield "bob";
    }
    const options = { name: "spring", write: folder("export"), types: ["Patient"], concurrency: 1 };
    expect(await lifecycle.exportMany(ids(), options)).toMatchObject({ exported: 2 });
  });
});

it("of 256 leaves with users without a receipt none is forgotten, and another one is refused", async () => {
  const ids = Array.from({ length: 257 }, (_, number) => `user-${number}`);
  const test = await withUsers(...ids);
  const { lifecycle } = test;
  await lifecycle.exportMany([], { name: "spring", write: folder("export") });
  const leave = (id: string) =>
    lifecycle.offboardMany([id], {
      name: id,
      count: 1,
      receipts: join(folder("receipts"), `${id}.ndjson`),
      onlyAfterExport: "spring",
    });
  for (const id of ids.slice(0, 256)) expect(await leave(id)).toMatchObject({ waiting: 1 });
  await expect(leave("user-256")).rejects.toThrow(
    'Cannot begin the leave "user-256": at most 256 leaves may have users without a receipt',
  );
  expect(await lifecycle.counts()).toEqual({ tokenActive: 257 });
});
