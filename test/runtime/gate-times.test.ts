/** A process whose clock is a day off shuts a gate for others no longer than it meant to. */
import type { Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { warningsIn } from "../support/loggers.ts";
import { afterwards, working } from "../support/scene.ts";
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

describe("the gate of a process whose own clock is put back by a day", () => {
  it("is not shut for much longer than it was to be", async () => {
    const world = await createTestLifecycle({ autoAdvance: false });
    afterwards(() => world.close());
    const { lifecycle, sandbox, clock } = world;
    const page = { status: 403, body: "<html>blocked</html>", headers: { "content-type": "text/html" } };
    sandbox.fail({ call: "*", ...page, times: Infinity });
    const waiting = ["ada", "bob", "eve"].map((id) => lifecycle.onboard(id, { waitMs: 1_000 }));
    const ended = Promise.allSettled(waiting);
    await clock.advance("10s");
    await ended;
    const [shut] = (await lifecycle.health()).shut;
    expect(shut).toMatchObject({ gate: "region", reason: "forbidden" });
    const leftMs = (shut?.until.getTime() ?? 0) - clock.now();
    sandbox.clearFaults();
    await clock.set(clock.now() - day);
    working(lifecycle);
    await clock.advance(2 * leftMs + 2 * minute); // a jump is noticed at the next look, and believed after a minute
    expect((await lifecycle.health()).shut).toEqual([]);
  });
});

describe("a token that was granted by a clock that was ahead", () => {
  it("may have expired, so it is refreshed before it is handed out, and the log names the clock", async () => {
    const warnings: string[] = [];
    const world = await createTestLifecycle({ lifecycle: { logger: warningsIn(warnings) } });
    afterwards(() => world.close());
    const { lifecycle, sandbox } = world;
    const ahead = await beside(world, 60 * day);
    for (const id of ["ada", "bob"]) await ahead.onboard(id);
    await ahead.close();
    await world.clock.advance("3h");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "expiring", usable: false });
    for (const id of ["ada", "bob", "ada"]) {
      await lifecycle.accessToken(id);
      await lifecycle.fhir(id, "r4").search("Patient", {}, { retries: 0 });
    }
    expect(sandbox.journal.count("refreshToken")).toBe(2);
    expect(warnings).toEqual([
      `The clock by which the token of user ${lifecycle.alias("ada")} was granted is 59 d 21 h ahead of the one here, so the token may have expired: it is refreshed; if the clocks still differ, synchronise them`,
    ]);
  });

  it("is not refreshed in turn, call after call, by two processes whose clocks still differ", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    const ahead = await beside(world, day);
    await ahead.onboard("ada");
    for (let turn = 0; turn < 120; turn++) {
      for (const each of [world.lifecycle, ahead])
        await each.fhir("ada", "r4").search("Patient", {}, { retries: 0 });
      await world.clock.advance("30s");
    }
    expect(world.sandbox.journal.count("refreshToken")).toBeLessThanOrEqual(6);
  });
});
