import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Limit, Slot } from "../../src/store/contract.ts";
import {
  add,
  emptyLog,
  forecastInMs,
  noted,
  prune,
  settled,
  slotAt,
  used,
  type SlotLog,
} from "../../src/store/sliding-window.ts";
import { total } from "../../src/store/lane-scheduler.ts";

/** How many more calls may be granted. */
function free(log: SlotLog, limit: Limit, now: number): number {
  return Math.max(0, limit.calls - total(used(log, limit.windowMs, now)));
}

/** One attempt to call: how long after the one before, and what became of it if there was a slot. */
interface Attempt {
  readonly afterMs: number;
  /** Part of the hold that passes until the call arrives, and until it is over. */
  readonly arrives: number;
  readonly over: number;
  readonly fate: "answered" | "lost" | "notSent";
}

const part = fc.double({ min: 0, max: 1, noNaN: true });
const attempt: fc.Arbitrary<Attempt> = fc
  .record({
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
    arrives: part,
    over: part,
    fate: fc.constantFrom("answered", "answered", "answered", "lost", "notSent"),
  })
  .map((one) => ({ ...one, over: Math.max(one.arrives, one.over) }));

const schedule = fc.record({
  calls: fc.integer({ min: 1, max: 6 }),
  windowMs: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1_024, 5_000)),
  holdMs: fc.integer({ min: 1, max: 200 }),
  start: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 120 }),
});

/** Plays a schedule; the moments at which calls arrived at the server, and the log and time at the end. */
function play({
  calls,
  windowMs,
  holdMs,
  start,
  attempts,
}: typeof schedule extends fc.Arbitrary<infer S> ? S : never) {
  const limit: Limit = { name: "calls", calls, windowMs };
  let log: SlotLog = emptyLog;
  let now = start;
  const arrivals: number[] = [];
  let open: { readonly at: number; readonly slot: Slot; readonly back: boolean }[] = [];
  const closeUntil = (time: number): void => {
    for (const { at, slot, back } of open.filter((call) => call.at <= time).sort((a, b) => a.at - b.at)) {
      log = back ? add(log, slot.at, "bulk", -1) : settled(log, slot, at);
    }
    open = open.filter(({ at }) => at > time);
  };
  for (const { afterMs, arrives, over, fate } of attempts) {
    now += afterMs;
    closeUntil(now);
    log = prune(log, limit.windowMs, now);
    if (free(log, limit, now) === 0) continue;
    const slot = slotAt(limit, now, holdMs, "bulk");
    log = add(log, slot.at, "bulk", 1);
    if (fate !== "notSent") arrivals.push(now + arrives * holdMs);
    if (fate !== "lost")
      open.push({ at: Math.floor(now + over * holdMs) + 1, slot, back: fate === "notSent" });
  }
  return { limit, log, now, arrivals: arrivals.sort((a, b) => a - b) };
}

describe("store/window", () => {
  it("slotAt() and settled() keep every rolling window of arrivals within the limit, whatever the latency", () => {
    fc.assert(
      fc.property(schedule, (plan) => {
        const { limit, arrivals } = play(plan);
        for (let index = limit.calls; index < arrivals.length; index++) {
          const first = arrivals[index - limit.calls] ?? Number.NaN;
          expect((arrivals[index] ?? Number.NaN) - first).toBeGreaterThanOrEqual(limit.windowMs);
        }
      }),
      { numRuns: 400, interruptAfterTimeLimit: 3_000 },
    );
  });

  /** Waits millisecond by millisecond until `calls` more calls were granted, each settled as soon as it is. */
  function waitedFor(log: SlotLog, limit: Limit, now: number, calls: number): number {
    let granted = 0;
    let later = log;
    for (let waited = 0; ; waited++) {
      const taken = Math.min(free(later, limit, now + waited), calls - granted);
      if (taken > 0) later = add(later, now + waited, "bulk", taken);
      granted += taken;
      if (granted === calls) return waited;
    }
  }

  const questions = fc.tuple(
    schedule.filter(({ windowMs }) => windowMs <= 300),
    fc.integer({ min: 1, max: 20 }),
  );

  it("forecastInMs() is what waiting millisecond by millisecond finds, when no call is under way", () => {
    fc.assert(
      fc.property(questions, ([plan, calls]) => {
        const { limit, log, now } = play(plan);
        const then = now + plan.holdMs; // by then every call is over
        expect(forecastInMs(log, limit, then, { calls, lane: "bulk" })).toBe(
          waitedFor(log, limit, then, calls),
        );
      }),
      { numRuns: 300, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("forecastInMs() is what waiting finds while calls are under way, too", () => {
    fc.assert(
      fc.property(questions, ([plan, calls]) => {
        const { limit, log, now } = play(plan);
        expect(forecastInMs(log, limit, now, { calls, lane: "bulk" })).toBe(
          waitedFor(log, limit, now, calls),
        );
      }),
      { numRuns: 300, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("forecastInMs() counts that a slot which is free now is free again before one whose call is under way", () => {
    const limit: Limit = { name: "calls", calls: 2, windowMs: 100 };
    const log = add(emptyLog, slotAt(limit, 1_000, 50, "bulk").at, "bulk", 1);
    expect(forecastInMs(log, limit, 1_000, { calls: 2, lane: "bulk" })).toBe(waitedFor(log, limit, 1_000, 2));
  });

  it("forecastInMs() for one call names a moment at which a slot is free, and not a millisecond before", () => {
    fc.assert(
      fc.property(schedule, (plan) => {
        const { limit, log, now } = play(plan);
        const wait = forecastInMs(log, limit, now, { calls: 1, lane: "bulk" });
        expect(free(log, limit, now + wait)).toBeGreaterThan(0);
        if (wait > 0) expect(free(log, limit, now + wait - 1)).toBe(0);
      }),
      { numRuns: 300, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("forecastInMs() never names a moment later than one at which a slot is free, though the limit was lowered", () => {
    fc.assert(
      fc.property(schedule, (plan) => {
        const { limit, log, now } = play(plan);
        const lower = { ...limit, calls: Math.max(1, limit.calls - 2) };
        const wait = forecastInMs(log, lower, now, { calls: 1, lane: "bulk" });
        if (wait > 0) expect(free(log, lower, now + wait - 1)).toBe(0);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("noted() rounds up, by at most 1/512 of the window, and by nothing in a window up to 512 ms", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 86_400_000 }),
        fc.integer({ min: 0, max: 2 ** 42 }),
        (windowMs, at) => {
          const moment = noted(windowMs, at);
          expect(moment).toBeGreaterThanOrEqual(at);
          expect(moment - at).toBeLessThan(Math.max(1, Math.ceil(windowMs / 512)));
        },
      ),
    );
  });

  it("add() keeps the log ascending and without empty moments, and takes back what it added", () => {
    const entries = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 3 })));
    fc.assert(
      fc.property(entries, (moments) => {
        const full = moments.reduce<SlotLog>((log, [at, calls]) => add(log, at, "bulk", calls), emptyLog);
        expect(full.map(([at]) => at)).toEqual([...new Set(moments.map(([at]) => at))].sort((a, b) => a - b));
        expect(full.reduce((sum, [, , , calls]) => sum + calls, 0)).toBe(
          moments.reduce((sum, [, calls]) => sum + calls, 0),
        );
        expect(moments.reduce<SlotLog>((log, [at, calls]) => add(log, at, "bulk", -calls), full)).toEqual([]);
      }),
    );
  });

  it("settled() never lets a call count longer than its hold, nor loses one", () => {
    const limit: Limit = { name: "calls", calls: 3, windowMs: 100 };
    const slot = slotAt(limit, 1_000, 50, "bulk");
    const log = add(emptyLog, slot.at, "bulk", 1);
    expect(settled(log, slot, 1_010)).toEqual([[1_010, 0, 0, 1]]);
    expect(settled(log, slot, 1_080)).toBe(log);
    expect(settled(emptyLog, slot, 1_010)).toBe(emptyLog);
  });

  it("used() and free() count until a whole window has passed, and not a millisecond longer", () => {
    const limit: Limit = { name: "calls", calls: 3, windowMs: 100 };
    const log = add(add(emptyLog, 1_000, "bulk", 1), 1_040, "bulk", 2);
    expect([1_000, 1_099, 1_100, 1_139, 1_140].map((now) => total(used(log, limit.windowMs, now)))).toEqual([
      3, 3, 2, 2, 0,
    ]);
    expect([1_099, 1_100, 1_140].map((now) => free(log, limit, now))).toEqual([0, 1, 3]);
    expect(free(log, { ...limit, calls: 1 }, 1_050)).toBe(0);
  });

  it("prune() and add() keep the log short at any limit and any traffic", () => {
    const limit: Limit = { name: "calls", calls: 1_000_000, windowMs: 3_600_000 };
    let log: SlotLog = emptyLog;
    let longest = 0;
    for (let now = 0; now < 3 * limit.windowMs; now += 1_777) {
      log = prune(log, limit.windowMs, now);
      const slot = slotAt(limit, now, 40_000, "bulk");
      log = settled(add(log, slot.at, "bulk", 1), slot, now + 300);
      longest = Math.max(longest, log.length);
    }
    expect(longest).toBeGreaterThan(256);
    expect(longest).toBeLessThanOrEqual(512 + 2);
  });

  for (const [name, latency] of Object.entries({
    "quick answers": (n: number) => 80 + ((n * 37) % 240),
    "slow answers": (n: number) => 1_000 + ((n * 7_919) % 28_000),
  })) {
    it(`slotAt() and settled() lose less than 1 % of what the limit allows, with ${name}`, () => {
      const limit: Limit = { name: "calls", calls: 300, windowMs: 3_600_000 };
      const windows = 8;
      let log: SlotLog = emptyLog;
      const grants: number[] = [];
      const open: { at: number; slot: Slot }[] = [];
      let held = 0;
      for (let now = 0; grants.length <= windows * limit.calls;) {
        while (open[0] !== undefined && open[0].at <= now) {
          const { at, slot } = open.shift() ?? { at: 0, slot: slotAt(limit, 0, 0, "bulk") };
          log = settled(log, slot, at);
        }
        log = prune(log, limit.windowMs, now);
        while (free(log, limit, now) > 0) {
          const slot = slotAt(limit, now, 40_000, "bulk");
          const took = latency(grants.length);
          log = add(log, slot.at, "bulk", 1);
          held += took;
          grants.push(now);
          open.push({ at: now + took, slot });
          open.sort((a, b) => a.at - b.at);
        }
        const wait = forecastInMs(log, limit, now, { calls: 1, lane: "bulk" });
        now = Math.min(now + wait, open[0]?.at ?? Number.POSITIVE_INFINITY);
      }
      const took = (grants[windows * limit.calls] ?? 0) - (grants[0] ?? 0);
      const best = (limit.calls * limit.windowMs) / (limit.windowMs + held / grants.length);
      const rate = (windows * limit.calls * limit.windowMs) / took;
      expect(rate / best).toBeGreaterThanOrEqual(0.99);
      expect(rate).toBeLessThanOrEqual(limit.calls);
    });
  }
});
