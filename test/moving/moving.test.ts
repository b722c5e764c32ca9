import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  abortMove,
  moveStore,
  type Lifecycle,
  type LifecycleOptions,
  type MoveOptions,
  type MoveProgress,
  type StoreAdapter,
} from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { folder, hurry, scene } from "../support/scene.ts";

const encryption = { keys: ["1".repeat(64)] };
const movedAway = { code: "STORE_MOVED", retryable: false };

/** Two stores, and a process on the first that has onboarded ada. */
async function twoStores(): Promise<{
  readonly sandbox: Sandbox;
  readonly from: StoreAdapter;
  readonly to: StoreAdapter;
  readonly move: MoveOptions;
  readonly lifecycle: Lifecycle;
  readonly open: (store: StoreAdapter, more?: Partial<LifecycleOptions>) => Promise<Lifecycle>;
}> {
  const { sandbox, open } = await scene();
  const from = memory();
  const on = (store: StoreAdapter, more: object = {}): Promise<Lifecycle> =>
    open({ store, encryption, ...more });
  const lifecycle = await on(from);
  await lifecycle.onboard("ada");
  const { clock, credentials } = sandbox;
  const to = lmdb(join(folder("moving"), "store"));
  return {
    sandbox,
    from,
    to,
    move: { clientId: credentials.clientId, clock, encryption },
    lifecycle,
    open: on,
  };
}

describe("moveStore()", () => {
  it("refuses what it cannot use before it opens a store, and another key once it is done", async () => {
    const { from, to, move } = await twoStores();
    const refused = { code: "INVALID_OPTION" };
    await expect(abortMove(memory(), memory(), undefined as never)).rejects.toMatchObject(refused);
    await expect(moveStore(from, to, undefined as never)).rejects.toMatchObject(refused);
    await expect(moveStore(from, null as never, move)).rejects.toMatchObject(refused);
    await expect(moveStore(from, to, { ...move, speed: 9 } as never)).rejects.toMatchObject(refused);
    await moveStore(from, to, move);
    const newEncryption = { keys: ["2".repeat(64)] };
    await expect(moveStore(from, to, { ...move, newEncryption })).rejects.toMatchObject({
      code: "KEY_REFUSED",
    });
    expect(await moveStore(from, to, move)).toMatchObject({ users: 1 });
  });

  it("creates nothing where the first store is not", async () => {
    const { to, move } = await twoStores();
    const path = join(folder("mistyped"), "store");
    await expect(moveStore(lmdb(path), to, move)).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect([existsSync(path), existsSync(to.folder ?? "")]).toEqual([false, false]);
  });

  it("refuses a folder in the first store's folder, and the other way round, before it opens a store", async () => {
    const { move } = await twoStores();
    const path = folder("nested");
    const [outer, inner, beside] = [path, join(path, "new"), `${path}-new`];
    for (const [from, to] of [
      [outer, inner],
      [inner, outer],
      [outer, join(inner, "..")],
    ] as const) {
      const refused = { code: "INVALID_OPTION", message: expect.stringContaining("must be apart") };
      await expect(moveStore(lmdb(from), lmdb(to), move)).rejects.toMatchObject(refused);
      await expect(abortMove(lmdb(from), lmdb(to), move)).rejects.toMatchObject(refused);
    }
    await expect(moveStore(lmdb(outer), lmdb(beside), move)).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
    });
    expect([inner, beside].map((each) => existsSync(each))).toEqual([false, false]);
  });

  it("ends calls as the client in a process of the first store", async () => {
    const { from, to, move, lifecycle, sandbox } = await twoStores();
    const fhir = lifecycle.fhir("ada", "r4", { as: "client" });
    await fhir.create({ resourceType: "Patient" });
    await moveStore(from, to, move);
    sandbox.clock.advance(11_000);
    await expect(fhir.create({ resourceType: "Patient" })).rejects.toMatchObject(movedAway);
  });

  it("takes the lease of a create along that may still be under way", async () => {
    const { from, to, move, lifecycle, open, sandbox } = await twoStores();
    const patient = { resourceType: "Patient" as const, identifier: [{ system: "urn:mrn", value: "42" }] };
    const ensured = (there: Lifecycle): Promise<unknown> =>
      there.fhir("ada", "r4").ensure(patient, { by: { identifier: "urn:mrn|42" }, waitMs: 0 });
    sandbox.fail({ call: "fhir.create", drop: "before" });
    await expect(ensured(lifecycle)).rejects.toMatchObject({ code: "IN_DOUBT" });
    await moveStore(from, to, move);
    const later = await open(to);
    await expect(ensured(later)).rejects.toMatchObject({ code: "IN_DOUBT" });
    expect(sandbox.journal.count("fhir.create")).toBe(1);
    sandbox.clock.advance(91_000);
    await ensured(later);
    expect(sandbox.journal.count("fhir.create")).toBe(2);
  });

  it("ends those who follow events behind the last one, with STORE_MOVED", async () => {
    const { from, to, move, open, sandbox } = await twoStores();
    const lifecycle = await open(from, { events: { keep: "7d" } });
    await lifecycle.onboard("eve");
    const reader = lifecycle.events();
    const next = async (): Promise<unknown> => (await reader.next()).value?.type;
    for (const type of ["ONBOARD", "USER_CREATED", "TOKEN_GRANTED"]) expect(await next()).toBe(type);
    const waits = next();
    await moveStore(from, to, move);
    hurry(sandbox);
    await expect(waits).rejects.toMatchObject(movedAway);
  });

  it("leaves processes of the first store their valid tokens, and refuses all else with STORE_MOVED", async () => {
    const { from, to, move, lifecycle, open, sandbox } = await twoStores();
    const stopped = new AbortController();
    const [worked] = await Promise.allSettled([
      lifecycle.work({ signal: stopped.signal }),
      moveStore(from, to, move),
    ]);
    expect(worked).toMatchObject({ status: "rejected", reason: movedAway });
    const token = await lifecycle.accessToken("ada");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    await lifecycle.fhir("ada", "dstu2").create({ resourceType: "Patient" });
    for (const call of [
      lifecycle.onboard("bob"),
      lifecycle.offboard("ada"),
      lifecycle.rename("ada", "eve"),
      lifecycle.hold("ada", "for a test"),
      lifecycle.work(),
    ])
      await expect(call).rejects.toMatchObject({
        ...movedAway,
        message: expect.stringMatching(/its users were moved to an lmdb store, at \S+Z; stop this process/),
        facts: { to: "lmdb", isDone: true },
      });
    expect((await lifecycle.health()).ready).toBe(false);
    await expect(open(from)).rejects.toMatchObject(movedAway);
    const before = sandbox.journal.spent();
    const next = await open(to);
    expect(await next.accessToken("ada")).toBe(token);
    expect(sandbox.journal.spent()).toEqual(before);
    expect(await next.onboard("bob")).toMatchObject({ usable: true });
  });

  it("keeps the cursors of those that follow the events", async () => {
    const { sandbox, open } = await scene();
    const [from, to] = [memory(), lmdb(join(folder("moving"), "store"))];
    const events = { keep: "7d" };
    const lifecycle = await open({ store: from, encryption, events });
    await lifecycle.onboard("ada");
    const first = await lifecycle.events().next();
    const { clock, credentials } = sandbox;
    clock.advance(7_777);
    await moveStore(from, to, { clientId: credentials.clientId, clock, encryption });
    const next = await open({ store: to, encryption, events });
    const { value } = await next.events({ after: first.value?.cursor }).next();
    expect(value).toMatchObject({ appUserId: "ada" });
    expect(value?.cursor).not.toBe(first.value?.cursor);
  });

  it("may be repeated, and reports the same", async () => {
    const { from, to, move } = await twoStores();
    const progress: MoveProgress[] = [];
    const summary = await moveStore(from, to, { ...move, onProgress: (each) => progress.push(each) });
    expect(progress.at(-1)).toEqual({ phase: "compare", users: 1, of: 1, events: 0 });
    expect(summary).toMatchObject({ users: 1, formerIds: 0, events: 0 });
    expect(await moveStore(from, to, move)).toEqual(summary);
  });

  it("stops between two pages when its signal aborts, and goes on when it is called again", async () => {
    const { from, to, move, lifecycle, open } = await twoStores();
    const stop = new AbortController();
    const stopped = moveStore(from, to, { ...move, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject(movedAway);
    await expect(open(to)).rejects.toThrow(/a move to it is not finished/);
    expect(await moveStore(from, to, move)).toMatchObject({ users: 1 });
  });

  it("refuses a store without users, one that is not empty, and any other than the one it began with", async () => {
    const { from, to, move, open } = await twoStores();
    await expect(moveStore(memory(), from, move)).rejects.toThrow(/it holds no users of this client id/);
    await expect(moveStore(from, from, move)).rejects.toThrow(/both are the same store/);
    await expect(abortMove(from, from, move)).rejects.toThrow(/no move to that store was begun/);
    const used = memory();
    await open(used);
    await expect(moveStore(from, used, move)).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await moveStore(from, to, move);
    await expect(moveStore(from, memory(), move)).rejects.toThrow(/being moved to another lmdb store/);
    await expect(abortMove(from, memory(), move)).rejects.toThrow(/name the store that it was begun with/);
    expect(await open(to)).toBeDefined();
  });

  it("refuses before anything is interrupted if the keys do not open the store", async () => {
    const { from, to, move, lifecycle } = await twoStores();
    const wrong = moveStore(from, to, { ...move, encryption: { keys: ["2".repeat(64)] } });
    await expect(wrong).rejects.toMatchObject({ code: "KEY_REFUSED" });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
  });
});

describe("abortMove()", () => {
  it("tells in each error that a move was to be called off", async () => {
    const { from, to, move } = await twoStores();
    const told = { message: expect.stringMatching(/^Cannot call a move off: /) };
    const { open, ...others } = memory();
    const bare: StoreAdapter = {
      ...others,
      open: async (how) => ({ ...(await open(how)), transfer: undefined }) as never,
    };
    for (const options of [undefined, {}, { ...move, lost: 1 }, { ...move, speed: 9 }])
      await expect(abortMove(from, to, options as never)).rejects.toMatchObject(told);
    await expect(abortMove(null as never, to, move)).rejects.toMatchObject(told);
    await expect(abortMove(from, to, move)).rejects.toMatchObject(told);
    await expect(abortMove(from, bare, move)).rejects.toMatchObject(told);
    await moveStore(from, to, move);
    await expect(abortMove(from, memory(), move)).rejects.toMatchObject(told);
  });

  it("opens the first store again, for processes that had it open, too, and empties the other", async () => {
    const { from, to, move, lifecycle, open } = await twoStores();
    for (let round = 0; round < 2; round++) {
      await moveStore(from, to, move);
      await expect(lifecycle.onboard("bob", { waitMs: 0 })).rejects.toMatchObject(movedAway);
      await abortMove(from, to, move);
      expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    }
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    await expect(abortMove(from, to, move)).rejects.toThrow(/no move to that store was begun/);
    const other = await open(to);
    await expect(other.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("calls off a move that is not finished", async () => {
    const { from, to, move, lifecycle } = await twoStores();
    const stop = new AbortController();
    const stopped = moveStore(from, to, { ...move, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
    await abortMove(from, to, move);
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
    expect(await moveStore(from, to, move)).toMatchObject({ users: 2 });
  });

  it("refuses once the other store has taken a write, and leaves that store as it is", async () => {
    const { from, to, move, lifecycle, open } = await twoStores();
    await moveStore(from, to, move);
    const next = await open(to);
    expect(await next.inspect("ada")).toMatchObject({ usable: true }); // no write
    await next.onboard("bob");
    for (let time = 0; time < 2; time++)
      await expect(abortMove(from, to, move)).rejects.toThrow(/was written to since/);
    expect(await next.onboard("cy")).toMatchObject({ usable: true });
    await expect(lifecycle.onboard("dan")).rejects.toMatchObject(movedAway);
  });

  it("is possible after a process has opened the other store and only read", async () => {
    const { from, to, move, lifecycle, open } = await twoStores();
    await moveStore(from, to, move);
    const next = await open(to);
    expect(await next.accessToken("ada")).toBe(await lifecycle.accessToken("ada"));
    await abortMove(from, to, move);
    await expect(next.onboard("bob")).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    expect(await lifecycle.onboard("bob")).toMatchObject({ usable: true });
  });
});
