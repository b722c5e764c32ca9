import { describe, expect, it, vi } from "vitest";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { afterwards, hurry, scene, spentOn } from "../support/scene.ts";

const id = "ada@example.org";
const hour = 3_600_000;
const refreshes = (sandbox: Sandbox): number => sandbox.journal.count("refreshToken");

describe("accessToken()", () => {
  it("gives the same token for as long as it needs no renewal, without a call", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    const token = await lifecycle.accessToken(id);
    sandbox.clock.advance(1.7 * hour);
    expect(await lifecycle.accessToken(id)).toBe(token);
    expect(await (await open()).accessToken(id)).toBe(token);
    expect(refreshes(sandbox)).toBe(0);
  });

  it("rejects with the reason of an aborted signal, also where the token is in memory", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    await lifecycle.accessToken(id);
    const reason = new Error("left");
    const signal = AbortSignal.abort(reason);
    await expect(lifecycle.accessToken(id, { signal })).rejects.toBe(reason);
  });

  it("hands out the old token within the refresh window, at once, while one refresh goes on", async () => {
    const { sandbox, open } = await scene({ latencyMs: 30 });
    const lifecycle = await open();
    await lifecycle.onboard(id);
    const old = await lifecycle.accessToken(id);
    sandbox.clock.advance(2 * hour - 5 * 60_000);
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "expiring", usable: true });
    const tokens = await Promise.all(Array.from({ length: 20 }, () => lifecycle.accessToken(id)));
    expect(new Set(tokens)).toEqual(new Set([old]));
    await vi.waitFor(async () => expect(await lifecycle.accessToken(id)).not.toBe(old));
    expect(refreshes(sandbox)).toBe(1);
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "refreshed", usable: true });
  });

  it("waits for the refresh of an expired token; however many ask in three lifecycles, one goes out", async () => {
    const { sandbox, open } = await scene({ latencyMs: 20 });
    const lifecycles = [await open(), await open(), await open()];
    await lifecycles[0]?.onboard(id);
    const old = await lifecycles[0]?.accessToken(id);
    sandbox.clock.advance(3 * hour);
    const tokens = await Promise.all(
      Array.from({ length: 90 }, (_, index) => lifecycles[index % 3]?.accessToken(id)),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).not.toBe(old);
    expect(refreshes(sandbox)).toBe(1);
    expect(spentOn(sandbox, id)).toEqual(["createUser"]);
  });

  it("a caller that gives up ends no other caller's wait", async () => {
    const { sandbox, open } = await scene({ latencyMs: 60 });
    const lifecycle = await open();
    await lifecycle.onboard(id);
    sandbox.clock.advance(3 * hour);
    const stop = new AbortController();
    const aborted = lifecycle.accessToken(id, { signal: stop.signal });
    const impatient = lifecycle.accessToken(id, { waitMs: 0 });
    const patient = lifecycle.accessToken(id);
    const reading = lifecycle.fhir(id, "r4").read("Patient", "none");
    stop.abort(new Error("no longer wanted"));
    await expect(aborted).rejects.toThrow("no longer wanted");
    await expect(impatient).rejects.toMatchObject({ code: "USER_NOT_READY" });
    expect(await patient).toMatch(/./);
    await expect(reading).rejects.toMatchObject({ code: "FHIR_REFUSED", status: 404 });
    expect(refreshes(sandbox)).toBe(1);
  });

  it("waits with a FHIR call that is refused while the token is renewed, and renews it no second time", async () => {
    for (const renewing of [0, 1]) {
      const { sandbox, open } = await scene();
      const lifecycles = [await open(), await open({ cachedTokens: 0 })];
      const [lifecycle] = lifecycles;
      await lifecycle?.onboard(id);
      sandbox.clock.advance(2 * hour - 5 * 60_000);
      // The refresh ends the old token at once, and its answer is late.
      sandbox.fail({ call: "refreshToken", delayMs: 300, delay: "after" });
      await lifecycles[renewing]?.accessToken(id);
      await vi.waitFor(() => expect(refreshes(sandbox)).toBe(1));
      const reading = lifecycle?.fhir(id, "r4").read("Patient", "none");
      await expect(reading).rejects.toMatchObject({ code: "FHIR_REFUSED", status: 404 });
      expect(refreshes(sandbox)).toBe(1);
    }
  });

  it("keeps the refresh token if the answer brings none", async () => {
    const { sandbox, open } = await scene({ rotate: false });
    const lifecycle = await open();
    await lifecycle.onboard(id);
    for (let round = 1; round <= 3; round++) {
      sandbox.clock.advance(3 * hour);
      await lifecycle.accessToken(id);
      expect(refreshes(sandbox)).toBe(round);
    }
    expect(spentOn(sandbox, id)).toEqual(["createUser"]);
  });

  it("gives a token of unknown life five minutes", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "exchangeCode", omit: ["expires_in", "scope"] });
    const lifecycle = await open();
    const status = await lifecycle.onboard(id);
    expect((status.expiresAt?.getTime() ?? 0) - sandbox.clock.now()).toBeLessThanOrEqual(5 * 60_000);
    sandbox.clock.advance(6 * 60_000);
    await lifecycle.accessToken(id);
    expect(refreshes(sandbox)).toBe(1);
  });

  it("gets a new grant with one management call when the refresh token was revoked", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    sandbox.clock.advance(3 * hour);
    sandbox.revokeGrant(id);
    await lifecycle.accessToken(id);
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", usable: true });
    expect(spentOn(sandbox, id)).toEqual(["createUser", "issueAuthCode"]);
  });

  it.each([
    { status: 503, body: { error: "server_error" } },
    { status: 500, body: "<html>sorry</html>" },
    { status: 400, body: { error: "invalid_request" } },
    { status: 429, body: "" },
    { drop: "before" },
  ] as const)("erases nothing because of %o: the refresh is tried again", async (fault) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    sandbox.clock.advance(2 * hour + 1_000);
    sandbox.fail({ call: "refreshToken", times: 2, ...fault });
    hurry(sandbox);
    expect(await lifecycle.accessToken(id, { waitMs: 10 * hour })).toBeTypeOf("string");
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "refreshed" });
    expect(spentOn(sandbox, id)).toEqual(["createUser"]);
  });

  it("recovers when the answer to a refresh is lost after the token rotated", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    sandbox.clock.advance(2 * hour + 1_000);
    sandbox.fail({ call: "refreshToken", drop: "after" });
    hurry(sandbox);
    await lifecycle.accessToken(id, { waitMs: 10 * hour });
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized", usable: true });
    expect(spentOn(sandbox, id)).toEqual(["createUser", "issueAuthCode"]);
  });

  it("reports when to ask again if no token is there in time", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    await lifecycle.onboard(id);
    await clock.advance("2h");
    const headers = { "retry-after": "120" };
    sandbox.fail({ call: "refreshToken", times: 100, status: 429, body: "", headers });
    const inVain = (waitMs: number): Promise<unknown> =>
      lifecycle.accessToken(id, { waitMs }).catch((error: unknown) => error);
    const notReady = { code: "USER_NOT_READY", retryable: true };
    expect(await inVain(100)).toMatchObject({ ...notReady, retryAfterMs: 119_900 });
    await clock.advance("1m");
    expect(await inVain(0)).toMatchObject({ ...notReady, retryAfterMs: 59_900 });
  });

  it("gives a token without a refresh token until its last minute, also while no fresh code can be requested", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    sandbox.fail({ call: "exchangeCode", omit: ["refresh_token"] });
    await lifecycle.onboard(id);
    await lifecycle.account.pause({ reason: "a bill is being looked into" });
    const token = await lifecycle.accessToken(id);
    await clock.advance("118m");
    expect(await lifecycle.accessToken(id)).toBe(token);
    await clock.advance("10s");
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "tokenActive", usable: true });
    await clock.advance("2m");
    await expect(lifecycle.accessToken(id)).rejects.toMatchObject({ code: "PAUSED" });
    await lifecycle.account.unpause();
    expect(await lifecycle.accessToken(id)).not.toBe(token);
    expect(sandbox.journal.spent()).toMatchObject({ management: 2 });
  });

  it("never gives a token that reauthorize() has discarded, though a call was looking at the store meanwhile", async () => {
    const { lifecycle, clock } = await createTestLifecycle({ autoAdvance: false });
    await lifecycle.onboard(id);
    const old = await lifecycle.accessToken(id);
    await clock.advance("6s");
    await Promise.all([lifecycle.reauthorize(id), lifecycle.accessToken(id)]);
    expect(await lifecycle.accessToken(id)).not.toBe(old);
  });

  it("refuses a user that was never onboarded", async () => {
    const lifecycle = await (await scene()).open();
    await expect(lifecycle.accessToken("nobody")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("holds no more tokens in memory than cachedTokens", async () => {
    const { open } = await scene();
    const lifecycle = await open({ cachedTokens: 2 });
    for (const user of ["a", "b", "c"]) await lifecycle.onboard(user);
    const tokens = [];
    for (const user of ["a", "b", "c", "a"]) tokens.push(await lifecycle.accessToken(user));
    expect(tokens[3]).toBe(tokens[0]);
    expect(new Set(tokens).size).toBe(3);
  });
});

describe("fhir()", () => {
  it("creates and reads a resource with the user's token", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    for (const version of ["dstu2", "stu3", "r4"] as const) {
      const client = lifecycle.fhir(id, version);
      const made = await client.create({ resourceType: "Patient", gender: "male", birthDate: "1993-06-20" });
      expect(await client.read("Patient", made.id ?? "")).toMatchObject({
        id: made.id,
        birthDate: "1993-06-20",
      });
    }
    expect(sandbox.journal.spent()).toMatchObject({ management: 1, fhir: 6 });
  });

  it("renews a token that 1upHealth refuses, and repeats the call once", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    await lifecycle.accessToken(id);
    sandbox.clock.advance(10 * 60_000);
    sandbox.revokeGrant(id);
    expect(await lifecycle.fhir(id, "r4").create({ resourceType: "Patient" })).toHaveProperty("id");
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "reauthorized" });
  });

  it("takes the token another process has put into the store, without a refresh of its own", async () => {
    const { sandbox, open } = await scene();
    const [here, there] = [await open(), await open()];
    await here.onboard(id);
    await here.accessToken(id);
    sandbox.clock.advance(10 * 60_000);
    sandbox.revokeGrant(id);
    await there.reauthorize(id);
    const token = refreshes(sandbox);
    expect(await here.fhir(id, "r4").create({ resourceType: "Patient" })).toHaveProperty("id");
    expect(refreshes(sandbox)).toBe(token);
  });

  it("renews a token once, however many calls it was refused to at the same instant", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    await lifecycle.onboard(id);
    await clock.advance("10m");
    sandbox.fail({ call: "fhir.search", times: 8, status: 401, body: "" });
    await Promise.all(Array.from({ length: 8 }, () => lifecycle.fhir(id, "r4").search("Patient")));
    expect(refreshes(sandbox)).toBe(1);
  });

  it("gives up a renewal when the call is cancelled", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    const { lifecycle, sandbox, clock } = world;
    await lifecycle.onboard(id);
    await clock.advance("10m");
    sandbox.fail({ call: "fhir.read", status: 401, body: "" });
    sandbox.fail({ call: "refreshToken", delayMs: 60_000, delay: "after" });
    clock.autoAdvance = false;
    const stop = new AbortController();
    const reading = lifecycle.fhir(id, "r4").read("Patient", "x", { signal: stop.signal });
    const refused = reading.catch((error: unknown) => error);
    await clock.advance("1s");
    expect(refreshes(sandbox)).toBe(1);
    stop.abort();
    expect(await refused).toMatchObject({ name: "AbortError" }); // no time passes, so no answer comes
    clock.autoAdvance = true;
  });

  it("forces at most one refresh a minute and user", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard(id);
    sandbox.clock.advance(10 * 60_000);
    sandbox.fail({ call: "fhir.read", times: 100, status: 401, body: "" });
    const client = lifecycle.fhir(id, "r4");
    for (let round = 0; round < 5; round++) await expect(client.read("Patient", "x")).rejects.toThrow();
    expect(refreshes(sandbox)).toBe(1);
  });
});
