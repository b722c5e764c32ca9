/** A user whose every refresh is refused, though not for its grant, gets a new grant in the end. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { workingWorld } from "../support/scene.ts";

const hour = 3_600_000;

const refusals: Readonly<Record<string, Fault>> = {
  "400 without a reason": { status: 400, body: "" },
  "400 invalid_request": { status: 400, body: { error: "invalid_request" } },
};

/** So many hours pass, in each of which the application asks for the user's token. */
async function hoursPass({ lifecycle, clock }: TestLifecycle, count: number): Promise<void> {
  for (let hours = 0; hours < count; hours++) {
    const asked = lifecycle.accessToken("ada", { waitMs: 1_000 }).catch(() => null);
    await clock.advance(hour);
    await asked;
  }
}

describe("a user whose refreshes alone are refused", () => {
  it.each(Object.entries(refusals))("(%s) gets a fresh code after a day, and one only", async (_, fault) => {
    const made = await workingWorld();
    const { lifecycle, sandbox } = made;
    await lifecycle.onboard("ada");
    sandbox.fail({ ...fault, call: "refreshToken", appUserId: "ada", times: Infinity });
    await hoursPass(made, 20);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "expiring", usable: false });
    expect(sandbox.journal.count("issueAuthCode")).toBe(0);
    await hoursPass(made, 8);
    expect(sandbox.journal.count("issueAuthCode")).toBe(1);
    expect((await lifecycle.inspect("ada")).calls.management).toBe(2);

    sandbox.clearFaults();
    await lifecycle.accessToken("ada", { waitMs: 8 * hour });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });

  it("goes on with its grant if that is over within the day", async () => {
    const made = await workingWorld();
    const { lifecycle, sandbox } = made;
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "refreshToken", appUserId: "ada", times: Infinity, status: 400, body: "" });
    await hoursPass(made, 20);
    sandbox.clearFaults();
    await hoursPass(made, 1);
    expect(await lifecycle.accessToken("ada")).toMatch(/./);
    expect(sandbox.journal.count("issueAuthCode")).toBe(0);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "refreshed", usable: true });
  });

  it("does not begin another day with the grant that the application brings meanwhile", async () => {
    const made = await workingWorld();
    const { lifecycle, sandbox, clock } = made;
    const { oneupUserId } = await lifecycle.onboard("ada");
    sandbox.fail({ call: "refreshToken", appUserId: "ada", times: Infinity, status: 400, body: "" });
    sandbox.fail({ call: "issueAuthCode", times: Infinity, status: 503 });
    await hoursPass(made, 28);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "reauthorizing" });
    // Its history has no step any more that tells of the grant.
    await clock.advance(24 * hour);
    const { history } = await lifecycle.inspect("ada");
    expect(history.filter(({ to }) => to === "expiring")).toEqual([]);

    const grant = { oneupUserId: oneupUserId ?? 0, refreshToken: "the-one-it-had" };
    const adopted = lifecycle.adopt("ada", grant, { waitMs: 0 });
    expect(await adopted).toMatchObject({ state: "reauthorizing" });
    sandbox.clearFaults();
    await lifecycle.accessToken("ada", { waitMs: 8 * hour });
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "reauthorized", usable: true });
  });
});
