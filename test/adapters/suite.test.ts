/** The conformance suite itself: it takes any runner, any clock, and it bites. */

import { describe, expect, it } from "vitest";
import nodeTest from "node:test";
import { memory } from "../../adapters/memory.ts";
import type { Commit, EventOutbox, Store, StoreAdapter, StoredRecord } from "../../src/store/contract.ts";
import {
  manualClock,
  storeConformance,
  type MovableClock,
  type StoreConformanceOptions,
  type TestFunction,
} from "../../src/testing/index.ts";

/** Runs the suite; the titles that failed. */
async function failuresOf(options: StoreConformanceOptions): Promise<readonly string[]> {
  const tests: { title: string; run: () => Promise<void> }[] = [];
  storeConformance((title, run) => tests.push({ title, run }), options);
  const failed = await Promise.all(
    tests.map(async ({ title, run }) => {
      try {
        await run();
        return [];
      } catch {
        return [title];
      }
    }),
  );
  return failed.flat();
}

const sound = await failuresOf({ open: memory });

/** A store in memory with a mistake in it. */
function mistaken(mistake: (store: Store) => Partial<Store>): StoreAdapter {
  const adapter = memory();
  return {
    ...adapter,
    async open(options) {
      const store = await adapter.open(options);
      return { ...store, ...mistake(store) };
    },
  };
}

const changing =
  (change: (commit: Commit) => Partial<Commit>) =>
  (store: Store): Partial<Store> => ({
    commit: (commit) => store.commit({ ...commit, ...change(commit) }),
  });

const changingEvents =
  (change: (events: EventOutbox) => Partial<EventOutbox>) =>
  ({ events }: Store): Partial<Store> =>
    events === undefined ? {} : { events: { ...events, ...change(events) } };

/** Mistakes that are easily made, each with a test that must notice it. */
const mistakes: readonly [name: string, notices: RegExp, mistake: (store: Store) => Partial<Store>][] = [
  [
    "forgets the writeId",
    /acknowledges a write again whose/,
    changing(() => ({ writeId: String(Math.random()) })),
  ],
  ["ignores the lane", /claim\(\) skips users that wait/, changing(() => ({ lane: null }))],
  ["forgets to settle", /commit\(\{ settle \}\) makes/, changing(() => ({ settle: undefined }))],
  ["forgets to give back", /commit\(\{ giveBack \}\) frees/, changing(() => ({ giveBack: undefined }))],
  ["never takes a slot", /commit\(\{ take \}\) by any number/, changing(() => ({ take: undefined }))],
  [
    "takes every lease as none",
    /128 owners at once/,
    changing(({ mode }) => (mode === "take" ? { mode: "none" } : {})),
  ],
  [
    "lets leases run on",
    /claim\(\) skips leased records/,
    changing(({ lease }) => ({ lease: { ...lease, ms: 1e9 } })),
  ],
  [
    "compares leases by owner",
    /checks the lease's id/,
    changing(({ lease }) => ({ lease: { ...lease, id: lease.owner } })),
  ],
  [
    "takes the slot before it looks at the record",
    /meets a conflict takes no slot/,
    (store) => ({
      async commit(commit) {
        if (commit.take !== undefined) {
          const answer = await store.slots.take(commit.take);
          if (answer.type === "refused") return answer;
        }
        return store.commit({ ...commit, take: undefined });
      },
    }),
  ],
  [
    "checks for a free slot in one step and writes in the next",
    /commit\(\{ take \}\) by any number at once/,
    (store) => ({
      async commit(commit) {
        if (commit.take === undefined) return store.commit(commit);
        const { inMs } = await store.slots.forecast({ limit: commit.take.limit, calls: 1, lane: "bulk" });
        if (inMs > 0) return { type: "refused", retryInMs: inMs };
        return store.commit({
          ...commit,
          take: { ...commit.take, limit: { ...commit.take.limit, calls: 999 } },
        });
      },
    }),
  ],
  [
    "grants more than max",
    /grant\(\) returns at most `max`/,
    (store) => ({ grant: (ask) => store.grant({ ...ask, max: 9 }) }),
  ],
  [
    "grants more than the limit",
    /never grants more than the free slots/,
    (store) => ({ grant: (ask) => store.grant({ ...ask, limit: { ...ask.limit, calls: 99 } }) }),
  ],
  [
    "keeps no place for people",
    /leaves `reserved` slots free for interactive$/,
    (store) => ({
      grant: (ask) => store.grant({ ...ask, limit: { ...ask.limit, reserved: 0 } }),
    }),
  ],
  [
    "lets people take every place",
    /gives recovery and bulk their minimum/,
    (store) => ({
      grant: ({ limit: { least: _, ...limit }, ...ask }) => store.grant({ ...ask, limit }),
    }),
  ],
  [
    "takes what a waiting lane is owed",
    /does not take a slot of a waiting lane's minimum/,
    (store) => ({
      slots: {
        ...store.slots,
        take: ({ limit: { least: _, ...limit }, ...ask }) => store.slots.take({ ...ask, limit }),
      },
    }),
  ],
  [
    "queues for every limit",
    /limit without a queue/,
    (store) => ({
      slots: {
        ...store.slots,
        take: (ask) => store.slots.take({ ...ask, lane: ask.lane ?? "interactive" }),
      },
    }),
  ],
  [
    "forgets the slot of a write that is acknowledged again",
    /takes no second slot, and returns the first/,
    (store) => {
      const seen = new Set<string>();
      return {
        async commit(commit) {
          const done = await store.commit(commit);
          const again = seen.has(commit.writeId);
          seen.add(commit.writeId);
          return again && done.type === "committed" ? { ...done, slot: null } : done;
        },
      };
    },
  ],
  [
    "forecasts as if no user waited",
    /counts users that wait in the lane or one before it first/,
    (store) => ({
      slots: {
        ...store.slots,
        forecast: async (ask) => ({
          ...(await store.slots.forecast(ask)),
          waiting: { interactive: 0, recovery: 0, bulk: 0 },
        }),
      },
    }),
  ],
  [
    "claims more than asked",
    /claim\(\) returns at most/,
    (store) => ({ claim: (ask) => store.claim({ ...ask, limit: 9 }) }),
  ],
  [
    "leaves nothing under a renamed id",
    /load\(\) of the old id/,
    (store) => ({
      async load(id) {
        const loaded = await store.load(id);
        return loaded.type === "renamed" ? { type: "absent" } : loaded;
      },
    }),
  ],
  [
    "returns records without their state",
    /load\(\) returns the state of the last commit/,
    (store) => ({
      async load(id) {
        const loaded = await store.load(id);
        if (loaded.type !== "record") return loaded;
        const { state: _, ...record } = loaded.record;
        return { type: "record", record: record as StoredRecord }; // as a store from before that field
      },
    }),
  ],
  ["erases nothing", /erase\(\) removes the redirect that a move left/, () => ({ erase: async () => {} })],
  [
    "writes new records whatever stands elsewhere",
    /commit\(\{ unless \}\) of a new record/,
    changing(() => ({ unless: undefined })),
  ],
  [
    "starts every page at the top",
    /page\(\{ after \}\)/,
    (store) => ({ page: ({ state, limit }) => store.page({ state, limit }) }),
  ],
  [
    "lists one state after the other",
    /page\(\) without a state lists every id once/,
    (store) => ({
      async page({ state, after, limit }) {
        if (state !== undefined) return store.page({ state, after, limit });
        const pages = Object.keys(await store.counts()).map((each) => store.page({ state: each, limit: 99 }));
        const ids = (await Promise.all(pages)).flat();
        const from = after === undefined ? 0 : ids.indexOf(after) + 1;
        return ids.slice(from, from + limit);
      },
    }),
  ],
  [
    "lists nothing without a state",
    /page\(\) without a state lists the ids of all records/,
    (store) => ({ page: ({ state = "none", ...ask }) => store.page({ ...ask, state }) }),
  ],
  [
    "counts what was once there",
    /counts\(\) stays exact/,
    (store) => {
      const seen = new Set<string>();
      return {
        commit(commit) {
          seen.add(commit.state);
          return store.commit(commit);
        },
        counts: async () => ({
          ...Object.fromEntries([...seen].map((state) => [state, 0])),
          ...(await store.counts()),
        }),
      };
    },
  ],
  [
    "settles nothing",
    /slots.settle\(\) makes the slot count/,
    (store) => ({ slots: { ...store.slots, settle: async () => {} } }),
  ],
  [
    "lets others pass those who wait",
    /slots.take\(\) in bulk is refused/,
    (store) => ({
      slots: { ...store.slots, take: (ask) => store.slots.take({ ...ask, lane: "interactive" }) },
    }),
  ],
  [
    "overwrites the account",
    /account.commit\(\) is a compare-and-set/,
    (store) => ({
      account: {
        ...store.account,
        commit: async (write) =>
          store.account.commit({ ...write, expectedRevision: (await store.account.load())?.revision ?? 0 }),
      },
    }),
  ],
  [
    "appends the events of a write that it has already",
    /that is acknowledged again appends nothing more/,
    ({ commit, events }) => ({
      async commit(write) {
        const answer = await commit({ ...write, events: undefined });
        if (answer.type === "committed")
          for (const event of write.events ?? [])
            await events?.forget({ key: `${Math.random()}`, events: [event] });
        return answer;
      },
    }),
  ],
  [
    "gives the number of a removed event again",
    /trim\(\) removes the old ones/,
    changingEvents(({ read }) => ({
      async read(ask) {
        const page = await read(ask);
        return { ...page, last: page.events.at(-1)?.number ?? 0 };
      },
    })),
  ],
  [
    "forgets the events of others too",
    /forget\(\) removes all events of one key/,
    changingEvents(({ forget, trim }) => ({
      async forget(ask) {
        await trim({ olderThanMs: -1, limit: 99 });
        await forget(ask);
      },
    })),
  ],
];

describe("testing/storeConformance", () => {
  for (const [name, notices, mistake] of mistakes) {
    it(`storeConformance() notices a store that ${name}`, async () => {
      const failed = await failuresOf({ open: () => mistaken(mistake) });
      expect(failed.filter((title) => !sound.includes(title))).toContainEqual(expect.stringMatching(notices));
    });
  }

  it("storeConformance() gives every test a title of its own", () => {
    const titles: string[] = [];
    storeConformance((title) => titles.push(title), { open: memory });
    expect(new Set(titles).size).toBe(titles.length);
    expect(titles.length).toBeGreaterThan(90);
  });

  it("storeConformance() takes the test functions of vitest and node:test", () => {
    const shapes: readonly TestFunction[] = [it, nodeTest];
    expect(shapes).toHaveLength(2);
  });

  it("storeConformance() allows for time that goes by between two calls", async () => {
    const failed = await failuresOf({ open: memory, clock: restless, slackMs: 400 });
    expect(failed.filter((title) => !sound.includes(title))).toEqual([]);
    const strict = await failuresOf({ open: memory, clock: restless });
    expect(strict.length).toBeGreaterThan(sound.length);
  });
});

/** A clock that goes on by a millisecond whenever it is read, as one that really waits would. */
function restless(): MovableClock {
  const clock = manualClock();
  let reads = 0;
  return { ...clock, now: () => clock.now() + ++reads, monotonic: () => clock.monotonic() + ++reads };
}
