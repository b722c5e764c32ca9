import { LifecycleError, type LifecycleOptions } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import { altered } from "../support/altered.ts";
import { onDisk } from "../support/on-disk.ts";
import { anyKey, at } from "../support/places.ts";
import { folder, scene, type Scene } from "../support/scene.ts";
import { withSharedServer } from "../support/servers.ts";

type Kept = Pick<LifecycleOptions, "store" | "encryption">;

const ids = Array.from({ length: 60 }, (_, index) => `user ${index}`);

/** Users that some process has leased. */
async function leased({ sandbox }: Scene, { store }: Kept): Promise<readonly string[]> {
  const account = accountOf(sandbox.credentials.clientId);
  const opened = await store.open({ account, clock: sandbox.clock });
  try {
    const loaded = await Promise.all(ids.map((id) => opened.load(id)));
    const records = loaded.flatMap((one) => (one.type === "record" ? [one.record] : []));
    return records.filter(({ lease }) => lease !== null).map(({ id }) => id);
  } finally {
    await opened.close();
  }
}

/** A lease lasts 45 s here, and no clock moves: what is not given back stays. */
function stops(kept: () => Promise<Kept>): void {
  it.sequential.each(["work() is stopped", "close() is called"] as const)(
    "when %s, calls under way are finished, and every user is free for the next process",
    async (how) => {
      const stage = await scene({ latencyMs: [5, 60] });
      const { sandbox, open } = stage;
      const place = await kept();
      const first = await open(place);
      await first.onboard("warm up");
      const stop = new AbortController();
      const { signal } = stop;
      for (const id of ids) void first.onboard(id, { lane: "bulk", signal }).catch(() => {}); // the stop ends the wait
      const working = first.work({ signal, concurrency: 16 });
      await vi.waitFor(() => expect(sandbox.journal.count("exchangeCode")).toBeGreaterThan(10), {
        timeout: 30_000,
        interval: 1,
      });
      if (how === "close() is called") await first.close();
      else stop.abort();
      await working;
      if (how === "close() is called") expect(await leased(stage, place)).toEqual([]);
      // What a caller began goes on: it is no worker's.
      else await vi.waitFor(async () => expect(await leased(stage, place)).toEqual([]), 30_000);
      const second = await open(place);
      const ending = new AbortController();
      const after = second.work({ signal: ending.signal });
      const usable = async (): Promise<number> =>
        (await Promise.all(ids.map((id) => second.onboard(id)))).filter((user) => user.usable).length;
      expect(await usable()).toBe(ids.length);
      ending.abort();
      await after;
      expect(await leased(stage, place)).toEqual([]);
      expect(sandbox.journal.createdTwice()).toEqual([]);
      expect(sandbox.journal.count("exchangeCode")).toBe(ids.length + 1); // no process was presumed dead
    },
  );
}

describe("a graceful stop, with users in memory", () => {
  stops(async () => ({ store: memory(), encryption: { keys: [anyKey] } }));

  it("gives up a call that is never answered within its time-out, and the next process waits for no lease", async () => {
    const world = await createTestLifecycle();
    const start = world.clock.now();
    world.sandbox.fail({ call: "exchangeCode", drop: "before", delayMs: 120_000 });
    world.clock.autoAdvance = false;
    const onboarding = world.lifecycle.onboard("ada").catch(() => {}); // closing ends the wait
    await world.clock.advance("1s");
    world.clock.autoAdvance = true;
    const next = await world.restart();
    await onboarding;
    expect(world.clock.now() - start).toBe(30_000);
    expect(await next.inspect("ada")).toMatchObject({ state: "codeIssued", underWay: null });
    expect(await next.onboard("ada")).toMatchObject({ usable: true });
    expect(world.clock.now() - start).toBe(40_000); // from when on the first exchange can no longer arrive
    await world.close();
  });
});

describe("a graceful stop, with users in LMDB", () => {
  stops(async () => onDisk(folder("graceful-stop")));
});

withSharedServer("redis", "a graceful stop, with users in Redis", (place) => {
  stops(async () => {
    const { where, prefix } = await place();
    return at({ type: "redis", url: where, prefix, key: anyKey });
  });
});

describe("a graceful stop while the store is away", () => {
  it.each([1, 4])(
    "saves the token that a call under way brings, though the store refuses %i writes in a row",
    async (refusals) => {
      let left = 0;
      const store = altered(memory(), (own) => ({
        async commit(commit) {
          if (left-- > 0) throw new LifecycleError("STORE_UNAVAILABLE", "away", { retryable: true });
          return own.commit(commit);
        },
      }));
      const world = await createTestLifecycle({ lifecycle: { store } });
      world.sandbox.fail({ call: "exchangeCode", delayMs: 5_000 });
      world.clock.autoAdvance = false;
      const onboarding = world.lifecycle.onboard("ada").catch(() => {}); // closing ends the wait
      await world.clock.advance("1s");
      left = refusals;
      const start = world.clock.now();
      world.clock.autoAdvance = true;
      const next = await world.restart();
      await onboarding;
      expect(left).toBeLessThan(1);
      expect(world.clock.now() - start).toBeLessThan(20_000);
      expect(await next.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true, underWay: null });
      expect(world.sandbox.journal.count("exchangeCode")).toBe(1);
      await world.close();
    },
  );

  it("tries at once what waits for the store when it begins to close", async () => {
    let isAway = false;
    const store = altered(memory(), (own) => ({
      async commit(commit) {
        if (isAway) throw new LifecycleError("STORE_UNAVAILABLE", "away", { retryable: true });
        return own.commit(commit);
      },
    }));
    const world = await createTestLifecycle({ lifecycle: { store }, autoAdvance: false });
    world.sandbox.fail({ call: "exchangeCode", delayMs: 5_000 });
    void world.lifecycle.onboard("ada").catch(() => {}); // closing ends the wait
    await world.clock.advance("1s");
    isAway = true;
    await world.clock.advance("10m"); // by now it tries every five minutes at most
    isAway = false;
    const closed = world.lifecycle.close();
    await world.clock.advance("1ms");
    await closed;
    const next = await world.restart();
    expect(await next.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    await world.close();
  });

  it("waits as long as a call and the exchange of its code may take, and leaves the intent to the next process", async () => {
    let isAway = false;
    const store = altered(memory(), (own) => ({
      async commit(commit) {
        if (isAway) throw new LifecycleError("STORE_UNAVAILABLE", "away", { retryable: true });
        return own.commit(commit);
      },
    }));
    const world = await createTestLifecycle({ lifecycle: { store }, autoAdvance: false });
    const { clock, lifecycle } = world;
    await world.arrange("ada", "codeIssued");
    world.sandbox.fail({ call: "exchangeCode", delayMs: 5_000 });
    const stop = new AbortController();
    let endedAt: number | null = null;
    const working = lifecycle.work({ signal: stop.signal }).then(() => (endedAt = clock.now()));
    await clock.advance("2s");
    const stoppedAt = clock.now();
    isAway = true;
    stop.abort();
    await clock.advance("59s");
    expect(endedAt).toBeNull();
    await clock.advance("1s");
    await working;
    expect(endedAt).toBe(stoppedAt + 60_000);
    const closed = lifecycle.close().then(() => (endedAt = clock.now()));
    await clock.advance("59s");
    expect(endedAt).toBe(stoppedAt + 60_000); // it tries to save what the exchange brought
    await clock.advance("1s");
    await closed;
    expect(endedAt).toBe(stoppedAt + 120_000);
    isAway = false;
    const next = await world.restart();
    expect(await next.inspect("ada")).toMatchObject({ underWay: "exchangeCode" });
    expect(await next.onboard("ada")).toMatchObject({ usable: true }); // its lease is over
    await world.close();
  });
});
