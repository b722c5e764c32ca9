/** Stores that have no server go by the clock of their process, and that may jump. */
import { Keyv } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { lmdb } from "../../adapters/lmdb.ts";
import { memory } from "../../adapters/memory.ts";
import type { Limit, Store, StoreAdapter } from "../../src/store/contract.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
import { write } from "../support/commits.ts";
import { newFolder, removeFolder } from "./folders.ts";

const day = 86_400_000;
const minute = 60_000;
const limit: Limit = { name: "management", calls: 3, windowMs: 60 * minute };
const ask = { limit, holdMs: 40_000, lane: "bulk" } as const;
const lease = { id: "lease", owner: "test", ms: 45_000 };

function newLmdb(): StoreAdapter {
  const folder = newFolder("clock-jumps");
  onTestFinished(() => removeFolder(folder));
  return lmdb(folder);
}

const adapters: readonly (readonly [name: string, make: () => StoreAdapter])[] = [
  ["memory", memory],
  ["keyv", () => keyv(new Keyv())],
  ["lmdb", newLmdb],
];

async function opened(
  make: () => StoreAdapter,
): Promise<{ store: Store; clock: ManualClock; adapter: StoreAdapter }> {
  const [clock, adapter] = [manualClock(), make()];
  const store = await adapter.open({ account: "account", clock });
  onTestFinished(() => store.close());
  return { store, clock, adapter };
}

async function claimed(store: Store): Promise<readonly string[]> {
  return (await store.claim({ limit: 9, lease })).claimed.map(({ record }) => record.id);
}

async function used(store: Store): Promise<number> {
  return (await store.slots.forecast({ limit, calls: 1, lane: "bulk" })).used.bulk;
}

describe.each(adapters)("adapters/%s", (_name, make) => {
  it("goes on at once after one reading that was a day ahead", async () => {
    const { store, clock } = await opened(make);
    for (let call = 1; call <= limit.calls; call++) await store.slots.take(ask);
    clock.jumpTo(clock.now() + day);
    expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
    await store.commit(write("ada", { dueInMs: 5_000 }));
    await store.commit(write("bob", { mode: "take", lease }));
    clock.jumpTo(clock.now() - day);
    expect(await used(store)).toBe(limit.calls);
    await clock.advance(5_001); // the wrong reading began another millisecond
    expect(await claimed(store)).toEqual(["ada"]);
    await clock.advance(45_000);
    expect(await claimed(store)).toContain("bob");
    await clock.advance(limit.windowMs);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it("grants no second limit after a machine has slept, to processes that were idle since", async () => {
    const { store: worker, clock, adapter } = await opened(make);
    const idle = await Promise.all([1, 2].map(() => adapter.open({ account: "account", clock })));
    onTestFinished(async () => {
      for (const each of idle) await each.close();
    });
    const calls: number[] = [];
    const takeAll = async (store: Store): Promise<void> => {
      for (let call = 1; call <= limit.calls; call++) {
        const taken = await store.slots.take(ask);
        if (taken.type !== "taken") return;
        calls.push(clock.monotonic());
        await store.slots.settle(taken.slot);
      }
    };
    for (const each of [worker, ...idle]) await each.slots.take(ask);
    await clock.advance(120 * minute);
    clock.jumpTo(clock.now() + day / 3);
    for (let passed = 0; passed < 80; passed++) {
      await worker.load("ada");
      await clock.advance(minute);
    }
    await takeAll(worker);
    for (let round = 0; round < 3; round++)
      for (const each of idle) {
        await clock.advance(5_000);
        await takeAll(each);
        await clock.advance(1_000);
        await takeAll(worker);
      }
    expect(calls.length).toBe(limit.calls);
    await clock.advance(limit.windowMs + 11 * minute);
    await takeAll(worker);
    expect(calls.length).toBeGreaterThan(limit.calls);
  });

  it("corrects what was written while the clock was a month ahead, when it is opened again", async () => {
    const { store, clock, adapter } = await opened(make);
    await store.account.commit({ value: {}, expectedRevision: 0, writeId: "first" });
    await store.close();
    clock.jumpTo(clock.now() + 30 * day);
    const ahead = await adapter.open({ account: "account", clock });
    await ahead.commit(write("ada", { dueInMs: 5_000 }));
    await ahead.commit(write("bob", { mode: "take", lease }));
    await ahead.commit(write("eve", { dueInMs: day }));
    await ahead.account.commit({ value: {}, expectedRevision: 1, writeId: "second" });
    await ahead.close();
    clock.jumpTo(clock.now() - 30 * day);
    const right = await adapter.open({ account: "account", clock });
    onTestFinished(() => right.close());
    expect(await right.load("ada")).toMatchObject({ record: { dueInMs: 5_000 } });
    expect(await right.load("eve")).toMatchObject({ record: { dueInMs: day } });
    await right.commit(write("joe", { dueInMs: 20 * minute }));
    await clock.advance(minute);
    expect(await claimed(right)).toEqual(["ada", "bob"]);
    await right.close();
    const again = await adapter.open({ account: "account", clock });
    onTestFinished(() => again.close());
    expect(await again.load("joe")).toMatchObject({ record: { dueInMs: 19 * minute } });
    await clock.advance(day);
    expect(await claimed(again)).toEqual(expect.arrayContaining(["eve", "joe"]));
  });

  it("ends no lease early when a clock that insists on its jump is believed", async () => {
    const { store, clock } = await opened(make);
    clock.jumpTo(clock.now() + day);
    await store.commit(write("ada", { mode: "take", lease }));
    await clock.advance(30_000);
    await store.commit(write("bob", { mode: "take", lease }));
    await clock.advance(30_000); // its jump is believed
    const other = { id: "other", owner: "other", ms: lease.ms };
    expect(await claimed(store)).toEqual(["ada"]);
    expect(await store.load("bob")).toMatchObject({ record: { lease: { id: lease.id, leftMs: 15_000 } } });
    const second = { expectedRevision: 1, writeId: "other", lease: other } as const;
    expect(await store.commit(write("bob", { ...second, mode: "take" }))).toEqual({ type: "conflict" });
    expect(await store.commit(write("bob", { ...second, lease, mode: "keep" }))).toMatchObject({
      type: "committed",
    });
    await clock.advance(44_000);
    expect(await claimed(store)).not.toContain("bob");
    await clock.advance(2_000);
    expect(await claimed(store)).toContain("bob");
  });

  it("keeps live slots when a clock that insists on its jump is believed, and frees them a window after they were taken", async () => {
    const { store, clock } = await opened(make);
    for (let call = 1; call <= limit.calls; call++) await store.slots.take(ask);
    clock.jumpTo(clock.now() + day);
    for (let passed = 0; passed < 60 * minute; passed += 10 * minute) {
      expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
      expect(await used(store)).toBe(limit.calls);
      await clock.advance(10 * minute);
    }
    await clock.advance(minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
  });

  it.each([1_500, 4_000, 5_000, 8_000])(
    "frees no slot early though its clock is set forward by %i ms again and again",
    async (step) => {
      const { store, clock } = await opened(make);
      for (let call = 1; call <= limit.calls; call++) {
        const taken = await store.slots.take(ask);
        if (taken.type === "taken") await store.slots.settle(taken.slot);
      }
      for (let passed = 1; passed < 60; passed++) {
        if (passed % 5 === 0) clock.jumpTo(clock.now() + step);
        await claimed(store); // the log is not looked at with every look at the time
        await clock.advance(minute);
      }
      await clock.advance(minute - 1);
      expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
      await clock.advance(3 * minute);
      expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
    },
  );

  it("looks in time at users that it wrote while its clock was a day ahead", async () => {
    const { store, clock } = await opened(make);
    clock.jumpTo(clock.now() + day);
    await claimed(store);
    await clock.advance(2 * minute);
    await claimed(store);
    await store.commit(write("ada", { dueInMs: 5 * minute }));
    await store.commit(write("bob", { mode: "take", lease }));
    clock.jumpTo(clock.now() - day);
    await claimed(store);
    await clock.advance(2 * minute);
    expect(await claimed(store)).toEqual(["bob"]);
    await clock.advance(5 * minute);
    expect(await claimed(store)).toContain("ada");
  });

  it("knows again what a process that began a day ahead would have forgotten", async () => {
    const { store, clock, adapter } = await opened(make);
    for (let call = 1; call < limit.calls; call++) await store.slots.take(ask);
    const ahead = { ...clock, now: () => clock.now() + day };
    const other = await adapter.open({ account: "account", clock: ahead });
    expect(await other.slots.take(ask)).toMatchObject({ type: "taken" });
    await other.close();
    expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
    expect(await used(store)).toBe(limit.calls);
    await clock.advance(limit.windowMs + minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "taken" });
  });
});

it("adapters/lmdb counts a jump once, whichever processes notice it, and when", async () => {
  const [clock, adapter] = [manualClock(), newLmdb()];
  const stores = await Promise.all(
    Array.from({ length: 6 }, () => adapter.open({ account: "account", clock })),
  );
  onTestFinished(async () => void (await Promise.all(stores.map((store) => store.close()))));
  const [first] = stores;
  if (first === undefined) return;
  for (let call = 1; call <= limit.calls; call++) {
    const taken = await first.slots.take(ask);
    if (taken.type === "taken") await first.slots.settle(taken.slot);
  }
  clock.jumpTo(clock.now() + 10 * minute);
  for (const store of stores) {
    await claimed(store); // it sees the jump, and adopts it
    await clock.advance(9 * minute);
    expect(await store.slots.take(ask)).toMatchObject({ type: "refused" });
  }
  await clock.advance(5 * minute);
  expect(await first.slots.take(ask)).toMatchObject({ type: "refused" });
  await clock.advance(6 * minute);
  expect(await first.slots.take(ask)).toMatchObject({ type: "taken" });
});
