/** Whenever a server's clock is set, and whichever processes look when: no window holds more calls than the limit. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Limit } from "../../src/store/contract.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { ServerTime } from "../../src/store/server-time.ts";
import { tableStore } from "../../src/store/table-store/table-store.ts";
import { manualClock } from "../../src/testing/index.ts";
import { thorough } from "../support/effort.ts";

const second = 1_000;
const minute = 60 * second;
const limit: Limit = { name: "management", calls: 3, windowMs: 60 * minute };

const processes = 4;
const turn = fc.oneof(
  { weight: 6, arbitrary: fc.record({ waitMs: fc.integer({ min: 0, max: 20 * minute }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      setMs: fc
        .constantFrom(3, 8, 20, 40, 59, 90, 600, 3_600, 86_400, -2, -3, -8, -40)
        .map((seconds) => seconds * second),
    }),
  },
  { weight: 6, arbitrary: fc.record({ looks: fc.nat(processes - 1) }) },
  { weight: 8, arbitrary: fc.record({ takes: fc.nat(processes - 1) }) },
);

type Turn = typeof turn extends fc.Arbitrary<infer Each> ? Each : never;

/** A process did not look while the clock was set back, another took a slot, and the clock was set forward. */
const sleptThroughBoth: readonly (readonly Turn[])[] = [
  [
    { setMs: 600 * second },
    { takes: 1 },
    { setMs: -40 * second },
    { takes: 0 },
    { setMs: 59 * second },
    { waitMs: 3_468 * second },
    { looks: 0 },
    { setMs: 3 * second },
    { waitMs: 98 * second },
    { looks: 0 },
    { takes: 1 },
    { setMs: 3 * second },
    { looks: 0 },
    ...[0, 0, 0].map((takes) => ({ takes })),
    { setMs: 9 * second },
    { takes: 0 },
  ],
  [
    { setMs: 59 * second },
    { takes: 0 },
    { setMs: -40 * second },
    { takes: 1 },
    { waitMs: 1_047 * second },
    { setMs: 600 * second },
    { waitMs: 2_515 * second },
    ...[0, 0].map((takes) => ({ takes })),
    { setMs: 3 * second },
    { looks: 0 },
    { takes: 0 },
  ],
];

it("slots.take() keeps to the limit in every hour, wherever the server's clock is set, and frees slots again", () =>
  fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 20, maxLength: 120, size: "max" }), async (turns) => {
      const clock = manualClock();
      let setMs = 0;
      const tables = memoryTables();
      const all = Array.from({ length: processes }, () => {
        const time = new ServerTime(clock, () => 0);
        const at = () => {
          const now = clock.now() + setMs;
          time.observe(now, clock.monotonic());
          return { now, past: { ...time.past, since: 0 } };
        };
        const store = tableStore({
          write: async (unit) => unit(tables, at()),
          read: (unit) => unit(tables, at()),
          close: async () => {},
        });
        return { store, look: at };
      });
      for (const { look } of all) look();
      await clock.advance(120 * minute); // all steps back together do not reach to before a process began
      const calls: number[] = [];
      const take = async (by: number): Promise<boolean> => {
        const store = all[by]?.store;
        const taken = await store?.slots.take({ limit, holdMs: 40 * second, lane: "interactive" });
        if (taken?.type !== "taken") return false;
        calls.push(clock.monotonic());
        await store?.slots.settle(taken.slot);
        return true;
      };
      for (const each of turns) {
        if ("waitMs" in each) await clock.advance(each.waitMs);
        else if ("setMs" in each) setMs += each.setMs;
        else if ("looks" in each) all[each.looks]?.look();
        else await take(each.takes);
        // Steps of up to two seconds each may be missed.
        const within = calls.filter((at) => at > clock.monotonic() - limit.windowMs + 10 * second);
        expect(within.length).toBeLessThanOrEqual(limit.calls);
      }
      for (let by = 0; by < processes; by++) await take(by); // all hear of the last steps
      await clock.advance(limit.windowMs + 11 * minute);
      expect(await take(0)).toBe(true);
    }),
    { numRuns: thorough ? 1_000 : 100, examples: sleptThroughBoth.map((turns) => [[...turns]]) },
  ));
