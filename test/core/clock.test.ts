import { afterEach, describe, expect, it, vi } from "vitest";
import { inTime, randomName, sleep, systemClock, type Clock } from "../../src/clock.ts";
import { manualClock } from "../../src/testing/index.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("clock systemClock", () => {
  it("timer() runs its task once, after the time", () => {
    vi.useFakeTimers();
    const task = vi.fn<() => void>();
    systemClock.timer(1_000, task);
    vi.advanceTimersByTime(999);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    vi.advanceTimersByTime(10_000);
    expect(task).toHaveBeenCalledOnce();
  });

  for (const [name, ms] of Object.entries({ "2^31": 2 ** 31, "60 days": 60 * 86_400_000 })) {
    it(`timer() of ${name} milliseconds waits that long, though setTimeout cannot`, () => {
      vi.useFakeTimers();
      const task = vi.fn<() => void>();
      systemClock.timer(ms, task);
      vi.advanceTimersByTime(ms - 1);
      expect(task).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(task).toHaveBeenCalledOnce();
    });
  }

  it("timer() can be cancelled, in its second stretch too", () => {
    vi.useFakeTimers();
    const task = vi.fn<() => void>();
    const cancel = systemClock.timer(2 ** 32, task);
    vi.advanceTimersByTime(2 ** 31 + 1_000);
    cancel();
    vi.advanceTimersByTime(2 ** 32);
    expect(task).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("timer() of a time that is over runs at once, but not before it returns", () => {
    vi.useFakeTimers();
    const task = vi.fn<() => void>();
    systemClock.timer(-5, task);
    expect(task).not.toHaveBeenCalled();
    vi.advanceTimersByTime(0);
    expect(task).toHaveBeenCalledOnce();
  });

  it("now() is the wall clock, monotonic() goes forward, random() stays in [0, 1)", () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
    const readings = Array.from({ length: 100 }, () => systemClock.monotonic());
    expect(readings).toEqual([...readings].sort((a, b) => a - b));
    const dice = Array.from({ length: 100 }, () => systemClock.random());
    expect(dice.every((die) => die >= 0 && die < 1)).toBe(true);
    expect(new Set(dice).size).toBeGreaterThan(90);
  });
});

describe("clock sleep()", () => {
  it("sleep() resolves after the time, on the clock it is given", async () => {
    const clock = manualClock();
    const awake = vi.fn<() => void>();
    const slept = sleep(clock, 1_000).then(awake);
    await clock.advance(999);
    expect(awake).not.toHaveBeenCalled();
    await clock.advance(1);
    await slept;
    expect(awake).toHaveBeenCalledOnce();
  });

  it("sleep() rejects with the signal's reason as soon as it aborts, and leaves no timer", async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const slept = sleep(clock, 1_000, stop.signal);
    expect(clock.timers).toBe(1);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(slept).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
  });

  it("sleep() rejects at once if the signal was aborted before, and sets no timer", async () => {
    const clock = manualClock();
    await expect(sleep(clock, 1_000, AbortSignal.abort("before"))).rejects.toBe("before");
    expect(clock.timers).toBe(0);
  });

  it("sleep() leaves nothing on a signal that outlives it", async () => {
    const clock = manualClock();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    for (let n = 0; n < 3; n++) {
      const slept = sleep(clock, 10, signal);
      await clock.advance(10);
      await slept;
    }
    expect(added).toHaveBeenCalledTimes(3);
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});

describe("clock randomName()", () => {
  it("randomName() takes its characters from the clock's chance", () => {
    expect(randomName({ ...systemClock, random: () => 0 })).toMatch(/^00[0-9a-z]{1,6}$/);
    expect(randomName({ ...systemClock, random: () => 1 - 2 ** -53 })).toMatch(/^[0-9a-z]{21,26}$/);
    const begins = (clock: Clock): string => randomName(clock).slice(0, 12);
    expect(begins(manualClock())).toBe(begins(manualClock()));
  });

  it.each([
    ["Math.random", (): Clock => systemClock],
    ["a clock", (): Clock => ({ ...manualClock(), random: () => 0.5 })],
  ])("randomName() gives another name every time where %s repeats itself", (_, clockOf) => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const names = Array.from({ length: 1_000 }, () => randomName(clockOf()));
    expect(new Set(names).size).toBe(1_000);
  });

  it("randomName() gives another name every time", () => {
    const names = Array.from({ length: 1_000 }, () => randomName(systemClock));
    expect(new Set(names).size).toBe(1_000);
    expect(names.every((name) => /^[0-9a-z]{13,26}$/.test(name))).toBe(true);
  });
});

describe("testing manualClock()", () => {
  it("manualClock() stands still until advance()", async () => {
    const clock = manualClock(5_000);
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0]);
    await clock.advance(70);
    expect([clock.now(), clock.monotonic()]).toEqual([5_070, 70]);
  });

  it("advance() runs timers in the order of their times, each at its own time", async () => {
    const clock = manualClock();
    const ran: [string, number][] = [];
    const note = (name: string) => () => void ran.push([name, clock.monotonic()]);
    clock.timer(30, note("third"));
    clock.timer(10, () => {
      note("first")();
      clock.timer(10, note("set by first"));
    });
    clock.timer(100, note("later"));
    clock.timer(10, note("second"));
    await clock.advance(50);
    expect(ran).toEqual([
      ["first", 10],
      ["second", 10],
      ["set by first", 20],
      ["third", 30],
    ]);
    expect(clock.timers).toBe(1);
  });

  it("advance() lets what waits for a timer go on before the next one runs", async () => {
    const clock = manualClock();
    const seen: number[] = [];
    const walk = async (): Promise<void> => {
      for (let step = 0; step < 3; step++) {
        await sleep(clock, 10);
        seen.push(clock.monotonic());
      }
    };
    const walked = walk();
    await clock.advance(100);
    await walked;
    expect(seen).toEqual([10, 20, 30]);
  });

  it("jumpTo() sets the wall clock alone", async () => {
    const clock = manualClock();
    const slept = sleep(clock, 10);
    await clock.advance(4);
    clock.jumpTo(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 4]);
    await clock.advance(6);
    await slept;
    expect(clock.now()).toBe(1_006);
  });
});

describe("clock inTime()", () => {
  const tooLate = (): Error => new Error("too late");

  it("inTime() gives the answer, or throws what the question throws, and leaves no timer behind", async () => {
    const clock = manualClock();
    const timer = vi.spyOn(clock, "timer");
    const cancelled = vi.fn<() => void>();
    timer.mockReturnValue(cancelled);
    expect(await inTime(clock, 10, async () => "answer", tooLate)).toBe("answer");
    await expect(inTime(clock, 10, () => Promise.reject(new Error("no")), tooLate)).rejects.toThrow("no");
    const throwing = (): never => {
      throw new Error("at once");
    };
    await expect(inTime(clock, 10, throwing, tooLate)).rejects.toThrow("at once");
    expect(cancelled).toHaveBeenCalledTimes(3);
  });

  it("inTime() throws when the time is over, and an answer that fails later has no effect", async () => {
    const clock = manualClock();
    let fail = (_: Error): void => {};
    const never = new Promise<never>((_, reject) => (fail = reject));
    const ended = vi.fn<(error: unknown) => void>();
    const asked = inTime(clock, 10, () => never, tooLate).catch(ended);
    await clock.advance(9);
    expect(ended).not.toHaveBeenCalled();
    await clock.advance(1);
    await asked;
    expect(ended).toHaveBeenCalledExactlyOnceWith(tooLate());
    fail(new Error("later"));
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test
  });
});
