/** What a process of a store notices whose users are moved elsewhere, without a call that writes. */
import { moveStore, type LifecycleOptions, type MoveOptions, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { heldBack, hurry, scene } from "../support/scene.ts";

const movedAway = { code: "STORE_MOVED", message: expect.stringContaining("stop this process") };

async function twoStores() {
  const { sandbox, open } = await scene();
  const [from, to] = [memory(), memory()];
  const { clock, credentials } = sandbox;
  const move: MoveOptions = { clientId: credentials.clientId, clock };
  const on = (store: StoreAdapter, more: Partial<LifecycleOptions> = {}) => open({ store, ...more });
  return { sandbox, from, to, move, open: on };
}

/** Moves until the first page is copied. */
async function halfMoved(from: StoreAdapter, to: StoreAdapter, move: MoveOptions): Promise<void> {
  const stop = new AbortController();
  const stopped = moveStore(from, to, { ...move, signal: stop.signal, onProgress: () => stop.abort() });
  await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
}

describe("a process of a store whose users are moved", () => {
  it("ends watch() with STORE_MOVED behind the last status", async () => {
    const { sandbox, from, to, move, open } = await twoStores();
    const lifecycle = await open(from);
    await lifecycle.onboard("ada");
    const watched = lifecycle.watch("ada");
    expect((await watched.next()).value).toMatchObject({ state: "tokenActive" });
    const waits = watched.next();
    await moveStore(from, to, move);
    hurry(sandbox);
    await expect(waits).rejects.toMatchObject(movedAway);
    const late = lifecycle.watch("ada");
    expect((await late.next()).value).toMatchObject({ state: "tokenActive" });
    await expect(late.next()).rejects.toMatchObject(movedAway);
  });

  it("ends watch() with STORE_MOVED within ten seconds, however seldom it looks at its user", async () => {
    const { sandbox, from, to, move, open } = await twoStores();
    const lifecycle = await open(from);
    await lifecycle.onboard("ada");
    const watched = lifecycle.watch("ada", { pollMs: 3_600_000 });
    await watched.next();
    const waits = watched.next();
    await moveStore(from, to, move);
    const began = sandbox.clock.monotonic();
    hurry(sandbox);
    await expect(waits).rejects.toMatchObject(movedAway);
    expect(sandbox.clock.monotonic() - began).toBeLessThan(11_000);
  });

  it("ends work() at a closed gate, too, where it takes no users", async () => {
    const { sandbox, from, to, move, open } = await twoStores();
    const lifecycle = await open(from);
    sandbox.fail({ call: "createUser", times: Infinity, status: 403, body: { message: "Forbidden" } });
    await heldBack(lifecycle, "ada");
    const working = lifecycle.work();
    await moveStore(from, to, move);
    await expect(withoutProbes(sandbox, working)).rejects.toMatchObject(movedAway);
  });

  it("is not ready, and health() tells where its users are, and since when", async () => {
    const { sandbox, from, to, move, open } = await twoStores();
    const lifecycle = await open(from);
    const health = async (): Promise<unknown> => {
      sandbox.clock.advance(2_000); // a result is good for a second
      return lifecycle.health();
    };
    await halfMoved(from, to, move);
    expect(await health()).toMatchObject({
      ready: false,
      problem: "STORE_MOVED",
      why: expect.stringMatching(/^its users are being moved to a memory store, which began at \S+Z$/),
      nextStep: expect.stringContaining("start it with the store that the users were moved to"),
    });
    await moveStore(from, to, move);
    expect(await health()).toMatchObject({
      why: expect.stringMatching(/^its users were moved to a memory store, at \S+Z$/),
    });
    await expect(open(from)).rejects.toThrow(
      /^Cannot open this store: its users were moved to a memory store/,
    );
  });
});

/** Lets time pass in small steps until `done`, in less than a gate stays shut. */
async function withoutProbes({ clock }: Sandbox, done: Promise<unknown>): Promise<void> {
  let isDone = false;
  void done.finally(() => (isDone = true)).catch(() => {});
  for (let step = 0; step < 200 && !isDone; step++) {
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await done;
}
