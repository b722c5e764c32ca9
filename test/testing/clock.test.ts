import type { FhirAttachment, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { type Duration, type TestLifecycle, createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { createActor, toPromise, waitFor } from "xstate";

const minute = 60_000;
const hour = 60 * minute;

/** A store that reports each look-up of a user. */
function counting(looked: () => void): StoreAdapter {
  const adapter = memory();
  return {
    ...adapter,
    async open(options) {
      const store = await adapter.open(options);
      return { ...store, load: (id) => (looked(), store.load(id)) };
    },
  };
}

describe("clock.advance()", () => {
  it.each<[Duration, number]>([
    [250, 250],
    ["250ms", 250],
    ["1.5s", 1_500],
    ["90m", 90 * minute],
    ["2h", 2 * hour],
    ["14d", 14 * 24 * hour],
  ])("takes %s", async (time, ms) => {
    const { clock } = await createTestLifecycle({ now: 0 });
    await clock.advance(time);
    expect([clock.now(), clock.monotonic()]).toEqual([ms, ms]);
  });

  it.each([-1, Number.NaN, "2 hours", "-2h", "h", ""])("refuses %j", async (time) => {
    const { clock } = await createTestLifecycle();
    await expect(clock.advance(time as Duration)).rejects.toThrow(
      `Cannot read a duration: it must be milliseconds from 0, or text such as "90s", "2h" or "14d", got ${time}`,
    );
  });

  it.each<Duration>([1e300, 8.64e15, "99999999999d"])("refuses %j, which no date can hold", async (time) => {
    const { clock } = await createTestLifecycle();
    await expect(clock.advance(time)).rejects.toThrow(
      "Cannot advance the clock: the time it comes to must be a number from 0 to 8640000000000000",
    );
    expect(clock.monotonic()).toBe(0);
  });

  it("moves time by the sum where calls overlap, each timer at its own time", async () => {
    const { clock } = await createTestLifecycle({ now: 0 });
    const fired: number[] = [];
    for (const ms of [30 * minute, 90 * minute, 4 * hour]) clock.timer(ms, () => fired.push(clock.now()));
    const refused = clock.advance(8.64e15 + 1).catch(String);
    await Promise.all([clock.advance("1h"), clock.advance("1h"), clock.set(5 * hour)]);
    expect(await refused).toContain("Cannot advance the clock");
    expect(fired).toEqual([30 * minute, 90 * minute, 4 * hour]);
    expect([clock.now(), clock.monotonic()]).toEqual([5 * hour, 5 * hour]);
    await Promise.all([clock.advance("1h"), clock.set(hour)]);
    expect([clock.now(), clock.monotonic()]).toEqual([hour, 6 * hour]);
  });

  it("takes some looks an hour at a user who is watched, and shows each change", async () => {
    let looks = 0;
    const { lifecycle, clock } = await createTestLifecycle({ lifecycle: { store: counting(() => looks++) } });
    await lifecycle.onboard("ada");
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { state, usable } of lifecycle.watch("ada"))
        seen.push(`${state}${usable ? "" : ", not usable"}`);
    })();
    const page = createActor(lifecycle.watcher, { input: { appUserId: "ada" } }).start();
    looks = 0;
    await clock.advance("1d");
    expect(looks).toBeLessThanOrEqual(2 * 24 * 60); // one a second and watcher would take seconds of the test's time
    expect(seen).toEqual(["tokenActive", "expiring", "expiring, not usable"]);
    expect(page.getSnapshot().context).toMatchObject({ state: "expiring", usable: false });
    page.stop();
    await lifecycle.close();
    await watching;
  });

  it("lets a worker take up each user when it is due", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle({
      lifecycle: { refresh: { policy: "eager" } },
    });
    void lifecycle.work();
    await lifecycle.onboard("ada");
    await clock.advance("30m");
    await lifecycle.onboard("bob");
    await clock.advance("1d");
    const refreshes = sandbox.journal.entries().filter(({ call }) => call === "refreshToken");
    const gaps = ["ada", "bob"].map((id) => {
      const times = refreshes.filter(({ appUserId }) => appUserId === id).map(({ at }) => at);
      return times.slice(1).map((at, index) => at - (times[index] ?? 0));
    });
    expect(gaps.flat().length).toBeGreaterThan(20);
    for (const gap of gaps.flat()) expect(gap).toBeGreaterThan(105 * minute);
    for (const gap of gaps.flat()) expect(gap).toBeLessThanOrEqual(110 * minute);
    expect(await lifecycle.inspect("bob")).toMatchObject({ state: "refreshed", usable: true });
  });

  it("moves the sandbox with everything else: latency, delays, expiry, the hour of the limit", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle({
      autoAdvance: false,
      sandbox: { latencyMs: 200, limit: { calls: 1 } },
      lifecycle: { limits: { management: { calls: 1, windowMs: hour } } },
    });
    const ada = lifecycle.onboard("ada");
    await clock.advance(399);
    expect((await lifecycle.inspect("ada")).underWay).toBe("exchangeCode");
    await clock.advance(1);
    expect(await ada).toMatchObject({ usable: true });
    const bob = lifecycle.onboard("bob", { waitMs: 2 * hour });
    await clock.advance("59m");
    expect((await lifecycle.inspect("bob")).state).toBe("created");
    await clock.advance("2m");
    expect(await bob).toMatchObject({ usable: true });
    expect(sandbox.journal.mostInWindow(hour)).toBe(1);
  });
});

describe("clock.set()", () => {
  it("goes ahead as advance() does, and back without a timer's noticing", async () => {
    const { lifecycle, clock } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    await clock.set(Date.UTC(2026, 0, 1, 3));
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "expiring", usable: false });
    await clock.set(Date.UTC(2026, 0, 1, 1));
    expect(clock.monotonic()).toBe(3 * hour);
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: false }); // a clock that goes back is believed later
    await clock.advance("1m");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
  });
});

describe("clock.set(), of no moment,", () => {
  it.each(["2026", Number.NaN, -1, 1e300, new Date(0), undefined])("refuses %j", async (time) => {
    const { clock } = await createTestLifecycle();
    const before = clock.now();
    await expect(clock.set(time as number)).rejects.toThrow(
      "Cannot set the clock: ms since 1970 must be a number from 0 to 8640000000000000, got ",
    );
    expect(clock.now()).toBe(before);
  });
});

describe("clock.autoAdvance", () => {
  it("lets time pass while a call waits for nothing else, and no longer", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle();
    const begun = clock.now();
    await lifecycle.onboard("ada");
    expect(clock.now()).toBe(begun);
    sandbox.fail({ call: "createUser", status: 503, times: 2 });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(clock.now()).toBeGreaterThan(begun);
    expect(clock.now()).toBeLessThan(begun + 30_000);
    expect(clock.timers).toBe(0);
  });

  it("ends waitMs", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle();
    sandbox.fail({ call: "createUser", status: 503, times: Infinity });
    const ada = await lifecycle.onboard("ada", { waitMs: 10 * minute });
    expect(ada).toMatchObject({ usable: false, pause: { reason: "unavailable" } });
    expect(clock.monotonic()).toBe(10 * minute);
  });

  it("brings a list in that takes longer than an hour", async () => {
    const { lifecycle, clock } = await createTestLifecycle();
    const ids = Array.from({ length: 320 }, (_, index) => `user-${index}`);
    expect(await lifecycle.onboardMany(ids, { name: "spring" })).toMatchObject({ arrived: 320, failed: 0 });
    expect(clock.monotonic()).toBeGreaterThan(hour);
    expect(clock.monotonic()).toBeLessThan(2 * hour);
  });

  it("lets an attachment whose content is wrong wait for its repetition, and leaves its stream as it is", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const data = Buffer.from("hello").toString("base64");
    const [id] = sandbox.addResources("ada", "r4", [
      { resourceType: "Binary", contentType: "text/plain", data },
    ]);
    const open = (hash?: string): Promise<FhirAttachment> =>
      lifecycle.fhir("ada", "r4").attachment({ url: `Binary/${id}`, ...(hash !== undefined && { hash }) });
    const file = await open("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    await expect(file.bytes()).rejects.toMatchObject({ code: "BAD_ANSWER" });
    expect(await new Response((await open()).stream()).text()).toBe("hello");
    let text = "";
    for await (const piece of await open()) text += Buffer.from(piece).toString();
    expect(text).toBe("hello");
  });

  it("lets FHIR calls and walks wait as well", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle({ sandbox: { readLagMs: 700 } });
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" }, { untilReadable: true });
    expect(clock.monotonic()).toBeGreaterThanOrEqual(700);
    sandbox.addResources(
      "ada",
      "r4",
      Array.from({ length: 30 }, () => ({ resourceType: "Basic" })),
    );
    sandbox.fail({ call: "fhir.search", skip: 1, status: 503 });
    const found: unknown[] = [];
    for await (const basic of fhir.searchAll("Basic", {}, {})) found.push(basic);
    expect(found).toHaveLength(30);
    expect(await fhir.read("Patient", id)).toMatchObject({ id });
  });

  it("lets a call of sandbox.fetch() wait as well, and only as long as it takes", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    const authorization = `Bearer ${await lifecycle.accessToken("ada")}`;
    const search = () => sandbox.fetch("https://api.1up.health/r4/Patient", { headers: { authorization } });
    expect((await search()).status).toBe(200);
    expect(clock.monotonic()).toBe(0);
    sandbox.fail({ call: "fhir.search", delayMs: 1_000 });
    expect((await search()).status).toBe(200);
    expect(clock.monotonic()).toBe(1_000);
    clock.autoAdvance = false;
    sandbox.fail({ call: "fhir.search", delayMs: 1_000 });
    const late = search();
    await clock.advance(999);
    expect(sandbox.journal.count("fhir.search")).toBe(2);
    await clock.advance(1);
    expect((await late).status).toBe(200);
    stop.abort();
    await working;
  });

  it("lets a call over sandbox.listen() wait as well", async () => {
    const { clock, sandbox } = await createTestLifecycle({ sandbox: { latencyMs: [700, 700] } });
    const server = await sandbox.listen();
    const answer = await fetch(`${server.url}/login`);
    await server.close();
    expect([answer.status, clock.monotonic()]).toEqual([200, 700]);
  });

  it("leaves time alone while only a worker is there", async () => {
    const { lifecycle, clock, arrange } = await createTestLifecycle();
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    await arrange("ada", "created");
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.monotonic()).toBe(0);
    expect((await lifecycle.inspect("ada")).state).toBe("tokenActive");
    stop.abort();
    expect(await working).toMatchObject({ rested: { tokenActive: 1 } });
  });

  it("lets a worker end whose signal has aborted while a call is under way", async () => {
    const { lifecycle, clock, sandbox, arrange } = await createTestLifecycle();
    await arrange("ada", "created");
    sandbox.fail({ call: "createUser", delayMs: 2_000 });
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    await clock.advance("1s");
    stop.abort();
    await working;
    expect(clock.monotonic()).toBeGreaterThanOrEqual(2_000);
    await lifecycle.work({ signal: stop.signal });
    await expect(lifecycle.work({ signal: "none" as never })).rejects.toThrow("signal");
  });

  it.each([
    { status: 503, times: Infinity },
    { delayMs: 2_000, times: 2 },
  ])("switched off, does not keep a lifecycle from ending: %j", async (fault) => {
    const world = await createTestLifecycle({ autoAdvance: false });
    world.sandbox.fail({ call: "createUser", ...fault });
    const ada = world.lifecycle.onboard("ada").catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([world.restart(), ada]);
    const bob = world.lifecycle.onboard("bob").catch(() => {});
    const stop = new AbortController();
    const working = world.lifecycle.work({ signal: stop.signal });
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await working;
    await Promise.all([world.close(), bob]);
  });

  it("lets an actor wait as a call does, until it is done", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle({
      lifecycle: { limits: { management: { calls: 1, windowMs: hour } } },
    });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "exchangeCode", status: 503 });
    const bob = createActor(lifecycle.actor, { input: { appUserId: "bob" } });
    const output = toPromise(bob);
    bob.start();
    expect(await output).toMatchObject({ usable: true });
    expect(clock.monotonic()).toBeGreaterThan(hour);
    expect(clock.monotonic()).toBeLessThan(hour + 2 * minute);
    expect(clock.timers).toBe(0);
  });

  it.each<[string, (world: TestLifecycle, actor: { stop(): unknown }) => unknown]>([
    ["was stopped", (_, actor) => actor.stop()],
    ["lost its lifecycle", ({ lifecycle }) => lifecycle.close()],
    ["lost its process", ({ crash }) => crash()],
  ])("leaves time alone once an actor %s", async (_, end) => {
    const world = await createTestLifecycle();
    const { clock, sandbox } = world;
    sandbox.fail({ status: 503, times: Infinity });
    const ada = createActor(world.lifecycle.actor, { input: { appUserId: "ada" } }).start();
    await waitFor(ada, ({ context }) => context?.pause?.reason === "unavailable");
    await end(world, ada);
    await world.restart({ after: 0 });
    const then = clock.now();
    void world.lifecycle.work();
    clock.timer(hour, () => {});
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.now()).toBe(then);
    await world.close();
  });

  it("can be switched off, and on again", async () => {
    const { lifecycle, clock, sandbox } = await createTestLifecycle({ autoAdvance: false });
    sandbox.fail({ call: "createUser", status: 503 });
    const ada = lifecycle.onboard("ada");
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(clock.monotonic()).toBe(0);
    expect((await lifecycle.inspect("ada")).pause).toMatchObject({ reason: "unavailable" });
    clock.autoAdvance = true;
    expect(await ada).toMatchObject({ usable: true });
  });
});
