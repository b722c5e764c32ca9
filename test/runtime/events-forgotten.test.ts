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
