/** Users whose calls to user management alone get no answer hold up no other; an outage of it costs few calls. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { draw, oneIn } from "../support/effort.ts";
import { afterwards, arrivedIn, working, workingWorld } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const calls = ["createUser", "issueAuthCode", "listUsers"] as const;

async function world(management: {
  readonly calls: number;
  readonly windowMs: number;
}): Promise<TestLifecycle> {
  const made = await workingWorld({ sandbox: { limit: management }, lifecycle: { limits: { management } } });
  afterwards(() => {
    made.sandbox.clearFaults();
    return made.clock.advance(minute); // calls that are not answered come to their end
  });
  return made;
}
const roomy = { calls: 10_000, windowMs: hour };

const answers: Readonly<Record<string, Fault>> = {
  "answers 503": { status: 503, body: { error: "server_error" } },
  "answers 500": { status: 500, body: "" },
  "cuts every call": { drop: "before" },
  "is silent": { delayMs: 9 * hour },
};
const cases = oneIn(4, Object.entries(answers));

function down(
  { sandbox }: TestLifecycle,
  fault: Fault,
  which: readonly (typeof calls)[number][] = calls,
): void {
  for (const call of which) sandbox.fail({ ...fault, call, times: Infinity });
}

function spoil({ sandbox }: TestLifecycle, ids: readonly string[], fault: Fault): void {
  for (const appUserId of ids)
    for (const call of ["createUser", "issueAuthCode"] as const)
      sandbox.fail({ ...fault, call, appUserId, times: Infinity });
}

const some = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`);

/** How many newcomers, one every six seconds, are usable a second and a half after they came. */
async function served({ lifecycle, clock }: TestLifecycle, name: string, rounds: number): Promise<number> {
  let count = 0;
  for (const id of some(name, rounds)) {
    const signedUp = lifecycle.onboard(id, { waitMs: second }).catch(() => null);
    await clock.advance(6 * second);
    if ((await signedUp)?.usable === true) count++;
  }
  return count;
}

/** Reads the list of users. It rejects at a shut gate. */
async function lookUp({ lifecycle, clock }: TestLifecycle): Promise<void> {
  const found = lifecycle.remote.find({ appUserId: "a stranger" });
  await Promise.all([found, clock.advance(second)]);
}

const shutOf = async ({ lifecycle }: TestLifecycle) => (await lifecycle.health()).shut;

describe("user management that", () => {
  it.each(cases)("%s for three hours spends few calls, and holds up no one afterwards", async (_, fault) => {
    const made = await world({ calls: 60, windowMs: 10 * minute });
    const { lifecycle, clock, sandbox } = made;
    down(made, fault);
    for (const id of some("user", 100)) void lifecycle.onboard(id, { waitMs: 0, lane: "bulk" });
    await clock.advance(10 * minute);
    expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
    const before = sandbox.journal.spent().management;
    expect(before, "until it is noticed").toBeLessThanOrEqual(60);
    await clock.advance(170 * minute);
    expect(sandbox.journal.spent().management - before, "three hours").toBeLessThanOrEqual(150);
    sandbox.clearFaults();
    await clock.advance(3 * minute);
    expect(await shutOf(made)).toEqual([]);
    await clock.advance(40 * minute);
    expect(arrivedIn(await lifecycle.counts())).toBe(100);
  });

  it.each(oneIn(2, cases, draw >> 2))(
    "%s where something is written, and lists its users, spends few calls as well",
    async (_, fault) => {
      const made = await world({ calls: 60, windowMs: 10 * minute });
      const { lifecycle, clock, sandbox } = made;
      down(made, fault, ["createUser", "issueAuthCode"]);
      for (const id of some("user", 100)) void lifecycle.onboard(id, { waitMs: 0, lane: "bulk" });
      await clock.advance(20 * minute);
      expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
      const before = sandbox.journal.spent().management;
      await clock.advance(160 * minute);
      expect(sandbox.journal.spent().management - before).toBeLessThanOrEqual(150);
      sandbox.clearFaults();
      await clock.advance(3 * minute);
      expect(await shutOf(made)).toEqual([]);
      await clock.advance(40 * minute);
      expect(arrivedIn(await lifecycle.counts())).toBe(100);
    },
  );

  it.each(["starts", "reads the list of users"])(
    "answers 503 where something is written, and lists its users, costs a new process that %s one call",
    async (what) => {
      const made = await world({ calls: 10_000, windowMs: hour });
      const { clock, sandbox } = made;
      down(made, { status: 503, body: "" }, ["createUser", "issueAuthCode"]);
      for (const id of some("user", 300)) void made.lifecycle.onboard(id, { waitMs: 0, lane: "bulk" });
      await clock.advance(20 * minute);
      expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
      const before = sandbox.journal.spent().management;
      let reads = 0;
      for (let deploy = 0; deploy < 10; deploy++) {
        working(await made.restart());
        for (let step = 0; step < 36; step++) {
          if (what !== "starts")
            await lookUp(made).then(
              () => reads++,
              () => {},
            );
          await clock.advance(10 * second);
        }
      }
      const spent = sandbox.journal.spent().management - before;
      expect(spent - reads).toBeGreaterThan(10);
      expect(spent - reads).toBeLessThanOrEqual(75); // one a minute
      sandbox.clearFaults();
      for (let step = 0; step < 18; step++) {
        if (what !== "starts") await lookUp(made).catch(() => {});
        await clock.advance(10 * second);
      }
      expect(await shutOf(made)).toEqual([]);
      await clock.advance(40 * minute);
      expect(arrivedIn(await made.lifecycle.counts())).toBe(300);
    },
  );

  it("lists users while nothing can be written, which opens no gate, and serves a newcomer once it is over", async () => {
    const made = await world(roomy);
    const { clock, sandbox } = made;
    down(made, { status: 503, body: "" }, ["createUser", "issueAuthCode"]);
    for (const id of some("user", 20)) void made.lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(10 * minute);
    await made.restart(); // no worker runs those users any more
    await clock.advance(2 * minute);
    for (let read = 0; read < 3; read++) {
      await lookUp(made);
      expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
      await clock.advance(minute);
    }
    sandbox.clearFaults();
    const [ada] = await Promise.all([
      made.lifecycle.onboard("ada", { waitMs: minute }),
      clock.advance(second),
    ]);
    expect(ada).toMatchObject({ usable: true });
    expect(await shutOf(made)).toEqual([]);
  });

  it("lists users while nothing can be written erases one that leaves at once, and opens no gate", async () => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("ada");
    down(made, { status: 503, body: "" }, ["createUser", "issueAuthCode"]);
    for (const id of some("user", 20)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(5 * minute);
    await Promise.all([lifecycle.offboard("ada", { purge: ["r4"], waitMs: minute }), clock.advance(second)]);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "offboarded" });
    expect(sandbox.journal.count("fhir.purge")).toBe(1);
    expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
  });

  it("lists users while nothing can be written is no gate before a look-up, and explain() names none", async () => {
    const made = await world(roomy);
    down(made, { status: 503, body: "" }, ["createUser", "issueAuthCode"]);
    for (const id of some("user", 20)) void made.lifecycle.onboard(id, { waitMs: 0 });
    await made.clock.advance(5 * minute);
    const lifecycle = await made.restart(); // no worker runs users any more
    expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
    await made.arrange("ada", "locating");
    await made.arrange("bob", "reauthorizing");
    expect(await lifecycle.explain("ada")).not.toContain("user management is shut");
    expect(await lifecycle.explain("bob")).toContain("user management is shut");
  });

  it("lists users while nothing can be written, and later none either, spends no more on those that leave", async () => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    const leaving = some("leaver", 100);
    await Promise.all(leaving.map((id) => lifecycle.onboard(id)));
    down(made, { status: 503, body: "" }, ["createUser", "issueAuthCode"]);
    for (const id of some("user", 20)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(5 * minute);
    down(made, { status: 503, body: "" }, ["listUsers"]);
    for (const id of leaving) void lifecycle.offboard(id, { purge: ["r4"], waitMs: 0 });
    const before = sandbox.journal.spent().management;
    await clock.advance(2 * hour);
    expect(sandbox.journal.spent().management - before).toBeLessThan(150);
    sandbox.clearFaults();
    await clock.advance(30 * minute);
    expect((await lifecycle.counts()).offboarded).toBe(leaving.length);
  });

  it.each(cases)("%s for three hours, is back for one user alone within five minutes", async (_, fault) => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("one who came before");
    down(made, fault);
    await lifecycle.onboard("ada", { waitMs: 0 });
    await clock.advance(3 * hour);
    sandbox.clearFaults();
    await clock.advance(6 * minute); // a create that may still arrive is waited for
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });

  it.each(cases)("%s for a minute is back within another one", async (_, fault) => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    down(made, fault);
    for (const id of some("user", 20)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(minute);
    sandbox.clearFaults();
    await clock.advance(2 * minute);
    expect(arrivedIn(await lifecycle.counts())).toBe(20);
    expect(await served(made, "newcomer", 20)).toBe(20);
  });

  it.each(cases)("%s is noticed by a look-up by number, too", async (_, fault) => {
    const made = await world(roomy);
    const { lifecycle, clock } = made;
    const grant = { accessToken: "abc", refreshToken: "old", expiresAt: new Date(Date.UTC(2100, 0)) };
    await lifecycle.adopt("claimed", { oneupUserId: 1, ...grant });
    down(made, fault);
    const renamed = lifecycle.rename("claimed", "another", { waitMs: minute }).catch(() => "refused");
    for (const id of some("user", 2)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(minute);
    expect(await renamed).toBe("refused");
    expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
  });

  it("lists no users and serves all others as ever is shut for a minute at most, and once", async () => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ status: 503, body: "", call: "listUsers", times: Infinity });
    spoil(made, some("culprit", 3), { status: 503, body: "" });
    for (const id of some("culprit", 3)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(second / 10);
    expect(await shutOf(made)).toMatchObject([{ gate: "management", reason: "unavailable" }]);
    for (const id of some("early", 5)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(minute);
    for (const id of some("early", 5)) expect(await lifecycle.inspect(id)).toMatchObject({ usable: true });
    expect(await served(made, "newcomer", 100)).toBe(100);
  });
});

describe("users whose calls alone get no answer (user management", () => {
  it.each(cases)("%s), ten of them, hold up no newcomer", async (_, fault) => {
    const made = await world(roomy);
    spoil(made, some("culprit", 10), fault);
    for (const id of some("culprit", 10)) void made.lifecycle.onboard(id, { waitMs: 0 });
    expect(await served(made, "newcomer", 100)).toBeGreaterThanOrEqual(99); // one of them probes first
    expect(await shutOf(made)).toEqual([]);
    expect(made.sandbox.journal.count("listUsers"), "neutral calls in ten minutes").toBeLessThanOrEqual(5);
  });

  it.each(cases)("%s), ten of them, hold up no newcomer once an outage is over", async (_, fault) => {
    const made = await world(roomy);
    const { lifecycle, clock, sandbox } = made;
    down(made, fault);
    for (const id of some("culprit", 10)) void lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance(20 * minute);
    sandbox.clearFaults();
    spoil(made, some("culprit", 10), fault);
    await clock.advance(5 * minute); // a culprit may probe once more
    expect(await served(made, "newcomer", 50)).toBeGreaterThanOrEqual(0.8 * 50); // one of them probes first
    sandbox.clearFaults();
    await clock.advance(30 * minute);
    expect(arrivedIn(await lifecycle.counts())).toBe(60);
  });
});
