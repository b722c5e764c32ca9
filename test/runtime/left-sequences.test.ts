/** Sequences that are left while `next()` is pending: it is the end at once, and nothing more is asked. */
import type { Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { afterwards } from "../support/scene.ts";

const over = { done: true, value: undefined };

/** A lifecycle with one user, whose store may stop to answer reads of users and events. */
async function world() {
  let reads = 0;
  let held: Promise<void> | undefined;
  const store = through(memory(), async (name, ask) => {
    if (name !== "load" && name !== "read") return ask();
    reads++;
    await held;
    return ask();
  });
  const made = await createTestLifecycle({ lifecycle: { store, events: { keep: "7d" } } });
  afterwards(() => made.close());
  await made.lifecycle.onboard("ada");
  /** Reads are answered once the returned function is called. */
  const hold = (): (() => void) => {
    let release = (): void => {};
    held = new Promise((resolve) => (release = resolve));
    return release;
  };
  return { ...made, reads: () => reads, hold };
}

const sequences: readonly (readonly [
  name: string,
  begin: (lifecycle: Lifecycle) => AsyncGenerator,
  items: number,
])[] = [
  ["watch()", (lifecycle) => lifecycle.watch("ada"), 1],
  ["events()", (lifecycle) => lifecycle.events(), 3],
];

describe.each(sequences)("%s", (_, begin, items) => {
  it("reads the store no more once it is left while it waits", async () => {
    const { lifecycle, clock, reads } = await world();
    const left = begin(lifecycle);
    for (let item = 0; item < items; item++) expect(await left.next()).toMatchObject({ done: false });
    const before = reads();
    const pending = [left.next(), left.next()];
    await clock.advance("1m");
    expect(reads()).toBeGreaterThan(before);
    const leaving = left.return(undefined);
    expect(await Promise.all([...pending, leaving])).toEqual([over, over, over]);
    const after = reads();
    await clock.advance("1h");
    expect(reads()).toBe(after);
    expect(await left.next()).toEqual(over);
  });

  it("ends for its reader although the store does not answer", async () => {
    const { lifecycle, hold } = await world();
    hold();
    const left = begin(lifecycle);
    const pending = left.next();
    await new Promise(setImmediate);
    expect(await left.return(undefined)).toEqual(over);
    expect(await pending).toEqual(over);
  });
});

describe("users()", () => {
  it("looks at no further user once it is left, where few are in the state", async () => {
    const { lifecycle, reads, hold } = await world();
    for (const id of ["bob", "eve"]) await lifecycle.onboard(id);
    const release = hold();
    const before = reads();
    const left = lifecycle.users({ state: "expiring" });
    const pending = left.next();
    await expect.poll(() => reads()).toBe(before + 1);
    expect(await left.return(undefined)).toEqual(over);
    expect(await pending).toEqual(over);
    release();
    await new Promise(setImmediate);
    expect(reads()).toBe(before + 1);
  });
});

describe("remote.list()", () => {
  it("waits for no slot once it is left", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle({
      lifecycle: { limits: { management: { calls: 1, windowMs: 60_000 } } },
    });
    await lifecycle.remote.list().next();
    const left = lifecycle.remote.list();
    const pending = left.next();
    await new Promise(setImmediate);
    const { walk } = left;
    expect(await left.return(walk)).toEqual({ done: true, value: walk });
    expect(await pending).toEqual(over);
    await clock.advance("1h");
    expect(sandbox.journal.count("listUsers")).toBe(1);
    expect(left.walk.calls).toBe(0);
  });
});
