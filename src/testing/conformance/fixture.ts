/**
 * What every test of the suite has at hand: a store, its clock, and short words for long arguments.
 *
 * @module
 */
import assert from "node:assert/strict";
import type {
  Commit,
  Committed,
  Forecast,
  Lane,
  Lease,
  Limit,
  Slot,
  SlotRequest,
} from "../../store/contract.ts";
import type { Store, StoredRecord } from "../../store/contract.ts";
import { manualClock } from "../manual-clock.ts";
import type { MovableClock } from "../manual-clock.ts";
import type { StoreConformanceOptions } from "../store-conformance.ts";

/** A chapter of the contract: registers its tests. */
export type Chapter = (
  it: (title: string, run: (bench: Bench) => Promise<void>) => void,
  options: StoreConformanceOptions,
) => void;

/** At hand in a test. Times are in units, see `unitMs`. */
export interface Bench {
  readonly store: Store;
  /** Milliseconds. */
  readonly unit: number;
  /** Room for three calls in a rolling window of 20 units. */
  readonly limit: Limit;
  /** Another opening of the same data, as another process would have it. */
  another(account?: string): Promise<Store>;
  /** Lets time pass. */
  pass(units: number): Promise<void>;
  /** A lease of 10 units. */
  lease(id: string, units?: number): Lease;
  /** A commit that creates a record in state `created` without lease, lane or due time; `change` says what differs. */
  write(id: string, change?: Partial<Commit>): Commit;
  /** Asks for a slot of {@link limit} that counts 5 units longer than a window while it is not settled. */
  ask(lane?: Lane, limit?: Limit): SlotRequest;
  /** Puts users into a lane, in this order, at different moments. */
  wait(lane: Lane, ...ids: readonly string[]): Promise<void>;
  /** Takes up to `max` places for waiting users; their ids. */
  grant(max: number, by?: string, from?: Store): Promise<readonly string[]>;
  /** Claims due users; their ids. */
  claim(limit: number, by?: string, from?: Store): Promise<readonly string[]>;
  /** Takes a slot that must be there. */
  take(lane?: Lane, limit?: Limit): Promise<Slot>;
  /** Slots that count now, of all lanes. */
  used(limit?: Limit, from?: Store): Promise<number>;
  /** What the log says about so many calls more of `lane`. */
  forecast(calls: number, lane?: Lane, limit?: Limit): Promise<Forecast>;
  /** A record that must be there. */
  record(id: string): Promise<StoredRecord>;
  /** Fails unless `actual` milliseconds are `units`; a moment of the log may be rounded up to 1/512 of its window. */
  about(actual: number | null | undefined, units: number, rounding?: "rounded up"): void;
  close(): Promise<void>;
}

/** A bench over an empty store. */
export async function createBench(options: StoreConformanceOptions): Promise<Bench> {
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
  const ask = (lane: Lane = "bulk", of: Limit = limit): SlotRequest => ({
    limit: of,
    holdMs: 5 * unit,
    lane,
  });
  const pass = async (units: number): Promise<void> => {
    await clock.advance(units * unit);
  };

  return {
    store,
    unit,
    limit,
    another,
    pass,
    lease,
    write,
    ask,
    async wait(lane, ...ids) {
      for (const id of ids) {
        committed(await store.commit(write(id, { lane })));
        await pass(0.1);
      }
    },
    async grant(max, by = "granted", from = store) {
      const batch = await from.grant({ limit, max, holdMs: 5 * unit, lease: lease(by) });
      return batch.claimed.map(({ record }) => record.id);
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
    async used(of = limit, from = store) {
      const { used } = await from.slots.forecast({ limit: of, calls: 1, lane: "bulk" });
      return used.interactive + used.recovery + used.bulk;
    },
    forecast: (calls, lane = "bulk", of = limit) => store.slots.forecast({ limit: of, calls, lane }),
    async record(id) {
      const loaded = await store.load(id);
      assert.equal(loaded.type, "record", `${id} must be a record`);
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

/** The commit must have been written; its revision and slot. */
export function committed(answer: Committed): Extract<Committed, { type: "committed" }> {
  assert.equal(answer.type, "committed");
  return answer;
}

/** Somebody else must have been faster. */
export function refusedAsConflict(answer: Committed): void {
  assert.deepEqual(answer, { type: "conflict" });
}

/** A record as two looks at it must agree on, however much time lies between them. */
export function withoutTimes({ lease, dueInMs: _, ...record }: StoredRecord): unknown {
  return { ...record, lease: lease && { id: lease.id, owner: lease.owner } };
}
