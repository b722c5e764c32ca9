import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lanes, type Counts, type Lane, type Limit } from "../../src/store/contract.ts";
import { ahead, mayTake, none, total, turn } from "../../src/store/lane-scheduler.ts";

const limits: fc.Arbitrary<Limit> = fc
  .record({ calls: fc.integer({ min: 1, max: 40 }), reserved: fc.double({ min: 0, max: 1, noNaN: true }) })
  .chain(({ calls, reserved }) => {
    const rest = calls - Math.floor(calls * reserved);
    return fc.tuple(fc.integer({ min: 0, max: rest }), fc.integer({ min: 0, max: rest })).map(([a, b]) => ({
      name: "calls",
      calls,
      windowMs: 1_000,
      reserved: calls - rest,
      least: { recovery: Math.min(a, rest - Math.min(b, rest)), bulk: Math.min(b, rest) },
    }));
  });

/** Which lanes ask, at each of many moments. */
const moments = fc.array(fc.subarray([...lanes]), { minLength: 1, maxLength: 150 });

/** Gives every asking moment a place if there is one; what was used in the end. */
function filled(limit: Limit, asking: readonly (readonly Lane[])[]): Counts {
  let used = none;
  for (const asks of asking) {
    const lane = turn(limit, used, (other) => asks.includes(other));
    if (lane !== null) used = { ...used, [lane]: used[lane] + 1 };
  }
  return used;
}

describe("store/shares", () => {
  it("turn() never fills more than the limit, and gives no place to a lane that does not ask", () => {
    fc.assert(
      fc.property(limits, moments, (limit, asking) => {
        expect(total(filled(limit, asking))).toBeLessThanOrEqual(limit.calls);
        const silent = lanes.filter((lane) => asking.every((asks) => !asks.includes(lane)));
        for (const lane of silent) expect(filled(limit, asking)[lane]).toBe(0);
      }),
    );
  });

  it("turn() gives each lane that always asks its minimum, whichever others ask", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const used = filled(
          limit,
          Array.from({ length: limit.calls + 5 }, () => lanes),
        );
        expect(used.recovery).toBeGreaterThanOrEqual(limit.least?.recovery ?? 0);
        expect(used.bulk).toBeGreaterThanOrEqual(limit.least?.bulk ?? 0);
        expect(total(used)).toBe(limit.calls);
      }),
    );
  });

  it("turn() gives bulk its minimum while recovery always asks and no one asks in interactive", () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const asking = Array.from({ length: limit.calls + 5 }, (): readonly Lane[] => ["recovery", "bulk"]);
        const used = filled(limit, asking);
        expect(used.recovery).toBeGreaterThanOrEqual(limit.least?.recovery ?? 0);
        expect(used.bulk).toBeGreaterThanOrEqual(limit.least?.bulk ?? 0);
        expect(total(used)).toBe(limit.calls - (limit.reserved ?? 0));
      }),
    );
  });

  it("turn() leaves `reserved` places to people, whatever the others are owed", () => {
    fc.assert(
      fc.property(limits, moments, (limit, asking) => {
        const used = filled(limit, asking);
        const others = used.recovery + used.bulk;
        expect(others).toBeLessThanOrEqual(limit.calls - (limit.reserved ?? 0));
      }),
    );
  });

  it("turn() lets no place go unused that the one lane which asks may have", () => {
    fc.assert(
      fc.property(limits, fc.constantFrom(...lanes), (limit, lane) => {
        const asking = Array.from({ length: limit.calls + 5 }, () => [lane]);
        const most = lane === "interactive" ? limit.calls : Math.max(limit.calls - (limit.reserved ?? 0), 0);
        expect(filled(limit, asking)[lane]).toBe(most);
      }),
    );
  });

  it("turn() gives a free place away whenever a lane asks", () => {
    fc.assert(
      fc.property(limits, moments, (limit, asking) => {
        const used = filled(limit, asking);
        for (const others of [[], ["recovery"], ["bulk"], ["recovery", "bulk"]]) {
          const lane = turn(limit, used, (other) => other === "interactive" || others.includes(other));
          expect(lane === null).toBe(total(used) === limit.calls);
        }
      }),
    );
  });

  it("mayTake() is turn() with one who asks", () => {
    fc.assert(
      fc.property(limits, moments, fc.constantFrom(...lanes), (limit, asking, lane) => {
        for (let upTo = 0; upTo <= asking.length; upTo++) {
          const used = filled(limit, asking.slice(0, upTo));
          expect(mayTake(limit, used, lane)).toBe(turn(limit, used, (other) => other === lane) === lane);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("ahead() counts those who wait in the lane or one before it", () => {
    const waiting = { interactive: 1, recovery: 20, bulk: 300 };
    expect(lanes.map((lane) => ahead(waiting, lane))).toEqual([1, 21, 321]);
  });
});
