import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { sharedTimer, timersOf } from "../../src/shared-timer.ts";
import { steadyClock } from "../../src/store/steady-time.ts";
import { manualClock } from "../../src/testing/index.ts";

afterEach(() => void vi.useRealTimers());

describe("sharedTimer()", () => {
  function noted(clock = manualClock()) {
    const ran: [string, number][] = [];
    const begin = sharedTimer(clock, 100);
    return { clock, ran, begin, note: (name: string) => begin(() => ran.push([name, clock.monotonic()])) };
  }

  it("runs each task at its own time, on one timer", async () => {
    const { clock, ran, note } = noted();
    note("first");
    note("with it");
    await clock.advance(30);
    note("second");
    expect(clock.timers).toBe(1);
    await clock.advance(99);
    expect(ran).toEqual([
      ["first", 100],
      ["with it", 100],
    ]);
    await clock.advance(1);
    expect(ran).toContainEqual(["second", 130]);
    expect(clock.timers).toBe(0);
  });

  it("leaves no timer once all are cancelled, each alone, twice and in any order", async () => {
    const { clock, ran, note } = noted();
    const [first, second] = [note("first"), note("second")];
    await clock.advance(50);
    const third = note("third");
    second();
    second();
    first();
    expect(clock.timers).toBe(1);
    third();
    expect(clock.timers).toBe(0);
    note("fourth");
    await clock.advance(99);
    expect(ran).toEqual([]);
    await clock.advance(1);
    expect(ran).toEqual([["fourth", 150]]);
  });

  it("waits for the next one when the one that its timer was set for is cancelled", async () => {
    const { clock, ran, note } = noted();
    const first = note("first");
    await clock.advance(60);
    note("second");
    first();
    await clock.advance(99);
    expect(ran).toEqual([]);
    await clock.advance(1);
    expect(ran).toEqual([["second", 160]]);
  });

  it("takes what a task begins or cancels into account", async () => {
    const { clock, ran, begin, note } = noted();
    const later: (() => void)[] = [];
    begin(() => {
      for (const cancel of later) cancel();
      note("begun by it");
    });
    later.push(note("cancelled by it"));
    await clock.advance(250);
    expect(ran).toEqual([["begun by it", 200]]);
    expect(clock.timers).toBe(0);
  });

  it("runs the others although one throws", () => {
    vi.useFakeTimers();
    const { ran, begin, note } = noted({ ...systemClock, ...manualClock(), timer: systemClock.timer });
    begin(() => {
      throw new Error("of the first task");
    });
    note("second");
    expect(() => vi.advanceTimersByTime(100)).toThrow("of the first task");
    vi.advanceTimersByTime(200);
    expect(ran.map(([name]) => name)).toEqual(["second"]);
  });

  it("runs a task although the timer is early", () => {
    const early = { monotonic: () => 0, timer: systemClock.timer };
    vi.useFakeTimers();
    const task = vi.fn<() => void>();
    sharedTimer(early, 100)(task);
    vi.advanceTimersByTime(100);
    expect(task).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("lets what arrived meanwhile come first when the timer is late, as after a suspension", async () => {
    const clock = manualClock();
    let suspendedMs = 0;
    const monotonic = (): number => clock.monotonic() + suspendedMs;
    const begin = sharedTimer({ monotonic, timer: (ms, task) => clock.timer(ms, task) }, 100);
    const [answered, hanging] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const cancel = begin(answered);
    begin(hanging);
    clock.timer(99, () => (suspendedMs = 3_000));
    clock.timer(100, () => cancel()); // after the late timer, which was set before
    await clock.advance(100);
    expect([answered.mock.calls.length, hanging.mock.calls.length]).toEqual([0, 1]);
    expect(clock.timers).toBe(0);
  });

  it("runs its tasks in a process that is always late", async () => {
    const clock = manualClock();
    let busyMs = 0;
    const monotonic = (): number => clock.monotonic() + (busyMs += 1_000);
    const task = vi.fn<() => void>();
    sharedTimer({ monotonic, timer: (ms, task) => clock.timer(ms, task) }, 100)(task);
    await clock.advance(100);
    expect(task).toHaveBeenCalledOnce();
  });

  it("ends on a clock that shows infinity", () => {
    vi.useFakeTimers();
    let now = 0;
    const task = vi.fn<() => void>();
    sharedTimer({ monotonic: () => now, timer: systemClock.timer }, 100)(task);
    now = Infinity;
    vi.advanceTimersByTime(1_000);
    expect(task).toHaveBeenCalledOnce();
  });
});

describe("timersOf()", () => {
  it("sets one timer of the machine for all that run at the same time", () => {
    const timer = vi.spyOn(systemClock, "timer");
    for (const clock of [systemClock, steadyClock(systemClock)]) {
      const begin = timersOf(clock, 60_000);
      const cancels = Array.from({ length: 50 }, () => begin(() => {}));
      for (const cancel of cancels) cancel();
    }
    expect(timer).toHaveBeenCalledTimes(2);
    timer.mockRestore();
  });

  it.each([
    ["all is faked", undefined],
    ["only the timers are", { toFake: ["setTimeout", "clearTimeout"] as const }],
    ["the timers and the wall clock are", { toFake: ["setTimeout", "clearTimeout", "Date"] as const }],
  ])("is on time where %s, for each of two", (_, config) => {
    const begin = timersOf(systemClock, 30_000);
    const cancelReal = begin(() => {}); // begun before
    vi.useFakeTimers(config && { toFake: [...config.toFake] });
    const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
    begin(first);
    vi.advanceTimersByTime(10_000);
    begin(second);
    vi.advanceTimersByTime(20_000);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 0]);
    vi.advanceTimersByTime(10_000);
    expect(second).toHaveBeenCalledOnce();
    cancelReal();
  });

  it("is on time after timers were faked, or cleared", async () => {
    const begin = timersOf(systemClock, 20);
    vi.useFakeTimers();
    begin(() => {});
    vi.clearAllTimers();
    vi.useRealTimers();
    await new Promise<void>((resolve) => void begin(resolve));
  });

  it("sets a timer for each on any other clock, which may stand still", async () => {
    const clock = manualClock();
    const begin = timersOf({ ...clock, monotonic: () => 0, timer: (ms, task) => clock.timer(ms, task) }, 100);
    const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
    begin(first);
    await clock.advance(50);
    begin(second);
    await clock.advance(50);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 0]);
  });
});
