/** FHIR purges nothing for hours, or allows only a few calls an hour: what users that leave cost, and what comes after it. */
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import type { Fault } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { oneIn } from "../support/effort.ts";
import { people } from "../support/people.ts";
import { afterwards, working } from "../support/scene.ts";

const hour = 3_600_000;

const answers: Readonly<Record<string, Fault>> = {
  "are answered 503": { status: 503, body: "" },
  "are answered 504": { status: 504, body: "" },
  "are cut": { drop: "before" },
};
const cases = oneIn(3, Object.entries(answers));

/** Users, two of whom stay, and a worker. */
async function world(leavers: number, options: TestLifecycleOptions = {}): Promise<TestLifecycle> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  working(made.lifecycle);
  for (const id of [...people(leavers), "newest", "oldest"]) await made.lifecycle.onboard(id);
  await made.clock.advance("1h");
  return made;
}

async function leave({ lifecycle }: TestLifecycle, leavers: number): Promise<void> {
  for (const id of people(leavers)) await lifecycle.offboard(id, { purge: ["r4"], waitMs: 0 });
}

/** How often each call arrives within `hours`. */
async function calls({ clock, sandbox }: TestLifecycle, hours: number) {
  const count = () => ({
    lookUps: sandbox.journal.count("listUsers"),
    purges: sandbox.journal.count("fhir.purge"),
  });
  const before = count();
  await clock.advance(hours * hour);
  const after = count();
  return { lookUps: after.lookUps - before.lookUps, purges: after.purges - before.purges };
}

describe("purges that", () => {
  it("are throttled cost no look-up while they cannot leave", async () => {
    const made = await world(40);
    made.sandbox.fail({ call: "fhir.purge", response: "rateLimited", times: Infinity });
    await leave(made, 40);
    await made.clock.advance("2h");
    // One user probes the gate each hour, and is looked up for that.
    expect(await calls(made, 3)).toEqual({ lookUps: 3, purges: 3 });
    made.sandbox.clearFaults();
    expect((await calls(made, 2)).lookUps).toBeLessThanOrEqual(42);
    expect(await made.lifecycle.counts()).toMatchObject({ offboarded: 40 });
  });

  it.each(cases)("%s for all are tried by one user after the other", async (_, fault) => {
    const made = await world(40);
    const { clock, lifecycle, sandbox } = made;
    sandbox.fail({ ...fault, call: "fhir.purge", times: Infinity });
    await leave(made, 40);
    await clock.advance("1h");
    const { lookUps, purges } = await calls(made, 4);
    // One in five minutes. Each on its own would come to 24 purges and 4 look-ups an hour.
    expect(purges).toBeLessThanOrEqual(4 * 13);
    expect(lookUps).toBeLessThanOrEqual(purges);
    for (const id of ["newest", "oldest"]) {
      sandbox.revokeGrant(id);
      expect(await lifecycle.accessToken(id, { waitMs: 60_000 })).toBeTypeOf("string");
    }
    sandbox.clearFaults();
    await clock.advance("15m");
    expect(await lifecycle.counts()).toMatchObject({ offboarded: 40 });
  });

  it("fail for a few users are repeated after waits that grow, though each is looked up again meanwhile", async () => {
    const made = await world(3);
    made.sandbox.fail({ call: "fhir.purge", status: 504, body: "", times: Infinity });
    await leave(made, 3);
    await made.clock.advance("1h");
    const { purges } = await calls(made, 4);
    // Up to five minutes after each attempt, 24 an hour on average. Waits that began anew would come to 240.
    expect(purges).toBeLessThanOrEqual(3 * 4 * 36);
    expect(purges).toBeGreaterThanOrEqual(3 * 4 * 12);
  });

  it("have a limit of their own cost a look-up each, however long they wait for it", async () => {
    const fhir = { calls: 5, windowMs: hour };
    const made = await world(15, { lifecycle: { limits: { fhir } } });
    const before = made.sandbox.journal.count("listUsers");
    await leave(made, 15);
    await made.clock.advance("4h");
    expect(await made.lifecycle.counts()).toMatchObject({ offboarded: 15 });
    expect(made.sandbox.journal.count("listUsers") - before).toBe(15);
  });
});
