/** 1upHealth creates no users for hours, while all else of it works: what that costs, and what comes after it. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { draw, thorough } from "../support/effort.ts";
import { people } from "../support/people.ts";
import { afterwards, working } from "../support/scene.ts";

const hour = 3_600_000;

/** Users whose creates get 503, and a worker. */
async function outage(users: number): Promise<TestLifecycle> {
  const world = await createTestLifecycle();
  afterwards(() => world.close());
  for (let n = 0; n < 5; n++) await world.lifecycle.onboard(`old-${n}`);
  world.sandbox.fail({ call: "createUser", status: 503, times: Infinity });
  working(world.lifecycle);
  for (const id of people(users)) await world.lifecycle.onboard(id, { waitMs: 0 });
  return world;
}

async function usable({ lifecycle }: TestLifecycle, ids: readonly string[]): Promise<number> {
  const found = await Promise.all(ids.map((id) => lifecycle.inspect(id)));
  return found.filter((user) => user.usable).length;
}

/** Two tests take half a day with sixty users each: everyday one of them. */
const isDrawn = (turn: number): boolean => thorough || draw % 2 === turn;

describe("creates alone that get no answer", () => {
  it.runIf(isDrawn(0))("leave the limit to others: sixty users cost less than a third of it", async () => {
    const world = await outage(60);
    const { sandbox, clock, lifecycle } = world;
    await clock.advance("6h");
    const before = sandbox.journal.spent().management;
    await clock.advance("6h");
    expect(sandbox.journal.spent().management - before).toBeLessThan((6 * 300) / 3);
    // Whose grant is lost gets another one at once.
    sandbox.revokeGrant("old-1");
    await clock.advance("3h");
    expect(await lifecycle.accessToken("old-1", { waitMs: 60_000 })).toBeTypeOf("string");
  });

  it.runIf(isDrawn(1))("are over for all within half an hour", async () => {
    const world = await outage(60);
    await world.clock.advance("12h");
    world.sandbox.clearFaults();
    await world.clock.advance("30m");
    expect(await usable(world, people(60))).toBe(60);
    expect(world.sandbox.users()).toHaveLength(65);
  });

  it("hold up no newcomer whose create works", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    const { lifecycle, sandbox, clock } = world;
    for (const appUserId of people(12))
      sandbox.fail({ call: "createUser", appUserId, status: 503, times: Infinity });
    working(lifecycle);
    for (const id of people(12)) await lifecycle.onboard(id, { waitMs: 0 });
    await clock.advance("5h");
    for (let n = 0; n < 4; n++) {
      const began = clock.now();
      expect(await lifecycle.onboard(`new-${n}`, { waitMs: 60_000 })).toMatchObject({ usable: true });
      expect(clock.now() - began).toBeLessThan(5_000);
      await clock.advance(hour / 2);
    }
  });

  it("that end with all of user management count no more", async () => {
    const world = await outage(20);
    const { clock, sandbox } = world;
    sandbox.fail({ call: "issueAuthCode", status: 503, times: Infinity });
    sandbox.fail({ call: "listUsers", status: 503, times: Infinity });
    await clock.advance("3h");
    sandbox.clearFaults();
    await clock.advance("25m");
    expect(await usable(world, people(20))).toBe(20);
  });
});
