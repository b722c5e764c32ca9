import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Lifecycle, StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { altered } from "../support/altered.ts";
import { hurry, scene } from "../support/scene.ts";

/** A process that stands still before one of its writes, until it goes on. */
interface Frozen {
  readonly store: StoreAdapter;
  /** It stands still. */
  readonly stands: Promise<void>;
  goOn(): void;
}

function frozenBefore(adapter: StoreAdapter, nth: number): Frozen {
  let [goOn, standStill] = [(): void => {}, (): void => {}];
  const going = new Promise<void>((resolve) => (goOn = resolve));
  const stands = new Promise<void>((resolve) => (standStill = resolve));
  let writes = 0;
  const before = async (): Promise<void> => {
    if (++writes !== nth) return;
    standStill();
    await going;
  };
  const store: StoreAdapter = {
    ...adapter,
    async open(how) {
      const opened = await adapter.open(how);
      return {
        ...opened,
        commit: (commit) => before().then(() => opened.commit(commit)),
        move: (move) => before().then(() => opened.move(move)),
      };
    },
  };
  return { store, stands, goOn: () => goOn() };
}

/** Longer than a process stands still. */
const waitMs = 3_600_000;

type Verb = "onboard" | "offboard" | "forget" | "purge" | "adopt" | "refuseRename" | "hold";

/** The calls of one story: before the process stands still, its own one, and those of another process meanwhile. */
interface Story {
  readonly before: readonly Verb[];
  readonly call: Verb;
  readonly nth: number;
  readonly meanwhile: readonly Verb[];
}

interface Played {
  /** What the call that stood still came to; `null`: it resolved. */
  readonly error: unknown;
  /** What an `onboard()` of the same process came to that began after all that. */
  readonly second: unknown;
  /** The other process. */
  readonly there: Lifecycle;
}

async function played({ before, call, nth, meanwhile }: Story, again = false): Promise<Played> {
  const adapter = memory();
  const { sandbox, open } = await scene();
  const there = await open({ store: adapter });
  let number = 10_000_001;
  const does: Readonly<Record<Verb, (it: Lifecycle) => Promise<unknown>>> = {
    onboard: (it) => it.onboard("ada", { waitMs }),
    offboard: (it) => it.offboard("ada", { waitMs }),
    purge: (it) => it.offboard("ada", { purge: ["r4"], waitMs }),
    forget: (it) => it.forget("ada"),
    async refuseRename(it) {
      sandbox.fail({
        call: "updateUser",
        status: 400,
        body: { success: false, error: "app_user_id is not allowed" },
      });
      await expect(it.rename("ada", "eve", { waitMs })).rejects.toThrow("it keeps its id");
    },
    async hold(it) {
      await it.hold("ada", "a question");
      await it.unhold("ada");
    },
    adopt: (it) => it.adopt("ada", { oneupUserId: number, refreshToken: "f".repeat(40) }, { waitMs }),
  };
  for (const verb of before) await does[verb](there);
  number = (await there.inspect("ada").catch(() => null))?.oneupUserId ?? number;
  const { store, stands, goOn } = frozenBefore(adapter, nth);
  const slow = await open({ store });
  const late = does[call](slow).then(
    () => null,
    (error: unknown) => error,
  );
  await Promise.race([stands, late]);
  sandbox.clock.advance(600_000); // its lease is over
  for (const verb of meanwhile) await does[verb](there);
  const second =
    again &&
    does.onboard(slow).then(
      () => null,
      (error: unknown) => error,
    );
  await setTimeout(50); // it has joined the first
  goOn();
  return { error: await late, second: await second, there };
}

const wholeLife = ["onboard", "offboard", "forget"] as const;

describe("a user that another process forgets while this one stands still", () => {
  it.each<[string, Story]>([
    ["onboard() of a new id", { before: [], call: "onboard", nth: 1, meanwhile: wholeLife }],
    ["onboard() of a forgotten id", { before: wholeLife, call: "onboard", nth: 1, meanwhile: wholeLife }],
    ["the same, forgotten once more", { before: wholeLife, call: "onboard", nth: 1, meanwhile: ["forget"] }],
    [
      "onboard() of an offboarded user",
      { before: ["onboard", "offboard"], call: "onboard", nth: 1, meanwhile: ["forget"] },
    ],
    [
      "the same, after its start was saved",
      { before: ["onboard", "offboard"], call: "onboard", nth: 2, meanwhile: ["offboard", "forget"] },
    ],
    ["adopt() of a new id", { before: [], call: "adopt", nth: 1, meanwhile: wholeLife }],
    ["adopt() of a forgotten id", { before: wholeLife, call: "adopt", nth: 1, meanwhile: wholeLife }],
    ["the same, forgotten once more", { before: wholeLife, call: "adopt", nth: 1, meanwhile: ["forget"] }],
    [
      "adopt() of an offboarded user",
      { before: ["onboard", "offboard"], call: "adopt", nth: 1, meanwhile: ["forget"] },
    ],
  ])("is not brought back by %s", async (_, story) => {
    const { error, there } = await played(story);
    expect(error).toMatchObject({ code: "USER_UNKNOWN" });
    expect(await there.counts()).toEqual({});
    // A call that begins now is another decision.
    expect(await there.onboard("ada")).toMatchObject({ usable: true });
  });
});

describe("a user whose purge an onboard() of another process waits for", () => {
  it("is not brought back if it is forgotten before that process looks again", async () => {
    const adapter = memory();
    const { sandbox, open } = await scene();
    const there = await open({ store: adapter });
    await there.onboard("ada");
    await there.offboard("ada", { purge: ["r4"], waitMs: 0 });

    let [goOn, standStill] = [(): void => {}, (): void => {}];
    const going = new Promise<void>((resolve) => (goOn = resolve));
    const stands = new Promise<void>((resolve) => (standStill = resolve));
    let isOver = false;
    const slow = await open({
      store: altered(adapter, (store) => ({
        async load(id) {
          if (isOver) {
            standStill();
            await going;
          }
          const loaded = await store.load(id);
          isOver ||= loaded.type === "record" && loaded.record.state === "offboarded";
          return loaded;
        },
      })),
    });
    const late = slow.onboard("ada", { waitMs }).then(
      () => null,
      (error: unknown) => error,
    );
    await setTimeout(20); // it waits
    hurry(sandbox);
    await Promise.race([stands, late]);
    await there.forget("ada");
    goOn();
    expect(await late).toMatchObject({ code: "USER_UNKNOWN" });
    expect(await there.counts()).toEqual({});
    expect(await slow.onboard("ada")).toMatchObject({ usable: true });
  });
});

describe("an onboard() that begins after the user left, while an earlier one of its process stands still", () => {
  it.each<[string, Omit<Story, "call">]>([
    ["a new user that was forgotten", { before: [], nth: 1, meanwhile: wholeLife }],
    ["one that was forgotten later on", { before: [], nth: 2, meanwhile: ["offboard", "forget"] }],
    ["a forgotten one that was forgotten again", { before: wholeLife, nth: 1, meanwhile: wholeLife }],
    ["a new user that was offboarded", { before: [], nth: 2, meanwhile: ["offboard"] }],
    [
      "an offboarded user that was forgotten",
      { before: ["onboard", "offboard"], nth: 1, meanwhile: ["forget"] },
    ],
    ["one that was offboarded again", { before: ["onboard", "offboard"], nth: 2, meanwhile: ["offboard"] }],
  ])("starts over with %s", async (_, story) => {
    const { second, there } = await played({ ...story, call: "onboard" }, true);
    expect(second).toBeNull();
    expect(await there.inspect("ada")).toMatchObject({ usable: true });
  });
});

describe("a user that begins anew while an offboarding stands still", () => {
  it.each<[string, readonly Verb[]]>([
    ["after it was forgotten", [...wholeLife.slice(1), "onboard"]],
    ["after it was offboarded", ["offboard", "onboard"]],
  ])("stays, %s", async (_, meanwhile) => {
    const plain = await played({ before: ["onboard"], call: "offboard", nth: 1, meanwhile });
    expect(plain.error).toBeNull(); // the user that it was called for is offboarded
    expect(await plain.there.inspect("ada")).toMatchObject({ usable: true });
    const purging = await played({ before: ["onboard"], call: "purge", nth: 1, meanwhile });
    expect(purging.error).toMatchObject({ code: "USER_UNKNOWN" });
    expect(await purging.there.inspect("ada")).toMatchObject({ usable: true });
  });
});

describe("a user that another process offboards while an onboarding stands still", () => {
  it.each<[string, readonly Verb[], number]>([
    ["a new one", [], 2],
    ["one that starts over", ["onboard", "offboard"], 2],
    ["one that starts over, later on", ["onboard", "offboard"], 3],
  ])("stays offboarded: %s", async (_, before, nth) => {
    const { error, there } = await played({ before, call: "onboard", nth, meanwhile: ["offboard"] });
    expect(error).toMatchObject({ code: "USER_OFFBOARDED" });
    expect(await there.inspect("ada")).toMatchObject({ state: "offboarded" });
  });
});

describe("an offboarded user that another process leaves offboarded while an onboard() stands still", () => {
  it.each<[string, readonly Verb[]]>([
    ["after a rename that 1upHealth refuses", ["refuseRename"]],
    ["after several of them", Array.from({ length: 7 }, () => "refuseRename" as const)],
    ["after a hold", ["hold"]],
  ])("starts over %s", async (_, meanwhile) => {
    const { error, there } = await played({
      before: ["onboard", "offboard"],
      call: "onboard",
      nth: 1,
      meanwhile,
    });
    expect(error).toBeNull();
    expect(await there.inspect("ada")).toMatchObject({ usable: true });
  });

  it("stays offboarded after a later purge", async () => {
    const { error, there } = await played({
      before: ["onboard", "offboard"],
      call: "onboard",
      nth: 1,
      meanwhile: ["purge"],
    });
    expect(error).toMatchObject({ code: "USER_OFFBOARDED" });
    expect(await there.inspect("ada")).toMatchObject({ state: "offboarded" });
  });
});

describe("a user that another process is forgetting", () => {
  it.each([
    [0, 0],
    [100, 0],
    [100, 300],
  ])("is busy, for an onboard() that has %d ms, and a store that takes %d ms", async (waitMs, takesMs) => {
    const adapter = memory();
    const { open } = await scene();
    const slow = altered(adapter, (store) => ({
      commit: (commit) => setTimeout(takesMs).then(() => store.commit(commit)),
    }));
    const there = await open({ store: slow });
    await there.onboard("ada");
    await there.offboard("ada");
    const { store, stands, goOn } = frozenBefore(adapter, 2); // the lease is taken
    const forgetting = (await open({ store })).forget("ada");
    await stands;
    await expect(there.onboard("ada", { waitMs })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
    });
    goOn();
    await forgetting;
    expect(await there.counts()).toEqual({});
  });
});
