/** A process whose clock is a day off shuts a gate for others no longer than it meant to. */
import type { Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { warningsIn } from "../support/loggers.ts";
import { afterwards } from "../support/scene.ts";
import { beside } from "../support/wrong-clock.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

/** It signs up a user, whose call is refused. */
async function heldBack({ clock }: TestLifecycle, wrong: Lifecycle): Promise<void> {
  const waiting = wrong.onboard("ada", { waitMs: 1_000 });
  await clock.advance("5s");
  expect(await waiting).toMatchObject({ usable: false, state: "created" });
}

describe("a gate that a process with a wrong clock shut", () => {
  it.each([
    ["a day ahead", day],
    ["a week ahead", 7 * day],
    ["a day behind", -day],
  ])("opens for the others when the time that 1upHealth named is over (%s)", async (_, aheadMs) => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    await world.lifecycle.onboard("before");
    const wrong = await beside(world, aheadMs);
    world.sandbox.fail({ call: "createUser", status: 429, headers: { "retry-after": "120" } });
    await heldBack(world, wrong);
    const began = world.clock.now();
    expect(await world.lifecycle.onboard("eve", { waitMs: day })).toMatchObject({ usable: true });
    expect(world.clock.now() - began).toBeLessThan(5 * minute);
  });

  it("is corrected once, and not again at every read", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    const wrong = await beside(world, day);
    world.sandbox.fail({
      call: "createUser",
      status: 429,
      headers: { "retry-after": "600" },
      times: Infinity,
    });
    await heldBack(world, wrong);
    for (let looks = 0; looks < 8; looks++) {
      await world.clock.advance("1m");
      await world.lifecycle.onboard("eve", { waitMs: 0 });
    }
    world.sandbox.clearFaults();
    await world.clock.advance("3m");
    expect(await world.lifecycle.onboard("eve", { waitMs: 2 * minute })).toMatchObject({ usable: true });
  });
});

it("a token that a process with another clock granted is no silent matter", async () => {
  const warnings: string[] = [];
  const world = await createTestLifecycle({ lifecycle: { logger: warningsIn(warnings) } });
  afterwards(() => world.close());
  const ahead = await beside(world, day);
  for (const id of ["ada", "bob"]) await ahead.onboard(id);
  for (const id of ["ada", "bob", "ada"]) await world.lifecycle.accessToken(id);
  expect(warnings).toEqual([
    `The clock of the process that granted the token of user ${world.lifecycle.alias("ada")} is 1 d ahead of the one here: expired tokens may be handed out; synchronise the clocks`,
  ]);
});
