import { fetchTransport, systemClock } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { folderOfTest } from "../adapters/lmdb-scene.ts";
import { onDeno } from "../support/built.ts";
import { startChild } from "../support/child.ts";
import { warningsIn } from "../support/loggers.ts";

describe("createTestLifecycle()", () => {
  it("takes a user through 1upHealth in one line and no time", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive", usable: true });
    const first = await lifecycle.accessToken("ada");
    await clock.advance("2h");
    expect(await lifecycle.accessToken("ada")).not.toBe(first);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "refreshed" });
    expect(sandbox.journal.spent()).toEqual({ management: 1, token: 2, fhir: 0 });
    expect(clock.now()).toBe(Date.UTC(2026, 0, 1, 2));
  });

  it("shows a write after a moment where it is asked to, and tells a test that reads too early", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle({ sandbox: { readLagMs: 900 } });
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient", gender: "female" });
    await expect(fhir.read("Patient", id)).rejects.toMatchObject({
      code: "FHIR_REFUSED",
      status: 404,
      message: expect.stringContaining("untilReadable"),
    });
    expect(sandbox.journal.entries().at(-1)).toMatchObject({ call: "fhir.read", outcome: "lagging" });
    await expect(fhir.read("Patient", "none")).rejects.toMatchObject({ status: 404 });
    expect(sandbox.journal.entries().at(-1)).toMatchObject({ outcome: "missing" });
    expect((await fhir.search("Patient")).resources).toEqual([]);
    await clock.advance("1s");
    expect((await fhir.search("Patient")).resources).toMatchObject([{ id }]);
    const other = await fhir.create<"Patient">({ resourceType: "Patient" }, { untilReadable: true });
    expect(await fhir.read("Patient", other.id ?? "")).toEqual(other);
  });

  it("shows a write at once", async () => {
    const { lifecycle } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" });
    expect((await fhir.read("Patient", id)).id).toBe(id);
  });

  it("does the same where a test has replaced every timer and `queueMicrotask`", async () => {
    vi.useFakeTimers({
      toFake: ["setTimeout", "setInterval", "setImmediate", "Date", "queueMicrotask"],
    });
    try {
      const { clock, lifecycle } = await createTestLifecycle();
      expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive", usable: true });
      expect(clock.now()).toBe(Date.UTC(2026, 0, 1));
    } finally {
      vi.useRealTimers();
    }
  });

  it("does the same on a store in LMDB", async () => {
    const store = lmdb(folderOfTest());
    const encryption = { keys: ["0".repeat(64)] };
    vi.useFakeTimers({
      toFake: ["setTimeout", "setInterval", "setImmediate", "Date", "queueMicrotask", "performance"],
    });
    const { setImmediate: faked } = globalThis;
    try {
      const { clock, lifecycle, crash, restart } = await createTestLifecycle({
        lifecycle: { store, encryption },
      });
      expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive", usable: true });
      await crash();
      await clock.advance("2h");
      const next = await restart();
      expect(await next.accessToken("ada")).toBeTypeOf("string");
      expect(globalThis.setImmediate).toBe(faked);
      await next.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("is the same in every run", async () => {
    const run = async (options?: TestLifecycleOptions): Promise<unknown> => {
      const { lifecycle, sandbox } = await createTestLifecycle(options);
      sandbox.fail({ call: "createUser", status: 503 });
      await lifecycle.onboard("ada");
      return [await lifecycle.inspect("ada"), await lifecycle.accessToken("ada"), sandbox.journal.entries()];
    };
    expect(await run()).toEqual(await run());
    expect(await run({ sandbox: { seed: 2 } })).not.toEqual(await run());
  });

  it.each([{}, { hideIds: true }, { store: memory }])(
    "has the same aliases and fingerprints in every run with %o",
    async ({ store, ...options }: { store?: typeof memory; hideIds?: boolean }) => {
      const run = async (seed?: number): Promise<readonly string[]> => {
        const { lifecycle, sandbox } = await createTestLifecycle({
          lifecycle: { ...options, ...(store && { store: store() }) },
          sandbox: { seed },
        });
        sandbox.fail({ call: "createUser", times: 2, status: 503, body: "words of a gateway" });
        await lifecycle.onboard("ada");
        const alias = await lifecycle.accessToken("eve").catch(String);
        sandbox.fail({ call: "fhir.search", times: Infinity, status: 500, body: "other words" });
        const error = await lifecycle
          .fhir("ada", "r4")
          .search("Patient")
          .then(() => "", String);
        const told = [await lifecycle.explain("ada"), await lifecycle.health()];
        return [alias, error, ...told.map((each) => JSON.stringify(each))];
      };
      const first = await run();
      expect(first.join()).toContain("fingerprint");
      expect(first[0]).toMatch(/#[0-9a-f]{20}/);
      expect(await run()).toEqual(first);
      expect((await run(2))[0]).not.toBe(first[0]);
    },
  );

  it("has keys of its own in a store that outlives the process", async () => {
    const run = async (): Promise<string> => {
      const world = await createTestLifecycle({
        lifecycle: { store: lmdb(folderOfTest()), encryption: { keys: ["0".repeat(64)] } },
      });
      const alias = await world.lifecycle.accessToken("eve").catch(String);
      await world.close();
      return alias;
    };
    expect(await run()).not.toBe(await run());
  });

  it.runIf(!onDeno)("opens no socket, sets no timer of the machine, and leaves none behind", async () => {
    const { code, out, err } = await startChild(new URL("quiet.child.ts", import.meta.url), null).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({ before: [], during: [], after: [], timers: 0, state: "refreshed" });
  });

  it("takes options of the lifecycle and of the sandbox", async () => {
    const warnings: string[] = [];
    const store = memory();
    const world = await createTestLifecycle({
      now: Date.UTC(2030, 5, 1),
      lifecycle: {
        store,
        hideIds: true,
        refresh: { policy: "lazy" },
        logger: warningsIn(warnings),
      },
      sandbox: { accessTokenLifeMs: 600_000, exists: 404, limit: { calls: 1 } },
    });
    expect(world.store).toBe(store);
    expect(await world.lifecycle.onboard("ada")).toMatchObject({
      expiresAt: new Date(Date.UTC(2030, 5, 1, 0, 10)),
    });
    expect(await world.lifecycle.onboard("bob")).toMatchObject({
      usable: false,
      pause: { reason: "throttled" },
    });
    expect(warnings).not.toEqual([]);
    expect(await world.arrange("eve", "expiring")).toMatchObject({ appUserId: "eve", usable: true });
    expect(await world.lifecycle.accessToken("eve")).toMatch(/^\w{40}$/);
  });

  it("uses the application's own credentials", async () => {
    const { sandbox } = await createTestLifecycle();
    let clientSecret = "old";
    const { lifecycle, clock } = await createTestLifecycle({
      lifecycle: { credentials: () => ({ ...sandbox.credentials, clientSecret }) },
    });
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
    ({ clientSecret } = sandbox.credentials);
    await clock.advance("10m");
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it.each([
    [{ lifecycle: { clock: systemClock } }, "got lifecycle.clock"],
    [{ lifecycle: { transport: fetchTransport() } }, "got lifecycle.transport"],
    [{ sandbox: { waitOn: "machine" } }, "got sandbox.waitOn"],
    [{ clock: systemClock }, 'an option must be one of lifecycle, sandbox, now, autoAdvance, got "clock"'],
    [{ now: Number.NaN }, "Cannot create a test lifecycle: now must be"],
    [{ autoAdvance: "no" }, "Cannot create a test lifecycle: autoAdvance must be"],
    [null, "Cannot create a test lifecycle: options must be an object, got null"],
    [{ sandbox: 5 }, "Cannot create a test lifecycle: sandbox must be an object, got 5"],
    [{ lifecycle: null }, "Cannot create a test lifecycle: lifecycle must be an object, got null"],
    [{ lifecycle: [] }, "Cannot create a test lifecycle: lifecycle must be an object"],
    [{ sandbox: { seed: -1 } }, "Cannot create the sandbox: seed must be"],
    [{ lifecycle: { timeoutMs: 1 } }, "Cannot start: timeoutMs must be"],
  ])("refuses options that are not its own (%#)", async (options, message) => {
    // As JavaScript would pass it.
    await expect(createTestLifecycle(options as TestLifecycleOptions)).rejects.toThrow(message);
  });

  it("lists the calls that the sandbox knows when one is named as in the machine", async () => {
    const { sandbox } = await createTestLifecycle();
    const fail = (call: string): void => sandbox.fail({ call: call as "*", status: 503 });
    expect(() => fail("findUser")).toThrow(
      /one of \*, createUser, issueAuthCode, listUsers, .*got "findUser"$/,
    );
    expect(() => fail("purge")).toThrow(/fhir\.exportFile, loginPage, unknown, got "purge"$/);
  });

  it("plays every kind of fault without a socket", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    const faults = [
      { call: "createUser", drop: "before" },
      { call: "createUser", drop: "body" },
      { call: "createUser", response: "hugeJson" },
      { call: "createUser", response: "notJson" },
      { call: "createUser", delayMs: 40_000 },
      { call: "exchangeCode", drop: "after" },
      { call: "exchangeCode", response: "truncated" },
    ] as const;
    for (const [index, fault] of faults.entries()) {
      sandbox.fail({ ...fault, appUserId: `user-${index}` });
      const status = await lifecycle.onboard(`user-${index}`, { waitMs: 30 * 60_000 });
      expect({ fault, usable: status.usable }).toEqual({ fault, usable: true });
    }
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("takes the sandbox's world back to an earlier moment", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const snapshot = sandbox.snapshot();
    await lifecycle.onboard("bob");
    sandbox.restore(snapshot);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada"]);
    expect(await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" })).toHaveProperty("id");
    await expect(lifecycle.fhir("bob", "r4").read("Patient", "1")).rejects.toMatchObject({
      code: "USER_NOT_READY",
    });
  });

  it("lets spies stand in for its verbs", async () => {
    const { lifecycle } = await createTestLifecycle();
    const onboard = vi.spyOn(lifecycle, "onboard");
    await lifecycle.onboard("ada");
    expect(onboard).toHaveBeenCalledExactlyOnceWith("ada");
  });

  it("learns the sandbox's new client secret as an application does, by a refusal", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    sandbox.setCredentials({ clientSecret: "the-new-one" });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true, calls: { management: 2 } });
    expect(sandbox.journal.entries().map(({ outcome }) => outcome)).toContain("unauthorized");
  });
});

describe("close()", () => {
  it("closes the lifecycle, once and again, and as a disposal", async () => {
    const world = await createTestLifecycle();
    void world.lifecycle.work();
    await world.lifecycle.onboard("ada");
    await world[Symbol.asyncDispose]();
    await world.close();
    expect(world.clock.timers).toBe(0);
    await expect(world.lifecycle.inspect("ada")).rejects.toMatchObject({ code: "CLOSED" });
  });
});
