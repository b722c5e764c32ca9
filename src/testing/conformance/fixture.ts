/**
 * The fixture of every test of the suite: a store, its clock, and shorthands.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type Batch,
  type Commit,
  type Committed,
  type Forecast,
  type Json,
  type Lane,
  type Lease,
  type Limit,
  type Slot,
  type SlotRequest,
  type Store,
  type StoredRecord,
} from "../../store/contract.ts";
import { total } from "../../store/lane-scheduler.ts";
import { manualClock, type MovableClock } from "../manual-clock.ts";
import type { StoreConformanceOptions } from "./store-conformance-options.ts";

/** A chapter of the contract: registers its tests. */
export type Chapter = (
  it: (title: string, run: (bench: Fixture) => Promise<void>) => void,
  options: StoreConformanceOptions,
) => void;

/** The fixture of a test. Times are in units, see `unitMs`. */
export interface Fixture {
  readonly store: Store;
  /** The length of a unit, in milliseconds. */
  readonly unit: number;
  /** Three calls in a rolling window of 20 units. */
  readonly limit: Limit;
  /** Another store over the same data, as another process would open it. */
  another(account?: string): Promise<Store>;
  /** The answers to that many questions, all asked at once, of two stores in turn. */
  atOnce<T>(count: number, question: (store: Store, n: number) => Promise<T>): Promise<T[]>;
  /** Removes all data, see the option `empty`. */
  empty(): Promise<void>;
  /** Advances the clock. */
  pass(units: number): Promise<void>;
  /** Moves the wall clock that many milliseconds forward, or back if negative. */
  jump(ms: number): Promise<void>;
  /** Another store whose clock is that many milliseconds ahead during each of its calls. */
  ahead(ms: number): Promise<Store>;
  /** A lease of 10 units. */
  lease(id: string, units?: number): Lease;
  /** A commit that creates a record in state `created` without lease, lane or due time; `change` overrides fields. */
  write(id: string, change?: Partial<Commit>): Commit;
  /** Commits what {@link write} returns. */
  commit(id: string, change?: Partial<Commit>): Promise<Committed>;
  /** Moves a record of revision 1 to another id; `change` overrides fields of the commit. */
  move(from: string, to: string, change?: Partial<Commit>): Promise<Committed>;
  /** Requests a slot of {@link limit} that, while it is not settled, counts for 5 units more than a window. */
  ask(lane?: Lane | null, limit?: Limit): SlotRequest;
  /** Puts users into a lane, in this order, at different times. */
  wait(lane: Lane, ...ids: readonly string[]): Promise<void>;
  /** Grants up to `max` slots to waiting users; returns their ids. */
  grant(max: number, by?: string, from?: Store): Promise<readonly string[]>;
  /** Grants up to `max` slots of a limit under the lease `mine`. */
  grants(limit?: Limit, max?: number): Promise<Batch & { readonly ids: readonly string[] }>;
  /** Claims due users; returns their ids. */
  claim(limit: number, by?: string, from?: Store): Promise<readonly string[]>;
  /** Takes a slot; fails if none is free. */
  take(lane?: Lane | null, limit?: Limit): Promise<Slot>;
  /** Fails if a slot is free; returns in how many milliseconds to ask again. */
  refused(lane?: Lane | null, limit?: Limit): Promise<number>;
  /** Number of slots that count now, of all lanes. */
  used(limit?: Limit, from?: Store): Promise<number>;
  /** The forecast for that many more calls of `lane`. */
  forecast(calls: number, lane?: Lane, limit?: Limit): Promise<Forecast>;
  /** A record; fails if it does not exist. */
  record(id: string): Promise<StoredRecord>;
  /** Fails unless `actual` milliseconds are `units`; times of the log may be rounded up by 1/512 of the window. */
  about(actual: number | null | undefined, units: number, rounding?: "rounded up"): void;
  close(): Promise<void>;
}

/** The fixture over an empty store. */
export async function createFixture(options: StoreConformanceOptions): Promise<Fixture> {
  const clock: MovableClock = options.clock?.() ?? manualClock();
  const unit = options.unitMs ?? 1000;
  const slack = options.slackMs ?? 0;
  const limit: Limit = { name: "calls", calls: 3, windowMs: 20 * unit };
  const adapter = await options.open();
  const opened: Store[] = [];
  let writes = 0;

  async function another(account = "account"): Promise<Store> {
    const other = opened.length === 0 ? adapter : ((await options.reopen?.(adapter)) ?? adapter);
    const store = await other.open({ account, clock });
    opened.push(store);
    return store;
  }
  const store = await another();
  const lease = (id: string, units = 10): Lease => ({ id, owner: `process of ${id}`, ms: units * unit });
  const write = (id: string, change: Partial<Commit> = {}): Commit => ({
    id,
    value: { hello: id },
    expectedRevision: 0,
    writeId: `write ${++writes}`,
    mode: "none",
    lease: lease("nobody"),
    state: "created",
    dueInMs: null,
    lane: null,
    ...change,
  });
  const commit: Fixture["commit"] = (id, change) => store.commit(write(id, change));
  const ask = (lane: Lane | null = "bulk", of: Limit = limit): SlotRequest => ({
    limit: of,
    holdMs: 5 * unit,
    lane,
  });
  const pass = async (units: number): Promise<void> => {
    await clock.advance(units * unit);
  };
  const jump = async (ms: number): Promise<void> => {
    assert.ok(clock.jumpTo, "a clock with jumps must have jumpTo()");
    clock.jumpTo(clock.now() + ms);
    await clock.advance(0);
  };

  /** The clock jumps during each of its calls only. */
  async function ahead(ms: number): Promise<Store> {
    await jump(ms);
    const other = await another();
    await jump(-ms);
    const during =
      <Ask, Answer>(verb: (ask: Ask) => Promise<Answer>) =>
      async (ask: Ask): Promise<Answer> => {
        await jump(ms);
        try {
          return await verb(ask);
        } finally {
          await jump(-ms);
        }
      };
    return {
      ...other,
      commit: during(other.commit),
      slots: { ...other.slots, take: during(other.slots.take) },
    };
  }

  return {
    store,
    unit,
    limit,
    another,
    async atOnce(count, question) {
      const other = await another();
      return Promise.all(Array.from({ length: count }, (_, n) => question(n % 2 === 0 ? store : other, n)));
    },
    empty: async () => options.empty?.(adapter),
    pass,
    jump,
    ahead,
    lease,
    write,
    commit,
    move: (from, to, change) => store.move({ from, commit: write(to, { expectedRevision: 1, ...change }) }),
    ask,
    async wait(lane, ...ids) {
      for (const id of ids) {
        committed(await commit(id, { lane }));
        await pass(0.1);
      }
    },
    async grant(max, by = "granted", from = store) {
      const batch = await from.grant({ limit, max, holdMs: 5 * unit, lease: lease(by) });
      return batch.claimed.map(({ record }) => record.id);
    },
    async grants(of = limit, max = 9) {
      const batch = await store.grant({ limit: of, max, holdMs: 5 * unit, lease: lease("mine") });
      return { ...batch, ids: batch.claimed.map(({ record }) => record.id) };
    },
    async claim(most, by = "claimed", from = store) {
      const batch = await from.claim({ limit: most, lease: lease(by) });
      return batch.claimed.map(({ record }) => record.id);
    },
    async take(lane, of) {
      const answer = await store.slots.take(ask(lane, of));
      assert.equal(answer.type, "taken");
      return (answer as { slot: Slot }).slot; // "taken" carries one
    },
    refused: async (lane, of) => retryInMs(await store.slots.take(ask(lane, of))),
    async used(of = limit, from = store) {
      const { used } = await from.slots.forecast({ limit: of, calls: 1, lane: "bulk" });
      return total(used);
    },
    forecast: (calls, lane = "bulk", of = limit) => store.slots.forecast({ limit: of, calls, lane }),
    async record(id) {
      const loaded = await store.load(id);
      assert.equal(loaded.type, "record", `${id} must have a record`);
      return (loaded as { record: StoredRecord }).record; // "record" carries one
    },
    about(actual, units, rounding) {
      assert.equal(typeof actual, "number", `a time of ${units} units, not ${actual}`);
      const off = Number(actual) - units * unit;
      const grain = rounding === undefined ? 0 : Math.ceil(limit.windowMs / 512);
      assert.ok(off >= -slack && off <= slack + grain, `${actual} ms must be ${units} units of ${unit} ms`);
    },
    async close() {
      for (const one of opened) await one.close();
      await options.remove?.(adapter);
    },
  };
}

/** Asserts that the commit was written; returns its revision and slot. */
export function committed(answer: Committed): Extract<Committed, { type: "committed" }> {
  assert.equal(answer.type, "committed");
  return answer;
}

/** Asserts that no slot was free; returns in how many milliseconds to ask again. */
export function retryInMs(answer: Committed | Awaited<ReturnType<Store["slots"]["take"]>>): number {
  assert.equal(answer.type, "refused");
  return answer.type === "refused" ? answer.retryInMs : 0;
}

/** Asserts that the commit was refused as a conflict. */
export function refusedAsConflict(answer: Committed): void {
  assert.deepEqual(answer, { type: "conflict" });
}

/** Creates the account's record; returns its identity. */
export async function created({ account }: Store, writeId: string): Promise<string> {
  assert.equal(await account.commit({ value: writeId, expectedRevision: 0, writeId }), true);
  const identity = (await account.load())?.identity;
  assert.equal(typeof identity, "string");
  return String(identity);
}

/** A record in state `created` that is not leased, not due and in no lane. */
export function resting(id: string, value: Json, revision: number): StoredRecord {
  return { id, value, revision, state: "created", dueInMs: null, lane: null, lease: null };
}

/** A record without the fields that depend on when it was loaded. */
export function withoutTimes({ lease, dueInMs: _, ...record }: StoredRecord): unknown {
  return { ...record, lease: lease && { id: lease.id, owner: lease.owner } };
}
