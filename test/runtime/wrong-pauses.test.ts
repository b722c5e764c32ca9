/** A pause that was set by a clock far ahead is over, however late it ends. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { beside } from "../support/wrong-clock.ts";

const day = 86_400_000;

/** A world in which a process whose clock was ahead began to sign up ada. */
async function afterWrongClock(): Promise<TestLifecycle> {
  const world = await createTestLifecycle();
  afterwards(() => world.close());
  const wrong = await beside(world, 30 * day);
  world.sandbox.fail({ call: "createUser", status: 503 });
  const waiting = wrong.onboard("ada", { waitMs: 100 });
  await world.clock.advance("1s");
  expect(await waiting).toMatchObject({ usable: false });
  return world;
}

describe("a user that a process paused while its clock was a month ahead", () => {
  it.each(["onboard", "retry", "unhold"] as const)("goes on at once for %s()", async (verb) => {
    const world = await afterWrongClock();
    await world.clock.advance("5m");
    if (verb === "retry") await world.lifecycle.retry("ada");
    if (verb === "unhold") {
      await world.lifecycle.hold("ada", "moving");
      await world.lifecycle.unhold("ada");
    }
    const began = world.clock.now();
    expect(await world.lifecycle.onboard("ada", { waitMs: day })).toMatchObject({ usable: true });
    expect(world.clock.now() - began).toBeLessThan(10_000);
  });

  it("is not shown as paused for a month", async () => {
    const world = await afterWrongClock();
    expect(await world.lifecycle.inspect("ada")).toMatchObject({ usable: false, pause: null });
  });
});
