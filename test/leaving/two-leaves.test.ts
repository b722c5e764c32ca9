/** Two leaves of different names over the same users: one alone purges a user, and gives its receipt. */
import { join } from "node:path";
import { receiptFile, type Lifecycle, type ReceiptLog } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const place = (): string => join(folder("receipts"), "receipts.ndjson");

/** Two users, whose purges fail until the faults are cleared. */
async function world() {
  const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => lifecycle.close());
  for (const id of ["ada", "bob"]) await lifecycle.onboard(id);
  sandbox.fail({ call: "fhir.purge", status: 503, times: Infinity });
  const isPurging = async (users: number): Promise<void> =>
    expect.poll(async () => (await lifecycle.counts()).offboarding, { timeout: 10_000 }).toBe(users);
  return { lifecycle, sandbox, isPurging, purges: () => sandbox.journal.count("fhir.purge") };
}

const first = (lifecycle: Lifecycle, receipts = place()) =>
  lifecycle.offboardMany("all", { name: "first", count: 2, receipts });

describe("a leave beside another one that is under way", () => {
  it.each([true, false])("with purge: %j leaves its users to it, and counts them", async (purge) => {
    const { lifecycle, sandbox, isPurging } = await world();
    const leaving = first(lifecycle);
    await isPurging(2);
    await lifecycle.onboard("cyd");
    const second = { name: "second", purge };
    expect(await lifecycle.offboardMany("all", second)).toMatchObject({ count: 1, leavingBy: { first: 2 } });
    const some = { ...second, count: 0, receipts: place() };
    expect(await lifecycle.offboardMany(["ada"], some)).toMatchObject({
      receipts: 0,
      leavingBy: { first: 1 },
    });
    sandbox.clearFaults();
    expect(await leaving).toMatchObject({ receipts: 2, skipped: 0, lost: 0, closed: true });
    expect(await lifecycle.offboardMany("all", { name: "third" })).toMatchObject({ count: 3, leavingBy: {} });
  });

  it("leaves those to it that it has taken since they were counted", async () => {
    const { lifecycle, sandbox, isPurging } = await world();
    const inner = receiptFile(place());
    let leaving: Promise<unknown> = Promise.resolve();
    const receipts: ReceiptLog = {
      ...inner,
      async open() {
        leaving = first(lifecycle);
        await isPurging(2);
        return inner.open();
      },
    };
    const second = { name: "second", purge: false, count: 2, receipts };
    expect(await lifecycle.offboardMany("all", second)).toMatchObject({
      count: 0,
      receipts: 0,
      leavingBy: { first: 2 },
    });
    sandbox.clearFaults();
    expect(await leaving).toMatchObject({ receipts: 2, skipped: 0, lost: 0, closed: true });
  });

  it("with takeOver goes on with the purges of one that was given up, and its process ends", async () => {
    const { lifecycle, sandbox, isPurging, purges } = await world();
    const receipts = place();
    const ended = first(lifecycle, receipts).catch((error: unknown) => error);
    await isPurging(2);
    const second = { name: "second", takeOver: "first" };
    expect(await lifecycle.offboardMany("all", second)).toMatchObject({ count: 2, leavingBy: {} });
    const leaving = lifecycle.offboardMany("all", { ...second, count: 2, receipts: place() });
    expect(await ended).toMatchObject({ code: "TAKEN_OVER" });
    sandbox.clearFaults();
    expect(await leaving).toMatchObject({ receipts: 2, skipped: 0, closed: true });
    const before = purges();
    expect(await first(lifecycle, receipts)).toMatchObject({ receipts: 0, lost: 2, closed: false });
    expect(purges(), "they are purged once").toBe(before);
  });
});
