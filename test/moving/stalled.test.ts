import { randomBytes } from "node:crypto";
import {
  abortMove,
  createLifecycle,
  moveStore,
  type LifecycleOptions,
  type MoveOptions,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { through } from "../support/altered.ts";
import { scene } from "../support/scene.ts";

/** A call that stands still after some answer of a store, as a process does that is suspended. */
interface Stall {
  wrap(adapter: StoreAdapter): StoreAdapter;
  /** Resolves when it stands still; `false`: the call ended before. */
  standsStill(call: Promise<unknown>): Promise<boolean>;
  goOn(): void;
}

function stallAfter(nth: number): Stall {
  let answers = 0;
  let goOn = (): void => {};
  let stop = (): void => {};
  const released = new Promise<void>((resolve) => (goOn = resolve));
  const stopped = new Promise<true>((resolve) => (stop = () => resolve(true)));
  const gate = async (answer: Promise<unknown>): Promise<unknown> => {
    const value = await answer;
    if (++answers === nth) {
      stop();
      await released;
    }
    return value;
  };
  return {
    wrap: (adapter) =>
      through(adapter, (_, ask) => {
        const answer = ask();
        return answer instanceof Promise ? gate(answer) : answer;
      }),
    standsStill: (call) =>
      Promise.race([
        stopped,
        call.then(
          () => false,
          () => false,
        ),
      ]),
    goOn,
  };
}

/** Something that is waited for. */
function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}

async function twoStores(options: Partial<LifecycleOptions> = {}) {
  const { sandbox, server } = await scene();
  const open = (store: StoreAdapter) =>
    createLifecycle({
      ...options,
      credentials: sandbox.credentials,
      endpoints: server.endpoints,
      clock: sandbox.clock,
      store,
    });
  const [from, to] = [memory(), memory()];
  const first = await open(from);
  await first.onboard("ada");
  await first.close();
  const move: MoveOptions = { clientId: sandbox.credentials.clientId, clock: sandbox.clock };
  return { from, to, move, open };
}

/** A store is in use: a user comes. */
async function comes(
  id: string,
  store: StoreAdapter,
  open: (store: StoreAdapter) => ReturnType<typeof createLifecycle>,
) {
  const lifecycle = await open(store);
  expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  await lifecycle.close();
}

describe("a call that stood still", () => {
  it("of moveStore() begins nothing anew that was called off meanwhile", async () => {
    let calledOff = 0;
    for (let nth = 1; ; nth++) {
      const { from, to, move, open } = await twoStores();
      const stall = stallAfter(nth);
      const moving = moveStore(stall.wrap(from), stall.wrap(to), move);
      const isStill = await stall.standsStill(moving);
      if (!isStill) break;
      const isOff = await abortMove(from, to, move).then(
        () => true,
        () => false, // nothing was begun yet
      );
      if (isOff) await comes("bob", from, open);
      stall.goOn();
      await moving.catch(() => {});
      if (!isOff) continue;
      calledOff++;
      await comes("eve", from, open);
    }
    expect(calledOff).toBeGreaterThan(10);
  });

  it.each(["writeRows", "writeEvents"])(
    "of moveStore() at its first %s() keeps no move from being called off, though it seals the same once more",
    async (verb) => {
      const { from, to, move, open } = await twoStores({ events: { keep: "7d" } });
      const newEncryption = { keys: [randomBytes(32)] };
      const [held, compared, written] = [signal(), signal(), signal()];
      const slow = through(to, async (name, ask) => {
        if (name !== verb) return ask();
        held.give();
        await compared.given;
        await ask();
        written.give();
      });
      const fast = through(to, async (name, ask) => {
        if (name !== "seat") return ask();
        compared.give();
        await written.given;
        return ask();
      });
      const late = moveStore(from, slow, { ...move, newEncryption });
      await held.given;
      expect(await moveStore(from, fast, { ...move, newEncryption })).toMatchObject({ users: 1 });
      await late;
      await abortMove(from, to, { ...move, newEncryption });
      await comes("bob", from, open);
    },
  );

  it("of a process, refused by a move that was called off since, is made again", async () => {
    const { from, to, move, open } = await twoStores();
    const [held, sent, refused, heard] = [signal(), signal(), signal(), signal()];
    let isArmed = false;
    const slow = through(from, (name, ask) => {
      if (name !== "commit" || !isArmed) return ask();
      isArmed = false;
      held.give();
      return sent.given.then(ask).catch(async (error: unknown) => {
        refused.give();
        await heard.given;
        throw error;
      });
    });
    const lifecycle = await open(slow);
    isArmed = true;
    const coming = lifecycle.onboard("bob");
    await held.given;
    const stop = new AbortController();
    const half = moveStore(from, to, { ...move, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(half).rejects.toMatchObject({ name: "AbortError" });
    sent.give();
    await refused.given;
    await abortMove(from, to, move);
    heard.give();
    expect(await coming).toMatchObject({ usable: true });
    expect(await lifecycle.onboard("cy")).toMatchObject({ usable: true });
    await lifecycle.close();
  });

  it("of abortMove() fences no store that another move has filled meanwhile", async () => {
    let filled = 0;
    for (let nth = 1; ; nth++) {
      const { from, to, move, open } = await twoStores();
      await moveStore(from, to, move);
      const stall = stallAfter(nth);
      const aborting = abortMove(stall.wrap(from), stall.wrap(to), move);
      const isStill = await stall.standsStill(aborting);
      if (!isStill) break;
      await abortMove(from, to, move).catch(() => {}); // it is off already
      await moveStore(from, to, move);
      await comes("bob", to, open);
      stall.goOn();
      await aborting.catch(() => {});
      await comes("eve", to, open);
      filled++;
    }
    expect(filled).toBeGreaterThan(5);
  });
});

describe("a move whose other store is in the way, or gone", () => {
  it("leaves the target of a slower move free again, once that is called off", async () => {
    const { from, to, move, open } = await twoStores();
    const [stall, other] = [stallAfter(5), memory()];
    const slow = moveStore(stall.wrap(from), stall.wrap(to), move);
    expect(await stall.standsStill(slow)).toBe(true);
    await moveStore(from, other, move);
    stall.goOn();
    await expect(slow).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(open(to)).rejects.toMatchObject({ code: "STORE_MOVED" });
    await abortMove(from, to, move);
    await comes("bob", other, open);
    await moveStore(other, to, move);
    await comes("eve", to, open);
  });

  it("opens the first store again if the other one was emptied, and only when that is said", async () => {
    const { from, to, move, open } = await twoStores();
    await moveStore(from, to, move);
    const empty = memory();
    await expect(abortMove(from, empty, move)).rejects.toThrow("if that is gone for good, add --lost");
    await expect(abortMove(from, to, { ...move, lost: 1 as never })).rejects.toMatchObject({
      code: "INVALID_OPTION",
    });
    await abortMove(from, empty, { ...move, lost: true });
    await comes("bob", from, open);
    await expect(abortMove(from, empty, { ...move, lost: true })).rejects.toThrow(
      "no move to that store was begun",
    );
  });
});
