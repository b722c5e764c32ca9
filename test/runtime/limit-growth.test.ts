import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, arrivedIn } from "../support/scene.ts";

const second = 1_000;

describe("account.setLimits() with a longer window", () => {
  it("lets no more calls through than the new limit allows, what was called before the change included", async () => {
    const { lifecycle, sandbox, clock, close } = await createTestLifecycle({
      lifecycle: { limits: { management: { calls: 10, windowMs: 60 * second } } },
    });
    afterwards(close);
    for (let index = 0; index < 60; index++)
      await lifecycle.onboard(`user ${index}`, { waitMs: 0, lane: "bulk" });
    const stop = new AbortController();
    const done = lifecycle.work({ signal: stop.signal });
    await clock.advance(70 * second);
    stop.abort();
    await done;
    const before = sandbox.journal.spent().management;
    expect(before).toBeGreaterThan(15);
    await clock.advance(120 * second);
    await lifecycle.account.setLimits({ management: { calls: 20, windowMs: 600 * second } });
    const again = new AbortController();
    const working = lifecycle.work({ signal: again.signal });
    await clock.advance(400 * second);
    expect(sandbox.journal.spent().management).toBeLessThanOrEqual(20);
    await clock.advance(6_000 * second);
    expect(arrivedIn(await lifecycle.counts())).toBe(60);
    again.abort();
    await working;
  });

  it("is part of every forecast: of a person, of an import, and of explain()", async () => {
    const { lifecycle, clock, close } = await createTestLifecycle();
    afterwards(close);
    await lifecycle.account.setLimits({ management: { calls: 60, windowMs: 60 * second } });
    await clock.advance(60 * second);
    const start = clock.now();
    const inMinutes = (at: number | undefined): number => Math.round(((at ?? 0) - start) / 60_000);
    await lifecycle.account.setLimits({ management: { calls: 300, windowMs: 3_600 * second } });
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    const ends: (Date | null)[] = [];
    const imported = lifecycle
      .onboardMany(
        Array.from({ length: 100 }, (_, index) => `user ${index}`),
        { name: "list", onProgress: ({ endsAt }) => ends.push(endsAt) },
      )
      .then(({ arrived }) => ({ arrived, minutes: inMinutes(clock.now()) }));
    imported.catch(() => {}); // it is awaited below
    await clock.advance(120 * second);
    expect(inMinutes(ends.at(-1)?.getTime())).toBe(56);
    expect(inMinutes(clock.now() + (await lifecycle.forecast()).inMs)).toBe(55);
    const person = await lifecycle.onboard("person", { waitMs: 0 });
    expect(inMinutes(person.pause?.until?.getTime())).toBe(55);
    expect(await lifecycle.explain("person")).toContain("its turn comes at 2026-01-01 00:56:00 UTC");
    await clock.advance(54 * 60 * second);
    expect(await lifecycle.inspect("person")).toMatchObject({ usable: true });
    await clock.advance(600 * second);
    stop.abort();
    expect(await imported).toEqual({ arrived: 100, minutes: 56 });
    await working;
  });
});
