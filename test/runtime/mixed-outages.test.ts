/** Outages as balancers and fleets have them: 429 among server errors, calls of one kind alone, several processes. */
import { createLifecycle, fetchTransport, type Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { people } from "../support/people.ts";
import { afterwards, working } from "../support/scene.ts";

const minute = 60_000;
const hour = 60 * minute;
const management = { calls: 300, windowMs: hour };
const calls = ["createUser", "issueAuthCode", "listUsers"] as const;

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle({
    sandbox: { limit: management },
    lifecycle: { limits: { management } },
  });
  afterwards(() => made.close());
  return made;
}

/** Another process on the same store. */
async function anotherProcess({ sandbox, store, clock }: TestLifecycle): Promise<Lifecycle> {
  const transport = fetchTransport(sandbox.fetch);
  const credentials = () => sandbox.credentials;
  const other = await createLifecycle({ credentials, store, clock, transport, limits: { management } });
  afterwards(() => other.close());
  return other;
}

async function spentIn({ sandbox, clock }: TestLifecycle, ms: number): Promise<number> {
  const before = sandbox.journal.spent().management;
  await clock.advance(ms);
  return sandbox.journal.spent().management - before;
}

it("an outage in which one answer in ten is a 429 leaves most of the limit, and is over for all within minutes", async () => {
  const made = await world();
  const { lifecycle, sandbox, clock } = made;
  for (const call of calls)
    sandbox.fail({ call, response: "rateLimited", probability: 0.1, times: Infinity });
  for (const call of calls) sandbox.fail({ call, status: 503, body: "", times: Infinity });
  working(lifecycle);
  for (const id of people(60)) void lifecycle.onboard(id, { waitMs: 0 }).catch(() => {});
  await clock.advance(hour);
  expect(await spentIn(made, 3 * hour)).toBeLessThan(3 * 100);
  sandbox.clearFaults();
  await clock.advance(15 * minute);
  expect(await lifecycle.counts()).toEqual({ tokenActive: 60 });
});

it.each(["issueAuthCode", "listUsers"] as const)(
  "%s alone that gets no answer costs few calls, and sign-ups go on",
  async (call) => {
    const made = await world();
    const { lifecycle, sandbox, clock } = made;
    const ids = people(40);
    await Promise.all(ids.map((id) => lifecycle.onboard(id)));
    working(lifecycle);
    sandbox.fail({ call, status: 503, body: "", times: Infinity });
    for (const id of ids) {
      if (call === "listUsers") void lifecycle.offboard(id, { purge: ["r4"], waitMs: 0 });
      else {
        sandbox.revokeGrant(id);
        void lifecycle.reauthorize(id, { waitMs: 0 }).catch(() => {});
      }
      await clock.advance(1_000);
    }
    let useless = 0;
    for (let round = 0; round < 60; round++) {
      const before = sandbox.journal.count(call);
      const signedUp = lifecycle.onboard(`new ${round}`, { waitMs: minute });
      await clock.advance(3 * minute);
      if (round < 20) continue; // until processes know
      expect((await signedUp).usable).toBe(true);
      useless += sandbox.journal.count(call) - before;
    }
    expect(useless).toBeLessThan(2 * 30);
    sandbox.clearFaults();
    await clock.advance(25 * minute);
    const counts = await lifecycle.counts();
    expect(counts[call === "listUsers" ? "offboarded" : "reauthorized"]).toBe(40);
  },
);

it("creates alone that get no answer do not spend the limit of a fleet, and lost grants come back at once", async () => {
  const made = await world();
  const { lifecycle, sandbox, clock } = made;
  const fleet = [lifecycle];
  for (let more = 0; more < 3; more++) fleet.push(await anotherProcess(made));
  for (const each of fleet) working(each);
  const old = people(6);
  await Promise.all(old.map((id) => lifecycle.onboard(id)));
  sandbox.fail({ call: "createUser", status: 503, body: "", times: Infinity });
  for (let n = 0; n < 60; n++) void fleet[n % 4]?.onboard(`new ${n}`, { waitMs: 0 }).catch(() => {});
  await clock.advance(2 * hour);
  expect(await spentIn(made, 2 * hour)).toBeLessThan(2 * 150);
  for (const id of old) {
    sandbox.revokeGrant(id);
    const asked = lifecycle.accessToken(id, { waitMs: minute });
    await clock.advance(minute);
    expect(await asked).toBeTypeOf("string");
  }
});

it("a Retry-After of a look-up that passed the shut gate is kept to by all processes", async () => {
  const made = await world();
  const { lifecycle, sandbox, clock } = made;
  const other = await anotherProcess(made);
  await lifecycle.onboard("ada");
  working(lifecycle);
  for (const call of ["createUser", "issueAuthCode"] as const)
    sandbox.fail({ call, status: 503, body: "", times: Infinity });
  for (const id of people(20)) void lifecycle.onboard(id, { waitMs: 0 }).catch(() => {});
  await clock.advance(20 * minute);
  expect((await lifecycle.health()).shut).toMatchObject([{ gate: "management", reason: "unavailable" }]);
  sandbox.fail({ call: "listUsers", response: "rateLimited", retryAfterMs: hour, times: Infinity });
  await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
  await clock.advance(10_000);
  const before = sandbox.journal.spent().management;
  const found = other.remote.find({ appUserId: "bob" }).catch((error: unknown) => error);
  await clock.advance(30 * minute);
  expect(await found).toMatchObject({ name: "LifecycleError" });
  expect(sandbox.journal.spent().management - before).toBe(0);
});

it("one user whose calls fail holds up no other hours after reopen()", async () => {
  const made = await world();
  const { lifecycle, sandbox, clock } = made;
  for (const call of ["createUser", "issueAuthCode"] as const)
    sandbox.fail({ call, status: 503, body: "", times: Infinity });
  for (const id of people(20)) void lifecycle.onboard(id, { waitMs: 0 }).catch(() => {});
  for (let second = 0; second < 30; second++) {
    await clock.advance(1_000);
    await lifecycle.resume();
  }
  expect((await lifecycle.health()).shut).toMatchObject([{ gate: "management" }]);
  sandbox.clearFaults();
  for (const id of people(20)) await lifecycle.hold(id, "until later");
  await lifecycle.account.reopen();
  await clock.advance(5 * hour);
  sandbox.fail({ call: "createUser", appUserId: "zed", status: 503, body: "", times: Infinity });
  void lifecycle.onboard("zed", { waitMs: 0 }).catch(() => {});
  await clock.advance(1_000);
  expect((await lifecycle.health()).shut).toEqual([]);
});
