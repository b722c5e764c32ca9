import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { putOff } from "../../src/runtime/operations/forecast.ts";
import { folder, heldBack, scene } from "../support/scene.ts";

describe("forecast()", () => {
  it("grants nothing before a gate that is shut for all may open", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 10, windowMs: 60_000, lanes: { reserved: 0 } } };
    const [lifecycle, other] = [await open({ limits }), await open({ limits })];
    const throttled = { status: 429, body: "", headers: { "retry-after": "600" } };
    sandbox.fail({ call: "createUser", ...throttled });
    await heldBack(lifecycle, "ada");
    sandbox.clock.advance(2_000); // the other process looks once a second
    for (const each of [lifecycle, other]) {
      expect((await each.forecast()).inMs).toBeCloseTo(598_000, -4);
      expect((await each.budget.refresh()).nextInMs).toBeCloseTo(598_000, -4);
      expect((await each.forecast(20, "bulk")).inMs, "two windows on").toBeGreaterThan(600_000);
    }
    await lifecycle.account.reopen();
    expect((await lifecycle.forecast()).inMs).toBe(0);
  });

  it("waits for no gate that stands before other calls", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.read", status: 429, body: "", headers: { "retry-after": "600" } });
    await expect(lifecycle.fhir("ada", "r4").read("Patient", "x")).rejects.toMatchObject({
      code: "RATE_LIMITED",
    });
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "fhir" }]);
    expect((await lifecycle.forecast()).inMs).toBe(0);
  });

  it("of a leave waits for no gate that look-ups pass", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "600" } });
    await heldBack(lifecycle, "bob");
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "token" }]);
    expect((await lifecycle.forecast()).inMs, "of a registration").toBeCloseTo(600_000, -4);
    const { calls, endsAt } = await lifecycle.offboardMany(["ada"], { name: "spring" });
    expect({ calls, isSoon: endsAt && endsAt.getTime() < sandbox.clock.now() + 60_000 }).toEqual({
      calls: 1,
      isSoon: true,
    });
    const receipts = join(folder("forecast"), "receipts.ndjson");
    const seen: (number | undefined)[] = [];
    await lifecycle.offboardMany(["ada"], {
      name: "spring",
      count: 1,
      receipts,
      onProgress: (progress) => seen.push(progress.endsAt?.getTime()),
    });
    const latest = sandbox.clock.now() + 60_000;
    expect(seen.filter((at = 0) => at > latest)).toEqual([]);
  });

  it.each([
    [0, 0, 9_000],
    [5_000, 0, 14_000],
    [5_000, 5_000, 9_000],
    [30_000, 10_000, 30_000],
  ])("lets calls that are granted in %d ms, the first of all in %d, leave in %d", (inMs, nextMs, leave) => {
    expect(putOff(inMs, nextMs, 9_000)).toBe(leave);
  });
});
