import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { flowCounter, type Step } from "../../src/inspector/change-feed.ts";
import { scene } from "../support/scene.ts";
import { openedOn } from "./support.ts";

const minute = 60_000;
const now = Date.UTC(2026, 0, 1, 12);

function step(minutesAgo: number, more: Partial<Step> = {}): Step {
  const at = now - minutesAgo * minute;
  return { from: "created", to: "codeIssued", alias: "#ada", process: "1-a", ...more, at };
}

describe("the inspector's flow", () => {
  it("counts the transitions of the last hour and the last five minutes, and the users of each process", () => {
    const flow = flowCounter();
    flow.add(step(90));
    flow.add(step(40));
    flow.add(step(4));
    flow.add(step(3, { alias: "#bob" }));
    flow.add(step(2, { from: "codeIssued", to: "tokenActive", process: "2-b" }));
    flow.add(step(1, { from: "tokenActive", to: "tokenActive", process: null }));
    expect(flow.view(now, "1-a")).toEqual({
      since: null,
      arrows: [
        { from: "created", to: "codeIssued", hour: 3, recent: 2 },
        { from: "codeIssued", to: "tokenActive", hour: 1, recent: 1 },
      ],
      processes: [
        { name: "2-b", isThis: false, users: 1, steps: 1, lastAt: new Date(now - 2 * minute) },
        { name: "1-a", isThis: true, users: 2, steps: 2, lastAt: new Date(now - 3 * minute) },
      ],
    });
    expect(flow.view(now + 61 * minute, "1-a")).toEqual({ since: null, arrows: [], processes: [] });
  });

  it("tells from when on it counts, and counts the last steps if there are too many", () => {
    const flow = flowCounter();
    expect(flow.view(now, null).since).toBeNull();
    flow.add(step(30));
    expect(flow.view(now, null).since).toEqual(new Date(now - 30 * minute));
    for (let n = 0; n < 50_000; n++) flow.add(step(20 - n / 5_000));
    const { since, arrows } = flow.view(now, null);
    expect(Number(since)).toBeGreaterThan(now - 20 * minute);
    expect(arrows[0]?.hour).toBeLessThanOrEqual(40_000);
    flow.clear();
    expect(flow.view(now, null)).toEqual({ since: null, arrows: [], processes: [] });
  });

  it("shows the steps of this process, and of all processes where events are on", async () => {
    for (const events of [undefined, { keep: "1d" }]) {
      const stage = await scene();
      const store = memory();
      const here = await stage.open({ store, ...(events && { events }) });
      const there = await stage.open({ store, ...(events && { events }) });
      const view = await openedOn({ lifecycle: here });
      await view.live();
      await here.onboard("ada");
      await there.onboard("bob");
      const processes = events === undefined ? 1 : 2;
      const seen = async () => {
        await view.clock.advance(1_000);
        return (await view.ask("overview")).body.flow;
      };
      await expect.poll(seen).toMatchObject({
        arrows: [{ hour: processes }, { hour: processes }],
        processes: Array.from({ length: processes }, () => ({ users: 1 })),
      });
    }
  });
});
