import { memory } from "oneup-lifecycle/adapters/memory";
import { LifecycleError, type ImportProgress, type Reject, type StoreAdapter } from "oneup-lifecycle";
import { describe, expect, it, vi } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { people, plenty } from "../support/people.ts";
import { hurry, scene, spentOn } from "../support/scene.ts";

const hour = 3_600_000;

describe("onboardMany()", () => {
  it("imports every user for one call each, and reports its progress", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = await open(plenty);
    const seen: ImportProgress[] = [];
    const done = await lifecycle.onboardMany(people(120), {
      name: "spring",
      expect: "new",
      onProgress: (progress) => seen.push(progress),
    });
    expect(done).toMatchObject({
      phase: "done",
      read: 120,
      added: 120,
      present: 0,
      rejected: 0,
      rejects: [],
    });
    expect(done).toMatchObject({ arrived: 120, failed: 0, left: 0, waiting: 0, endsAt: null });
    expect(sandbox.journal.spent().management).toBe(120);
    expect(await lifecycle.counts()).toEqual({ tokenActive: 120 });
    expect(new Set(seen.map(({ phase }) => phase))).toEqual(new Set(["reading", "onboarding", "done"]));
    expect(seen.map(({ left }) => left).toSorted((a, b) => b - a)[0]).toBeGreaterThan(0);
  });

  it("reports shut gates that stop its calls, and no others", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open(plenty);
    await lifecycle.onboard("ada");
    const throttled = { status: 429, body: "", headers: { "retry-after": "600" } };
    sandbox.fail({ call: "fhir.read", ...throttled });
    await expect(lifecycle.fhir("ada", "r4").read("Patient", "x")).rejects.toThrow("429");
    expect((await lifecycle.health()).shut).toMatchObject([{ gate: "fhir" }]);
    const seen = new Set<string>();
    const onProgress = ({ shut }: ImportProgress): void => shut.forEach(({ gate }) => void seen.add(gate));
    await lifecycle.onboardMany(people(5), { name: "spring", expect: "new", onProgress });
    expect([...seen]).toEqual([]);
    sandbox.fail({ call: "exchangeCode", ...throttled });
    hurry(sandbox, 1_000);
    await lifecycle.onboardMany(people(5, 5), { name: "summer", expect: "new", onProgress });
    expect([...seen]).toEqual(["token"]);
  });

  it("passes over rows that cannot be used, and names them", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const rows = ["ada", "", "bob\n", "ada", 7 as unknown as string];
    const heard: Reject<string>[] = [];
    const onReject = (reject: Reject<string>): void => void heard.push(reject);
    const done = await lifecycle.onboardMany(rows, { name: "spring", expect: "new", onReject });
    expect(done).toMatchObject({ read: 5, added: 1, present: 1, rejected: 3, arrived: 1 });
    expect(heard).toMatchObject([
      { row: 2, given: "" },
      { given: "bob\n" },
      { given: 7, code: "INVALID_ID" },
    ]);
    expect(done.rejects.map(({ row, code }) => [row, code])).toEqual([
      [2, "INVALID_ID"],
      [3, "INVALID_ID"],
      [5, "INVALID_ID"],
    ]);
  });

  it("gives onReject every row that cannot be used, of which the result names a hundred", async () => {
    const { open } = await scene();
    let heard = 0;
    const rows = Array.from({ length: 250 }, () => "");
    const done = await (await open()).onboardMany(rows, { name: "spring", onReject: () => void heard++ });
    expect([heard, done.rejected, done.rejects.length]).toEqual([250, 250, 100]);
  });

  it("leaves users alone who are here already", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("user 1");
    const done = await lifecycle.onboardMany(people(3), { name: "spring", expect: "new" });
    expect(done).toMatchObject({ added: 2, present: 1, arrived: 2 });
    expect(spentOn(sandbox, "user 1")).toEqual(["createUser"]);
  });

  it("run again under its name leaves alone who was forgotten since; onboard() starts over", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboardMany(people(2), { name: "spring", expect: "new" });
    await lifecycle.offboard("user 1");
    await lifecycle.forget("user 1");
    const calls = sandbox.journal.count();
    const again = await lifecycle.onboardMany(people(2), { name: "spring", expect: "new" });
    expect(again).toMatchObject({ read: 2, added: 0, present: 1, departed: 1, left: 0 });
    await expect(lifecycle.inspect("user 1")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(sandbox.journal.count()).toBe(calls);
    expect(await lifecycle.onboard("user 1")).toMatchObject({ usable: true });
  });

  it("is done in the lanes' order: a user who signs up meanwhile goes first", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits: { management: { calls: 4, windowMs: 60_000 } } });
    const importing = lifecycle.onboardMany(people(20), { name: "spring", expect: "new" });
    await vi.waitFor(async () => expect((await lifecycle.budget.refresh()).waiting.bulk).toBe(16)); // 4 have a slot
    const person = lifecycle.onboard("in person", { waitMs: 60 * 60_000 });
    await vi.waitFor(async () => expect((await lifecycle.budget.refresh()).waiting.interactive).toBe(1));
    hurry(sandbox, 1_000);
    expect(await person).toMatchObject({ usable: true });
    expect(await importing).toMatchObject({ arrived: 20 });
    const created = sandbox.journal.entries().filter(({ call }) => call === "createUser");
    const place = created.findIndex(({ appUserId }) => appUserId === "in person");
    expect(place, "after the 4 of the first window, in the next one").toBeLessThan(8);
    expect(sandbox.journal.mostInWindow(60_000)).toBeLessThanOrEqual(4);
  });

  it("stops at an abort, and goes on under its name where it was, with more rows if there are", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const tight = await open({ limits: { management: { calls: 10, windowMs: hour } } });
    const stop = new AbortController();
    const reason = new Error("enough for today");
    const first = tight.onboardMany(people(50), {
      name: "spring",
      expect: "new",
      signal: stop.signal,
      onProgress: ({ arrived }) => arrived > 0 && stop.abort(reason),
    });
    await expect(first).rejects.toBe(reason);
    await tight.account.setLimits(plenty.limits);
    const lifecycle = await open(plenty);
    const done = await lifecycle.onboardMany(people(60), { name: "spring", expect: "new" });
    expect(done).toMatchObject({ read: 60, added: 10, present: 50, left: 0, failed: 0 });
    expect(await lifecycle.counts()).toEqual({ tokenActive: 60 });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(sandbox.journal.spent().management).toBe(60);
  });

  it("stops reading at an abort though the source is silent, and tells the source", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const stop = new AbortController();
    let closed = false;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next() {
          stop.abort(new Error("no more"));
          return new Promise(() => {});
        },
        return: async () => {
          closed = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const importing = lifecycle.onboardMany(source, { name: "silent", expect: "new", signal: stop.signal });
    await expect(importing).rejects.toThrow("no more");
    expect(closed).toBe(true);
  });

  it("asks the source for no more rows than are in hand", async () => {
    const { open } = await scene({ limit: { calls: 10_000 } });
    const store = memory();
    let written = 0;
    const counting = {
      ...store,
      open: async (options: Parameters<typeof store.open>[0]) => {
        const opened = await store.open(options);
        const commit: typeof opened.commit = async (one) => {
          if (one.expectedRevision === 0) written++;
          return opened.commit(one);
        };
        return { ...opened, commit };
      },
    };
    const lifecycle = await open({ ...plenty, store: counting });
    let most = 0;
    function* rows(): Generator<string> {
      for (const [index, id] of people(300).entries()) {
        most = Math.max(most, index - written);
        yield id;
      }
    }
    await lifecycle.onboardMany(rows(), { name: "long", expect: "new", everyMs: 100 });
    expect(most).toBeLessThanOrEqual(128);
  });

  it("rejects with what the source throws; who was read is kept", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    async function* rows(): AsyncGenerator<string> {
      yield* ["ada", "bob"];
      throw new Error("the file is gone");
    }
    await expect(lifecycle.onboardMany(rows(), { name: "broken", expect: "new" })).rejects.toThrow("is gone");
    expect(await lifecycle.counts()).toEqual({ created: 2 });
    const users = [];
    for await (const { appUserId } of lifecycle.users({ state: "created" })) users.push(appUserId);
    expect(users).toEqual(["ada", "bob"]);
  });

  it("waits for a store that is away for a moment", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    let questions = 0;
    const shaky = {
      ...store,
      open: async (options: Parameters<typeof store.open>[0]) => {
        const opened = await store.open(options);
        const load: typeof opened.load = async (id) => {
          if (++questions % 3 === 0) {
            const { LifecycleError } = await import("oneup-lifecycle");
            throw new LifecycleError("STORE_UNAVAILABLE", "Cannot read: away", { retryable: true });
          }
          return opened.load(id);
        };
        return { ...opened, load };
      },
    };
    const lifecycle = await open({ store: shaky });
    hurry(sandbox);
    expect(await lifecycle.onboardMany(people(9), { name: "shaky", expect: "new" })).toMatchObject({
      added: 9,
      arrived: 9,
    });
  });

  it("counts a user whose first write was not acknowledged as its own, though it is found there", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ store: deaf(memory(), 4) });
    hurry(sandbox);
    const done = await lifecycle.onboardMany(people(5), { name: "deaf", expect: "new" });
    expect(done).toMatchObject({ read: 5, added: 5, present: 0, arrived: 5 });
  });

  it("ends though a record of its users is damaged, and names them", async () => {
    const { sandbox, open } = await scene();
    const adapter = memory();
    const lifecycle = await open({ store: adapter });
    const account = accountOf(sandbox.credentials.clientId);
    const store = await adapter.open({ account, clock: sandbox.clock });
    const lease = { id: "the test's", owner: "the test", ms: 1 };
    const write = { expectedRevision: 0, writeId: "damage", mode: "none", lease, dueInMs: null } as const;
    const place = { state: "created spring", lane: "bulk" } as const;
    await store.commit({ ...write, ...place, id: "user 3", value: "nonsense" });
    hurry(sandbox);
    const done = await lifecycle.onboardMany(people(5), { name: "spring", expect: "new" });
    expect(done).toMatchObject({ phase: "done", added: 4, present: 1, arrived: 4, failed: 0, left: 0 });
    expect(done).toMatchObject({ unreadable: 1, unreadableIds: ["user 3"] });

    expect(await lifecycle.reauthorize("user 3")).toMatchObject({ usable: true });
    const again = await lifecycle.onboardMany(people(5), { name: "spring", expect: "new" });
    expect(again).toMatchObject({ present: 5, unreadable: 0, unreadableIds: [] });
  });

  it("refuses a name, a list and options that cannot be", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const wrong = [
      [["ada"], { name: "" }],
      [["ada"], { name: "two words" }],
      [7, { name: "spring" }],
      [["ada"], { name: "spring", lane: "slow" }],
      [["ada"], { name: "spring", expect: "maybe" }],
      [["ada"], { name: "spring", everyMs: 1 }],
      [["ada"], { name: "spring", onProgress: "loud" }],
      [["ada"], undefined],
    ] as [never, never][];
    for (const [ids, options] of wrong) {
      await expect(lifecycle.onboardMany(ids, options)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
    expect(await lifecycle.counts()).toEqual({});
  });
});

/** The store, which carries out every n-th commit and does not say so. */
function deaf(store: StoreAdapter, nth: number): StoreAdapter {
  let commits = 0;
  return {
    ...store,
    open: async (options) => {
      const opened = await store.open(options);
      const commit: typeof opened.commit = async (one) => {
        const done = await opened.commit(one);
        if (++commits % nth > 0) return done;
        throw new LifecycleError("STORE_UNAVAILABLE", "Cannot commit: no answer", { retryable: true });
      };
      return { ...opened, commit };
    },
  };
}
