/** The forecast of a call is the moment at which the store grants it, if no other call is requested. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import {
  lanes,
  type Counts,
  type Lane,
  type LaterLimit,
  type Limit,
  type Store,
} from "../../src/store/contract.ts";
import { turn } from "../../src/store/lane-scheduler.ts";
import { add, emptyLog, forecastInMs, noted, used, type SlotLog } from "../../src/store/sliding-window.ts";
import { manualClock } from "../../src/testing/index.ts";

const holdMs = 40;
const lease = { id: "lease", owner: "test", ms: 1e9 };

function limits(most: number): fc.Arbitrary<Limit> {
  return fc
    .record({
      calls: fc.integer({ min: 1, max: most }),
      windowMs: fc.constantFrom(100, 300, 5_000),
      shares: fc.tuple(...lanes.map(() => fc.double({ min: 0, max: 1, noNaN: true }))),
      paused: fc.option(fc.subarray([...lanes]), { nil: undefined }),
    })
    .map(({ calls, windowMs, shares: [reserved = 0, recovery = 0, bulk = 0], paused }) => {
      const rest = Math.max(1, calls - Math.floor(calls * reserved));
      const least = { recovery: Math.floor(rest * recovery), bulk: 0 };
      least.bulk = Math.floor((rest - least.recovery) * bulk);
      return { name: "calls", calls, windowMs, reserved: calls - rest, least, paused };
    });
}

function waitingUpTo(max: number): fc.Arbitrary<Counts> {
  const many = fc.oneof(fc.constant(0), fc.integer({ min: 0, max }));
  return fc.record({ interactive: many, recovery: many, bulk: many });
}

const calls = fc.record({
  afterMs: fc.integer({ min: 0, max: 30 }),
  isOver: fc.boolean(), // otherwise its slot is held until its time-out
  lane: fc.constantFrom(...lanes),
});

describe("store/forecast", () => {
  it("slots.forecast() is when the store grants the call, after the users who wait and those with guaranteed slots", async () => {
    const scene = fc.record({
      limit: limits(8),
      before: fc.array(calls, { maxLength: 12 }),
      growth: fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 4 })), {
        maxLength: 3,
      }),
      waiting: waitingUpTo(12),
      lane: fc.constantFrom(...lanes),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ limit: { paused, ...limit }, before, growth, waiting, lane }) => {
        const clock = manualClock();
        const store = await memory().open({ account: "account", clock });
        for (const { afterMs, isOver, lane: of } of before) {
          await clock.advance(afterMs);
          const took = await store.slots.take({ limit, holdMs, lane: of });
          if (took.type === "taken" && isOver) await store.slots.settle(took.slot);
        }
        const asked = { ...limit, paused: paused?.filter((each) => each !== lane) };
        for (const each of lanes) {
          for (let n = 0; n < waiting[each]; n++) await wait(store, `${each} ${n}`, each);
        }
        const later: LaterLimit[] = [];
        for (const [afterMs, more] of growth) {
          const [inMs, from] = later.at(-1) ?? [0, asked];
          later.push([inMs + afterMs, { ...from, calls: from.calls + more }]);
        }
        const { inMs } = await store.slots.forecast({ limit: asked, later, calls: 1, lane });
        await wait(store, "the last", lane);
        expect(inMs).toBe(await grantedAfter(store, asked, later, "the last"));

        /** Serves all users whose turn comes, and ends each call at once, until this one is served. */
        async function grantedAfter(
          from: Store,
          first: Limit,
          others: readonly LaterLimit[],
          id: string,
        ): Promise<number> {
          const start = clock.monotonic();
          for (;;) {
            const passed = clock.monotonic() - start;
            const under = others.findLast(([at]) => at <= passed)?.[1] ?? first;
            const growsInMs = (others.find(([at]) => at > passed)?.[0] ?? Number.POSITIVE_INFINITY) - passed;
            const { claimed, nextInMs } = await from.grant({ limit: under, max: 100, holdMs, lease });
            for (const { slot } of claimed) if (slot !== null) await from.slots.settle(slot);
            if (claimed.some(({ record }) => record.id === id)) return clock.monotonic() - start;
            if (claimed.length === 0) await clock.advance(Math.min(nextInMs ?? growsInMs, growsInMs));
          }
        }
      }),
      { numRuns: 300, interruptAfterTimeLimit: 8_000 },
    );
  });

  it("forecastInMs() is what granting one call after the other finds, however many wait", () => {
    const scene = fc.record({
      limit: limits(40),
      waiting: waitingUpTo(2_000),
      mine: fc.integer({ min: 1, max: 50 }),
      lane: fc.constantFrom(...lanes),
      taken: fc.array(fc.tuple(fc.integer({ min: -20, max: 99 }), fc.constantFrom(...lanes)), {
        maxLength: 40,
      }),
    });
    const now = 1_000;
    fc.assert(
      fc.property(scene, ({ limit, waiting, mine, lane, taken }) => {
        const log = taken.reduce<SlotLog>((sum, [ago, of]) => add(sum, now - ago, of, 1), emptyLog);
        const left = Object.fromEntries(
          lanes.map((each) => [each, limit.paused?.includes(each) === true ? 0 : waiting[each]]),
        ) as Record<Lane, number>; // covers all lanes
        left[lane] += mine;
        expect(forecastInMs(log, limit, now, { calls: mine, lane, waiting })).toBe(
          oneByOne(log, limit, now, left, lane),
        );
      }),
      { numRuns: 300, interruptAfterTimeLimit: 8_000 },
    );
  });

  it("forecastInMs() tells the ninth of ten people that two other lanes have their slots first", () => {
    const limit: Limit = { name: "calls", calls: 10, windowMs: 15_000, least: { recovery: 1, bulk: 1 } };
    const log = add(emptyLog, 1_020, "interactive", 10);
    const waiting = { interactive: 0, recovery: 12, bulk: 12 };
    const of = (calls: number): number =>
      forecastInMs(log, limit, 1_020, { calls, lane: "interactive", waiting });
    expect([of(1), of(8), of(9)]).toEqual([15_000, 15_000, 30_000]);
    expect(forecastInMs(log, limit, 1_020, { calls: 9, lane: "interactive" })).toBe(15_000);
  });

  it("forecastInMs() skips the hours in which nothing changes: a billion waiting users cost no more than a thousand", () => {
    const limit: Limit = {
      name: "management",
      calls: 300,
      windowMs: 3_600_000,
      reserved: 30,
      least: { recovery: 54, bulk: 27 },
    };
    const hour = noted(limit.windowMs, limit.windowMs);
    const waiting = { interactive: 219e9, recovery: 54e9, bulk: 27e9 };
    const { inMs } = { inMs: forecastInMs(emptyLog, limit, 0, { calls: 1, lane: "interactive", waiting }) };
    expect(inMs / hour).toBeCloseTo(1e9, -1);
  });
});

/** Lets a user wait in the lane. */
async function wait(store: Store, id: string, lane: Lane): Promise<void> {
  const commit = { id, value: null, expectedRevision: 0, writeId: id, mode: "none", lease, lane } as const;
  expect((await store.commit({ ...commit, state: "created", dueInMs: null })).type).toBe("committed");
}

/** Grants each slot by itself, and goes from one freed slot to the next. */
function oneByOne(taken: SlotLog, limit: Limit, now: number, waiting: Counts, lane: Lane): number {
  const left = { ...waiting };
  let log = taken;
  for (let at = now; ;) {
    const next = turn(limit, used(log, limit.windowMs, at), (one) => left[one] > 0);
    if (next === null) {
      const freed = log.find(([moment]) => moment + limit.windowMs > at);
      if (freed === undefined) return Number.POSITIVE_INFINITY;
      at = freed[0] + limit.windowMs;
    } else {
      left[next]--;
      if (left[lane] === 0) return at - now;
      log = add(
        log.filter(([moment]) => moment + limit.windowMs > at),
        noted(limit.windowMs, at),
        next,
        1,
      );
    }
  }
}
