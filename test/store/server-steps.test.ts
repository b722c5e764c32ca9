/**
 * Whenever a server's clock is set, and whichever processes look when, stand still or are replaced: no window holds more
 * calls than the limit.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Limit, Slot } from "../../src/store/contract.ts";
import { memoryTables } from "../../src/store/table-store/memory-tables.ts";
import { ServerTime } from "../../src/store/server-time.ts";
import { tableStore } from "../../src/store/table-store/table-store.ts";
import type { Tables } from "../../src/store/table-store/tables.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
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
  { weight: 2, arbitrary: fc.record({ begins: fc.nat(processes - 1) }) },
  { weight: 2, arbitrary: fc.record({ ends: fc.nat(processes - 1) }) },
);

/** What makes the clocks of two processes disagree. No pause is as long as a step, which could not be told from it. */
const disagreement = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      pauses: fc.nat(processes - 1),
      ms: fc.constantFrom(13, 29, 49).map((seconds) => seconds * second),
    }),
  },
  { weight: 1, arbitrary: fc.record({ replaces: fc.nat(processes - 1) }) },
);

type Of<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Each> ? Each : never;
type Turn = Of<typeof turn> | Of<typeof disagreement>;

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

/** A process whose machine may stand still without a trace. */
function processOn(tables: Tables, clock: ManualClock, serverNow: () => number) {
  let pausedMs = 0;
  const own = { ...clock, monotonic: () => clock.monotonic() - pausedMs };
  const time = new ServerTime(own, () => 0);
  const look = () => {
    const now = serverNow();
    time.observe(now, own.monotonic());
    return { now, past: { ...time.past, since: 0 } };
  };
  look();
  const store = tableStore({
    write: async (unit) => unit(tables, look()),
    read: (unit) => unit(tables, look()),
    close: async () => {},
  });
  return { store, look, pause: (ms: number) => (pausedMs += ms) };
}

async function play(
  turns: readonly Turn[],
  startedMs = 120 * minute, // all steps back together do not reach to before a process began
): Promise<{ windowsUntilFree: number }> {
  const clock = manualClock();
  let setMs = 0;
  const tables = memoryTables();
  const start = () => processOn(tables, clock, () => clock.now() + setMs);
  const all = Array.from({ length: processes }, start);
  await clock.advance(startedMs);
  const calls: number[] = [];
  const underWay: Slot[] = [];
  const begin = async (by: number): Promise<Slot | undefined> => {
    const taken = await all[by]?.store.slots.take({ limit, holdMs: 40 * second, lane: "interactive" });
    if (taken?.type !== "taken") return undefined;
    calls.push(clock.monotonic());
    return taken.slot;
  };
  const take = async (by: number): Promise<boolean> => {
    const slot = await begin(by);
    if (slot !== undefined) await all[by]?.store.slots.settle(slot);
    return slot !== undefined;
  };
  const everyone = async (): Promise<boolean> => {
    let isTaken = false;
    for (let by = 0; by < processes; by++) isTaken = (await take(by)) || isTaken;
    return isTaken;
  };
  for (const each of turns) {
    if ("waitMs" in each) await clock.advance(each.waitMs);
    else if ("setMs" in each) setMs += each.setMs;
    else if ("looks" in each) all[each.looks]?.look();
    else if ("takes" in each) await take(each.takes);
    else if ("begins" in each) underWay.push(...[(await begin(each.begins)) ?? []].flat());
    else if ("pauses" in each) all[each.pauses]?.pause(each.ms);
    else if ("replaces" in each) {
      await everyone(); // a new process cannot know what the log was not told
      all[each.replaces] = start();
    } else {
      const slot = underWay.shift();
      if (slot !== undefined) await all[each.ends]?.store.slots.settle(slot);
    }
    // Steps of up to two seconds each may be missed.
    const within = calls.filter((at) => at > clock.monotonic() - limit.windowMs + 12 * second);
    expect(within.length).toBeLessThanOrEqual(limit.calls);
  }
  await everyone(); // all hear of the last steps
  for (let windowsUntilFree = 1; ; windowsUntilFree++) {
    await clock.advance(limit.windowMs + 11 * minute);
    if ((await everyone()) || windowsUntilFree === 9) return { windowsUntilFree };
  }
}

const runs = { numRuns: thorough ? 1_000 : 100 };
const many = { minLength: 20, maxLength: 120, size: "max" } as const;

it("slots.take() keeps to the limit in every hour, wherever the server's clock is set, and frees slots again", () =>
  fc.assert(
    fc.asyncProperty(fc.array(turn, many), async (turns) => {
      expect(await play(turns)).toEqual({ windowsUntilFree: 1 });
    }),
    { ...runs, examples: sleptThroughBoth.map((turns) => [[...turns]]) },
  ));

it("slots.take() keeps to it where processes disagree about the clock, and they come to agree", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 9, arbitrary: turn }, { weight: 1, arbitrary: disagreement }), many),
      async (turns) => {
        expect((await play(turns)).windowsUntilFree).toBeLessThan(2 + processes);
      },
    ),
    runs,
  ));

const three = (turn: Turn): readonly Turn[] => [turn, turn, turn];

it.each<[string, Turn[]]>([
  [
    "its step forward is noticed by a process that asks for the first time",
    [
      ...three({ takes: 0 }),
      { looks: 1 },
      { waitMs: 30 * minute },
      { setMs: 2_400 * second },
      { looks: 1 },
      { takes: 1 },
    ],
  ],
  [
    "only what both steps come to is noticed by a process that asks for the first time",
    [{ takes: 0 }, { setMs: 2_460 * second }, { waitMs: 30 * minute }, { takes: 1 }, ...three({ takes: 0 })],
  ],
])("slots.take() keeps to it where a clock is set back just after a start, and %s", async (_, turns) => {
  await play([{ setMs: -2_400 * second }, ...turns], second);
});

it("slots.settle() frees no slot early while the clock is back for less than a call may take", async () => {
  const during: readonly Turn[] = [{ setMs: -60 * second }, { waitMs: 5 * second }, ...three({ ends: 0 })];
  await play([
    ...three({ begins: 0 }),
    ...during,
    { setMs: 60 * second },
    { waitMs: 3_570 * second },
    { takes: 1 },
  ]);
});
