/** Calls that are blocked before they reach 1upHealth: by a firewall that blocks one id, by a captive portal, from a blocked region. */
import {
  createLifecycle,
  fetchTransport,
  type Lifecycle,
  type Transport,
  type TransportResponse,
} from "oneup-lifecycle";
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { oneIn, thorough } from "../support/effort.ts";
import { afterwards } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const manyCalls = { calls: 10_000, windowMs: hour };

/** One process and the account's store, with room for many calls. */
async function world(calls = manyCalls): Promise<TestLifecycle> {
  const made = await createTestLifecycle({
    sandbox: { limit: calls },
    lifecycle: { limits: { management: calls } },
  });
  afterwards(() => made.close());
  return made;
}

/** What stands between a process and 1upHealth. */
interface Portal {
  /** What every call is answered with; `null`: it comes through. */
  answer: TransportResponse | null;
}

/** Another process on the same store, with a way of its own to 1upHealth. */
async function beside({ sandbox, store, clock }: TestLifecycle, portal: Portal): Promise<Lifecycle> {
  const inner = fetchTransport((request, options) => sandbox.fetch(new Request(request, options)));
  const transport: Transport = {
    send: async (request) => {
      if (portal.answer === null) return inner.send(request);
      request.onSending();
      return portal.answer;
    },
  };
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    limits: { management: manyCalls },
    store,
    clock,
    transport,
  });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

function working(lifecycle: Lifecycle): void {
  const stop = new AbortController();
  const done = lifecycle.work({ pollMs: second, signal: stop.signal });
  afterwards(async () => {
    stop.abort();
    await done;
  });
}

const page = "<html><head><title>Blocked</title></head><body>Request rejected</body></html>";
const html = { "content-type": "text/html" };
const stops: Readonly<Record<string, Pick<Fault, "status" | "body" | "headers">>> = {
  "403 of a gateway": { status: 403, body: { message: "Forbidden" } },
  "403 as a page": { status: 403, body: page, headers: html },
  "406": { status: 406, body: "Not Acceptable" },
  "a page with 200": { status: 200, body: page, headers: html },
  "a redirect": { status: 302, body: "", headers: { location: "https://portal.example/login" } },
  "401 without JSON": { status: 401, body: "" },
};

/** A firewall that dislikes this id, wherever it stands. */
function poison({ sandbox }: TestLifecycle, id: string, stop: Partial<Fault>): void {
  for (const call of ["createUser", "issueAuthCode", "listUsers"] as const) {
    sandbox.fail({ ...stop, call, appUserId: id, times: Infinity });
  }
}

const neutralCalls = ({ sandbox }: TestLifecycle): number =>
  sandbox.journal.entries().filter(({ call, appUserId }) => call === "listUsers" && appUserId === undefined)
    .length;

describe("ten ids that a firewall stops", () => {
  const answers = [
    ...Object.entries(stops),
    ["401 in JSON", { status: 401, body: { message: "Unauthorized" } }] as const,
  ];
  it.each(oneIn(7, answers))("with %s leave all other sign-ups alone", async (_, stop) => {
    const made = await world();
    const { lifecycle, clock } = made;
    working(lifecycle);
    let came = 0;
    let honest = 0;
    const poisoned = Array.from({ length: 10 }, (_none, index) => `poison ${index}`);
    for (const id of poisoned) poison(made, id, stop);
    const refused: Promise<unknown>[] = [];
    for (let round = 0; round < (thorough ? 60 : 20); round++) {
      const bad = lifecycle
        .onboard(poisoned[round % 10] as string, { waitMs: second })
        .catch((error) => error);
      for (let person = 0; person < 5; person++) {
        honest++;
        const id = `person ${round}.${person}`;
        const arrived = await lifecycle.onboard(id, { waitMs: 2 * second }).catch(() => null);
        if (arrived?.usable === true) came++;
        await clock.advance(12 * second);
      }
      refused.push(bad);
    }
    expect(came).toBeGreaterThanOrEqual(honest * 0.99);
    for (const bad of refused) expect(await bad).toMatchObject({ retryable: true });
    expect(neutralCalls(made)).toBeLessThanOrEqual(12);
    expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null, shut: [], apart: 10 });
  });

  it("wait alone, longer each time, and come through once the firewall lets them", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    working(lifecycle);
    for (let user = 0; user < 10; user++) {
      poison(made, `poison ${user}`, stops["406"] as Fault);
      await lifecycle.onboard(`poison ${user}`, { waitMs: 0, lane: "bulk" }).catch(() => null);
    }
    await clock.advance(3 * hour);
    const each = sandbox.journal.entries().filter(({ appUserId }) => appUserId === "poison 3");
    expect(each.length).toBeGreaterThan(3);
    expect(each.length).toBeLessThanOrEqual(7);
    expect(await lifecycle.inspect("poison 3")).toMatchObject({
      pause: { reason: "forbidden" },
      usable: false,
    });
    expect(await lifecycle.explain("poison 3")).toMatch(
      /blocked before they reach 1upHealth .* for this user, while other calls succeed/,
    );
    expect(await lifecycle.onboard("honest")).toMatchObject({ usable: true });
    sandbox.clearFaults();
    expect(await lifecycle.retry("poison 3", { by: "bob" })).toMatchObject({ usable: true });
    expect((await lifecycle.history("poison 3")).some(({ by }) => by === "bob")).toBe(true);
    await clock.advance(65 * minute);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 11 });
    expect(await lifecycle.health()).toMatchObject({ ready: true, shut: [], apart: 0 });
  });

  it("that come all at once delay no user for longer than seconds", async () => {
    const made = await world();
    const { lifecycle, clock } = made;
    for (let user = 0; user < 10; user++) poison(made, `poison ${user}`, stops["403 as a page"] as Fault);
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          lifecycle.onboard(`poison ${5 * round + n}`, { waitMs: 0 }).catch(() => null),
        ),
      );
      const began = clock.now();
      expect(await lifecycle.onboard(`honest ${round}`)).toMatchObject({ usable: true });
      expect(clock.now() - began).toBeLessThan(10 * second);
    }
    expect((await lifecycle.health()).shut).toEqual([]);
  });

  it("get a time to come back, and are not requested again before", async () => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    poison(made, "poison", stops["406"] as Fault);
    for (let round = 0; round < 3; round++) {
      const refused = lifecycle.onboard("poison");
      await expect(refused).rejects.toMatchObject({ code: "FORBIDDEN", retryable: true });
      await expect(refused).rejects.toHaveProperty("retryAfterMs");
    }
    expect(sandbox.journal.count("createUser")).toBe(1);
    expect(neutralCalls(made)).toBe(1);
  });
});

describe("one process of two behind a captive portal", () => {
  const portals: Readonly<Record<string, TransportResponse>> = {
    "a redirect": { status: 302, headers: { location: "http://portal.example/" }, text: "" },
    "a page": { status: 200, headers: html, text: "<html><form>Log in: <input type=password></form></html>" },
    "511": { status: 511, headers: html, text: page },
    "403 with a page": { status: 403, headers: html, text: page },
  };

  const persons = thorough ? 120 : 40;

  it.each(oneIn(4, Object.entries(portals)))(
    "that answers with %s takes nothing from the other",
    async (_, answer) => {
      const made = await world();
      const { lifecycle: healthy, clock } = made;
      const portal: Portal = { answer };
      const captive = await beside(made, portal);
      working(healthy);
      working(captive);
      let came = 0;
      const lost: unknown[] = [];
      for (let person = 0; person < persons; person++) {
        const elsewhere = captive
          .onboard(`there ${person}`, { waitMs: second })
          .catch((error: unknown) => error);
        const here = await healthy.onboard(`here ${person}`, { waitMs: second });
        if (here.usable) came++;
        await clock.advance(30 * second);
        const there = await elsewhere;
        if (there instanceof Error) lost.push(there);
      }
      expect(came).toBe(persons);
      for (const error of lost) expect(error).toMatchObject({ code: "FORBIDDEN", retryable: true });
      await clock.advance(5 * second);
      expect(await healthy.counts(), "the healthy one takes up all of the other").toEqual({
        tokenActive: 2 * persons,
      });
      expect(await healthy.health()).toMatchObject({ ready: true, shut: [] });
      expect(await captive.health()).toMatchObject({
        ready: false,
        problem: "FORBIDDEN",
        shut: [{ gate: "region" }],
      });
      await captive.onboard("one more", { waitMs: 0 }).catch(() => null);
      expect(await captive.resume(), "it takes up no user").toEqual({ taken: 0, rested: {} });
      portal.answer = null;
      await clock.advance(61 * minute);
      expect(await captive.health()).toMatchObject({ ready: true, problem: null, shut: [] });
      const after = captive.onboard("after", { waitMs: 5 * second });
      await clock.advance(5 * second);
      expect(await after).toMatchObject({ usable: true });
    },
  );

  it("gives a user back whose code it holds, before the code passes", async () => {
    const made = await world();
    const { lifecycle: healthy, clock, sandbox } = made;
    const portal: Portal = { answer: null };
    const captive = await beside(made, portal);
    working(healthy);
    working(captive);
    const unsubscribe = captive.subscribe(({ state }) => {
      if (state === "codeIssued") portal.answer = portals["a page"] as TransportResponse;
    });
    const ada = captive.onboard("ada", { waitMs: second }).catch(() => null);
    await clock.advance(10 * second);
    unsubscribe();
    await ada;
    expect(await healthy.inspect("ada")).toMatchObject({ state: "tokenActive" });
    expect(sandbox.journal.spent().management).toBe(1);
  });
});

describe("a region that 1upHealth blocks", () => {
  const everything = { times: Infinity, status: 403, body: { message: "Forbidden" } } as const;

  it("costs one call and a neutral one, then a neutral one after 5 min, doubling to an hour", async () => {
    const made = await world({ calls: 300, windowMs: hour });
    const { lifecycle, clock, sandbox } = made;
    working(lifecycle);
    sandbox.fail(everything);
    for (let user = 0; user < 50; user++) {
      await lifecycle.onboard(`user ${user}`, { waitMs: 0, lane: "bulk" }).catch(() => null);
    }
    await clock.advance(0);
    expect(sandbox.journal.count("createUser")).toBe(1);
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject({ code: "FORBIDDEN", retryable: true });
    expect(await lifecycle.health()).toMatchObject({ ready: false, problem: "FORBIDDEN", apart: 0 });
    await clock.advance(24 * hour);
    expect(sandbox.journal.count("createUser")).toBe(1);
    expect(neutralCalls(made)).toBeLessThanOrEqual(1 + 4 + 24);
    expect(neutralCalls(made)).toBeGreaterThan(20);
    sandbox.clearFaults();
    await clock.advance(61 * minute);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 51 });
    expect(await lifecycle.health()).toMatchObject({ ready: true, shut: [] });
  });

  it("costs no user its grant: reauthorize() changes nothing", async () => {
    const { lifecycle, sandbox } = await world({ calls: 300, windowMs: hour });
    await lifecycle.onboard("ada");
    sandbox.fail(everything);
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({ code: "FORBIDDEN", retryable: true });
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
  });

  it("burns no quota though a neutral call had come through a moment before", async () => {
    const made = await world({ calls: 300, windowMs: hour });
    const { lifecycle, clock, sandbox } = made;
    poison(made, "poison", stops["406"] as Fault);
    await expect(lifecycle.onboard("poison")).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(neutralCalls(made)).toBe(1);
    working(lifecycle);
    sandbox.fail(everything);
    for (let user = 0; user < 200; user++) {
      await lifecycle.onboard(`user ${user}`, { waitMs: 0, lane: "bulk" }).catch(() => null);
      await clock.advance(100);
    }
    await clock.advance(hour);
    expect(sandbox.journal.spent().management).toBeLessThan(50);
    sandbox.clearFaults();
    await clock.advance(2 * hour);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 201 });
    expect(await lifecycle.health()).toMatchObject({ ready: true, shut: [], apart: 0 });
  });

  it("for the token endpoint alone stops this process as well, without a code spent for each user", async () => {
    const made = await world({ calls: 300, windowMs: hour });
    const { lifecycle, clock, sandbox } = made;
    working(lifecycle);
    sandbox.fail({ ...everything, call: "exchangeCode" });
    for (let user = 0; user < 50; user++) {
      await lifecycle.onboard(`user ${user}`, { waitMs: 0, lane: "bulk" }).catch(() => null);
    }
    await clock.advance(12 * hour);
    expect(sandbox.journal.spent().management).toBeLessThan(10);
    expect(await lifecycle.health()).toMatchObject({ ready: false, problem: "FORBIDDEN" });
    sandbox.clearFaults();
    await clock.advance(61 * minute);
    const { tokenActive = 0, reauthorized = 0 } = await lifecycle.counts();
    expect(tokenActive + reauthorized).toBe(50);
  });
});

describe("an exchange that is stopped for some users", () => {
  it("holds the others up for no longer than one call", async () => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    working(lifecycle);
    for (let user = 0; user < 10; user++) {
      sandbox.fail({
        call: "exchangeCode",
        appUserId: `poison ${user}`,
        times: Infinity,
        status: 403,
        body: page,
        headers: html,
      });
    }
    let came = 0;
    for (let round = 0; round < 30; round++) {
      void lifecycle.onboard(`poison ${round % 10}`, { waitMs: second }).catch(() => null);
      const { usable } = await lifecycle.onboard(`person ${round}`, { waitMs: 2 * second });
      if (usable) came++;
      await clock.advance(minute);
    }
    expect(came).toBe(30);
    expect((await lifecycle.health()).shut).toEqual([]);
  });
});
