/** What one user's calls meet, and no other's, does not keep others from theirs. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { draw, oneIn } from "../support/effort.ts";
import { workingWorld } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const manyCalls = { calls: 10_000, windowMs: hour };

const world = (): Promise<TestLifecycle> =>
  workingWorld({ sandbox: { limit: manyCalls }, lifecycle: { limits: { management: manyCalls } } });

/** Answers about the whole account, if they are true. */
const throttlings: Readonly<Record<string, Fault>> = {
  "429": { status: 429 },
  "429 with a time": { status: 429, retryAfter: "seconds", retryAfterMs: minute },
  "429 with a time that is over": { status: 429, headers: { "retry-after": "0" } },
};
const refusals: Readonly<Record<string, Fault>> = {
  "401 invalid_client": { status: 401, body: { error: "invalid_client" } },
  "400 invalid_client": { status: 400, body: { error: "invalid_client" } },
};
const answers = Object.entries({ ...throttlings, ...refusals });

type AskedFor = "createUser" | "exchangeCode" | "refreshToken";
const cases = answers.flatMap(([what, fault]) =>
  (["createUser", "exchangeCode", "refreshToken"] as const).map((call) => [what, call, fault] as const),
);

/** From now on the user's calls of this kind meet that, and no other user's do. */
async function refuseAlone(made: TestLifecycle, id: string, call: AskedFor, fault: Fault): Promise<void> {
  const { lifecycle, clock, sandbox } = made;
  if (call === "refreshToken") await lifecycle.onboard(id);
  const hit = { ...fault, call, appUserId: id, times: Infinity } as Fault;
  sandbox.fail(hit);
  if (call === "createUser") sandbox.fail({ ...hit, call: "issueAuthCode" });
  void lifecycle.onboard(id, { waitMs: second }).catch(() => null);
  if (call === "refreshToken") await clock.advance(2 * hour);
}

/** Does the call succeed within a second and a half? */
async function succeeds(
  { clock }: TestLifecycle,
  call: Promise<{ readonly usable: boolean } | string>,
): Promise<boolean> {
  const settled = call.then(
    (got) => typeof got === "string" || got.usable,
    () => false,
  );
  await clock.advance(1.5 * second);
  return settled;
}

async function spentOn({ lifecycle }: TestLifecycle, id: string): Promise<number> {
  const { management, token } = (await lifecycle.inspect(id)).calls;
  return management + token;
}

describe("a user whose calls alone are refused", () => {
  it.each(oneIn(8, cases))(
    "waits alone, longer and longer, and stops no other (%s to %s)",
    async (_, call, fault) => {
      const made = await world();
      const { lifecycle, clock } = made;
      await lifecycle.onboard("other");
      await refuseAlone(made, "culprit", call, fault);
      await lifecycle.accessToken("culprit", { waitMs: 100 }).catch(() => null);
      await clock.advance(5 * minute);
      const spent: number[] = [await spentOn(made, "culprit")];
      let [tokens, newcomers] = [0, 0];
      for (let round = 0; round < 60; round++) {
        if (await succeeds(made, lifecycle.accessToken("other", { waitMs: second }))) tokens++;
        if (await succeeds(made, lifecycle.onboard(`newcomer ${round}`, { waitMs: second }))) newcomers++;
        await clock.advance(10 * minute);
        if (round % 30 === 29) spent.push(await spentOn(made, "culprit"));
      }
      const [first = 0, half = 0, last = 0] = spent;
      expect({ tokens, newcomers }).toEqual({ tokens: 60, newcomers: 60 });
      expect(half - first, "calls in the first five hours").toBeLessThanOrEqual(10);
      expect(last - half, "calls in the next five").toBeLessThan(half - first);
      expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null, shut: [], apart: 1 });
    },
  );

  it.each(oneIn(8, cases, draw + 1))(
    "keeps no newcomer waiting, though no other user calls (%s to %s)",
    async (_, call, fault) => {
      const made = await world();
      const { lifecycle, clock } = made;
      await refuseAlone(made, "culprit", call, fault);
      await lifecycle.accessToken("culprit", { waitMs: 100 }).catch(() => null);
      for (let round = 0; round < 6; round++) {
        await clock.advance(2 * hour);
        expect(await succeeds(made, lifecycle.onboard(`newcomer ${round}`, { waitMs: second }))).toBe(true);
      }
    },
  );

  it("is reported, and work continues once it is over", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    await refuseAlone(made, "culprit", "exchangeCode", { status: 429 });
    await clock.advance(hour);
    expect(await lifecycle.inspect("culprit")).toMatchObject({ pause: { reason: "throttled" } });
    expect(await lifecycle.explain("culprit")).toContain(
      "answered 429 for this user, while other calls succeed",
    );
    sandbox.clearFaults();
    expect(await lifecycle.onboard("culprit", { waitMs: 3 * hour })).toMatchObject({ usable: true });
    expect(await lifecycle.health()).toMatchObject({ apart: 0 });
  });

  it("is tried again at once by retry()", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    await refuseAlone(made, "culprit", "createUser", { status: 429 });
    await clock.advance(hour);
    expect(await lifecycle.inspect("culprit")).toMatchObject({ pause: { reason: "throttled" } });
    sandbox.clearFaults();
    expect(await lifecycle.retry("culprit", { waitMs: second })).toMatchObject({ usable: true, pause: null });
  });

  it("waits for a day at most, for any Retry-After", async () => {
    const made = await world();
    const { lifecycle, clock } = made;
    const eleven = { status: 429, headers: { "retry-after": "999999" } };
    await refuseAlone(made, "culprit", "exchangeCode", { status: 429 });
    await clock.advance(90 * second);
    await refuseAlone(made, "culprit", "exchangeCode", eleven);
    await clock.advance(hour);
    const { pause } = await lifecycle.inspect("culprit");
    expect((pause?.until?.getTime() ?? Infinity) - clock.now()).toBeLessThanOrEqual(24 * hour);
  });
});

describe("ten users, one a minute, whose calls alone are refused", () => {
  const newcomers = cases.filter(([, call]) => call !== "refreshToken");
  it.each(oneIn(5, newcomers, draw + 2))(
    "delay no other user where the client is refused, and none for more than a minute each by a 429 (%s to %s)",
    async (what, call, fault) => {
      const made = await world();
      const { lifecycle, clock } = made;
      let [honest, came] = [0, 0];
      for (let round = 0; round < 120; round++) {
        if (round < 10) await refuseAlone(made, `culprit ${round}`, call, fault);
        else void lifecycle.onboard(`culprit ${round % 10}`, { waitMs: second }).catch(() => null);
        for (let person = 0; person < 5; person++) {
          honest++;
          const arrives = lifecycle.onboard(`honest ${round} ${person}`, { waitMs: second });
          if (await succeeds(made, arrives)) came++;
          await clock.advance(10 * second);
        }
      }
      expect(came).toBeGreaterThanOrEqual(what in refusals ? honest : 0.85 * honest);
      const { tokenActive = 0, expiring = 0 } = await lifecycle.counts();
      expect(tokenActive + expiring).toBe(honest);
    },
  );
});

describe("a process that is held back while the account is throttled", () => {
  it("goes on once it gets through, though none of its users may try the gate", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ call: "createUser", appUserId: "slow", status: 429, delayMs: 5 * second });
    void lifecycle.onboard("slow", { waitMs: 0 });
    await clock.advance(second);
    sandbox.fail({ times: Infinity, status: 403, body: { message: "Forbidden" } });
    await lifecycle.onboard("ada").catch(() => null);
    await clock.advance(10 * second);
    expect((await lifecycle.health()).shut.map(({ gate }) => gate).sort()).toEqual(["management", "region"]);
    sandbox.clearFaults();
    await clock.advance(hour);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 2 });
    expect(await lifecycle.health()).toMatchObject({ ready: true, shut: [] });
  });
});
