import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { systemClock } from "../../src/clock.ts";
import { createGuard, type Guard } from "../../src/guard/guard.ts";
import { none, total } from "../../src/store/lane-scheduler.ts";
import type { Commit, Limit, Store } from "../../src/store/contract.ts";
import { steadyClock } from "../../src/store/steady-time.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";

const limit: Limit = { name: "management", calls: 2, windowMs: 60_000 };
const limits = { management: limit, token: null, fhir: null };

interface Bench {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly guard: Guard;
  used(): Promise<number>;
  /** Spends a slot on a call that is sent at once. */
  call(): Promise<string>;
}

async function bench(): Promise<Bench> {
  const clock = manualClock();
  const store = await memory().open({ account: "account", clock });
  const guard = createGuard({
    slots: store.slots,
    clock: steadyClock(clock),
    limits,
    timeoutMs: 5_000,
    graceMs: 2_000,
  });
  return {
    store,
    clock,
    guard,
    used: async () => total((await guard.forecast(1, "bulk")).used),
    call: () =>
      guard.spend(
        "management",
        () => "bulk",
        async () => ({ slot: "settled" as const, value: "answer" }),
      ),
  };
}

describe("guard", () => {
  it("ask() asks for a slot for time-out and grace, and dates the deadline from now", async () => {
    const { guard, clock } = await bench();
    await clock.advance(1_234);
    expect(guard.holdMs).toBe(7_000);
    const { slot, isOver } = guard.ask("management", "recovery");
    expect(slot).toEqual({ limit, holdMs: 7_000, lane: "recovery" });
    await clock.advance(5_000);
    expect(isOver()).toBe(false);
    await clock.advance(1);
    expect(isOver()).toBe(true);
  });

  it("ask() counts the time in which the machine was suspended: its monotonic clock stood still", async () => {
    const { store } = await bench();
    let [awakeMs, asleepMs] = [0, 0];
    const clock = steadyClock({
      ...systemClock,
      now: () => Date.UTC(2026, 0, 1) + awakeMs + asleepMs,
      monotonic: () => awakeMs,
    });
    const guard = createGuard({ slots: store.slots, clock, limits, timeoutMs: 30_000, graceMs: 2_000 });
    const { isOver } = guard.ask("management", "recovery");
    awakeMs += 10;
    expect(isOver()).toBe(false);
    asleepMs += 60_000;
    expect(isOver()).toBe(true);
  });

  it.each([
    [1, 1],
    [2, 1],
    [10, 9],
    [11, 9],
    [300, 270],
  ])("ask() for a refresh leaves a tenth of %i calls of the token endpoint to codes", async (calls, most) => {
    const { store, clock } = await bench();
    const token: Limit = { name: "token", calls, windowMs: 1_000 };
    const guard = createGuard({
      slots: store.slots,
      clock: steadyClock(clock),
      limits: { ...limits, token },
      timeoutMs: 5_000,
      graceMs: 2_000,
    });
    expect(guard.ask("refresh", null).slot?.limit).toEqual({ ...token, calls: most });
    expect(guard.ask("token", null).slot?.limit).toEqual(token);
  });

  it("spend() gives the call's value, and settles the slot: it counts a window from the answer", async () => {
    const { guard, clock, used } = await bench();
    const value = await guard.spend(
      "management",
      () => "bulk",
      async () => {
        await clock.advance(300);
        expect(await used()).toBe(1);
        return { slot: "settled" as const, value: "answer" };
      },
    );
    expect(value).toBe("answer");
    await clock.advance(limit.windowMs - 1);
    expect(await used()).toBe(1);
    await clock.advance(120); // a moment is rounded up by at most 1/512 of the window
    expect(await used()).toBe(0);
  });

  it("spend() gives the slot back if the call was not sent", async () => {
    const { guard, used } = await bench();
    expect(
      await guard.spend(
        "management",
        () => "bulk",
        async () => ({ slot: "givenBack" as const, value: "not sent" }),
      ),
    ).toBe("not sent");
    expect(await used()).toBe(0);
  });

  it("spend() lets the slot of a call whose outcome was lost count for as long as it may still arrive", async () => {
    const { guard, clock, used } = await bench();
    const lost = async () => ({ slot: "counts" as const, value: "nothing" });
    await guard.spend("management", () => "bulk", lost);
    await clock.advance(limit.windowMs + guard.holdMs - 1);
    expect(await used()).toBe(1);
    await clock.advance(120);
    expect(await used()).toBe(0);
  });

  it("spend() does the same for a call that throws, for it may have been sent", async () => {
    const { guard, clock, used } = await bench();
    const failure = new Error("the answer was cut off");
    await expect(
      guard.spend(
        "management",
        () => "bulk",
        () => Promise.reject(failure),
      ),
    ).rejects.toBe(failure);
    await clock.advance(limit.windowMs + guard.holdMs - 1);
    expect(await used()).toBe(1);
    await clock.advance(120);
    expect(await used()).toBe(0);
  });

  it("spend() waits for a slot, then calls at once", async () => {
    const { guard, clock, call } = await bench();
    await call();
    await call();
    const started: number[] = [];
    const third = guard.spend(
      "management",
      () => "bulk",
      async () => {
        started.push(clock.monotonic());
        return { slot: "settled" as const, value: "third" };
      },
    );
    await clock.advance(limit.windowMs - 1);
    expect(started).toEqual([]);
    await clock.advance(120);
    expect(await third).toBe("third");
    expect(started[0]).toBeGreaterThanOrEqual(limit.windowMs);
    expect(clock.timers).toBe(0);
  });

  it("spend() of many at once never has more calls in a window than the limit", async () => {
    const { guard, clock } = await bench();
    const sent: number[] = [];
    const all = Promise.all(
      Array.from({ length: 7 }, () =>
        guard.spend(
          "management",
          () => "bulk",
          async () => {
            sent.push(clock.monotonic());
            return { slot: "settled" as const, value: null };
          },
        ),
      ),
    );
    for (let minute = 0; minute < 6; minute++) await clock.advance(limit.windowMs);
    await all;
    expect(sent).toHaveLength(7);
    for (const [index, at] of sent.slice(limit.calls).entries()) {
      expect(at - (sent[index] ?? Number.NaN)).toBeGreaterThanOrEqual(limit.windowMs);
    }
    // Those who asked while calls were under way were told the end of the hold.
    expect(sent.at(-1)).toBeLessThanOrEqual(3 * (limit.windowMs + guard.holdMs + 120));
  });

  it("spend() dates the deadline from the question that was granted, not from the first", async () => {
    const { guard, clock, call } = await bench();
    await call();
    await call();
    let began = Number.NaN;
    const over: boolean[] = [];
    const third = guard.spend(
      "management",
      () => "bulk",
      async (isOver) => {
        began = clock.monotonic();
        await clock.advance(5_000);
        over.push(isOver());
        await clock.advance(1);
        over.push(isOver());
        return { slot: "settled" as const, value: null };
      },
    );
    await clock.advance(limit.windowMs + 120);
    await third;
    expect(began).toBeGreaterThanOrEqual(limit.windowMs);
    expect(over).toEqual([false, true]);
  });

  it("spend() dates the deadline from the question, not from a store's late answer", async () => {
    const { store, clock } = await bench();
    const slots: Store["slots"] = {
      ...store.slots,
      async take(request) {
        await clock.advance(3_000);
        return store.slots.take(request);
      },
    };
    const guard = createGuard({ slots, clock: steadyClock(clock), limits, timeoutMs: 5_000, graceMs: 2_000 });
    const over = await guard.spend(
      "management",
      () => "bulk",
      async (isOver) => {
        await clock.advance(2_000);
        const before = isOver();
        await clock.advance(1);
        return { slot: "settled" as const, value: [before, isOver()] };
      },
    );
    expect(over).toEqual([false, true]);
  });

  it("spend() stops waiting when the signal aborts, with its reason, and takes no slot", async () => {
    const { guard, clock, call, used } = await bench();
    await call();
    await call();
    const stop = new AbortController();
    let called = false;
    const third = guard.spend(
      "management",
      () => "bulk",
      async () => {
        called = true;
        return { slot: "settled" as const, value: null };
      },
      stop.signal,
    );
    const refusal = third.catch((reason: unknown) => reason);
    await clock.advance(1_000);
    stop.abort("no longer wanted");
    expect(await refusal).toBe("no longer wanted");
    expect(clock.timers).toBe(0);
    await clock.advance(2 * limit.windowMs);
    expect(called).toBe(false);
    expect(await used()).toBe(0);
  });

  it("spend() does not begin when the signal was aborted before", async () => {
    const { guard, used } = await bench();
    const call = async (): Promise<never> => expect.unreachable();
    await expect(guard.spend("management", () => "bulk", call, AbortSignal.abort("too late"))).rejects.toBe(
      "too late",
    );
    expect(await used()).toBe(0);
  });

  it("spend() lets those go first who wait in its lane or one before it", async () => {
    const { store, guard, clock } = await bench();
    const waiting: Commit = {
      id: "ada",
      value: null,
      expectedRevision: 0,
      writeId: "a",
      mode: "none",
      lease: { id: "lease", owner: "test", ms: 60_000 },
      state: "created",
      dueInMs: null,
      lane: "recovery",
    };
    await store.commit(waiting);
    const order: string[] = [];
    const spend = (lane: "interactive" | "bulk"): Promise<string> =>
      guard.spend(
        "management",
        () => lane,
        async () => ({ slot: "settled" as const, value: order.push(lane) ? lane : "" }),
      );
    const behind = spend("bulk");
    await spend("interactive");
    expect(order).toEqual(["interactive"]);
    await clock.advance(1_000);
    expect(order).toEqual(["interactive"]);
    await store.grant({ limit, max: 1, holdMs: 7_000, lease: waiting.lease });
    await clock.advance(2 * limit.windowMs);
    expect(await behind).toBe("bulk");
  });

  it("forecast() tells slots in use and the wait for more", async () => {
    const { guard, call } = await bench();
    expect(await guard.forecast(2, "bulk")).toMatchObject({ used: none, waiting: none, inMs: 0 });
    await call();
    const { used, inMs } = await guard.forecast(2, "bulk");
    expect(used).toEqual({ ...none, bulk: 1 });
    expect(inMs).toBeGreaterThanOrEqual(limit.windowMs);
    expect(inMs).toBeLessThan(limit.windowMs + 120);
  });

  it("spend() asks ever more seldom in a wait of an hour, and has its slot the moment one is free", async () => {
    const clock = manualClock();
    const store = await memory().open({ account: "account", clock });
    let takes = 0;
    const slots: Store["slots"] = {
      ...store.slots,
      take: (request) => (takes++, store.slots.take(request)),
    };
    const hourly = { management: { ...limit, calls: 1, windowMs: 3_600_000 }, token: null, fhir: null };
    const guard = createGuard({
      slots,
      clock: steadyClock(clock),
      limits: hourly,
      timeoutMs: 5_000,
      graceMs: 2_000,
    });
    const calledAt: number[] = [];
    const call = (): Promise<void> =>
      guard.spend(
        "management",
        () => "bulk",
        async () => {
          calledAt.push(clock.monotonic());
          return { slot: "settled" as const, value: undefined };
        },
      );
    await call();
    const second = call();
    await clock.advance(3_610_000);
    await second;
    expect(takes).toBeLessThan(200);
    expect(Math.max(...calledAt)).toBeLessThan(3_610_000);
  });
});
