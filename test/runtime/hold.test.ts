/** An operator holds one user. */
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, working, workingWorld } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const reason = "a complaint is being looked into";

async function world(options?: TestLifecycleOptions): Promise<TestLifecycle> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  return made;
}

const held = {
  code: "PAUSED",
  retryable: true,
  facts: { type: "held", reason, by: null, until: null },
} as const;

describe("hold()", () => {
  it("stops the management calls of that user alone, and is shown with the user", async () => {
    const { lifecycle, sandbox, arrange, clock } = await world();
    await arrange("ada", "created");
    await arrange("bob", "created");
    const since = new Date(clock.now());
    expect(await lifecycle.hold("ada", reason)).toMatchObject({
      state: "created",
      hold: { reason, since },
      pause: { reason: "held", why: reason, until: null },
    });
    working(lifecycle);
    await clock.advance(hour);
    expect(await lifecycle.inspect("bob")).toMatchObject({ usable: true, hold: null });
    expect(sandbox.journal.count("createUser")).toBe(1);
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(held);
    await expect(lifecycle.accessToken("ada")).rejects.toMatchObject(held);
    expect(await lifecycle.explain("ada")).toMatch(
      /An operator holds it since .* \("a complaint is being looked into"\): .* Next is the call createUser, after unhold\(\)\./,
    );
    await lifecycle.unhold("ada");
    await clock.advance(minute);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true, hold: null, pause: null });
  });

  it("costs nothing while it lasts: the user is in no lane, and never due", async () => {
    const { lifecycle, clock } = await workingWorld({
      lifecycle: { limits: { management: { calls: 1, windowMs: hour } } },
    });
    await lifecycle.onboard("first");
    await lifecycle.onboard("ada", { waitMs: 0 });
    expect((await lifecycle.budget.refresh()).waiting.interactive).toBe(1);
    await lifecycle.hold("ada", reason);
    expect((await lifecycle.budget.refresh()).waiting.interactive).toBe(0);
    await clock.advance(day);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "created" });
    await lifecycle.unhold("ada");
    await clock.advance(minute);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });

  it("loses no grant, however long it lasts: its token is refreshed, and FHIR works", async () => {
    const { lifecycle, clock, sandbox } = await workingWorld({ sandbox: { refreshTokenLifeMs: 30 * day } });
    await lifecycle.onboard("ada");
    await lifecycle.hold("ada", reason);
    for (let week = 0; week < 12; week++) await clock.advance(7 * day);
    expect(await lifecycle.accessToken("ada")).not.toBe("");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    expect(await lifecycle.inspect("ada")).toMatchObject({ hold: { reason }, pause: null, usable: true });
    expect(sandbox.journal.spent().management).toBe(1);
  });

  it("stops the code that a lost grant needs, a rename, the look-up of a number, and a purge", async () => {
    const { lifecycle, sandbox, clock } = await world();
    await lifecycle.onboard("ada");
    const adopted = { oneupUserId: sandbox.createUser("bob"), refreshToken: "the-one-you-have" };
    await lifecycle.hold("ada", reason);
    await expect(lifecycle.rename("ada", "new")).rejects.toMatchObject(held);
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject(held);
    expect(await lifecycle.offboard("ada", { purge: true })).toMatchObject({
      state: "identifying",
      pause: { reason: "held" },
    });
    await lifecycle.adopt("bob", adopted, { waitMs: 0 });
    await lifecycle.hold("bob", reason);
    working(lifecycle);
    await clock.advance(day);
    await expect(lifecycle.fhir("bob", "r4", { as: "client" }).search("Patient")).rejects.toMatchObject(held);
    await expect(lifecycle.accessToken("bob")).rejects.toMatchObject(held);
    expect(sandbox.journal.spent()).toMatchObject({ management: 1, fhir: 0 });
    await lifecycle.unhold("ada");
    await lifecycle.unhold("bob");
    await clock.advance(hour);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "offboarded" });
    expect(await lifecycle.inspect("bob")).toMatchObject({ usable: true });
  });

  it("waits for a call under way, whose code is exchanged, and is refused where that takes too long", async () => {
    const { lifecycle, sandbox, clock } = await workingWorld();
    sandbox.fail({ call: "createUser", delayMs: 5 * second });
    const signedUp = lifecycle.onboard("ada");
    await clock.advance(second);
    await expect(lifecycle.hold("ada", reason, { waitMs: second })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    expect(await lifecycle.hold("ada", reason)).toMatchObject({ usable: true, hold: { reason } });
    expect(await signedUp).toMatchObject({ usable: true });
  });

  it("leaves a call in doubt after a crash as it is, and nothing is asked about it before unhold()", async () => {
    const { lifecycle, sandbox, crash, restart, clock } = await world();
    await crash({ after: "createUser" }, () => lifecycle.onboard("ada"));
    const next = await restart({ after: "0s" });
    await next.hold("ada", reason, { waitMs: 2 * minute }); // the dead process's lease lasts for 45 s
    expect(await next.inspect("ada")).toMatchObject({ state: "created", underWay: "createUser" });
    working(next);
    await clock.advance(day);
    expect(await next.inspect("ada")).toMatchObject({ state: "reauthorizing", pause: { reason: "held" } });
    expect(sandbox.journal.count()).toBe(1);
    await next.unhold("ada");
    await clock.advance(minute);
    expect(await next.inspect("ada")).toMatchObject({ usable: true });
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it.each(["before", "after"] as const)(
    "is there or not there, whole, if the process dies %s the write",
    async (when) => {
      const { lifecycle, crash, restart, arrange } = await world();
      await arrange("ada", "created");
      const point = when === "before" ? ({ before: "write" } as const) : ({ after: "write" } as const);
      await crash(point, () => lifecycle.hold("ada", reason));
      const next = await restart();
      expect((await next.inspect("ada")).hold?.reason).toBe(when === "before" ? undefined : reason);
      await next.hold("ada", reason);
      await next.unhold("ada");
      expect(await next.onboard("ada")).toMatchObject({ usable: true });
    },
  );

  it("goes with the user through a rename and an adoption, and ends with forget()", async () => {
    const { lifecycle, sandbox } = await world();
    await lifecycle.onboard("ada");
    await lifecycle.hold("ada", reason);
    await lifecycle.offboard("ada");
    const grant = { oneupUserId: sandbox.users()[0]?.oneupUserId ?? 0, refreshToken: "gone" };
    await expect(lifecycle.adopt("ada", grant)).rejects.toMatchObject(held);
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true, hold: null });
  });

  it("is not needed twice, and changes its reason", async () => {
    const { lifecycle } = await world();
    await lifecycle.onboard("ada");
    const { hold } = await lifecycle.hold("ada", reason);
    expect((await lifecycle.hold("ada", reason)).hold).toEqual(hold);
    expect(await lifecycle.hold("ada", "another")).toMatchObject({ hold: { reason: "another" } });
    expect(await lifecycle.unhold("ada")).toMatchObject({ hold: null });
    expect(await lifecycle.unhold("ada")).toMatchObject({ hold: null });
  });

  it("refuses an unknown user, and a reason that is none, at the door", async () => {
    const { lifecycle } = await world();
    await expect(lifecycle.hold("ada", reason)).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await expect(lifecycle.unhold("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    for (const wrong of ["", " ", "a\u0000b", "x".repeat(201), undefined, 7])
      await expect(lifecycle.hold("ada", wrong as string)).rejects.toThrow(
        "Cannot hold a user: the reason must be a text of 1 to 200 characters on one line",
      );
    await expect(lifecycle.hold("ada", "a\u0007b\n")).rejects.toThrow(
      "a text of 4 characters with a control character",
    );
    await expect(lifecycle.hold("", reason)).rejects.toMatchObject({ code: "INVALID_ID" });
  });
});
