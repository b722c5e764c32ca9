import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { isLifecycleError, type Lifecycle, type StoreAdapter, type UserStatus } from "oneup-lifecycle";
import type { SandboxOptions } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { draw, oneIn, thorough } from "../support/effort.ts";
import { beside } from "../support/wrong-clock.ts";

/*
 * 1upHealth ends all that came of a code or a refresh token when it is presented twice, and a call that was given up
 * arrives after all. A call is given up after 30 s here and may arrive for 10 s more; a lease lasts 45 s.
 */

const id = "ada@example.org";
const strict = { reuse: "revokeFamily", codeReuse: "revokeFamily" } as const;

function world(sandbox: SandboxOptions = {}, autoAdvance = true): Promise<TestLifecycle> {
  return createTestLifecycle({ sandbox: { ...strict, ...sandbox }, autoAdvance });
}

/** Whom 1upHealth knows by the token that is handed out. */
async function works({ lifecycle }: TestLifecycle): Promise<boolean> {
  await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
  return (await lifecycle.inspect(id)).usable;
}

describe("a call that was given up and arrives late", () => {
  it.each([
    ["offboarded", false],
    ["offboarded", true],
    ["reauthorizing", false],
  ])("is waited for by adopt(), if it is a purge (%s, hidden ids: %s)", async (state, hideIds) => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle({ lifecycle: { hideIds } });
    const { oneupUserId } = await lifecycle.onboard(id);
    sandbox.fail({ call: "fhir.purge", delayMs: 38_000, delay: "before" });
    await lifecycle.offboard(id, { purge: ["r4"], waitMs: 31_000 });
    await lifecycle.offboard(id);
    if (state === "reauthorizing") await lifecycle.onboard(id, { waitMs: 0 });
    expect(await lifecycle.inspect(id)).toMatchObject({ state });
    const access = { accessToken: "ours", expiresAt: new Date(clock.now() + 3_600_000) };
    const grant = { oneupUserId: oneupUserId ?? 0, refreshToken: "also-ours", ...access };
    const row = { appUserId: id, ...grant };
    if (state === "offboarded") expect(await lifecycle.adoptMany([row])).toMatchObject({ departed: 1 });
    const atOnce = lifecycle.adopt(id, grant, { waitMs: 0 });
    await expect(atOnce).rejects.toMatchObject({ code: "USER_NOT_READY", retryable: true });
    expect(sandbox.journal.count("fhir.purge")).toBe(0);
    expect(await lifecycle.adopt(id, grant)).toMatchObject({ state: "tokenActive" });
    expect(sandbox.journal.count("fhir.purge")).toBe(1);
    await close();
  });

  it.each([-60_000, 60_000])(
    "is waited for where it was withdrawn by a clock that is %i ms off",
    async (ms) => {
      const world = await createTestLifecycle();
      const { lifecycle, sandbox, store, clock, close } = world;
      // A store with a clock of its own, as servers have.
      const ofServer: StoreAdapter = { ...store, open: ({ account }) => store.open({ account, clock }) };
      const other = await beside({ ...world, store: ofServer }, ms);
      const { oneupUserId } = await lifecycle.onboard(id);
      sandbox.fail({ call: "fhir.purge", delayMs: 38_000, delay: "before" });
      await lifecycle.offboard(id, { purge: ["r4"], waitMs: 31_000 });
      await other.offboard(id);
      const grant = { oneupUserId: oneupUserId ?? 0, refreshToken: "ours" };
      const atOnce = lifecycle.adopt(id, grant, { waitMs: 0 });
      await expect(atOnce).rejects.toMatchObject({ code: "USER_NOT_READY", retryable: true });
      await lifecycle.adopt(id, grant, { waitMs: 15_000 });
      expect(sandbox.journal.count("fhir.purge")).toBe(1);
      await close();
    },
  );

  it.each([30_001, 31_000, 34_000, 39_999])(
    "meets no second exchange of its code, and kills no grant (after %i ms)",
    async (delayMs) => {
      const stage = await world();
      stage.sandbox.fail({ call: "exchangeCode", delayMs });
      await stage.lifecycle.onboard(id, { waitMs: 120_000 });
      expect(await works(stage)).toBe(true);
      await stage.clock.advance("1m");
      expect(await works(stage)).toBe(true);
      // The code was spent when it was presented again, so that costs a second one; one call without a code asks whether
      // the endpoint answers at all.
      expect(stage.sandbox.journal.spent()).toMatchObject({ management: 2, token: 4 });
      await stage.close();
    },
  );

  it.each([30_001, 31_000, 34_000, 39_999])(
    "meets no second use of its refresh token, and kills no grant (after %i ms)",
    async (delayMs) => {
      const stage = await world();
      await stage.lifecycle.onboard(id);
      await stage.clock.advance("3h");
      stage.sandbox.fail({ call: "refreshToken", delayMs });
      const token = await stage.lifecycle.accessToken(id, { waitMs: 120_000 });
      expect(await works(stage)).toBe(true);
      await stage.clock.advance("1m");
      expect(await works(stage)).toBe(true);
      expect(await stage.lifecycle.accessToken(id)).toBe(token);
      await stage.close();
    },
  );

  it("even later than is allowed for: the first 401 is acted on at once", async () => {
    const stage = await world();
    const start = stage.clock.now();
    stage.sandbox.fail({ call: "exchangeCode", delayMs: 55_000 });
    const status = await stage.lifecycle.onboard(id, { waitMs: 120_000 });
    expect([stage.clock.now() - start, provisionalMs(status, stage)]).toEqual([40_000, 30_000]);
    expect(await works(stage)).toBe(true);
    await stage.clock.advance("15s");
    expect(await works(stage)).toBe(true);
    expect(stage.clock.now() - start).toBe(55_000);
    expect(await stage.lifecycle.inspect(id)).toMatchObject({ state: "reauthorized" });
    await stage.close();
  });

  it("costs nothing more if it never arrives: the code is good when it is presented again", async () => {
    const stage = await world();
    const start = stage.clock.now();
    stage.sandbox.fail({ call: "exchangeCode", drop: "before", delayMs: 60_000 });
    await stage.lifecycle.onboard(id, { waitMs: 120_000 });
    expect(await works(stage)).toBe(true);
    expect(stage.sandbox.journal.spent().management).toBe(1);
    expect((await stage.lifecycle.inspect(id)).since.getTime() - start).toBe(40_000);
    await stage.close();
  });

  it("leaves a token that still works in use, and reports when the next one comes", async () => {
    const stage = await world({}, false);
    const { lifecycle, clock, sandbox } = stage;
    await lifecycle.onboard(id);
    await clock.advance("118m");
    const old = await lifecycle.inspect(id);
    sandbox.fail({ call: "refreshToken", drop: "before", delayMs: 60_000 });
    const token = await lifecycle.accessToken(id);
    await clock.advance("33s"); // given up at 30 s
    expect(await lifecycle.accessToken(id)).toBe(token);
    expect(await lifecycle.inspect(id)).toMatchObject({
      state: "expiring",
      usable: true,
      expiresAt: old.expiresAt,
    });
    sandbox.revokeGrant(id);
    const reading = lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
    await clock.advance("1s");
    // The old one is dead; a second refresh waits for the first one all the same.
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "expiring", usable: false });
    expect(await told(lifecycle.accessToken(id, { waitMs: 0 }))).toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
      retryAfterMs: 6_000,
    });
    const entries = sandbox.journal.count("refreshToken");
    await clock.advance("7s");
    await reading;
    expect([entries, sandbox.journal.count("refreshToken")]).toEqual([0, 1]);
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", usable: true });
    await stage.close();
  });
});

function provisionalMs({ provisionalUntil }: UserStatus, { clock }: TestLifecycle): number | null {
  return provisionalUntil && provisionalUntil.getTime() - clock.now();
}

describe("a call of a process that died, and that arrives late", () => {
  it("is not waited for; what its repetition brought is provisional, and replaced at the first 401", async () => {
    const stage = await world();
    const { sandbox, clock } = stage;
    sandbox.fail({ call: "exchangeCode", delayMs: 50_000 });
    const lifecycle = await diesWaiting(stage, () => stage.lifecycle.onboard(id), "45s");
    const begun = clock.now();
    const status = await lifecycle.onboard(id);
    expect(status).toMatchObject({ state: "tokenActive", usable: true });
    expect([clock.now() - begun, provisionalMs(status, stage)]).toEqual([0, 40_000]);
    expect(await lifecycle.explain(id)).toMatch(/is provisional: .* after a 401 it is replaced at once/);
    expect(await works(stage)).toBe(true);
    await clock.advance("5s"); // the first exchange arrives and ends what the second brought
    await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
    expect(clock.now() - begun).toBe(5_000);
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", usable: true });
    expect(sandbox.journal.spent().management).toBe(2);
    await stage.close();
  });

  it.each(oneIn(2, ["exchangeCode", "refreshToken"] as const))(
    "leaves a user that FHIR serves at every moment, whenever it arrives (%s)",
    async (call) => {
      for (let delayMs = 45_500; delayMs < 85_000; delayMs += 2_250) {
        const stage = await world();
        if (call === "refreshToken") {
          await stage.lifecycle.onboard(id);
          await stage.clock.advance("2h");
        }
        stage.sandbox.fail({ call, delayMs });
        const lifecycle = await diesWaiting(stage, () => stage.lifecycle.onboard(id), "45s");
        await lifecycle.onboard(id);
        for (let second = 0; second < 60; second++) {
          await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
          await stage.clock.advance("1s");
        }
        expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", provisionalUntil: null });
        await stage.close();
      }
    },
  );

  it("is the same for a refresh, and for a second refresh of the provisional grant", async () => {
    const stage = await world({ accessTokenLifeMs: 20_000 });
    const { sandbox, clock } = stage;
    await stage.lifecycle.onboard(id);
    await clock.advance("1m");
    sandbox.fail({ call: "refreshToken", delayMs: 75_000 });
    const lifecycle = await diesWaiting(stage, () => stage.lifecycle.accessToken(id), "45s");
    await lifecycle.accessToken(id);
    expect(provisionalMs(await lifecycle.inspect(id), stage)).toBe(40_000);
    await clock.advance("25s");
    await lifecycle.accessToken(id);
    expect(provisionalMs(await lifecycle.inspect(id), stage)).toBe(15_000);
    await clock.advance("5s"); // the refresh of the dead process arrives
    await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", usable: true });
    await stage.close();
  });

  it("may be followed by another death: the mark stands in the record, and passes by itself", async () => {
    const stage = await world();
    const { clock } = stage;
    await stage.crash({ before: "exchangeCode" }, () => stage.lifecycle.onboard(id));
    const second = await stage.restart();
    await stage.crash({ after: "write" }, () => second.onboard(id));
    const third = await stage.restart();
    await third.onboard(id);
    expect(provisionalMs(await third.inspect(id), stage)).toBe(40_000);
    const fourth = await stage.restart({ after: "10s" });
    expect(provisionalMs(await fourth.inspect(id), stage)).toBe(30_000);
    await clock.advance("30s");
    expect(await fourth.inspect(id)).toMatchObject({ usable: true, provisionalUntil: null });
    expect(await fourth.explain(id)).not.toContain("provisional");
    await stage.close();
  });

  it("lets no 401 cost more than three refreshes in a row", async () => {
    const stage = await world();
    const { sandbox, clock } = stage;
    await stage.crash({ before: "exchangeCode" }, () => stage.lifecycle.onboard(id));
    const lifecycle = await stage.restart();
    await lifecycle.onboard(id);
    sandbox.fail({ call: "fhir.search", times: Infinity, status: 401, body: "" });
    const search = (): Promise<unknown> =>
      told(lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 }));
    for (let round = 0; round < 3; round++) {
      expect(await search()).toMatchObject({ code: "FHIR_REFUSED" });
      await clock.advance("1s");
    }
    expect(await search()).toMatchObject({ code: "USER_NOT_READY", retryAfterMs: 239_000 });
    await clock.advance("30s");
    expect(await search()).toMatchObject({ code: "USER_NOT_READY", retryAfterMs: 209_000 });
    expect(sandbox.journal.count("refreshToken")).toBe(3);
    await stage.close();
  });

  it.runIf(thorough || draw % 3 === 0)(
    "lets none cost code after code where it takes many steps to replace a token without a refresh token",
    async () => {
      const stage = await world();
      const { sandbox, clock } = stage;
      sandbox.fail({ call: "exchangeCode", omit: ["refresh_token"], times: Infinity });
      await stage.crash({ before: "exchangeCode" }, () => stage.lifecycle.onboard(id));
      const lifecycle = await stage.restart();
      await lifecycle.onboard(id);
      sandbox.fail({ call: "fhir.search", times: Infinity, status: 401, body: "" });
      for (const call of ["issueAuthCode", "exchangeCode"] as const)
        sandbox.fail({ call, probability: 0.6, status: 503 }); // in doubt, so the grant that follows is provisional
      let rejected = 0;
      for (let second = 0; second < 3_600; second++) {
        const error = await told(lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 }));
        if (isLifecycleError(error, "FHIR_REFUSED")) rejected++; // also the token that replaced it
        await clock.advance("1s");
      }
      expect(rejected).toBeLessThanOrEqual(11); // three at once, then after four minutes, and after eight each time
      await stage.close();
    },
  );

  it("lets none cost more where another process, whose clock is behind, forced the refreshes", async () => {
    const stage = await world();
    const { sandbox, clock } = stage;
    await stage.crash({ before: "exchangeCode" }, () => stage.lifecycle.onboard(id));
    const lifecycle = await stage.restart();
    await lifecycle.onboard(id);
    const behind = await beside(stage, -35_000);
    sandbox.fail({ call: "fhir.search", times: Infinity, status: 401, body: "" });
    const search = (from: Lifecycle): Promise<unknown> =>
      told(from.fhir(id, "r4").search("Patient", {}, { retries: 0 }));
    for (let round = 0; round < 3; round++) {
      expect(await search(behind)).toMatchObject({ code: "FHIR_REFUSED" });
      await clock.advance(round === 0 ? "25s" : "1s");
    }
    await clock.advance("4s");
    expect(provisionalMs(await lifecycle.inspect(id), stage)).toBeGreaterThan(0);
    expect(await search(lifecycle)).toMatchObject({ code: "USER_NOT_READY" });
    expect(sandbox.journal.count("refreshToken")).toBe(3);
    await stage.close();
  });
});

describe("a 401 for any other young token", () => {
  it("is put off until the token is a minute old, and the error carries the time that is left", async () => {
    const stage = await world();
    const { lifecycle, sandbox, clock } = stage;
    await lifecycle.onboard(id);
    sandbox.fail({ call: "fhir.search", times: Infinity, status: 401, body: "" });
    for (const [seconds, left] of [
      [0, 60_000],
      [10, 50_000],
      [49, 1_000],
    ] as const) {
      await clock.advance(`${seconds}s`);
      expect(await told(lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 }))).toMatchObject({
        code: "USER_NOT_READY",
        retryable: true,
        retryAfterMs: left,
      });
    }
    expect(sandbox.journal.count("refreshToken")).toBe(0);
    sandbox.clearFaults();
    sandbox.fail({ call: "fhir.search", status: 401, body: "" });
    await clock.advance("1s");
    await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
    expect(sandbox.journal.count("refreshToken")).toBe(1);
    await stage.close();
  });
});

/** The process dies a second after it has sent a call; the next one opens when so much time has passed in all. */
async function diesWaiting(
  stage: TestLifecycle,
  asked: () => Promise<unknown>,
  after: "45s",
): Promise<Lifecycle> {
  const { clock } = stage;
  clock.autoAdvance = false;
  asked().catch(() => {}); // the process dies over it
  await clock.advance("0s");
  await stage.crash();
  const lifecycle = await stage.restart({ after });
  clock.autoAdvance = true;
  return lifecycle;
}

/** The error. */
async function told(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no error",
    (error: unknown) => error,
  );
}
