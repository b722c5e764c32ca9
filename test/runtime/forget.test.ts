import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { heldBack, hurry, scene, spentOn } from "../support/scene.ts";

describe("forget()", () => {
  it("leaves nothing of a user who was let go, and onboard() begins from nothing", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    await lifecycle.offboard("ada");
    for (let again = 0; again < 2; again++) await lifecycle.forget("ada");
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await expect(lifecycle.accessToken("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await expect(lifecycle.offboard("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await lifecycle.counts()).toEqual({});
    for await (const user of lifecycle.users()) expect(user).toBeUndefined();
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    expect((await lifecycle.inspect("ada")).history.map(({ event }) => event)).toContain("USER_EXISTS");
    expect(spentOn(sandbox, "ada")).toEqual(["createUser", "createUser", "issueAuthCode"]);
    expect(await lifecycle.counts()).toEqual({ reauthorized: 1 });
  });

  it("lets onboard() begin anew however little time it has", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    for (let life = 2; life <= 4; life++) {
      await lifecycle.offboard("ada");
      await lifecycle.forget("ada");
      const [begun, twin] = await Promise.all([
        lifecycle.onboard("ada", { waitMs: 0 }),
        lifecycle.onboard("ada", { waitMs: 0 }),
      ]);
      expect([begun.appUserId, twin.appUserId]).toEqual(["ada", "ada"]);
      expect(await lifecycle.onboard("ada", { waitMs: 60_000 })).toMatchObject({ usable: true });
    }
    expect(sandbox.users()).toHaveLength(1);
  });

  it("does nothing to an unknown user, and refuses one that was not offboarded", async () => {
    const { open } = await scene({ purgeBatch: 1 });
    const lifecycle = await open();
    await lifecycle.forget("nobody");
    await lifecycle.onboard("ada");
    await expect(lifecycle.forget("ada")).rejects.toMatchObject({ code: "USER_NOT_READY", retryable: false });
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
    for (let n = 0; n < 3; n++) await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    await lifecycle.offboard("ada", { purge: ["r4"], waitMs: 0 });
    await expect(lifecycle.forget("ada", { waitMs: 0 })).rejects.toMatchObject({ code: "USER_NOT_READY" });
    await lifecycle.offboard("ada");
    await lifecycle.rename("ada", "new");
    await expect(lifecycle.forget("ada")).rejects.toMatchObject({ code: "RENAMED" });
    await lifecycle.forget("new");
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    await lifecycle.onboard("bob");
    await expect(lifecycle.rename("bob", "new")).rejects.toMatchObject({ code: "USER_CONFLICT" });
  });

  it("waits while a create of the user may still arrive", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ graceMs: 3_000 });
    sandbox.fail({ call: "createUser", drop: "after" });
    await heldBack(lifecycle, "ada");
    await lifecycle.offboard("ada");
    await expect(lifecycle.forget("ada", { waitMs: 10 })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    hurry(sandbox);
    await lifecycle.forget("ada", { waitMs: 600_000 });
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("lets no process that stood still write the user back, neither then nor in its next life", async () => {
    const adapter = memory();
    const { sandbox, open } = await scene();
    const lifecycle = await open({ store: adapter });
    const account = accountOf(sandbox.credentials.clientId);
    const store = await adapter.open({ account, clock: sandbox.clock });
    await lifecycle.onboard("ada");
    const before = await store.load("ada");
    if (before.type !== "record") return expect.unreachable();
    const { value, revision } = before.record;
    const late = (): ReturnType<typeof store.commit> =>
      store.commit({
        id: "ada",
        value,
        expectedRevision: revision,
        writeId: `late ${sandbox.clock.random()}`,
        mode: "none",
        lease: { id: "late", owner: "a process that stood still", ms: 1 },
        state: "tokenActive",
        dueInMs: null,
        lane: null,
      });
    await lifecycle.offboard("ada");
    expect(await late()).toEqual({ type: "conflict" });
    await lifecycle.forget("ada");
    expect(await store.load("ada")).toEqual({ type: "absent" });
    expect(await late()).toEqual({ type: "conflict" });
    for (let step = 0; step < 4; step++) {
      await lifecycle.onboard("ada");
      expect(await late()).toEqual({ type: "conflict" });
      await lifecycle.offboard("ada");
      await lifecycle.forget("ada");
    }
  });

  it("works where ids are hidden and for adopted users; no list brings the user back, only onboard() by name", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ hideIds: true, encryption: { keys: ["5a".repeat(32)] } });
    const { oneupUserId } = await lifecycle.onboard("ada");
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    await lifecycle.rotateKeys();
    const expiresAt = new Date(Date.UTC(2030, 0, 1));
    const grant = { oneupUserId: oneupUserId ?? 0, refreshToken: "r", accessToken: "a", expiresAt };
    expect(await lifecycle.adopt("ada", grant)).toMatchObject({ usable: true });
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    expect(await lifecycle.reconcile({ repair: true })).toMatchObject({
      counts: { thereOnly: 0 },
      repaired: { adopted: 0 },
    });
    const summary = await lifecycle.onboardMany(["ada"], { name: "again" });
    expect(summary).toMatchObject({ added: 0, present: 0, departed: 1, arrived: 0 });
    const row = { appUserId: "ada", ...grant };
    expect(await lifecycle.adoptMany([row])).toMatchObject({
      added: 0,
      present: 0,
      departed: 1,
      rejected: 0,
    });
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    expect(sandbox.users()).toHaveLength(1);
  });
});
