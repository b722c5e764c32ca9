/** What becomes of the events of a person whose id others have, or had, when one of them is forgotten. */
import { type Lifecycle, type LifecycleEvent } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { custom } from "../support/events.ts";

const events = { keep: "30d" };
const encryption = { keys: ["0".repeat(64)] };

async function kept(lifecycle: Lifecycle, after?: string): Promise<readonly LifecycleEvent[]> {
  const all: LifecycleEvent[] = [];
  for await (const event of lifecycle.events({ follow: false, after })) all.push(event);
  return all;
}

/** Onboards the user under that id, which it keeps for a while. */
async function passOn(lifecycle: Lifecycle, id: string, to: string): Promise<void> {
  await lifecycle.onboard(id);
  await lifecycle.rename(id, to);
}

describe("forget() of a person whose former id another one has", () => {
  it("keeps its events out where keys are rotated at the same time", async () => {
    const { adapter, verbs, inner } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, store: adapter, encryption } });
    await passOn(lifecycle, "smith", "ann");
    await passOn(lifecycle, "bob", "smith");
    await lifecycle.offboard("ann");
    const before = await kept(lifecycle);
    verbs.read = async (ask) => {
      const page = await inner[0]?.events?.read(ask);
      delete verbs.read; // once
      await lifecycle.forget("ann");
      return page ?? expect.unreachable();
    };
    await lifecycle.rotateKeys({ records: true });
    const bobs = before.slice(before.findIndex(({ appUserId }) => appUserId === "bob"));
    const left = (await kept(lifecycle)).filter(({ type }) => type !== "FORGOTTEN");
    expect(left).toEqual(bobs.filter(({ appUserId }) => appUserId !== "ann"));
  });
});

describe.each([false, true])("forget(), hideIds: %s", (hideIds) => {
  it("keeps the events of a living person who had the id before", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, hideIds, encryption } });
    await passOn(lifecycle, "smith", "ann");
    const anns = await kept(lifecycle);
    await passOn(lifecycle, "bob", "smith");
    for (const id of ["robert", "smith"]) await lifecycle.rename(id === "smith" ? "robert" : "smith", id);
    await lifecycle.offboard("smith");
    await lifecycle.forget("smith");
    const left = await kept(lifecycle);
    expect(left.slice(0, anns.length)).toEqual(anns);
    const rest = left.slice(anns.length).map(({ type, alias }) => `${type} ${alias}`);
    const ofBob = ["bob", "robert", "smith"].map((id) => `FORGOTTEN ${lifecycle.alias(id)}`);
    expect(rest.toSorted()).toEqual(ofBob.toSorted());
    expect(await kept(lifecycle, anns[0]?.cursor)).toEqual(left.slice(1)); // a reader among them goes on
  });

  it("keeps them under a former id of the one who is forgotten, too, also if it is interrupted", async () => {
    for (const nth of [2, 3, 4, 5]) {
      const world = await createTestLifecycle({ lifecycle: { events, hideIds, encryption } });
      const { lifecycle } = world;
      await passOn(lifecycle, "smith", "ann");
      const anns = await kept(lifecycle);
      await passOn(lifecycle, "bob", "smith");
      await lifecycle.rename("smith", "robert");
      await lifecycle.offboard("robert");
      await world.crash({ before: "write", nth }, () => lifecycle.forget("robert"));
      const next = await world.restart();
      await next.forget("robert");
      const left = await kept(next);
      expect(left.slice(0, anns.length)).toEqual(anns);
      expect(new Set(left.slice(anns.length).map(({ type }) => type))).toEqual(new Set(["FORGOTTEN"]));
      await world.close();
    }
  });

  it("removes them under a former id whose next owner is forgotten already, and keeps those of others", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, hideIds, encryption } });
    await passOn(lifecycle, "smith", "ann");
    const anns = await kept(lifecycle);
    await passOn(lifecycle, "bob", "smith");
    await lifecycle.rename("smith", "robert");
    const bobs = (await kept(lifecycle)).slice(anns.length);
    await passOn(lifecycle, "joan", "smith");
    for (const id of ["smith", "ann"]) {
      await lifecycle.offboard(id);
      await lifecycle.forget(id);
    }
    const left = await kept(lifecycle);
    expect(left.filter(({ type }) => type !== "FORGOTTEN")).toEqual(bobs);
  });

  it("removes all where those who had the id before are forgotten, and leaves the last word of the last one", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, hideIds, encryption } });
    for (let life = 1; life <= 3; life++) {
      await lifecycle.onboard("ada");
      await lifecycle.offboard("ada");
      await lifecycle.forget("ada");
    }
    expect((await kept(lifecycle)).map(({ type }) => type)).toEqual(["FORGOTTEN"]);
  });

  it("leaves one event for each alias, so that a reader that missed a rename drops the person", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, hideIds, encryption } });
    await lifecycle.onboard("ada");
    const cursor = (await kept(lifecycle)).at(-1)?.cursor;
    for (const to of ["grace", "joan"]) await lifecycle.rename(to === "joan" ? "grace" : "ada", to);
    await lifecycle.offboard("joan");
    await lifecycle.forget("joan");
    const seen = (await kept(lifecycle, cursor)).map(({ type, alias }) => [type, alias]);
    expect(seen).toEqual(["ada", "grace", "joan"].map((id) => ["FORGOTTEN", lifecycle.alias(id)]));
  });
});
