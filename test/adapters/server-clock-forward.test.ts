/** A server's clock may be set, by seconds, minutes or an hour: no slot becomes free before a window has passed. */
import { expect, it } from "vitest";
import type { Limit, Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { whenServersClockIsSet, type ServerWithClock } from "./server-clock.ts";

const minute = 60_000;
const limit: Limit = { name: "management", calls: 3, windowMs: 60 * minute };
const ask = { limit, holdMs: 40_000, lane: "bulk" } as const;
const lease = { id: "lease", owner: "test", ms: 45_000 };

async function takeAll(store: Store): Promise<void> {
  for (let call = 1; call <= limit.calls; call++) {
    const taken = await store.slots.take(ask);
    if (taken.type === "taken") await store.slots.settle(taken.slot);
  }
}

/** The ways to a slot. Each is true if it brought one. */
const ways: Readonly<Record<string, (store: Store) => Promise<boolean>>> = {
  take: async (store) => {
    const taken = await store.slots.take(ask);
    if (taken.type === "taken") await store.slots.settle(taken.slot);
    return taken.type === "taken";
  },
  commit: async (store) =>
    (await store.commit(write("new", { mode: "take", lease, take: ask }))).type === "committed",
  grant: async (store) =>
    (await store.grant({ limit, max: 9, holdMs: ask.holdMs, lease })).claimed.length > 0,
};

function tests(server: () => Promise<ServerWithClock>): void {
  it.sequential.each([3_000, 20_000, 59_000, 10 * minute])(
    "frees no slot early though it is set forward by %i ms again and again",
    async (step) => {
      const { clock, process, set } = await server();
      const [store, other] = [await process(), await process()];
      for (const each of [store, other]) await each.claim({ limit: 9, lease });
      await takeAll(store);
      for (let passed = 1; passed < 60; passed++) {
        if (passed % 5 === 0) await set(clock.now() + step);
        await store.claim({ limit: 9, lease }); // the log is not looked at with every look at the time
        await clock.advance(minute);
      }
      await clock.advance(minute - 1);
      expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
      expect(await other.slots.take(ask)).toMatchObject({ type: "refused" });
      await clock.advance(10 * minute);
      expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
    },
  );

  it.sequential("counts a step once, whichever processes notice it, and when", async () => {
    const { clock, process, set } = await server();
    const stores = await Promise.all(Array.from({ length: 6 }, () => process()));
    for (const each of stores) await each.claim({ limit: 9, lease });
    const [first] = stores;
    if (first !== undefined) await takeAll(first);
    await set(clock.now() + 10 * minute);
    for (const each of stores) {
      await clock.advance(9 * minute);
      expect(await each.slots.take(ask)).toMatchObject({ type: "refused" });
    }
    await clock.advance(5 * minute);
    expect(await first?.slots.take(ask)).toMatchObject({ type: "refused" });
    await clock.advance(3 * minute);
    for (const each of stores.slice(3)) expect(await each.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it.sequential("knows of a step also where a process that has just started took slots since", async () => {
    const { clock, process, set } = await server();
    const store = await process();
    await takeAll(store);
    await store.load("ada");
    await clock.advance(30 * minute);
    await set(clock.now() + 20 * minute);
    expect(await (await process()).slots.take(ask)).toMatchObject({ type: "refused" });
    await store.load("ada");
    await clock.advance(12 * minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
    expect(await (await process()).slots.take(ask)).toMatchObject({ type: "refused" });
    await clock.advance(20 * minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it.sequential.each(Object.keys(ways))(
    "frees no slot of %s early to a process that did not look while it was set back and forward",
    async (way) => {
      const { clock, process, set } = await server();
      const [store, other] = [await process(), await process()];
      for (const each of [store, other]) await each.claim({ limit: 9, lease });
      await set(clock.now() + 55_000);
      for (let call = 1; call < limit.calls; call++) await other.slots.take(ask);
      await set(clock.now() - 55_000);
      if (way === "grant") await store.commit(write("ada", { lane: "bulk" }));
      expect(await ways[way]?.(store)).toBe(true);
      await set(clock.now() + 55_000);
      await clock.advance(60 * minute - 5_000);
      expect(await other.slots.take(ask)).toMatchObject({ type: "refused" });
      await clock.advance(5 * minute);
      expect(await other.slots.take(ask)).toMatchObject({ type: "taken" });
    },
  );

  it.sequential.each(Object.keys(ways))("notices by %s alone that it was set back", async (way) => {
    const { clock, process, set } = await server();
    const store = await process();
    await store.claim({ limit: 9, lease });
    if (way === "grant") await store.commit(write("ada", { lane: "bulk" }));
    await set(clock.now() - 55_000);
    expect(await ways[way]?.(store)).toBe(true);
    for (let call = 1; call < limit.calls; call++) expect(await ways["take"]?.(store)).toBe(true);
    await clock.advance(5 * minute);
    await set(clock.now() + 55_000);
    await clock.advance(54 * minute + 10_000);
    expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
    await clock.advance(5 * minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it.sequential.each(["settle", "giveBack"] as const)(
    "frees nothing early where it was an hour behind by mistake, and %s() ended a slot meanwhile",
    async (end) => {
      const { clock, process, set } = await server();
      const store = await process();
      for (let call = 1; call < limit.calls; call++) await ways["take"]?.(store);
      const last = await store.slots.take(ask);
      await set(clock.now() - 60 * minute);
      await store.load("ada");
      if (last.type === "taken") await store.slots[end](last.slot);
      await clock.advance(10 * minute);
      await set(clock.now() + 60 * minute);
      await store.load("ada");
      if (end === "giveBack") expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
      expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
      await clock.advance(71 * minute);
      expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
    },
  );

  it.sequential("frees no slot early to a process whose clock disagrees with another's", async () => {
    const { clock, process, set } = await server();
    let pausedMs = 0;
    const [store, other] = [await process(() => pausedMs), await process()];
    for (const each of [store, other]) await each.claim({ limit: 9, lease });
    expect(await other.slots.take(ask)).toMatchObject({ type: "taken" });
    await clock.advance(60 * minute);
    pausedMs = 50_000;
    for (const each of [store, other, store, other]) {
      await each.claim({ limit: 9, lease });
      await each.slots.take({ ...ask, limit: { ...limit, calls: 1 } });
    }
    await clock.advance(180 * minute);
    await takeAll(store);
    await clock.advance(5 * minute);
    await set(clock.now() + 45_000);
    await clock.advance(54 * minute + 28_000);
    expect(await other.slots.take(ask)).toMatchObject({ type: "refused" });
    await clock.advance(2 * minute);
    expect(await other.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it.sequential.each(Object.keys(ways))(
    "frees no slot early where %s is the first that is asked since",
    async (way) => {
      const { clock, process, set } = await server();
      const store = await process();
      await takeAll(store);
      await store.commit(write("ada", { lane: "bulk" }));
      await store.load("ada");
      await clock.advance(59 * minute);
      await set(clock.now() + 50_000);
      await clock.advance(30_000);
      expect(await ways[way]?.(store)).toBe(false);
      await clock.advance(10 * minute);
      await store.commit(write("ada", { expectedRevision: 1, lane: way === "grant" ? "bulk" : null }));
      expect(await ways[way]?.(store)).toBe(true);
    },
  );
}

whenServersClockIsSet("is set forward, or forward again", tests);
