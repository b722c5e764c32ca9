/** An operator pauses the management calls of the account, or of a lane. */
import {
  createLifecycle,
  fetchTransport,
  type ImportProgress,
  type Lane,
  type Lifecycle,
  type PauseOptions,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { altered } from "../support/altered.ts";
import { afterwards, arrivedIn, working, workingWorld } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const reason = "1upHealth is being called about a bill";

/** Another process on the same store. */
async function besides({ sandbox, clock, store }: TestLifecycle): Promise<Lifecycle> {
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    store,
    clock,
    transport: fetchTransport((input, init) => sandbox.fetch(new Request(input, init))),
  });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

async function world(options?: TestLifecycleOptions): Promise<TestLifecycle> {
  const made = await createTestLifecycle(options);
  afterwards(() => made.close());
  return made;
}

const paused = { code: "PAUSED", retryable: true } as const;

describe("account.pause()", () => {
  it("stops every kind of management call, keeps each user in its state, and names why and until when", async () => {
    const { lifecycle, sandbox, arrange, clock } = await world();
    await lifecycle.onboard("usable");
    await arrange("lost", "reauthorizing");
    await arrange("unlisted", "locating");
    const until = new Date(clock.now() + hour);
    await lifecycle.account.pause({ reason, until });
    const { management, fhir } = sandbox.journal.spent();

    const error = { ...paused, facts: { type: "paused", reason, until: until.toISOString() } };
    await expect(lifecycle.onboard("new")).rejects.toMatchObject({ ...error, retryAfterMs: hour });
    await expect(lifecycle.accessToken("lost")).rejects.toMatchObject(error);
    await expect(lifecycle.retry("unlisted")).rejects.toMatchObject(error);
    await expect(lifecycle.reauthorize("usable")).rejects.toMatchObject(error);
    await expect(lifecycle.rename("usable", "other")).rejects.toMatchObject(error);
    await expect(lifecycle.remote.find({ appUserId: "new" })).rejects.toMatchObject(error);
    await expect(lifecycle.remote.list().next()).rejects.toMatchObject(error);
    expect(await lifecycle.offboard("usable", { purge: true })).toMatchObject({ state: "identifying" });
    const pause = { reason: "paused", until, why: reason };
    for (const id of ["new", "lost", "unlisted", "usable"])
      expect(await lifecycle.inspect(id)).toMatchObject({ pause, underWay: null });
    expect(sandbox.journal.spent()).toMatchObject({ management, fhir });
  });

  it("ends by itself, and everyone goes on", async () => {
    const { lifecycle, clock } = await workingWorld();
    const until = new Date(clock.now() + hour);
    await lifecycle.account.pause({ reason, until });
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(paused);
    await clock.advance(hour - second);
    expect(await lifecycle.counts()).toEqual({ created: 1 });
    await clock.advance(5 * second);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 1 });
    expect((await lifecycle.health()).paused).toEqual([]);
  });

  it("waits for the end that comes before a caller's own", async () => {
    const { lifecycle, clock } = await workingWorld();
    await lifecycle.account.pause({ reason, until: new Date(clock.now() + minute) });
    expect(await lifecycle.onboard("ada", { waitMs: 2 * minute })).toMatchObject({ usable: true });
  });

  it("lasts until unpause(), in the order of the lanes", async () => {
    const { lifecycle, clock, sandbox } = await workingWorld();
    await lifecycle.account.pause({ reason });
    for (const lane of ["bulk", "recovery", "interactive"] as const)
      await expect(lifecycle.onboard(lane, { lane })).rejects.toMatchObject({
        ...paused,
        retryAfterMs: undefined,
        facts: { until: null },
      });
    await clock.advance(30 * day);
    expect(sandbox.journal.count()).toBe(0);
    await lifecycle.account.unpause();
    await clock.advance(minute);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 3 });
    expect(sandbox.journal.entries().filter(({ call }) => call === "createUser")).toMatchObject([
      { appUserId: "interactive" },
      { appUserId: "recovery" },
      { appUserId: "bulk" },
    ]);
  });

  it("loses no grant, however long it lasts: refreshes and keepAlive go on, tokens are served, FHIR works", async () => {
    const { lifecycle, clock, sandbox } = await workingWorld({
      sandbox: { refreshTokenLifeMs: 30 * day },
    });
    await lifecycle.onboard("ada");
    await lifecycle.account.pause({ reason });
    const { management } = sandbox.journal.spent();
    for (let week = 0; week < 12; week++) await clock.advance(7 * day);
    expect(await lifecycle.inspect("ada")).toMatchObject({ pause: null });
    expect(await lifecycle.accessToken("ada")).not.toBe("");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    expect(sandbox.journal.spent()).toMatchObject({ management });
  });

  it("exchanges a code that 1upHealth has issued", async () => {
    const { lifecycle, sandbox, arrange } = await world();
    await arrange("ada", "codeIssued");
    await lifecycle.account.pause({ reason });
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive", usable: true });
    expect(sandbox.journal.spent().management).toBe(0);
  });

  it("looks up a rename in doubt: without that its token could not be refreshed", async () => {
    const { lifecycle, sandbox, clock } = await workingWorld();
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "updateUser", drop: "before" });
    await expect(lifecycle.rename("ada", "new", { waitMs: 0 })).rejects.toMatchObject({ retryable: true });
    await lifecycle.account.pause({ reason });
    await clock.advance(5 * hour);
    expect(await lifecycle.inspect("ada")).not.toMatchObject({ state: "renameInDoubt" });
    expect(await lifecycle.accessToken("ada")).not.toBe("");
  });

  it("lets a call under way end: its answer counts, and its code is exchanged", async () => {
    const { lifecycle, sandbox, clock } = await workingWorld();
    sandbox.fail({ call: "createUser", delayMs: 5 * second });
    const signedUp = lifecycle.onboard("ada");
    await clock.advance(second);
    await lifecycle.account.pause({ reason });
    await clock.advance(10 * second);
    expect(await signedUp).toMatchObject({ usable: true });
  });

  it("keeps the grant of a user that is to get another, and a rename waits for its end as every call does", async () => {
    const { lifecycle, clock } = await world();
    for (const id of ["ada", "bob", "cyd"]) await lifecycle.onboard(id);
    await lifecycle.account.pause({ reason });
    await lifecycle.hold("ada", reason);
    for (const id of ["ada", "bob"]) {
      await expect(lifecycle.reauthorize(id, { waitMs: 1_000 })).rejects.toMatchObject(paused);
      expect(await lifecycle.inspect(id)).toMatchObject({ state: "tokenActive", usable: true });
    }
    await lifecycle.account.pause({ reason, until: new Date(clock.now() + 20 * second) });
    const renamed = lifecycle.rename("cyd", "zed", { waitMs: minute });
    const renewed = lifecycle.reauthorize("bob", { waitMs: minute });
    await expect(lifecycle.rename("ada", "eve", { waitMs: minute })).rejects.toMatchObject(paused);
    expect(await renamed).toMatchObject({ appUserId: "zed", usable: true });
    expect(await renewed).toMatchObject({ state: "reauthorized" });
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
  });

  it("is part of each forecast, also where it has no end", async () => {
    const { lifecycle, clock } = await world();
    const { account } = lifecycle;
    const inMs = async (lane?: Lane): Promise<number> => (await lifecycle.forecast(1, lane)).inMs;
    await account.pause({ reason });
    expect([await inMs(), await inMs("bulk")]).toEqual([Infinity, Infinity]);
    expect((await lifecycle.budget.refresh()).nextInMs).toBe(Infinity);
    const stop = new AbortController();
    const seen: ImportProgress[] = [];
    const onProgress = (progress: ImportProgress): void => {
      seen.push(progress);
      if (progress.left > 0) stop.abort();
    };
    await lifecycle
      .onboardMany(["ada", "bob"], { name: "spring", signal: stop.signal, onProgress })
      .catch(() => {});
    expect(seen.at(-1)).toMatchObject({ left: 2, endsAt: null });
    await account.unpause();
    await account.pause({ reason, lane: "bulk", until: new Date(clock.now() + 2 * hour) });
    expect([await inMs(), await inMs("bulk")]).toEqual([0, 2 * hour]);
  });

  it("counts the users of a paused lane in its forecast: they wait as well, and go first", async () => {
    const { lifecycle, clock } = await world({
      lifecycle: { limits: { management: { calls: 10, windowMs: hour } } },
    });
    await lifecycle.account.pause({ reason, lane: "bulk", until: new Date(clock.now() + 2 * hour) });
    for (let n = 0; n < 25; n++)
      await lifecycle.onboard(`user ${n}`, { lane: "bulk", waitMs: 0 }).catch(() => {});
    const { ahead, inMs } = await lifecycle.forecast(1, "bulk");
    expect([ahead, inMs]).toEqual([25, expect.toSatisfy((ms: number) => ms > 4 * hour && ms < 5 * hour)]);
    expect(await lifecycle.forecast(1)).toMatchObject({ inMs: 0 });
  });

  it("pauses one lane, and the others neither wait for its users nor are stopped", async () => {
    const { lifecycle, clock, sandbox } = await workingWorld();
    await lifecycle.account.pause({ lane: "interactive", reason });
    await expect(lifecycle.onboard("interactive")).rejects.toMatchObject(paused);
    await expect(lifecycle.remote.find({ appUserId: "x" })).rejects.toMatchObject(paused);
    expect(await lifecycle.onboard("bulk", { lane: "bulk" })).toMatchObject({ usable: true });
    await clock.advance(hour);
    expect(sandbox.journal.count("createUser")).toBe(1);
    expect(await lifecycle.explain("interactive")).toContain(
      `An operator has paused management calls ("${reason}")`,
    );
  });

  it("is lifted for one lane by its name, and as a whole", async () => {
    const { lifecycle } = await world();
    const inForce = async (): Promise<unknown> =>
      (await lifecycle.health()).paused.map(({ lane, reason: why }) => [lane, why]);
    await lifecycle.account.pause({ lane: "bulk", reason: "first" });
    await lifecycle.account.pause({ lane: "bulk", reason: "second" });
    await lifecycle.account.pause({ lane: "recovery", reason: "third" });
    await lifecycle.account.pause({ reason: "all" });
    expect(await inForce()).toEqual([
      [null, "all"],
      ["recovery", "third"],
      ["bulk", "second"],
    ]);
    await lifecycle.account.unpause({ lane: "bulk" });
    expect(await inForce()).toEqual([
      [null, "all"],
      ["recovery", "third"],
    ]);
    await lifecycle.account.unpause();
    expect(await inForce()).toEqual([]);
    expect((await lifecycle.budget.refresh()).paused).toEqual([]);
  });

  it("holds for all processes, also for one that starts later, and no call is made meanwhile", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    const other = working(await besides(made));
    await other.onboard("before");
    await lifecycle.account.pause({ reason });
    await clock.advance(10 * second);
    const later = await besides(made);
    const { management } = sandbox.journal.spent();
    for (const process of [other, later]) {
      await expect(process.onboard(`new ${String(process === later)}`)).rejects.toMatchObject(paused);
      expect(await process.health()).toMatchObject({
        ready: true,
        paused: [{ lane: null, reason, until: null }],
      });
    }
    await clock.advance(day);
    expect(sandbox.journal.spent()).toMatchObject({ management });
    await later.account.unpause();
    await clock.advance(minute);
    expect(arrivedIn(await lifecycle.counts())).toBe(3);
  });

  it("survives a crash of the process at any write", async () => {
    const { lifecycle, restart, crash, sandbox, clock } = await world();
    await lifecycle.account.pause({ reason });
    await crash();
    const next = await restart();
    working(next);
    await expect(next.onboard("ada")).rejects.toMatchObject(paused);
    await clock.advance(day);
    expect(sandbox.journal.count()).toBe(0);
  });

  it("is in force though its own answer was lost, and the caller learns that the store did not answer", async () => {
    let isLost = false;
    const store = altered(memory(), ({ account }) => ({
      account: {
        load: () => account.load(),
        async commit(write) {
          const done = await account.commit(write);
          if (isLost) throw new Error("the answer is lost");
          return done;
        },
      },
    }));
    const { lifecycle } = await world({ lifecycle: { store } });
    isLost = true;
    await expect(lifecycle.account.pause({ reason })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    isLost = false;
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(paused);
  });

  it("begins no call while what is paused cannot be read, and no error names what may be over", async () => {
    let isAway = false;
    const store = altered(memory(), ({ account }) => ({
      account: {
        load: () => (isAway ? Promise.reject(new Error("away")) : account.load()),
        commit: (write) => account.commit(write),
      },
    }));
    const made = await world({ lifecycle: { store } });
    const { lifecycle, clock, sandbox } = made;
    await lifecycle.onboard("ada");
    const unread = { code: "STORE_UNAVAILABLE" };
    isAway = true;
    await clock.advance(minute);
    await expect(lifecycle.onboard("bob", { waitMs: 0 })).rejects.toMatchObject(unread);
    isAway = false;
    await lifecycle.account.pause({ reason });
    await expect(lifecycle.onboard("eve")).rejects.toMatchObject({ code: "PAUSED" });
    await (await besides(made)).account.unpause();
    isAway = true;
    await clock.advance(minute);
    await expect(lifecycle.onboard("eve", { waitMs: 0 })).rejects.toMatchObject(unread);
    expect(sandbox.journal.count("createUser")).toBe(1);
  });

  it.each([
    [{}, "reason must be a text of 1 to 200 characters on one line"],
    [{ reason: "" }, "reason must be a text of 1 to 200 characters on one line"],
    [{ reason: "two\nlines" }, "reason must be a text of 1 to 200 characters on one line"],
    [{ reason: "x".repeat(201) }, "reason must be a text of 1 to 200 characters"],
    [{ reason, lane: "slow" }, "lane must be one of interactive, recovery, bulk"],
    [{ reason, until: "2030-01-01" }, "until must be a Date in the future"],
    [{ reason, until: new Date(NaN) }, "until must be a Date in the future"],
    [{ reason, until: new Date(0) }, "until must be a Date in the future"],
    [{ reason, til: new Date(0) }, "one of reason, lane, until"],
    [undefined, "reason must be a text"],
  ])("refuses %j at the door", async (options, message) => {
    const { lifecycle } = await world();
    await expect(lifecycle.account.pause(options as PauseOptions)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^Cannot pause the account: /),
    });
    await expect(lifecycle.account.pause(options as PauseOptions)).rejects.toThrow(message);
    expect((await lifecycle.health()).paused).toEqual([]);
  });

  it("counts what it cannot read of a pause as a pause, and a later release's fields as unknown", async () => {
    const made = await world();
    const { lifecycle, store, sandbox, clock } = made;
    await lifecycle.account.pause({ reason });
    const opened = await store.open({ account: accountOf(sandbox.credentials.clientId), clock });
    const found = await opened.account.load();
    const value = {
      ...(found?.value as object),
      pauses: { bulk: { why: 7 }, later: { reason }, all: "soon" },
    };
    await opened.account.commit({ value, expectedRevision: found?.revision ?? 0, writeId: "later" });
    await clock.advance(10 * second);
    const other = await besides(made);
    await other.onboard("ada");
    expect((await other.health()).paused).toMatchObject([{ lane: "bulk", until: null }]);
  });
});
