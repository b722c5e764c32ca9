import { describe, expect, it } from "vitest";
import { sleep } from "../../src/clock.ts";
import { createVirtualClock } from "../../src/sandbox/index.ts";

describe("sandbox/virtual-clock", () => {
  it("a standing clock moves only by advance(), and fires timers in order at their own time", () => {
    const clock = createVirtualClock({ now: 1000, running: false });
    const fired: [string, number][] = [];
    const note = (name: string) => () => void fired.push([name, clock.now()]);
    clock.timer(30, note("c"));
    clock.timer(10, note("a"));
    clock.timer(10, () => {
      note("b")();
      clock.timer(5, note("nested"));
    });
    clock.timer(20, note("cancelled"))();
    clock.timer(41, note("later"));
    clock.advance(40);
    expect(fired).toEqual([
      ["a", 1010],
      ["b", 1010],
      ["nested", 1015],
      ["c", 1030],
    ]);
    expect([clock.now(), clock.running]).toEqual([1040, false]);
  });

  it("many timers fire in the order of their due times, whatever was cancelled", () => {
    const clock = createVirtualClock({ now: 0, running: false, seed: 3 });
    const fired: number[] = [];
    const cancels = Array.from({ length: 300 }, () => {
      const due = Math.floor(clock.random() * 1000);
      return clock.timer(due, () => void fired.push(due));
    });
    cancels.forEach((cancel, i) => void (i % 3 === 0 && cancel()));
    clock.advance(1000);
    expect(fired).toHaveLength(200);
    expect(fired).toEqual(fired.toSorted((a, b) => a - b));
  });

  it("set() back moves now() alone; monotonic() and timers never go back", () => {
    const clock = createVirtualClock({ now: 1000, running: false });
    const start = clock.monotonic();
    let fired = false;
    clock.timer(100, () => (fired = true));
    clock.set(400);
    expect([clock.now(), clock.monotonic() - start, clock.offset < 0]).toEqual([400, 0, true]);
    clock.set(500);
    expect([clock.monotonic() - start, fired]).toEqual([100, true]);
  });

  it("a running clock goes on with real time, and fires early when advance() jumps over a timer", async () => {
    const clock = createVirtualClock();
    const start = clock.now();
    let woken = false;
    const sleeping = sleep(clock, 3_600_000).then(() => (woken = true));
    await sleep(clock, 5);
    expect([clock.now() > start, woken]).toEqual([true, false]);
    clock.advance(3_600_000);
    await sleeping;
    expect(clock.now() - start).toBeGreaterThanOrEqual(3_600_000);
    expect(clock.offset).toBe(3_600_000);
  });

  it("a running clock brings the rest of its timers nearer", async () => {
    const clock = createVirtualClock();
    const start = clock.now();
    const sleeping = sleep(clock, 3_600_000);
    clock.advance(3_599_990);
    await sleeping; // an hour of real time otherwise
    expect(clock.now() - start).toBeGreaterThanOrEqual(3_600_000);
    expect(clock.offset).toBe(3_599_990);
  });

  it("onChange() hears of every jump until it is stopped", () => {
    const clock = createVirtualClock({ running: false });
    let heard = 0;
    const stop = clock.onChange(() => (heard += 1));
    clock.advance(1);
    clock.set(5);
    stop();
    clock.advance(1);
    expect(heard).toBe(2);
  });

  it("random() repeats with a seed", () => {
    const draw = () => {
      const clock = createVirtualClock({ seed: 42 });
      return [clock.random(), clock.random()];
    };
    expect(draw()).toEqual(draw());
    expect(draw().every((one) => one >= 0 && one < 1)).toBe(true);
  });

  it.each([-1, NaN, Infinity])("advance() refuses %d", (ms) => {
    expect(() => createVirtualClock().advance(ms)).toThrow(/Cannot set the virtual clock: ms must be/);
  });
});
