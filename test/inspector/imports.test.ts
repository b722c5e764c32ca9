import { describe, expect, it } from "vitest";
import { importsSeen } from "../../src/inspector/live.ts";
import { opened } from "./support.ts";

const ids = ["ada", "bob", "cyd", "dan", "eve"];

describe("the inspector's imports", () => {
  it("shows how many are done, have failed and are left, while an import runs and when it is over", async () => {
    const limits = { management: { calls: 3, windowMs: 3_600_000 } };
    const view = await opened({ world: { lifecycle: { limits }, autoAdvance: false } });
    const { lifecycle, sandbox, clock } = view.world;
    const body = { success: false, error: "app_user_id may not contain such a thing" };
    sandbox.fail({ call: "createUser", appUserId: "bob", status: 400, body });
    expect(await importsOf(view)).toEqual([]);
    const stop = new AbortController();
    const running = lifecycle.onboardMany(ids, { name: "spring", expect: "new", signal: stop.signal });
    await expect
      .poll(() => importsOf(view))
      .toMatchObject([{ name: "spring", left: 2, failed: 1, isOver: false, endedAt: null }]);
    await clock.advance("1h");
    await expect
      .poll(() => importsOf(view))
      .toMatchObject([{ name: "spring", left: 0, failed: 1, isOver: true, endedAt: expect.any(String) }]);
    stop.abort();
    await running.catch(() => {});
  });

  it("remembers the most users that were left, when an import ended, and the last twenty that did", () => {
    const see = importsSeen();
    const at = (minutes: number): Date => new Date(minutes * 60_000);
    see([{ name: "one", left: 40, failed: 0 }], at(1));
    expect(see([{ name: "one", left: 10, failed: 2 }], at(2))).toEqual([
      { name: "one", left: 10, failed: 2, most: 40, since: at(1), isOver: false, endedAt: null },
    ]);
    expect(see([], at(3))).toMatchObject([{ name: "one", left: 0, most: 40, isOver: true, endedAt: at(3) }]);
    expect(see([{ name: "old", left: 0, failed: 1 }], at(4))).toMatchObject([
      { name: "old", isOver: true, endedAt: null },
      { name: "one", endedAt: at(3) },
    ]);
    for (let n = 0; n < 30; n++) see([{ name: `more ${n}`, left: 1, failed: 0 }], at(5 + n));
    const shown = see([], at(60));
    expect(shown).toHaveLength(20);
    expect(shown.map(({ name }) => name)).toContain("more 29");
  });
});

async function importsOf(view: Awaited<ReturnType<typeof opened>>): Promise<readonly object[]> {
  await view.world.clock.advance("1s");
  await view.clock.advance(1_000);
  return (await view.ask("overview")).body.imports;
}
