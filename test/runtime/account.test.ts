import type { Sandbox, SandboxServer } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { arrivedIn, heldBack, hurry, pass, scene, spentOn, working } from "../support/scene.ts";

const minute = 60_000;
const hour = 60 * minute;

/** Somebody else's program, that spends the same account. */
async function spendElsewhere(
  { credentials }: Sandbox,
  { url }: SandboxServer,
  calls: number,
): Promise<void> {
  const { clientId, clientSecret } = credentials;
  const headers = { client_id: clientId, client_secret: clientSecret };
  for (let call = 0; call < calls; call++) {
    await (await fetch(`${url}/user-management/v1/user?app_user_id=x`, { headers })).text();
  }
}

describe("a throttled account", () => {
  it("goes on within a window after somebody else has spent half of it", async () => {
    const limit = { calls: 20, windowMs: hour };
    const { sandbox, server, open } = await scene({ limit });
    const lifecycle = working(await open({ limits: { management: limit } }));
    await spendElsewhere(sandbox, server, 10);
    const began = sandbox.clock.now();
    const ids = Array.from({ length: 18 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    await vi.waitFor(async () => {
      expect((await lifecycle.health()).shut).toMatchObject([{ gate: "management", reason: "throttled" }]);
    });
    const refusals = (): number => sandbox.journal.entries().filter(({ status }) => status === 429).length;
    const atFirst = refusals(); // all that were under way
    expect(atFirst).toBeLessThanOrEqual(8);
    hurry(sandbox);
    await vi.waitFor(async () => expect(arrivedIn(await lifecycle.counts())).toBe(18), 20_000);
    expect(sandbox.clock.now() - began).toBeLessThan(2.2 * hour);
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(refusals() - atFirst, "one at a time tries, later and later").toBeLessThan(12);
  });

  it("sends nothing before the time that 1upHealth names, whoever asks in whichever process", async () => {
    const { sandbox, open } = await scene();
    const [one, two] = [await open(), await open()];
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "600" } });
    await heldBack(one, "ada");
    expect(await one.inspect("ada")).toMatchObject({ state: "created", pause: { reason: "throttled" } });
    sandbox.clock.advance(2_000); // the other process looks once a second
    await heldBack(two, "bob");
    sandbox.clock.advance(595_000);
    await two.resume();
    expect(sandbox.journal.count("createUser")).toBe(1);
    sandbox.clock.advance(5_000);
    await two.resume();
    expect(await two.counts()).toEqual({ tokenActive: 2 });
    expect((await one.health()).shut).toEqual([]);
  });

  it("lets one call try, not all that wait", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "createUser", times: 3, status: 429, body: "" });
    for (let user = 0; user < 30; user++) await heldBack(lifecycle, `user ${user}`);
    expect(sandbox.journal.count("createUser")).toBe(1);
    for (const [wait, calls] of [
      [minute, 2],
      [2 * minute, 3],
      [4 * minute, 32],
    ] as const) {
      sandbox.clock.advance(wait);
      await lifecycle.resume();
      expect(sandbox.journal.count("createUser")).toBe(calls + (calls === 32 ? 1 : 0));
    }
  });

  it("leaves the try to others where a process can send nothing", async () => {
    const { sandbox, open } = await scene();
    const nowhere = "http://127.0.0.1:9"; // discard: nobody listens there
    const deaf = await open({ endpoints: { api: nowhere, auth: nowhere } });
    const other = await open();
    sandbox.fail({ call: "createUser", status: 429, body: "", headers: { "retry-after": "60" } });
    await heldBack(other, "ada");
    sandbox.clock.advance(61_000);
    await deaf.resume(); // tries in vain
    sandbox.clock.advance(1_000); // a look a second
    expect(await other.onboard("cleo")).toMatchObject({ state: "tokenActive" });
    expect((await other.health()).shut).toEqual([]);
    expect((await deaf.health()).shut, "its own trouble").toMatchObject([{ gate: "management" }]);
  });

  it("holds refreshes and exchanges back when the token endpoint says 429, and FHIR calls when FHIR does", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "30" } });
    const bob = await lifecycle.onboard("bob", { waitMs: 60 });
    expect(bob).toMatchObject({ state: "codeIssued", pause: { reason: "throttled" } });
    sandbox.clock.advance(2.5 * hour);
    sandbox.fail({ call: "refreshToken", status: 429, body: "", headers: { "retry-after": "30" } });
    await expect(lifecycle.accessToken("ada", { waitMs: 60 })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    sandbox.clock.advance(31_000);
    expect(await lifecycle.accessToken("ada")).toMatch(/./);

    sandbox.fail({ call: "fhir.read", status: 429, body: "", headers: { "retry-after": "9" } });
    const read = (): Promise<unknown> => lifecycle.fhir("ada", "r4").read("Patient", "none");
    await expect(read()).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 9_000 });
    await expect(read()).rejects.toMatchObject({ code: "RATE_LIMITED" });
    expect(sandbox.journal.count("fhir.read")).toBe(1);
    sandbox.clock.advance(9_001);
    await expect(read()).rejects.toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("sends no FHIR call that waited for its slot while the endpoint was throttled", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits: { fhir: { calls: 1, windowMs: 200 } } });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.read", status: 429, body: "", headers: { "retry-after": "600" } });
    const reads = [1, 2, 3, 4].map((id) => lifecycle.fhir("ada", "r4").read("Patient", String(id)));
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
    expect(sandbox.journal.count("fhir.read")).toBe(1);
  });

  it("asks for no list that waited for its slot while the endpoint was throttled", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits: { management: { calls: 1, windowMs: 200 } } });
    sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": "600" } });
    const asked = [1, 2, 3, 4].map((oneupUserId) => lifecycle.remote.find({ oneupUserId }));
    for (const each of await Promise.allSettled(asked)) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
    expect(sandbox.journal.count("listUsers")).toBe(1);
  });

  it("asks for no list where the one to try waited for its slot until another was told to wait", async () => {
    const { sandbox, open } = await scene();
    const limits = { management: { calls: 1, windowMs: minute } };
    const [one, two] = [await open({ limits }), await open({ limits })];
    const told = (seconds: number): void =>
      sandbox.fail({ call: "listUsers", status: 429, body: "", headers: { "retry-after": `${seconds}` } });
    told(1);
    await expect(one.remote.find({ oneupUserId: 1 })).rejects.toMatchObject({ code: "RATE_LIMITED" });
    sandbox.clock.advance(2_000);
    const first = one.remote.find({ oneupUserId: 1 });
    await pass(sandbox, 45_000, 5);
    told(600);
    const finds = Promise.allSettled([first, two.remote.find({ oneupUserId: 1 })]);
    for (let second = 0; second < 180; second++) await pass(sandbox, 1_000, 1);
    expect(sandbox.journal.count("listUsers")).toBe(2);
    for (const each of await finds) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "RATE_LIMITED" } });
    }
  });

  it("keeps to a limit of the token endpoint and of FHIR, if one is set", async () => {
    const { sandbox, open } = await scene();
    const ceiling = { calls: 2, windowMs: minute };
    const lifecycle = await open({ limits: { token: ceiling, fhir: ceiling } });
    hurry(sandbox);
    const ids = ["a", "b", "c", "d", "e"];
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: hour })));
    const at = (call: string): number[] =>
      sandbox.journal
        .entries()
        .filter((entry) => entry.call === call)
        .map((entry) => entry.at);
    const spread = (times: number[]): boolean =>
      times.every((time, index) => index < 2 || time - (times[index - 2] ?? 0) >= minute);
    expect(spread(at("exchangeCode"))).toBe(true);
    const fhir = lifecycle.fhir("a", "r4");
    await Promise.all(ids.map(() => fhir.create({ resourceType: "Patient" })));
    expect(spread(at("fhir.create"))).toBe(true);
  });
});

describe("a code that must wait for its exchange", () => {
  it("is not asked for while the token endpoint is throttled, and nobody fails for what passed meanwhile", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = working(await open());
    const late = { call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "600" } } as const;
    for (let round = 0; round < 4; round++) sandbox.fail({ ...late, skip: round });
    hurry(sandbox, 2_000);
    const ids = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 24 * hour })));
    expect(arrivedIn(await lifecycle.counts())).toBe(20);
    // Twenty were under way when it was throttled for longer than a code lives; nobody else spends one more.
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(20 + 20 + 4);
  }, 60_000);

  it("is asked for once a slot of the token limit is there: none passes, nobody fails", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = working(
      await open({
        limits: {
          management: { calls: 1_000, windowMs: hour },
          token: { calls: 6, windowMs: 10 * minute },
        },
      }),
    );
    const ids = Array.from({ length: 30 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60, lane: "bulk" })));
    hurry(sandbox);
    await vi.waitFor(async () => expect(arrivedIn(await lifecycle.counts())).toBe(30), 40_000);
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(33);
  }, 60_000);
});

describe("account.reopen()", () => {
  it("wakes those who wait at a gate within a minute, before their codes pass", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = working(await open());
    sandbox.fail({ call: "exchangeCode", status: 429, body: "", headers: { "retry-after": "86400" } });
    const ids = Array.from({ length: 8 }, (_, index) => `user ${index}`);
    await Promise.all(ids.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    // On a busy machine the refusal may come later than that; it would shut the gate again.
    await vi.waitFor(
      async () => expect(await lifecycle.health()).toMatchObject({ shut: [{}], inHand: 0 }),
      10_000,
    );
    await lifecycle.account.reopen();
    const began = sandbox.clock.now();
    while (arrivedIn(await lifecycle.counts()) !== 8) await pass(sandbox, 100, 2);
    // A minute and a bit, unless the machine is busy and a call takes long in this time.
    expect(sandbox.clock.now() - began).toBeLessThan(4 * minute);
    expect(sandbox.journal.spent().management).toBe(8);
  });
});

describe("a token endpoint that answers 503 for an hour", () => {
  it("costs no code beyond the one user's who tries, and everybody arrives afterwards", async () => {
    const { sandbox, open } = await scene({ codeLifeMs: 2 * hour });
    const lifecycle = working(await open());
    sandbox.fail({ call: "exchangeCode", times: 10_000, status: 503, body: { error: "server_error" } });
    const early = ["e0", "e1", "e2", "e3", "e4"];
    await Promise.all(early.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    const began = sandbox.clock.now();
    const until = async (ms: number): Promise<void> => {
      while (sandbox.clock.now() - began < ms) await pass(sandbox, 2_000, 1);
    };
    await until(10 * minute);
    const late = ["l0", "l1", "l2", "l3", "l4"];
    await Promise.all(late.map((id) => lifecycle.onboard(id, { waitMs: 60 })));
    expect(await lifecycle.inspect("l0")).toMatchObject({
      state: "created",
      pause: { reason: "unavailable" },
    });
    await until(hour - minute);
    // Five creates brought five codes, one more was spent by the user who tried.
    expect(sandbox.journal.spent().management).toBe(6);
    expect(sandbox.journal.count("exchangeCode")).toBeLessThan(45);
    sandbox.clearFaults();
    hurry(sandbox);
    await vi.waitFor(async () => expect(arrivedIn(await lifecycle.counts())).toBe(10), 15_000);
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.spent().management).toBe(11);
  }, 60_000);

  it("is told from one code that answers 503 alone: that user gets another, nobody else waits for long", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = working(await open());
    sandbox.fail({
      call: "exchangeCode",
      appUserId: "ada",
      times: 2,
      status: 503,
      body: { error: "server_error" },
    });
    hurry(sandbox);
    expect(await lifecycle.onboard("ada", { waitMs: hour })).toMatchObject({ state: "reauthorized" });
    expect(await lifecycle.onboard("bob", { waitMs: hour })).toMatchObject({ usable: true });
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "issueAuthCode"]);
    expect((await lifecycle.health()).shut).toEqual([]);
  });
});
