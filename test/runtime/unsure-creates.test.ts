/** A create that was carried out and answered by something that is not 1upHealth: it is never made a second time. */
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, spentOn, working } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const html = { "content-type": "text/html" };
const page = "<!doctype html><title>Blocked</title><body>Request rejected</body>";

const answers: Readonly<Record<string, Fault>> = {
  "a page with 200": { status: 200, headers: html, body: page },
  "a page with 400": { status: 400, headers: html, body: page },
  "a redirect": { status: 302, headers: { location: "/login" }, body: "" },
  "304": { status: 304, body: "" },
  "401 without JSON": { status: 401, body: "" },
  "403": { status: 403, body: { message: "Forbidden" } },
  "406": { status: 406, body: "Not Acceptable" },
  "413": { status: 413, body: "" },
  "431": { status: 431, body: "" },
  "451": { status: 451, body: "" },
  "499": { status: 499, body: "" },
  "511": { status: 511, headers: html, body: page },
  "an empty 400": { status: 400, body: "" },
  "an empty 404": { status: 404, body: "" },
  "an empty 409": { status: 409, body: "" },
  "422 of a gateway": { status: 422, body: { message: "Unprocessable Entity" } },
};

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  working(made.lifecycle);
  return made;
}

const existing = ({ sandbox }: TestLifecycle, id: string): number =>
  sandbox.users().filter(({ appUserId }) => appUserId === id).length;

describe("a create that is answered in 1upHealth's place", () => {
  it.each(Object.entries(answers))("is not repeated though it was carried out (%s)", async (_, answer) => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ ...answer, call: "createUser", commit: true });
    await lifecycle.onboard("ada", { waitMs: second }).catch(() => null);
    await clock.advance(hour);
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "issueAuthCode"]);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "reauthorized", usable: true });
    expect(existing(made, "ada")).toBe(1);
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it.each(Object.entries(answers))("is made once 1upHealth knows of none (%s)", async (_, answer) => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ ...answer, call: "createUser" });
    await lifecycle.onboard("ada", { waitMs: second }).catch(() => null);
    await clock.advance(hour);
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "issueAuthCode", "createUser"]);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
    expect(existing(made, "ada")).toBe(1);
  });

  it.each(Object.entries(answers))(
    "is left time to arrive, whatever is asked for (%s)",
    async (_, answer) => {
      const made = await world();
      const { lifecycle, clock, sandbox } = made;
      sandbox.fail({ ...answer, call: "createUser" });
      await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => null);
      await clock.advance(0);
      await lifecycle.retry("ada", { waitMs: 0 }).catch(() => null);
      await clock.advance(9 * second);
      expect(spentOn(sandbox, "ada")).toEqual(["createUser"]);
      await lifecycle.retry("ada", { waitMs: 0 }).catch(() => null);
      await lifecycle.offboard("ada").catch(() => null);
      await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => null);
      await clock.advance(hour);
      expect(spentOn(sandbox, "ada")[1]).toBe("issueAuthCode");
      expect(existing(made, "ada")).toBe(1);
    },
  );

  it("fails after a day of refusals without a reason, and retry() does not create blindly then either", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ call: "createUser", status: 413, body: "", times: Infinity });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(40 * hour);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "failed", failure: { reason: "refused" } });
    expect(sandbox.journal.count("createUser")).toBeLessThanOrEqual(14);
    expect(sandbox.journal.count("issueAuthCode")).toBeLessThanOrEqual(14);
    sandbox.clearFaults();
    const before = spentOn(sandbox, "ada").length;
    await lifecycle.retry("ada", { waitMs: minute });
    await clock.advance(minute);
    expect(spentOn(sandbox, "ada").slice(before)).toEqual(["issueAuthCode", "createUser"]);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });
});
