/** A move to a store with another key: what is sealed there, and with which keys it goes on. */
import { randomBytes } from "node:crypto";
import {
  abortMove,
  moveStore,
  systemClock,
  type Encryption,
  type Lifecycle,
  type LifecycleOptions,
  type MoveOptions,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { accountOf } from "../../src/store/account-of.ts";
import type { Json } from "../../src/store/contract.ts";
import type { MovableStore } from "../../src/store/movable.ts";
import { ringOf } from "../../src/store/sealing/keys.ts";
import { readKeyRecord } from "../../src/store/sealing/key-record.ts";
import { heldBack, scene } from "../support/scene.ts";

const fresh = (): Encryption => ({ keys: [randomBytes(32).toString("hex")] });

interface Two {
  readonly sandbox: Sandbox;
  readonly from: StoreAdapter;
  readonly to: StoreAdapter;
  readonly move: MoveOptions & { readonly newEncryption: Encryption };
  readonly open: (store: StoreAdapter, encryption: Encryption) => Promise<Lifecycle>;
}

/** Users with and without secrets, a renamed one, and events, in the first of two stores. */
async function twoStores(options: Partial<LifecycleOptions> = {}): Promise<Two> {
  const { sandbox, open } = await scene();
  const [from, to] = [memory(), memory()];
  const [encryption, newEncryption] = [fresh(), fresh()];
  const on: Two["open"] = (store, key) =>
    open({ events: { keep: "7d" }, ...options, store, encryption: key });
  const lifecycle = await on(from, encryption);
  await lifecycle.onboard("adam");
  await lifecycle.rename("adam", "ada");
  await lifecycle.onboard("bob");
  sandbox.fail({ call: "createUser", times: 1, status: 500, body: "" });
  await heldBack(lifecycle, "cy");
  await lifecycle.close();
  const { clock, credentials } = sandbox;
  const move = { clientId: credentials.clientId, clock, encryption, newEncryption };
  return { sandbox, from, to, move, open: on };
}

/** The ids of all store keys that something in the store is sealed with, and of those that its record holds. */
async function keysIn(
  adapter: StoreAdapter,
  { clientId }: MoveOptions,
): Promise<{ used: string[]; held: string[] }> {
  const store = (await adapter.open({ account: accountOf(clientId), clock: systemClock })) as MovableStore;
  const values: Json[] = [];
  for (const [, row] of (await store.transfer.rows(null, 100)).rows)
    if (!("renamedTo" in row)) values.push(row.value);
  for (const { value } of (await store.events?.read({ after: 0, limit: 100 }))?.events ?? [])
    values.push(value);
  const used = JSON.stringify(values).matchAll(/"key":"([0-9a-f]{12})"/g);
  const record = await store.account.load();
  await store.close();
  return {
    used: [...new Set([...used].map(([, id]) => String(id)))],
    held: readKeyRecord(record?.value ?? null).storeKeys.map(({ id }) => id),
  };
}

async function isWhole({ sandbox, to, move, open }: Two): Promise<void> {
  const before = sandbox.journal.spent();
  const lifecycle = await open(to, move.newEncryption);
  for (const id of ["ada", "bob"]) expect(await lifecycle.accessToken(id)).toHaveLength(40);
  expect(await lifecycle.inspect("cy")).toMatchObject({ usable: false });
  await expect(lifecycle.inspect("adam")).rejects.toMatchObject({ code: "RENAMED" });
  const named = new Set<string | null>();
  for await (const { appUserId } of lifecycle.events({ follow: false })) named.add(appUserId);
  expect(named).toEqual(new Set(["adam", "ada", "bob", "cy"]));
  expect(sandbox.journal.spent()).toEqual(before);
  await lifecycle.close();
}

/** Moves until the first page is copied. */
async function halfMoved({ from, to, move }: Two, others: Partial<MoveOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const options = { ...move, ...others, signal: stop.signal, onProgress: () => stop.abort() };
  await expect(moveStore(from, to, options)).rejects.toMatchObject({ name: "AbortError" });
}

describe("moveStore() with newEncryption", () => {
  it.each([{}, { hideIds: true }])(
    "seals all secrets and the ids in events anew, so that no former key opens anything there (%o)",
    async (options) => {
      const two = await twoStores(options);
      const { from, to, move } = two;
      const before = await keysIn(from, move);
      expect(before.used).toEqual(before.held);
      expect(await moveStore(from, to, move)).toMatchObject({ users: 3, formerIds: 1 });
      const after = await keysIn(to, move);
      expect(after.held).toHaveLength(1);
      expect(after.used).toEqual(after.held);
      expect(after.held).not.toEqual(before.held);
      await isWhole(two);
    },
  );

  it("gives the same digest as a move that keeps the key", async () => {
    const { from, to, move } = await twoStores();
    const { digest } = await moveStore(from, to, move);
    const last = { ...move, encryption: move.newEncryption };
    expect(await moveStore(to, memory(), last)).toMatchObject({ digest });
  });

  it("keeps the store's keys if the same key wraps them", async () => {
    const { from, to, move } = await twoStores();
    await moveStore(from, to, { ...move, newEncryption: move.encryption });
    expect(await keysIn(to, move)).toEqual(await keysIn(from, move));
  });

  it("begins while a process replaces and retires a key, between its look at the record and that at the ring", async () => {
    const { sandbox, open } = await scene();
    const [from, older, newer] = [memory(), "1".repeat(64), "2".repeat(64)];
    let keys = [older];
    const encryption: Encryption = { ring: (isNew) => ringOf({ keys }, isNew) };
    const lifecycle = await open({ store: from, encryption });
    await lifecycle.onboard("ada");
    const [former] = await lifecycle.keys.list();
    keys = [newer, older];
    let rotates = true;
    const source: StoreAdapter = {
      ...from,
      async open(how) {
        const store = (await from.open(how)) as MovableStore;
        const load: typeof store.account.load = async () => {
          const record = await store.account.load();
          if (!rotates) return record;
          rotates = false;
          await lifecycle.rotateKeys();
          await lifecycle.keys.retire(former?.id ?? "");
          keys = [newer];
          return record;
        };
        return { ...store, account: { ...store.account, load } };
      },
    };
    const { clientId } = sandbox.credentials;
    const move = moveStore(source, memory(), { clientId, clock: sandbox.clock, encryption });
    expect(await move).toMatchObject({ users: 1 });
    expect(rotates).toBe(false);
  });

  it("retires no key less: one that was retired in the first store wraps nothing in the other one", async () => {
    const { sandbox, open } = await scene();
    const [from, to] = [memory(), memory()];
    const [leaked, next, last] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
    const { clientId } = sandbox.credentials;
    const on = (store: StoreAdapter, keys: string[]) => open({ store, encryption: { keys } });
    const first = await on(from, [leaked]);
    const [retired] = await first.keys.list();
    const second = await on(from, [next, leaked]);
    await second.rotateKeys();
    await second.keys.retire(retired?.id ?? "");
    const options = { clientId, clock: sandbox.clock, encryption: { keys: [next] } };
    await moveStore(from, to, { ...options, newEncryption: { keys: [last] } });
    const behind = await on(to, [leaked, last]);
    await expect(behind.rotateKeys()).rejects.toThrow(/the newest key must not be a retired one/);
    // A person may want it again.
    const third = memory();
    await moveStore(to, third, {
      ...options,
      encryption: { keys: [last] },
      newEncryption: { keys: [leaked] },
    });
    expect(await (await on(third, [leaked])).rotateKeys()).toMatchObject({ storeKeys: 1 });
  });

  it("goes on with the same key only, and writes nothing twice", async () => {
    const two = await twoStores();
    const { from, to, move } = two;
    await halfMoved(two);
    const { newEncryption: _, ...without } = move;
    const refused = { code: "KEY_REFUSED" };
    await expect(moveStore(from, to, without)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("it was begun with `newEncryption`, so give that again"),
    });
    await expect(moveStore(from, to, { ...move, newEncryption: fresh() })).rejects.toMatchObject(refused);
    const { used } = await keysIn(to, move).catch(() => ({ used: [] as string[] })); // it has no key record yet
    expect(await moveStore(from, to, move)).toMatchObject({ users: 3 });
    for (const key of used) expect((await keysIn(to, move)).held).toContain(key);
    await isWhole(two);
  });

  it("is refused for a move that was begun without, which goes on as it was begun", async () => {
    const two = await twoStores();
    const { from, to, move } = two;
    await halfMoved(two, { newEncryption: undefined as never });
    await expect(moveStore(from, to, move)).rejects.toMatchObject({
      code: "KEY_REFUSED",
      message: expect.stringContaining("it was begun without `newEncryption`, so leave that out"),
    });
    const { newEncryption: _, ...without } = move;
    await moveStore(from, to, without);
    await isWhole({ ...two, move: { ...move, newEncryption: move.encryption as Encryption } });
  });

  it("leaves what no key opens as it is, and the former keys beside the fresh one", async () => {
    const two = await twoStores();
    const { from, to, move, open } = two;
    await changed(from, move, (text) => text.replace(/"text":"(.{40})/, `"text":"${"A".repeat(40)}`));
    await moveStore(from, to, move);
    const { held } = await keysIn(to, move);
    expect(held).toHaveLength(2);
    const lifecycle = await open(to, move.newEncryption);
    const outcomes = await Promise.allSettled(["ada", "bob"].map((id) => lifecycle.inspect(id)));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  it("can be called off without the other key", async () => {
    const two = await twoStores();
    const { from, to, move, open } = two;
    await moveStore(from, to, move);
    const { newEncryption: _, ...without } = move;
    await abortMove(from, to, without);
    const lifecycle = await open(from, move.encryption as Encryption);
    expect(await lifecycle.onboard("dan")).toMatchObject({ usable: true });
  });
});

/** Changes the first row of the store that has secrets. */
async function changed(
  adapter: StoreAdapter,
  { clientId }: MoveOptions,
  change: (text: string) => string,
): Promise<void> {
  const store = (await adapter.open({ account: accountOf(clientId), clock: systemClock })) as MovableStore;
  const { rows } = await store.transfer.rows(null, 100);
  const identity = (await store.account.load())?.identity;
  for (const [id, row] of rows) {
    if ("renamedTo" in row) continue;
    const text = JSON.stringify(row.value);
    const value = JSON.parse(change(text)) as Json;
    if (JSON.stringify(value) === text) continue;
    await store.transfer.writeRows({
      rows: [[id, { ...row, value }]],
      ...(identity !== undefined && { identity }),
    });
    break;
  }
  await store.close();
}
