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
});
