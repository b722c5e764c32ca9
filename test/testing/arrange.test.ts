import type { UserState, UserStatus } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";

/** Management calls from there to a token. */
const costs = Object.entries({
  created: 1,
  codeIssued: 0,
  tokenActive: 0,
  expiring: 0,
  refreshed: 0,
  reauthorized: 0,
  reauthorizing: 1,
  locating: 2, // one to look for it, one for a code
  renaming: 0, // its token works meanwhile
  renameInDoubt: 0,
  failed: 1,
  identifying: 2, // one to look for it, one to begin anew, once its data are erased
  offboarding: 1,
  offboarded: 1,
} satisfies Record<UserState, number>) as [UserState, number][]; // its keys are these

/** What an application does with a user in this state. */
async function goOn({ lifecycle }: TestLifecycle, state: UserState): Promise<UserStatus> {
  if (state === "failed") return lifecycle.retry("ada");
  return lifecycle.onboard("ada", { waitMs: 120_000 });
}

/** Everything but the calls that were sent. */
function withoutCalls({ calls: _, history, ...rest }: UserStatus): object {
  return { ...rest, history: history.map(({ spent: _, cause: __, ...step }) => step) };
}

const lifeMs = 7_200_000;
/** How old the token of an arranged user is, if it is in its refresh window. */
const ageMs = lifeMs - 300_000;
const begun = Date.UTC(2026, 0, 1);

/** The straightest way there, by calls. */
const journeys: Partial<Record<UserState, (world: TestLifecycle) => Promise<unknown>>> = {
  tokenActive: async ({ clock, lifecycle }) => {
    await clock.advance(ageMs);
    await lifecycle.onboard("ada");
  },
  refreshed: async ({ clock, lifecycle }) => {
    await lifecycle.onboard("ada");
    await clock.advance(ageMs);
    await lifecycle.resume();
    await lifecycle.accessToken("ada");
    await clock.advance(0);
  },
  reauthorized: async ({ clock, lifecycle, sandbox }) => {
    await lifecycle.onboard("ada");
    await clock.advance(ageMs);
    sandbox.revokeGrant("ada");
    await lifecycle.accessToken("ada");
    await clock.advance(0);
  },
  failed: async ({ clock, lifecycle, sandbox }) => {
    await clock.advance(ageMs);
    sandbox.fail({
      call: "createUser",
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    await lifecycle.onboard("ada").catch(() => {});
  },
  offboarding: async ({ clock, lifecycle, sandbox }) => {
    await clock.advance(ageMs);
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.purge", delayMs: 60_000 });
    void lifecycle.offboard("ada", { purge: true });
    await clock.advance(0);
  },
  offboarded: async ({ clock, lifecycle }) => {
    await clock.advance(ageMs);
    await lifecycle.onboard("ada");
    await lifecycle.offboard("ada");
  },
};

describe("arrange()", () => {
  it.each(costs)("puts a user into %s without a call", async (state) => {
    const world = await createTestLifecycle();
    const status = await world.arrange("ada", state);
    expect(status).toMatchObject({ appUserId: "ada", state, calls: { management: 0, token: 0 } });
    expect(await world.lifecycle.inspect("ada")).toEqual(status);
    expect(await world.lifecycle.counts()).toEqual({ [state]: 1 });
    expect(world.sandbox.journal.count()).toBe(0);
    expect(world.clock.now()).toBe(begun);
    await world.close();
  });

  it.each(costs)("a user arranged in %s goes on to a token that works", async (state, management) => {
    const world = await createTestLifecycle();
    await world.arrange("ada", state);
    const isLeaving = state === "identifying" || state === "offboarding";
    if (isLeaving) await world.lifecycle.resume();
    expect(await goOn(world, state)).toMatchObject({ usable: true, pause: null });
    const { id } = await world.lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    expect(id).toMatch(/^\w+$/);
    const { journal } = world.sandbox;
    expect(journal.spent().management).toBe(management);
    expect(journal.createdTwice()).toEqual([]);
    const { management: _, token, fhir } = journal.spent();
    expect(journal.entries().filter(({ outcome }) => outcome === "tokens")).toHaveLength(token);
    expect(fhir).toBeLessThanOrEqual(isLeaving ? 4 : 2); // a refresh may end the token on its way
    await world.close();
  });

  it.each(costs)("a worker goes on with a user arranged in %s", async (state) => {
    const world = await createTestLifecycle();
    await world.arrange("ada", state);
    void world.lifecycle.work();
    await world.clock.advance("1m");
    const reached: Partial<Record<UserState, UserState>> = {
      created: "tokenActive",
      codeIssued: "tokenActive",
      expiring: "refreshed",
      reauthorizing: "reauthorized",
      locating: "reauthorized",
      renaming: "tokenActive",
      renameInDoubt: "tokenActive",
      identifying: "offboarded",
      offboarding: "offboarded",
    };
    expect((await world.lifecycle.inspect("ada")).state).toBe(reached[state] ?? state);
    await world.close();
  });

  it.each(Object.entries(journeys))(
    "%s is as if the user had come there by calls",
    async (state, journey) => {
      const real = await createTestLifecycle({ autoAdvance: false });
      await journey(real);
      const arranged = await createTestLifecycle({ now: begun + ageMs });
      const expected = withoutCalls(await real.lifecycle.inspect("ada"));
      const actual = withoutCalls(await arranged.arrange("ada", state as UserState)); // a key of that table
      const underWay = state === "offboarding" ? "purge" : null;
      expect({ ...actual, underWay }).toEqual(expected);
      await Promise.all([real.crash(), arranged.close()]);
      await real.close();
    },
  );

  it("an expiring user has a token that works, and the next call renews it", async () => {
    const { arrange, lifecycle, clock, sandbox } = await createTestLifecycle();
    const { usable, expiresAt } = await arrange("ada", "expiring");
    expect(usable).toBe(true);
    expect((expiresAt?.getTime() ?? 0) - clock.now()).toBe(300_000);
    const before = await lifecycle.accessToken("ada");
    await clock.advance(0);
    expect(await lifecycle.accessToken("ada")).not.toBe(before);
    expect(sandbox.journal.spent()).toEqual({ management: 0, token: 1, fhir: 0 });
  });

  it("takes what the sandbox has and does: a user who is there, short tokens, slow codes", async () => {
    const world = await createTestLifecycle({
      sandbox: { accessTokenLifeMs: 60_000, codeReadyMs: 1_000, active: false },
    });
    const oneupUserId = world.sandbox.createUser("ada");
    expect(await world.arrange("ada", "expiring")).toMatchObject({
      oneupUserId,
      active: false,
      usable: true,
    });
    await world.lifecycle.resume();
    expect((await world.lifecycle.inspect("ada")).state).toBe("refreshed");
    await world.arrange("bob", "codeIssued");
    expect(await world.lifecycle.onboard("bob")).toMatchObject({ state: "tokenActive" });
  });

  it.each([500, 1_500, 2 * 366 * 86_400_000])(
    "a token that lives for %i ms expires as after a call",
    async (accessTokenLifeMs) => {
      const sandbox = { accessTokenLifeMs, refreshTokenLifeMs: 1e12 };
      const { arrange, lifecycle } = await createTestLifecycle({ sandbox });
      const { expiresAt } = await arrange("ada", "tokenActive");
      expect((await lifecycle.onboard("eve")).expiresAt).toEqual(expiresAt);
      expect(await arrange("bob", "refreshed")).toMatchObject({ expiresAt });
    },
  );

  it("refuses a user who is here, an id that cannot be one, and what is no state", async () => {
    const { arrange } = await createTestLifecycle();
    await arrange("ada", "created");
    await expect(arrange("ada", "failed")).rejects.toThrow(
      /^Cannot arrange user #\w+: it must not exist, but it is created$/,
    );
    await expect(arrange("", "failed")).rejects.toMatchObject({ code: "INVALID_ID" });
    const unknown = "asleep" as UserState; // JavaScript would pass it
    await expect(arrange("bob", unknown)).rejects.toThrow(
      /^Cannot arrange a user: state must be one of created, /,
    );
    const brief = await createTestLifecycle({ sandbox: { refreshTokenLifeMs: 60_000 } });
    await expect(brief.arrange("ada", "refreshed")).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
