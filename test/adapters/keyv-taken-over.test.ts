import type { KeyvStoreAdapter } from "keyv";
import { describe, expect, it, onTestFinished } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import type { Store } from "../../src/store/contract.ts";
import { manualClock } from "../../src/testing/index.ts";
import { write } from "../support/commits.ts";

/** A storage adapter of its own over the same data, as another process has it. */
function storageOf(data: Map<string, string>): KeyvStoreAdapter {
  const storage: KeyvStoreAdapter = {
    opts: { dialect: "sqlite" }, // one of those that Keyv iterates over
    get: async <Value>(key: string) => data.get(key) as Value | undefined,
    set: async (key: string, value: string) => void data.set(key, value),
    delete: async (key) => data.delete(key),
    clear: async () => data.clear(),
    async *iterator(namespace?: string) {
      for (const [key, value] of data) if (key.startsWith(`${namespace ?? ""}:`)) yield [key, value];
    },
    on: () => storage,
  };
  return storage;
}

async function open(storage: KeyvStoreAdapter, clock = manualClock()): Promise<Store> {
  const store = await keyv(storage).open({ account: "account", clock });
  onTestFinished(async () => void (await Promise.all([store.close(), clock.advance(5_000)])));
  return store;
}

describe("adapters/keyv on data that another process opens", () => {
  it("stops the first before its next write, and serves the second; opened again, the other way round", async () => {
    const [data, clock] = [new Map<string, string>(), manualClock()]; // one clock draws the names of both openings
    const first = await open(storageOf(data), clock);
    await first.commit(write("ada"));
    const second = await open(storageOf(data), clock);
    expect(await second.commit(write("bob"))).toMatchObject({ type: "committed" });

    const stopped = { code: "STORE_UNUSABLE", retryable: false };
    const refused = first.commit(write("eve"));
    await expect(refused).rejects.toMatchObject(stopped);
    await expect(refused).rejects.toThrow("it was opened by another process");
    const take = { limit: { name: "calls", calls: 9, windowMs: 3_600_000 }, holdMs: 1_000, lane: null };
    await expect(first.slots.take(take)).rejects.toMatchObject(stopped);
    expect(await second.load("eve")).toEqual({ type: "absent" });
    expect(await second.counts()).toEqual({ created: 2 });

    const third = await open(storageOf(data), clock);
    expect(await third.commit(write("eve"))).toMatchObject({ type: "committed" });
    await expect(second.commit(write("joe"))).rejects.toMatchObject(stopped);
    expect(await third.counts()).toEqual({ created: 3 });
  });

  it("is not stopped by one that only reads, nor by itself", async () => {
    const [data, clock] = [new Map<string, string>(), manualClock()];
    const storage = storageOf(data);
    const store = await open(storage, clock);
    await store.commit(write("ada"));
    const reading = await keyv(storageOf(data)).open({ account: "account", clock, readOnly: true });
    onTestFinished(() => reading.close());
    const again = await open(storage, clock);
    expect(await again.commit(write("bob"))).toMatchObject({ type: "committed" });
    expect(await store.commit(write("eve"))).toMatchObject({ type: "committed" });
    expect(await reading.counts()).toEqual({ created: 1 });
  });
});
