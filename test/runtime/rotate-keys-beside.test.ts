import { type Clock, type Store, type StoreAdapter, type Transport, undiciTransport } from "oneup-lifecycle";
import { createVirtualClock } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { afterwards } from "../support/scene.ts";
import { newer, older, sealsIn, soon, tokensOf, users, withUsers } from "../support/sealed-users.ts";

/** Holds callers back while it is shut. */
function gate() {
  let shut = false;
  const held: (() => void)[] = [];
  return {
    held,
    pass: async (): Promise<void> => (shut ? new Promise((resolve) => held.push(resolve)) : undefined),
    shut: () => void (shut = true),
    open() {
      shut = false;
      for (const go of held.splice(0)) go();
    },
  };
}

/** The store, whose account's record is looked at behind a gate. */
function slowToLook(store: Store, pass: () => Promise<void>): StoreAdapter {
  const account = { ...store.account, load: () => pass().then(() => store.account.load()) };
  return {
    name: "slow",
    durable: true,
    timeoutMs: 5_000,
    open: async () => ({ ...store, account, close: async () => {} }),
  };
}

/** The store, whose pages miss a user that always moves from one state to another meanwhile, as long as `moves` returns true. */
function missing(store: Store, id: string, moves: () => boolean): StoreAdapter {
  const page: Store["page"] = async (ask) => (await store.page(ask)).filter((one) => one !== id || !moves());
  return { name: "missing", durable: true, open: async () => ({ ...store, page, close: async () => {} }) };
}

/** The store, whose commits arrive late. */
function slowToCommit(store: Store, pass: () => Promise<void>): StoreAdapter {
  const commit: Store["commit"] = (ask) => pass().then(() => store.commit(ask));
  return {
    name: "slow",
    durable: true,
    timeoutMs: 5_000,
    open: async () => ({ ...store, commit, close: async () => {} }),
  };
}

/** Calls wait behind a gate. */
function slowToCall(pass: () => Promise<void>): Transport {
  const inner = undiciTransport();
  return {
    send: (request) => pass().then(() => inner.send(request)),
    close: () => inner.close?.() ?? Promise.resolve(),
  };
}

describe("rotateKeys({ records: true }) beside others", () => {
  it("rotateKeys({ records: true }) that ends late leaves a store key in place that another one has replaced meanwhile", async () => {
    const { sandbox, open, first, store, tokens } = await withUsers();
    const looks = gate();
    const late = await open({ store: slowToLook(store, looks.pass) });
    let rounds = 0;
    const onProgress = (): void => void (++rounds === 3 && looks.shut()); // only the old key is left to be dropped
    const ending = late.rotateKeys({ records: true, onProgress });
    await soon(
      sandbox,
      vi.waitFor(() => expect(looks.held).toHaveLength(1)),
    );
    await soon(sandbox, first.rotateKeys({ records: true }));
    const stop = new AbortController();
    const options = { records: true, signal: stop.signal, onProgress: () => stop.abort(new Error("here")) };
    await expect(first.rotateKeys(options)).rejects.toThrow("here");
    const [before] = await first.keys.list();
    expect(before?.storeKeys, "a third key has begun").toHaveLength(2);
    looks.open();
    expect(await ending).toMatchObject({ resealed: 3, dropped: 0 });
    expect(await first.keys.list()).toEqual([before]);
    expect(await tokensOf(await open())).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) loses no user whose adoption was on its way to the store all the time", async () => {
    const { sandbox, open, first, store } = await withUsers();
    const commits = gate();
    const slow = await open({ store: slowToCommit(store, commits.pass) });
    await slow.keys.list(); // the last look before the rotation begins
    commits.shut();
    const expiresAt = new Date(sandbox.clock.now() + 3_600_000);
    const grant = { oneupUserId: 4711, refreshToken: "refresh", accessToken: "access", expiresAt };
    const adopting = slow.adopt("late", grant, { waitMs: 600_000 });
    await vi.waitFor(() => expect(commits.held).toHaveLength(1));
    expect(await soon(sandbox, first.rotateKeys({ records: true }))).toMatchObject({ dropped: 1 });
    commits.open();
    await adopting;
    expect(await (await open()).accessToken("late")).toBe("access");
  });

  it("rotateKeys({ records: true }) keeps the old key until what was sealed with it has arrived, however long a store may take", async () => {
    const clock = createVirtualClock({ running: false });
    const { open, adapter, tokens } = await withUsers({ keys: [older] }, { clock });
    const patient = await open({ store: { ...adapter, timeoutMs: 20_000 } });
    let rounds = 0;
    const ended = vi.fn<() => void>();
    const rotating = patient.rotateKeys({ records: true, onProgress: () => void rounds++ }).finally(ended);
    await vi.waitFor(() => expect(rounds).toBeGreaterThan(0));
    for (let second = 0; second < 29; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(ended).not.toHaveBeenCalled();
    clock.advance(1_000);
    expect(await rotating).toMatchObject({ resealed: 3, dropped: 1 });
    expect(await tokensOf(await open())).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) twice at once leaves one store key that opens every user", async () => {
    const { sandbox, open, first, store, tokens } = await withUsers();
    const both = [first, await open()];
    const done = await soon(sandbox, Promise.all(both.map((each) => each.rotateKeys({ records: true }))));
    expect(done.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(1);
    const [key] = await first.keys.list();
    expect(await sealsIn(store)).toEqual([`1 ${key?.storeKeys.join()}`]);
    expect(await tokensOf(await open())).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) meets a user that changed its state during a round, and was missed, in the next one", async () => {
    const { sandbox, open, store, tokens } = await withUsers();
    let rounds = 0;
    const sealing = await open({ store: missing(store, "bob", () => rounds < 2) });
    const done = await soon(sandbox, sealing.rotateKeys({ records: true, onProgress: () => void rounds++ }));
    expect(done).toMatchObject({ resealed: 3, dropped: 1 });
    expect(await tokensOf(await open())).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) waits for a call of a process with a longer lease that lacks the newest key", async () => {
    const { sandbox, open } = await withUsers();
    const calls = gate();
    const patient = { timeoutMs: 120_000, graceMs: 0, leaseMs: 600_000 };
    const behind = await open({ ...patient, transport: slowToCall(calls.pass) });
    calls.shut();
    const onboarding = behind.onboard("new", { waitMs: 600_000 });
    await vi.waitFor(() => expect(calls.held).toHaveLength(1));
    const both = await open({ encryption: { keys: [newer, older] } });
    await both.rotateKeys();
    let rounds = 0;
    const ended = vi.fn<() => void>();
    const sealing = both.rotateKeys({ records: true, onProgress: () => void rounds++ }).finally(ended);
    await vi.waitFor(() => expect(rounds).toBeGreaterThan(0));
    for (let second = 0; second < 60; second += 5) {
      sandbox.clock.advance(5_000); // its own lease and what a look is good for are over long since
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(rounds).toBeGreaterThan(3);
    expect(ended).not.toHaveBeenCalled();
    calls.open();
    const { state } = await onboarding;
    expect(state).toBe("tokenActive");
    expect(await soon(sandbox, sealing)).toMatchObject({ resealed: 4, unreadable: 0, dropped: 1 });
    expect(await (await open({ encryption: { keys: [newer] } })).accessToken("new")).toMatch(/./);
  });

  it("rotateKeys({ records: true }) lets no presumed-dead process write what is sealed with the old key", async () => {
    const { sandbox, open, first, store } = await withUsers();
    const calls = gate();
    const { clock } = sandbox;
    const noTimers: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      random: () => clock.random(),
      timer: () => () => {}, // as where a process stands still
    };
    const stalled = await open({ transport: slowToCall(calls.pass), clock: noTimers });
    calls.shut();
    afterwards(calls.open);
    void stalled.onboard("new").catch(() => {});
    await vi.waitFor(() => expect(calls.held).toHaveLength(1));
    const before = await store.load("new");
    if (before.type !== "record" || before.record.lease === null) throw new Error("a process has the lease");
    const { id, value, revision, lease } = before.record;
    const { storeKeys, dropped } = await soon(sandbox, first.rotateKeys({ records: true }));
    expect({ storeKeys, dropped }).toEqual({ storeKeys: 1, dropped: 1 });
    expect(await store.load("new")).toMatchObject({ record: { lease: null, revision: revision + 1 } });
    const state = "codeIssued";
    const late = { id, value, expectedRevision: revision, writeId: "late", mode: "keep", state } as const;
    const kept = { lease: { ...lease, ms: 5_000 }, dueInMs: null, lane: null };
    expect(await store.commit({ ...late, ...kept })).toEqual({ type: "conflict" });
    expect(await first.inspect(users[0] ?? "")).toMatchObject({ usable: true });
  });
});
