import { join } from "node:path";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { oneIn } from "../support/effort.ts";
import { afterwards, folder } from "../support/scene.ts";

const hour = 3_600_000;

async function withUsers(...ids: readonly string[]): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (const id of ids) await test.lifecycle.onboard(id);
  return test;
}

/** Everything but the receipts. */
function leave(): { readonly name: string; readonly receipts: string; readonly everyMs: number } {
  return { name: "leave", receipts: join(folder("receipts"), "receipts.ndjson"), everyMs: hour };
}

describe("offboardMany() whose users do not all leave", () => {
  it.each([
    [403, 1],
    [401, 1],
    [503, 24],
    [429, 24],
  ])(
    "returns although 1upHealth answers a purge with %i for ever, after %i h, and goes on later",
    async (status, hours) => {
      const { lifecycle, sandbox, clock } = await withUsers("ada", "bob");
      sandbox.fail({ call: "fhir.purge", appUserId: "bob", status, times: Infinity });
      const options = { ...leave(), count: 2 };
      const began = clock.now();
      const summary = await lifecycle.offboardMany("all", options);
      expect((clock.now() - began) / hour).toBeGreaterThanOrEqual(hours);
      expect(summary).toMatchObject({ receipts: 1, left: 1, failed: 0, closed: false });
      const why = new RegExp(
        `^Cannot offboard user #\\w+ yet: purge at .* failed: http_${status}; .* goes on`,
      );
      const [bob, ...others] = summary.unfinished;
      expect(others).toEqual([]);
      expect(bob).toMatchObject({
        appUserId: "bob",
        code: "USER_NOT_READY",
        why: expect.stringMatching(why),
      });
      sandbox.clearFaults();
      expect(await lifecycle.offboardMany("all", options)).toMatchObject({ receipts: 2, closed: true });
    },
  );

  it("returns although an operator holds a user, and names who can let it go on", async () => {
    const { lifecycle } = await withUsers("ada", "bob");
    await lifecycle.hold("bob", "asks for a lawyer");
    const options = { ...leave(), count: 2 };
    const summary = await lifecycle.offboardMany("all", options);
    expect(summary).toMatchObject({ receipts: 1, left: 1, closed: false });
    expect(summary.unfinished).toMatchObject([{ appUserId: "bob", code: "PAUSED" }]);
    expect(summary.unfinished[0]?.why).toContain("unhold()");
    await lifecycle.unhold("bob");
    expect(await lifecycle.offboardMany("all", options)).toMatchObject({ receipts: 2, closed: true });
  });

  it("waits as long as an operator has paused the account", async () => {
    const { lifecycle, clock } = await withUsers("ada");
    await lifecycle.account.pause({ reason: "a migration", until: new Date(clock.now() + 72 * hour) });
    const began = clock.now();
    expect(await lifecycle.offboardMany("all", { ...leave(), count: 1 })).toMatchObject({ closed: true });
    expect((clock.now() - began) / hour).toBeGreaterThanOrEqual(72);
  });
});

describe("offboardMany() on a store that does not answer one request", () => {
  /** A leave of which that request to the store fails; how many requests there were. */
  async function failingAt(number: number, how: string): Promise<number> {
    let asked = Number.NEGATIVE_INFINITY;
    const store = through(memory(), (_, ask) =>
      ++asked === number ? Promise.reject(new Error("connection reset")) : ask(),
    );
    const { lifecycle, close } = await createTestLifecycle({ lifecycle: { store } });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("bob");
    const [write, isResumed] = [folder("export"), how === "resumed"];
    const options = { ...leave(), count: 2, forget: !isResumed, onlyAfterExport: "spring" };
    const exporting = { name: "spring", write, types: ["Patient"] } as const;
    if (isResumed) await lifecycle.offboardMany("all", { ...options, allowPartialExport: true });
    await lifecycle.exportMany("all", exporting);
    asked = 0;
    const summary = await lifecycle.offboardMany("all", { ...options, allowPartialExport: true });
    expect(summary, `request ${number}`).toMatchObject({ receipts: 2, closed: true, unfinished: [] });
    const total = asked;
    asked = Number.NEGATIVE_INFINITY;
    await close();
    return total;
  }

  it.each(["begun", "resumed"])("goes on, whichever that is (of a leave that is %s)", async (how) => {
    const total = await failingAt(0, how);
    expect(total).toBeGreaterThan(20);
    const numbers = Array.from({ length: total }, (_, index) => index + 1);
    for (const number of oneIn(3, numbers)) await failingAt(number, how);
  });
});
