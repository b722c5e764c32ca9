import { describe, expect, it } from "vitest";
import { adoptAfterMs, steadyClock, steadyTime } from "../../src/store/steady-time.ts";
import { manualClock } from "../../src/testing/index.ts";

const day = 86_400_000;

describe("store/steady-time", () => {
  it("now() goes on with the monotonic clock while the wall clock is a day off, and forgets a jump that was undone", async () => {
    const clock = manualClock();
    const start = clock.now();
    const { now, past } = steadyTime(clock);
    for (const by of [day, -day]) {
      await clock.advance(1);
      clock.jumpTo(clock.now() + by);
      expect(now()).toBe(start + clock.monotonic());
      await clock.advance(adoptAfterMs / 2);
      expect(now()).toBe(start + clock.monotonic());
      clock.jumpTo(clock.now() - by);
      await clock.advance(adoptAfterMs / 2);
      expect(now()).toBe(start + clock.monotonic());
    }
    expect(past()).toMatchObject({ since: start, jump: null, steps: { ms: 0 } });
  });

  it("now() takes over what the wall clock insists on for a minute, forward and back", async () => {
    const clock = manualClock();
    const start = clock.now();
    const { now, past } = steadyTime(clock);
    clock.jumpTo(start + day);
    now();
    await clock.advance(adoptAfterMs);
    expect(now()).toBe(clock.now());
    expect(past()).toMatchObject({
      since: start + day + adoptAfterMs,
      jump: { from: start + adoptAfterMs, by: day, since: start },
    });
    clock.jumpTo(clock.now() - day);
    now();
    await clock.advance(adoptAfterMs);
    expect(now()).toBe(clock.now());
    expect(past().jump).toMatchObject({ by: -day, since: start + day + adoptAfterMs });
  });

  it("now() does not begin with one wrong reading, nor with none", () => {
    for (const wrong of [day, -day, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const nth of [0, 1, 2, 3]) {
        const clock = manualClock();
        let readings = 0;
        const { now } = steadyTime({ ...clock, now: () => clock.now() + (readings++ === nth ? wrong : 0) });
        expect(now()).toBe(clock.now());
        expect(now()).toBe(clock.now());
      }
    }
  });

  it.each([-5_000, -3_000, 1_500, 5_000])(
    "now() counts what has passed through a step of %i ms",
    async (by) => {
      const clock = manualClock();
      const { now, past } = steadyTime(clock);
      const before = now();
      clock.jumpTo(clock.now() + by);
      expect(now()).toBe(before);
      for (let minutes = 1; minutes <= 10; minutes++) {
        await clock.advance(60_000);
        expect(now()).toBe(before + minutes * 60_000);
      }
      expect(past().jump).toBe(null);
    },
  );

  it("now() takes small steps over together once they add up, and past() knows each jump of its time", async () => {
    const clock = manualClock();
    const start = clock.now();
    const { now, past } = steadyTime(clock);
    const jumped = (): number => past().steps?.ms ?? 0;
    for (let steps = 1; steps <= 20; steps++) {
      clock.jumpTo(clock.now() + 4_000);
      for (let passed = 0; passed < 3; passed++) {
        now();
        await clock.advance(60_000);
        expect(now() - jumped()).toBe(start + clock.monotonic());
      }
      expect(Math.abs(clock.now() - now())).toBeLessThanOrEqual(5_000);
    }
  });

  it("steadyClock() is the clock, its wall clock without jumps", async () => {
    const clock = manualClock();
    const steady = steadyClock(clock);
    clock.jumpTo(clock.now() + day);
    expect(steady.now()).toBe(clock.now() - day);
    expect(steady.monotonic()).toBe(clock.monotonic());
    let rang = false;
    steady.timer(10, () => (rang = true));
    await clock.advance(10);
    expect(rang).toBe(true);
    expect(steady.random()).toBeLessThan(1);
  });

  it("latest() counts a jump ahead at once for what is older, and not for what came after it", async () => {
    const clock = manualClock();
    const before = clock.now();
    const { now, latest } = steadyTime(clock);
    await clock.advance(1_000);
    clock.jumpTo(clock.now() + day);
    expect(latest(before)).toBe(clock.now());
    await clock.advance(1_000);
    expect(latest(now())).toBe(now());
    expect(latest(before)).toBe(now() + day);
    clock.jumpTo(clock.now() + day); // it goes on jumping, so what came after the first jump is old again
    const after = before + 1_500;
    expect(latest(after)).toBe(now() + 2 * day);
    clock.jumpTo(clock.now() - 4 * day);
    expect(latest(before)).toBe(now());
  });

  it("latest() counts a jump for what began in the same millisecond, again and again", () => {
    const clock = manualClock();
    const { now, latest } = steadyTime(clock);
    for (const days of [1, 2, 3]) {
      const before = now();
      clock.jumpTo(clock.now() + day);
      expect(latest(before) - before).toBeGreaterThan(days * day - 10);
    }
  });

  it("latest() tells what was written before a jump from what was written after it, also within one millisecond", async () => {
    const clock = manualClock();
    const { now, latest } = steadyTime(clock);
    await clock.advance(0.25);
    const before = now();
    clock.jumpTo(clock.now() + day);
    await clock.advance(0.25);
    expect(latest(before)).toBeGreaterThanOrEqual(before + day);
    await clock.advance(0.25);
    const after = now();
    expect(after).toBe(before + 1);
    expect(latest(after)).toBe(after);
    await clock.advance(adoptAfterMs);
    now();
    clock.jumpTo(clock.now() - day);
    now();
    await clock.advance(adoptAfterMs);
    expect(now()).toBe(clock.now()); // what a doubt has begun holds nothing back once it is over
  });
});
