/** A store that is restored from before a leave knows nothing of it, and its receipts are there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Keyv } from "keyv";
import { verifyReceipts } from "oneup-lifecycle";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const refused = {
  code: "INVALID_OPTION",
  message: expect.stringMatching(/the store is older than they are.*use another name/),
};

/** Users of a store that can be set back, and where their receipts go. */
async function scene() {
  const rows = new Map<string, unknown>();
  const store = keyv(new Keyv({ store: rows }));
  const test = await createTestLifecycle({ lifecycle: { store }, sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (const id of ["ada", "bob"]) await test.lifecycle.onboard(id);
  const receipts = join(folder("receipts"), "receipts.ndjson");
  const copy = new Map(rows);
  return {
    test,
    receipts,
    async restore() {
      await test.lifecycle.close();
      rows.clear();
      for (const [key, value] of copy) rows.set(key, value);
      return test.restart();
    },
  };
}

describe("offboardMany() on a restored store", () => {
  it("refuses closed receipts before anything is purged, and takes another name and file", async () => {
    const { test, receipts, restore } = await scene();
    const leave = { name: "leave", count: 2, receipts };
    expect(await test.lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 2, closed: true });
    const before = readFileSync(receipts, "utf8");
    const lifecycle = await restore();
    const purges = test.sandbox.journal.count("fhir.purge");
    await expect(lifecycle.offboardMany("all", leave)).rejects.toMatchObject(refused);
    expect(test.sandbox.journal.count("fhir.purge")).toBe(purges);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 2 });
    expect(readFileSync(receipts, "utf8")).toBe(before);
    const other = { name: "again", count: 2, receipts: join(folder("receipts"), "again.ndjson") };
    const { publicKey, ...told } = await lifecycle.offboardMany("all", other);
    expect(told).toMatchObject({ receipts: 2, closed: true });
    for (const path of [receipts, other.receipts]) {
      const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
      expect(await verifyReceipts(lines, { publicKey })).toMatchObject({ ok: true, receipts: 2 });
    }
  });

  it("refuses receipts that are not closed, and have users that are active again", async () => {
    const { test, receipts, restore } = await scene();
    await test.lifecycle.hold("bob", "asked to wait");
    const leave = { name: "leave", count: 2, receipts };
    expect(await test.lifecycle.offboardMany("all", leave)).toMatchObject({ receipts: 1, closed: false });
    const lifecycle = await restore();
    await expect(lifecycle.offboardMany("all", leave)).rejects.toMatchObject(refused);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 2 });
  });

  it("goes on by the same name where the store has the leave's users, and their receipts are there", async () => {
    const { test, receipts } = await scene();
    const leave = { name: "leave", count: 2, receipts };
    const first = await test.lifecycle.offboardMany("all", leave);
    expect(await test.lifecycle.offboardMany("all", leave)).toMatchObject({ ...first, closed: true });
  });
});
