import { memory } from "oneup-lifecycle/adapters/memory";
import type { Lifecycle } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { flowCounter, type Step } from "../../src/inspector/change-feed.ts";
import { internals, internalsOf } from "../../src/runtime/internals.ts";
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
      isPartial: false,
      arrows: [
        { from: "created", to: "codeIssued", hour: 3, recent: 2 },
        { from: "codeIssued", to: "tokenActive", hour: 1, recent: 1 },
      ],
      processes: [
        { name: "2-b", isThis: false, users: 1, steps: 1, lastAt: new Date(now - 2 * minute) },
        { name: "1-a", isThis: true, users: 2, steps: 2, lastAt: new Date(now - 3 * minute) },
      ],
    });
    expect(flow.view(now + 61 * minute, "1-a")).toEqual({
      since: null,
      isPartial: false,
      arrows: [],
      processes: [],
    });
  });

  it("tells from when on it counts, and that numbers are the least until all steps were told", () => {
    const flow = flowCounter();
    expect(flow.view(now, null).since).toBeNull();
    flow.clear();
    flow.add(step(20));
    flow.add(step(30));
    expect(flow.view(now, null)).toMatchObject({ since: new Date(now - 30 * minute), isPartial: true });
    for (let n = 0; n < 50_000; n++) flow.add(step(20 - n / 5_000));
    expect(flow.view(now, null).arrows).toMatchObject([{ hour: 50_002 }]);
    expect(flow.view(now + 31 * minute, null)).toMatchObject({ since: null, isPartial: false });
    flow.complete();
    expect(flow.view(now, null)).toMatchObject({ since: new Date(now - 30 * minute), isPartial: false });
    flow.clear();
    expect(flow.view(now, null)).toEqual({ since: null, isPartial: false, arrows: [], processes: [] });
  });

  it("keeps what is counted of the last hours only, however long it runs and whatever a process takes for now", () => {
    const flow = flowCounter();
    flow.add(step(-5_000, { alias: "#eve", process: "2-b" }));
    for (let n = 10_000; n > 0; n--) flow.add(step(n / 2));
    const { arrows, processes } = flow.view(now, null);
    expect(arrows).toMatchObject([{ hour: 121, recent: 11 }]);
    expect(processes).toMatchObject([{ name: "2-b" }, { name: "1-a", users: 1, steps: 10 }]);
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

  it("counts all steps of the last hour that were taken before it looks, however many", async () => {
    const stage = await scene({ limit: { calls: 10_000, windowMs: 3_600_000 } });
    const lifecycle = await stage.open({
      events: { keep: "1d" },
      limits: { management: { calls: 10_000, windowMs: 3_600_000 } },
    });
    const ids = Array.from({ length: 700 }, (_, n) => `user-${n}`);
    await Promise.all(ids.slice(0, 300).map((id) => lifecycle.onboard(id)));
    await stage.sandbox.clock.advance(2 * 3_600_000);
    await Promise.all(ids.slice(300).map((id) => lifecycle.onboard(id)));
    const view = await openedOn({ lifecycle });
    await view.live();
    const seen = async () => {
      await view.clock.advance(1_000);
      return (await view.ask("overview")).body.flow;
    };
    await expect.poll(seen, { timeout: 20_000 }).toMatchObject({
      isPartial: false,
      arrows: [{ hour: 400 }, { hour: 400 }],
      processes: [{ users: 400, steps: 1_200 }],
    });
  });

  it("counts 100,000 steps back of an hour that had more, and says that numbers are the least", async () => {
    const stage = await scene();
    const lifecycle = await stage.open({ events: { keep: "1d" } });
    const at = stage.sandbox.clock.now() - 20 * minute;
    let pieces = 0;
    const busy = {
      ...internalsOf(lifecycle),
      recentEvents: async () => ({
        events: until(new Promise(() => {})),
        isNew: () => true,
        async *earlier() {
          for (; ; pieces++)
            yield Array.from({ length: 500 }, () => ({ ...step(0), at: at - pieces * 1_000 }));
        },
      }),
    };
    const view = await openedOn({ lifecycle: { ...lifecycle, [internals]: busy } as Lifecycle });
    await view.live();
    const seen = async () => {
      await view.clock.advance(1_000);
      return (await view.ask("overview")).body.flow;
    };
    await expect.poll(seen).toMatchObject({
      since: new Date(at - 199_000).toISOString(),
      isPartial: true,
      arrows: [{ hour: 100_000 }],
    });
    expect(pieces).toBe(200);
  });
});

/** No event, until something happens. */
async function* until(over: Promise<never>): AsyncGenerator<never, void, undefined> {
  yield await over;
}
