/**
 * Events on a Keyv store, which writes one key after the other: after a crash between any two writes, each commit has its
 * events, and no event is without its commit.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { KeyvStoreAdapter } from "keyv";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import type { Commit, EventOutbox, Store } from "../../src/store/contract.ts";
import { manualClock } from "../../src/testing/index.ts";
import { givings } from "../support/keyv-storages.ts";

/** A storage whose concurrent writes arrive in any order, and sometimes fail, arrived or not. */
interface SlowStorage extends KeyvStoreAdapter {
  /** Its data after each write. */
  readonly moments: Map<string, string>[];
}

function slowStorage(data = new Map<string, string>(), seed = 0, failing = 0): SlowStorage {
  let state = seed + 1;
  const dice = (sides: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % sides;
  };
  const moments: Map<string, string>[] = [];
  const arrive = async (change: () => void): Promise<void> => {
    const fault = failing === 0 ? 99 : dice(failing);
    for (let wait = seed === 0 ? 0 : dice(4); wait > 0; wait--) await turn();
    if (fault === 0) throw new Error("planned");
    change();
    moments.push(new Map(data));
    if (fault === 1) throw new Error("planned, but written");
  };
  return {
    moments,
    opts: { dialect: "sqlite" }, // one of those that Keyv iterates over
    get: async <Value>(key: string) => data.get(key) as Value | undefined,
    set: (key: string, value: string) => arrive(() => void data.set(key, value)),
    async delete(key) {
      await arrive(() => void data.delete(key));
      return true;
    },
    clear: async () => data.clear(),
    async *iterator() {
      for (const entry of data) yield entry;
    },
    on() {
      return this;
    },
  };
}

const clock = manualClock();
const lease = { id: "nobody", owner: "test", ms: 10_000 };

async function open(
  storage: Parameters<typeof keyv>[0],
  readOnly = false,
): Promise<Store & { readonly events: EventOutbox }> {
  const store = await keyv(storage).open({ account: "account", clock, readOnly });
  if (store.events === undefined) throw new Error("an outbox is there");
  return { ...store, events: store.events };
}

let writes = 0;
/** A commit of that revision, with one event that names both. */
function write(id: string, revision: number, change: Partial<Commit> = {}): Commit {
  return {
    id,
    value: "v".repeat(revision),
    expectedRevision: revision - 1,
    writeId: `write ${++writes}`,
    mode: "none",
    lease,
    state: "created",
    dueInMs: null,
    lane: null,
    events: [{ key: id, value: `${id} ${revision}` }],
    ...change,
  };
}

/** The state of a store: the revision of each user, and its events in their order. */
async function found(store: Awaited<ReturnType<typeof open>>, ids: readonly string[]): Promise<Found> {
  const { events, trimmed, last } = await store.events.read({ after: 0, limit: 1_000 });
  const revisions: Record<string, number> = {};
  for (const id of ids) {
    const loaded = await store.load(id);
    if (loaded.type === "record") revisions[id] = loaded.record.revision;
  }
  return { events: events.map(({ value }) => String(value as string)), revisions, trimmed, last };
}

interface Found {
  readonly events: readonly string[];
  readonly revisions: Readonly<Record<string, number>>;
  readonly trimmed: number;
  readonly last: number;
}

/** Each seed has its versions of Keyv. */
const drawn = (seed: number): (typeof givings)[number] => givings[(seed >> 1) % givings.length] ?? givings[0];

describe("adapters/keyv with events, after a crash between two writes", () => {
  const seeds = Array.from({ length: 12 }, (_, n) => [n + 1, n % 2 === 0 ? 0 : 9] as const);
  it.each(seeds)(
    "every commit has its event, and no event is without its commit (%i, failures %i)",
    async (seed, failing) => {
      const [, , wrote, find] = drawn(seed);
      const storage = slowStorage(new Map(), seed, 0);
      const ids = ["ada", "bob", "eve"];
      await open(storage).then((store) => store.close());
      const data = storage.moments.at(-1) ?? new Map<string, string>();
      const failingStorage = slowStorage(data, seed, failing);
      const opened = await untilDone(() => open(wrote(failingStorage)));
      for (let revision = 1; revision <= 6; revision++)
        await Promise.all(
          ids.map((id) => {
            const commit = write(id, revision);
            return untilDone(() => opened.commit(commit));
          }),
        );
      expect(failingStorage.moments.length).toBeGreaterThan(18);
      for (const moment of failingStorage.moments) {
        const { events, revisions, last } = await found(await open(find(slowStorage(new Map(moment)))), ids);
        for (const id of ids) {
          const own = events.filter((value) => value.startsWith(id));
          expect(own).toEqual(Array.from({ length: revisions[id] ?? 0 }, (_, n) => `${id} ${n + 1}`));
        }
        expect(last).toBeGreaterThanOrEqual(events.length); // the number of a commit that was not written is left out
      }
    },
  );

  it.each(seeds)(
    "move() has its event as soon as the new id has the user (%i, failures %i)",
    async (seed, failing) => {
      const [, , wrote, find] = drawn(seed);
      const storage = slowStorage(new Map(), seed, failing);
      const store = await untilDone(() => open(wrote(storage)));
      const first = write("old", 1);
      await untilDone(() => store.commit(first));
      const from = storage.moments.length;
      const move = { from: "old", commit: write("new", 2) };
      await untilDone(() => store.move(move));
      const next = write("new", 3);
      await untilDone(() => store.commit(next));
      const check = async (moment: Map<string, string>): Promise<readonly Map<string, string>[]> => {
        const copy = slowStorage(new Map(moment), seed);
        const { events, revisions } = await found(await open(find(copy)), ["old", "new"]);
        const { old, new: moved } = revisions;
        expect(Object.keys(revisions)).toHaveLength(1);
        expect(events).toEqual(["old 1", "new 2", "new 3"].slice(0, old ?? moved));
        return copy.moments;
      };
      for (const moment of storage.moments.slice(from))
        for (const completing of await check(moment)) await check(completing);
    },
  );

  it.each(seeds)(
    "forget() leaves nothing that comes back, nor does trim() (%i, failures %i)",
    async (seed, failing) => {
      const [, , wrote, find] = drawn(seed);
      const storage = slowStorage(new Map(), seed, failing);
      const store = await untilDone(() => open(wrote(storage)));
      for (const id of ["ada", "bob", "ada's"]) {
        const first = write(id, 1, { events: [1, 2].map((n) => ({ key: id, value: `${id} ${n}` })) });
        await untilDone(() => store.commit(first));
      }
      const created = storage.moments.length;
      const gone = { key: "ada", value: "forgotten" };
      await untilDone(() => store.events.forget({ key: "ada", events: [gone] }));
      const forgottenAt = storage.moments.length - 1;
      const other = write("eve", 1);
      await untilDone(() => store.commit(other));
      await clock.advance(1_000);
      await untilDone(() => store.events.trim({ olderThanMs: 500, limit: 2 }));
      const trimmedAt = storage.moments.length - 1;
      const last = write("eve", 2);
      await untilDone(() => store.commit(last));
      for (const [n, moment] of storage.moments.entries()) {
        const { events, trimmed } = await found(await open(find(slowStorage(new Map(moment)))), [
          "ada",
          "bob",
          "eve",
        ]);
        if (n >= forgottenAt) {
          expect(events.filter((value) => /^ada \d/.test(value))).toEqual([]);
          expect(events).toContain("forgotten");
          expect(JSON.stringify([...moment])).not.toContain("ada 1");
        }
        if (n >= trimmedAt) expect(events.filter((value) => value.startsWith("bob"))).toEqual([]);
        if (!events.includes("bob 1") && n >= created) expect(trimmed).toBeGreaterThan(0);
      }
      const { events, trimmed } = await found(
        await open(find(slowStorage(new Map(storage.moments.at(-1))))),
        [],
      );
      expect(events.slice(0, 3)).toEqual(["ada's 1", "ada's 2", "forgotten"]);
      expect(trimmed).toBeGreaterThan(0);
    },
  );

  it("a record that was erased and created again keeps the events of both", async () => {
    const storage = slowStorage();
    const store = await open(storage);
    await store.commit(write("a", 1));
    await store.move({ from: "a", commit: write("b", 2) });
    await store.erase({ ids: ["a"], to: "b" });
    await store.commit(write("a", 1));
    const { events } = await found(await open(slowStorage(new Map(storage.moments.at(-1)))), []);
    expect(events).toEqual(["a 1", "b 2", "a 1"]);
  });

  it("an id that passes to another record keeps the events of both, whichever has the higher revision", async () => {
    const data = new Map<string, string>();
    for (const firstRevision of [1, 900]) {
      const store = await open(slowStorage(data));
      const [id, other] = [`smith ${firstRevision}`, `bob ${firstRevision}`];
      await store.commit(write(id, 1, { expectedRevision: 0, firstRevision: 500 }));
      await store.move({ from: id, commit: write(`ann ${firstRevision}`, 501) });
      await store.commit(write(other, 1, { expectedRevision: 0, firstRevision }));
      await store.move({ from: other, commit: write(id, firstRevision + 1) });
      const before = await store.events.read({ after: 0, limit: 99 });
      await store.close();
      const again = await open(slowStorage(data));
      expect(await again.events.read({ after: 0, limit: 99 })).toEqual(before);
      await again.close();
    }
  });

  it("a read-only opening shows the same and writes nothing", async () => {
    const storage = slowStorage();
    const store = await open(storage);
    await store.commit(write("ada", 1));
    await store.commit(write("ada", 2));
    for (const moment of storage.moments.slice(-3)) {
      const copy = slowStorage(new Map(moment));
      const { events, revisions } = await found(await open(copy, true), ["ada"]);
      expect(events).toHaveLength(revisions["ada"] ?? 0);
      expect(copy.moments).toEqual([]);
    }
  });

  it("a commit with an event is one round of writes, as one without", async () => {
    const storage = slowStorage();
    const store = await open(storage);
    await store.commit(write("ada", 1));
    const before = storage.moments.length;
    await store.commit(write("ada", 2));
    const keys = storage.moments.slice(before).map((moment) => moment.size);
    expect(keys).toHaveLength(2); // the row and its event
    const none = storage.moments.length;
    await store.commit(write("ada", 3, { events: [] }));
    expect(storage.moments).toHaveLength(none + 1);
    expect(JSON.stringify([...(storage.moments.at(-1) ?? [])])).not.toContain("appends");
  });
});

/** Repeats the same call while the storage fails. */
async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === 300) throw error;
    }
  }
}
