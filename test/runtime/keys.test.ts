import { LifecycleError, type Json, type Store, type StoreAdapter } from "oneup-lifecycle";
import { createVirtualClock } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { ringOf } from "../../src/store/sealing/keys.ts";
import { hurry, scene, working } from "../support/scene.ts";
import {
  accountIn,
  newer,
  older,
  sealsIn,
  soon,
  times,
  tokensOf,
  users,
  withUsers,
} from "../support/sealed-users.ts";
import { warningsIn } from "../support/loggers.ts";

const refused = { code: "KEY_REFUSED" };
/** Time moves only if a test lets it: what a process has read is as new as the test wants it. */
const standing = () => ({ clock: createVirtualClock({ running: false }) });

/** Damages the first record of a store with hidden ids, so that it does not tell whose it is. */
async function withoutId(store: Store, changed: object = {}): Promise<{ putBack: () => Promise<void> }> {
  const [id = ""] = await store.page({ limit: 1 });
  const write = async (change: (value: any) => Json): Promise<void> => {
    const found = await store.load(id);
    if (found.type !== "record") throw new Error("it is there");
    const { value, revision, state, dueInMs, lane } = found.record;
    const lease = { id: "of the test", owner: "the test", ms: 1 };
    const how = { mode: "none", lease, dueInMs, lane } as const;
    const writeId = `w${revision}`;
    await store.commit({ id, value: change(value), expectedRevision: revision, writeId, state, ...how });
  };
  let before = "";
  await write(({ sealedId, user }) => {
    before = sealedId;
    return { sealedId: "AAAA", user: { ...user, ...changed } };
  });
  return { putBack: () => write(({ user }) => ({ sealedId: before, user })) };
}

describe("rotateKeys()", () => {
  it("rotateKeys() lets an old key go: retire() refuses before and not after, and running processes go on", async () => {
    const { open, first, tokens } = await withUsers();
    const both = await open({ encryption: { keys: [newer, older] } });
    const [before] = await both.keys.list();
    expect(before?.storeKeys).toHaveLength(1);
    await expect(both.keys.retire(before?.id ?? "")).rejects.toMatchObject({ ...refused, retryable: false });
    const none = { storeKeys: 1, resealed: 0, unreadable: 0, dropped: 0 };
    const key = expect.not.stringMatching(before?.id ?? "");
    expect(await both.rotateKeys()).toEqual({ ...none, key, wrapped: 1 });
    expect(await both.rotateKeys(), "nothing is left to rotate").toEqual({ ...none, key, wrapped: 0 });
    const [after] = await both.keys.list();
    expect(after).toEqual({ id: expect.not.stringMatching(before?.id ?? ""), storeKeys: before?.storeKeys });
    await both.keys.retire(before?.id ?? "");
    await expect(both.keys.retire(after?.id ?? "")).rejects.toThrow(/it wraps 1 of the store's keys/);
    expect(await tokensOf(await open({ encryption: { keys: [newer] } }))).toEqual(tokens);
    expect(await tokensOf(await open({ encryption: { keys: [older, newer] } }))).toEqual(tokens);
    await expect(open()).rejects.toMatchObject(refused);
    expect(await tokensOf(first)).toEqual(tokens);
    expect(await first.reauthorize("ada")).toMatchObject({ usable: true });
  });

  it("rotateKeys() before all processes hold the new key: those that do not warn that they could not start again", async () => {
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const { open, sandbox } = await withUsers();
    const late = await open({ logger });
    const both = await open({ encryption: { keys: [newer, older] }, logger });
    await both.rotateKeys();
    const [after] = await both.keys.list();
    await soon(sandbox, late.reauthorize("ada"));
    await soon(sandbox, late.reauthorize("ada"));
    const about = (): readonly string[] => warnings.filter((line) => line.includes("rotated"));
    await vi.waitFor(() => expect(about()).toHaveLength(1));
    expect(about()[0]).toContain(`could not start again: the store's keys were rotated to key ${after?.id}`);
    expect((await late.health()).ready).toBe(true);
  });

  it("rotateKeys() refuses to wrap with a retired key, and changes nothing", async () => {
    const { open, store } = await withUsers();
    const both = await open({ encryption: { keys: [newer, older] } });
    const [old] = await both.keys.list();
    await both.rotateKeys();
    await both.keys.retire(old?.id ?? "");
    const before = await accountIn(store);
    const reversed = await open({ encryption: { keys: [older, newer] } });
    await expect(reversed.rotateKeys()).rejects.toThrow(/the newest key must not be a retired one/);
    expect(await accountIn(store)).toBe(before);
  });

  it.each([
    ["alone", [older]],
    ["first", [older, newer]],
  ])(
    "rotateKeys() refuses to go back to a key that was replaced, held %s, and changes nothing",
    async (_how, keys) => {
      const { sandbox, open, store, tokens } = await withUsers();
      const late = await open({ encryption: { keys: [older] } });
      const both = await open({ encryption: { keys: [newer, older] } });
      await both.rotateKeys();
      const [now] = await both.keys.list();
      const behind = keys.length === 1 ? late : await open({ encryption: { keys } });
      const before = await accountIn(store);
      for (const records of [false, true])
        await expect(soon(sandbox, behind.rotateKeys({ records }))).rejects.toMatchObject({
          ...refused,
          message: expect.stringContaining(`was, by ${now?.id}`),
          facts: { storeKey: now?.id },
        });
      expect(await accountIn(store)).toBe(before);
      expect(await tokensOf(await open({ encryption: { keys: [newer] } }))).toEqual(tokens);
      expect(await both.rotateKeys()).toMatchObject({ storeKeys: 1 });
    },
  );

  it.each([false, true])(
    "rotateKeys({ records: %j }) refuses a new key that was put behind the old one, and changes nothing",
    async (records) => {
      const { open, store, first } = await withUsers();
      const appended = await open({ encryption: { keys: [older, newer] } });
      const before = await accountIn(store);
      const [old, fresh] = ringOf({ keys: [older, newer] }, false);
      await expect(appended.rotateKeys({ records })).rejects.toMatchObject({
        ...refused,
        facts: { reason: "keyOrder" },
        message: expect.stringMatching(
          `the first key, ${old?.id}, .* and key ${fresh?.id} behind it .*put key ${fresh?.id} first`,
        ),
      });
      expect(await accountIn(store)).toBe(before);
      expect(await first.rotateKeys()).toMatchObject({ key: old?.id, wrapped: 0 });
      await appended.keys.retire(fresh?.id ?? "");
      expect(await appended.rotateKeys()).toMatchObject({ key: old?.id, wrapped: 0 });
    },
  );

  it("rotateKeys({ records: true }) keeps the key of a hidden user whose record does not tell its id, reports it, and drops the key later", async () => {
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const { sandbox, open, store, tokens } = await withUsers(
      { keys: [older] },
      {},
      { hideIds: true, logger },
    );
    const rotating = await open();
    const first = await withoutId(store);
    expect(await tokensOf(await open())).toEqual(tokens);
    expect(await soon(sandbox, rotating.rotateKeys({ records: true }))).toMatchObject({
      storeKeys: 2,
      resealed: 2,
      unreadable: 1,
      dropped: 0,
    });
    expect(warnings.filter((line) => line.startsWith("The older store keys are kept"))).toHaveLength(1);
    expect(await tokensOf(await open())).toEqual(tokens);
    await first.putBack();
    const done = await soon(sandbox, rotating.rotateKeys({ records: true }));
    expect(done).toMatchObject({ storeKeys: 1, resealed: 1, unreadable: 0, dropped: 1 });
    expect(await tokensOf(await open())).toEqual(tokens);
    await withoutId(store, { sealed: null });
    const last = await soon(sandbox, rotating.rotateKeys({ records: true }));
    expect(last, "a record without secrets needs no key").toMatchObject({ unreadable: 1, dropped: 1 });
  });

  it("rotateKeys() of many processes at once leaves one store key that opens", async () => {
    const { open, tokens } = await withUsers();
    const several = await Promise.all([1, 2, 3].map(() => open({ encryption: { keys: [newer, older] } })));
    await Promise.all(several.map((each) => each.rotateKeys()));
    expect(await tokensOf(await open({ encryption: { keys: [newer] } }))).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) counts users, and takes no mark of one who was forgotten for a damaged record", async () => {
    const { sandbox, first } = await withUsers();
    await first.offboard("ada");
    await first.forget("ada");
    const done = await soon(sandbox, first.rotateKeys({ records: true }));
    expect(done).toMatchObject({ resealed: 2, unreadable: 0 });
  });

  it("rotateKeys({ records: true }) seals every user again and drops the old store key; aliases stay", async () => {
    const { sandbox, open, first, store, tokens } = await withUsers();
    const beside = await open();
    const alias = first.alias("ada");
    const [before] = await first.keys.list();
    const seen: unknown[] = [];
    const onProgress = (each: unknown): void => void seen.push(each);
    const done = await soon(sandbox, first.rotateKeys({ records: true, onProgress }));
    expect(done).toMatchObject({ storeKeys: 1, resealed: 3, unreadable: 0, dropped: 1 });
    expect(seen).toEqual([1, 2, 3].map(() => ({ seen: 3, of: 3, resealed: 3 })));
    const [after] = await first.keys.list();
    expect(await sealsIn(store)).toEqual([`1 ${after?.storeKeys.join()}`]);
    expect(after?.storeKeys).not.toEqual(before?.storeKeys);
    for (const each of [first, beside, await open()]) {
      expect(await tokensOf(each)).toEqual(tokens);
      expect(each.alias("ada")).toBe(alias);
    }
    await soon(sandbox, first.rotateKeys({ records: true }));
    expect((await open()).alias("ada")).toBe(alias);
  });

  it("rotateKeys({ records: true }) beside busy processes costs no user a step, and returns to those that were leased", async () => {
    const { sandbox, open, first, store } = await withUsers();
    const patient = { timeoutMs: 30_000, graceMs: 10_000, leaseMs: 45_000 }; // time runs fast below
    const worker = working(await open(patient));
    const lease = { id: "of the test", owner: "the test", ms: 30_000 };
    const held = await store.load("bob");
    if (held.type !== "record") throw new Error("bob is there");
    const { value, revision } = held.record;
    const write = { id: "bob", value, expectedRevision: revision, writeId: "w", state: "tokenActive" };
    await store.commit({ ...write, mode: "take", lease, dueInMs: null, lane: null });
    hurry(sandbox);
    const sealing = (await open(patient)).rotateKeys({ records: true });
    const more = Array.from({ length: 8 }, (_, index) => `user ${index}`);
    await Promise.all([...more.map((id) => worker.onboard(id)), worker.reauthorize("eve", { waitMs: 1e9 })]);
    const done = await sealing;
    expect(done).toMatchObject({ storeKeys: 1, unreadable: 0, dropped: 1 });
    const [key] = await first.keys.list();
    expect(await sealsIn(store)).toEqual([`1 ${key?.storeKeys.join()}`]);
    const after = await open(patient);
    for (const id of [...users, ...more]) expect(await after.accessToken(id, { waitMs: 1e9 })).toMatch(/./);
    expect(sandbox.journal.count("createUser")).toBe(11);
  });

  it("rotateKeys({ records: true }) resumes wherever a process or an answer was lost", async () => {
    const { sandbox, open, first, store, tokens } = await withUsers();
    const inner = await store;
    let writes = 0;
    for (const when of ["before", "after"] as const) {
      for (let fatal = 1; ; fatal++) {
        const before = await first.keys.list();
        writes = 0;
        const dying = await open({ store: dyingAt(inner, fatal, when, () => ++writes) });
        const outcome = await soon(
          sandbox,
          dying.rotateKeys({ records: true }).catch((error: unknown) => error),
        );
        if (writes < fatal) break;
        expect(outcome).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
        expect(await tokensOf(await open())).toEqual(tokens);
        expect(await tokensOf(first)).toEqual(tokens);
        const { storeKeys, dropped } = await soon(sandbox, first.rotateKeys({ records: true }));
        expect({ storeKeys, dropped }).toEqual({ storeKeys: 1, dropped: 1 });
        expect(await first.keys.list()).not.toEqual(before);
        expect(await tokensOf(await open())).toEqual(tokens);
      }
      expect(writes).toBe(5); // the new key, three users, the end of the old key
    }
  });

  it("rotateKeys({ records: true }) leaves every user where it was: due, in its lane, or with a dead process", async () => {
    const { sandbox, open, first, store } = await withUsers();
    const dead = await store.load("bob");
    if (dead.type !== "record") throw new Error("bob is there");
    const { value, revision } = dead.record;
    const write = { id: "bob", value, expectedRevision: revision, writeId: "w", state: "tokenActive" };
    const lease = { id: "of the dead", owner: "the dead", ms: 1 };
    await store.commit({ ...write, mode: "take", lease, dueInMs: null, lane: null });
    const limited = await open({ limits: { management: { calls: 3, windowMs: 3_600_000 } } });
    expect(await limited.reauthorize("eve", { waitMs: 0 })).toMatchObject({ usable: false });
    sandbox.clock.advance(1_000);
    const before = await store.load("eve");
    await first.account.setLimits({ management: { calls: 300, windowMs: 3_600_000 } });
    await soon(sandbox, first.rotateKeys({ records: true }));
    expect(await first.resume()).toEqual({ taken: 2, rested: { tokenActive: 1, reauthorized: 1 } });
    expect(before).toMatchObject({ record: { lane: "interactive" } });
    sandbox.clock.advance(7 * 24 * 3_600_000);
    expect(await first.resume()).toMatchObject({ taken: 3 });
  });

  it("rotateKeys({ records: true }) waits for processes that do not know yet: what they seal is sealed again", async () => {
    const { sandbox, open } = await withUsers({ keys: [older] }, standing());
    const [first, late] = [await open(), await open()];
    sandbox.clock.advance(1_001);
    await late.budget.refresh(); // at the account, for the next second
    let rounds = 0;
    const sealing = first.rotateKeys({ records: true, onProgress: () => void rounds++ });
    await vi.waitFor(() => expect(rounds).toBe(1));
    await late.onboard("new");
    expect(await soon(sandbox, sealing)).toMatchObject({ resealed: 4, dropped: 1 });
    expect(await (await open()).accessToken("new")).toMatch(/./);
  });

  it("rotateKeys({ records: true }) of a store without users waits for them as well", async () => {
    const { sandbox, open } = await scene(standing());
    const [first, late] = [await open(times), await open(times)];
    sandbox.clock.advance(1_001);
    await late.budget.refresh();
    const sealing = first.rotateKeys({ records: true });
    await vi.waitFor(async () => expect((await first.keys.list())[0]?.storeKeys).toHaveLength(2));
    await late.onboard("new");
    expect(await soon(sandbox, sealing)).toMatchObject({ resealed: 1, dropped: 1 });
    expect(await (await open(times)).accessToken("new")).toMatch(/./);
  });

  it("work() goes on with users that were sealed again a moment ago", async () => {
    const { sandbox, open, first } = await withUsers({ keys: [older] }, standing());
    const beside = await open();
    sandbox.clock.advance(7 * 24 * 3_600_000);
    await beside.budget.refresh();
    let rounds = 0;
    const sealing = first.rotateKeys({ records: true, onProgress: () => void rounds++ });
    await vi.waitFor(() => expect(rounds).toBe(1));
    expect(await beside.resume()).toEqual({ taken: 3, rested: { refreshed: 3 } });
    await soon(sandbox, sealing);
  });

  it("rotateKeys({ records: true }) ends with its signal and with the lifecycle, and leaves a store that opens", async () => {
    const { open, first, tokens } = await withUsers();
    const stop = new AbortController();
    const stopped = first.rotateKeys({
      records: true,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    const closed = first.rotateKeys({ records: true, onProgress: () => void first.close() });
    await expect(closed).rejects.toMatchObject({ code: "CLOSED" });
    const next = await open();
    expect((await next.keys.list())[0]?.storeKeys).toHaveLength(2);
    expect(await tokensOf(next)).toEqual(tokens);
  });

  it("rotateKeys({ records: true }) leaves a user that does not open as it is, and counts it", async () => {
    const { sandbox, first, store } = await withUsers();
    const found = await store.load("bob");
    if (found.type !== "record") throw new Error("bob is there");
    const value = JSON.parse(
      JSON.stringify(found.record.value).replace(/"oneupUserId":\d+/, '"oneupUserId":7'),
    );
    const write = { id: "bob", expectedRevision: found.record.revision, writeId: "w", state: "tokenActive" };
    const lease = { id: "of the test", owner: "the test", ms: 1 };
    await store.commit({ ...write, value, mode: "none", lease, dueInMs: null, lane: null });
    await expect(first.inspect("bob")).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
    expect(await soon(sandbox, first.rotateKeys({ records: true }))).toMatchObject({
      resealed: 2,
      unreadable: 1,
      dropped: 1,
    });
    expect(await store.load("bob")).toMatchObject({ record: { value } });
  });
});

/** The store, whose `fatal`-th write is its last: it is lost, or its answer is, and nothing is heard afterwards. */
function dyingAt(store: Store, fatal: number, when: "before" | "after", count: () => number): StoreAdapter {
  let dead = false;
  const away = (): never => {
    dead = true;
    throw new LifecycleError("STORE_UNAVAILABLE", "Cannot reach the store: the test took it away", {
      retryable: true,
    });
  };
  async function write<T>(verb: () => Promise<T>): Promise<T> {
    const here = !dead && count() === fatal;
    if (dead || (here && when === "before")) return away();
    const value = await verb();
    return here ? away() : value;
  }
  return {
    name: "dying",
    durable: true,
    open: async () => ({
      ...store,
      load: (id) => (dead ? away() : store.load(id)),
      commit: (commit) => write(() => store.commit(commit)),
      account: {
        load: async () => (dead ? away() : store.account.load()),
        commit: (commit) => write(() => store.account.commit(commit)),
      },
      close: async () => {},
    }),
  };
}

describe("wrong options", () => {
  it("retire() and rotateKeys() throw INVALID_OPTION, and CLOSED once the lifecycle is closed", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const wrong = { code: "INVALID_OPTION" };
    await expect(lifecycle.keys.retire("")).rejects.toMatchObject(wrong);
    await expect(lifecycle.keys.retire(7 as never)).rejects.toMatchObject(wrong);
    await expect(lifecycle.rotateKeys({ records: "yes" as never })).rejects.toMatchObject(wrong);
    await lifecycle.close();
    const { keys, rotateKeys } = lifecycle;
    for (const verb of [() => keys.list(), () => keys.retire("a"), () => rotateKeys()]) {
      await expect(verb()).rejects.toMatchObject({ code: "CLOSED" });
    }
  });
});
