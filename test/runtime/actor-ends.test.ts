import {
  isLifecycleError,
  LifecycleError,
  type Clock,
  type Lifecycle,
  type Store,
  type StoreAdapter,
  type UserSnapshot,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createActor, toPromise, waitFor, type Snapshot } from "xstate";
import { Changes } from "../../src/runtime/engine/changes.ts";
import { afterwards, hurry, scene, spentOn } from "../support/scene.ts";
import { signUp } from "../support/sign-up.ts";
import { silentLogger } from "../support/loggers.ts";

const appUserId = "ada@example.org";

/** With what error the actor fails. */
async function troubleOf(lifecycle: Lifecycle, snapshot?: Snapshot<unknown>): Promise<unknown> {
  const actor = createActor(lifecycle.actor, { input: { appUserId }, ...(snapshot && { snapshot }) });
  const ended = toPromise(actor).catch((error: unknown) => error);
  actor.start();
  return ended;
}

/** An actor's snapshot, taken while it was active, as a database keeps it. */
function keptWhileActive(lifecycle: Lifecycle): Snapshot<unknown> {
  const persisted = createActor(lifecycle.actor, { input: { appUserId } }).getPersistedSnapshot();
  return JSON.parse(JSON.stringify(persisted)) as Snapshot<unknown>; // as it was written
}

/** A store that can be taken away. */
function fickle(adapter: StoreAdapter): { readonly adapter: StoreAdapter; away: boolean } {
  const state = { adapter: { ...adapter, open }, away: false };
  async function open(options: Parameters<StoreAdapter["open"]>[0]): Promise<Store> {
    const store = await adapter.open(options);
    return {
      ...store,
      load: async (id) => {
        if (!state.away) return store.load(id);
        throw new LifecycleError("STORE_UNAVAILABLE", "Cannot read: the test took it away", {
          retryable: true,
        });
      },
    };
  }
  return state;
}

describe("onError of lifecycle.actor", () => {
  it.each([
    [
      "a user that 1upHealth refuses",
      "USER_FAILED",
      "failed",
      { status: 400, body: { success: false, error: "app_user_id is not allowed" } },
    ],
    [
      "refused credentials",
      "CREDENTIALS_REFUSED",
      "created",
      { status: 401, body: { error: "invalid_client" } },
    ],
    ["a blocked region", "FORBIDDEN", "reauthorizing", { status: 403, body: { message: "Forbidden" } }],
  ] as const)("tells of %s", async (_why, code, state, fault) => {
    const { sandbox, open } = await scene();
    sandbox.fail({ times: 9, ...fault });
    const parent = createActor(signUp(await open()), { input: { email: appUserId } }).start();
    const { value, context } = await waitFor(parent, ({ status }) => status === "done");
    expect(value).toBe("sorry");
    expect(context.error).toMatchObject({ code, retryable: code === "FORBIDDEN" });
    expect(context.seen.at(-1)).toBe(state);
  });

  it("tells of input that cannot be used, before anything is sent", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const parent = createActor(signUp(lifecycle), { input: { email: "a\u0000b" } }).start();
    expect(parent.getSnapshot().context.error).toMatchObject({ code: "INVALID_ID" });
    const wrong = createActor(lifecycle.actor, { input: { appUserId, lane: "fast" as "bulk" } });
    expect(wrong.getSnapshot().error).toMatchObject({ code: "INVALID_OPTION" });
    expect(sandbox.journal.entries()).toEqual([]);
  });

  it("tells of a user who was let go or renamed while it waited", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "exchangeCode", times: 99, status: 503, body: {} });
    const lifecycle = await open();
    const left = troubleOf(lifecycle);
    await expect.poll(async () => (await lifecycle.counts()).codeIssued).toBe(1);
    hurry(sandbox);
    await lifecycle.offboard(appUserId, { waitMs: 3_600_000 });
    expect(await left).toMatchObject({ code: "USER_OFFBOARDED" });

    sandbox.clearFaults();
    await lifecycle.onboard(appUserId, { waitMs: 3_600_000 });
    await lifecycle.rename(appUserId, "grace", { waitMs: 3_600_000 });
    expect(await troubleOf(lifecycle)).toMatchObject({ code: "RENAMED", facts: { renamedTo: "grace" } });
  });

  it("waits for a store that is away, and for 1upHealth, with no error", async () => {
    const { sandbox, open } = await scene();
    const store = fickle(memory());
    const lifecycle = await open({ store: store.adapter, logger: silentLogger });
    sandbox.fail({ call: "createUser", times: 2, status: 500 });
    store.away = true;
    const actor = createActor(lifecycle.actor, { input: { appUserId } }).start();
    hurry(sandbox, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(actor.getSnapshot()).toMatchObject({ status: "active", context: null });
    store.away = false;
    expect(await toPromise(actor)).toMatchObject({ usable: true });
  });
});

describe("a restored lifecycle.actor", () => {
  it.each(["offboarded", "forgotten"] as const)("brings no user back that was %s meanwhile", async (gone) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const kept = keptWhileActive(lifecycle);
    await lifecycle.onboard(appUserId);
    await lifecycle.offboard(appUserId);
    if (gone === "forgotten") await lifecycle.forget(appUserId);
    expect(await troubleOf(lifecycle, kept)).toMatchObject({ code: "USER_OFFBOARDED", retryable: false });
    expect(spentOn(sandbox, appUserId)).toEqual(["createUser"]);
    // A new one does, because it is requested.
    expect(await toPromise(createActor(lifecycle.actor, { input: { appUserId } }).start())).toMatchObject({
      usable: true,
    });
  });

  it("begins with a user for which the crash came first", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const kept = keptWhileActive(lifecycle);
    expect(kept).toEqual({ status: "active", input: { appUserId } });
    const actor = createActor(lifecycle.actor, { snapshot: kept, input: { appUserId: "not used" } });
    expect(await toPromise(actor.start())).toMatchObject({ appUserId, usable: true });
  });

  it("refuses an output that is no user's status", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const odd = [
      { since: 1, history: "none" },
      { since: 1, history: [null] },
      { since: "x", history: [] },
    ];
    for (const output of [undefined, null, "done", {}, ...odd]) {
      const snapshot = { status: "done", output, input: { appUserId } } as unknown as Snapshot<unknown>;
      const { status, error } = createActor(lifecycle.actor, {
        snapshot,
        input: { appUserId },
      }).getSnapshot();
      expect(status).toBe("error");
      expect(error).toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringContaining("Cannot restore an actor: output must be what its snapshot"),
      });
    }
  });

  it("refuses a state or an error that the library did not write", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    for (const kept of [{}, { status: "error" }, { status: "error", error: null }, { status: "other" }]) {
      const snapshot = { ...kept, input: { appUserId } } as unknown as Snapshot<unknown>;
      expect(await troubleOf(lifecycle, snapshot)).toMatchObject({ code: "INVALID_OPTION" });
    }
  });

  it("has a Date wherever the status has one", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard(appUserId));
    const { actor } = await world.restart({ after: "46s" });
    const done = createActor(actor, { input: { appUserId } }).start();
    const output = await toPromise(done);
    expect(output.provisionalUntil).toEqual(expect.any(Date));
    const snapshot = JSON.parse(JSON.stringify(done.getPersistedSnapshot())) as Snapshot<unknown>;
    const restored = createActor(actor, { snapshot, input: { appUserId } }).getSnapshot();
    expect(restored.output).toEqual(output);
  });

  it("that was done or had failed is so still, with its times and its code", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const again = (actor: { getPersistedSnapshot(): Snapshot<unknown> }): UserSnapshot =>
      createActor(lifecycle.actor, {
        snapshot: JSON.parse(JSON.stringify(actor.getPersistedSnapshot())) as Snapshot<unknown>, // as it was written
        input: { appUserId },
      }).getSnapshot();
    const done = createActor(lifecycle.actor, { input: { appUserId } }).start();
    const output = await toPromise(done);
    expect(again(done)).toMatchObject({ status: "done", output });

    sandbox.fail({
      call: "createUser",
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    const failed = createActor(lifecycle.actor, { input: { appUserId: "bob" } });
    failed.subscribe({ error: () => {} });
    failed.start();
    await waitFor(failed, () => false).catch(() => {});
    const { error } = again(failed);
    expect(isLifecycleError(error, "USER_FAILED")).toBe(true);
    expect(error).toMatchObject({ message: (failed.getSnapshot().error as Error).message });
  });

  it("refuses the snapshot of another actor", async () => {
    const { open } = await scene();
    const foreign = { status: "active", output: undefined, error: undefined } as const;
    expect(await troubleOf(await open(), foreign)).toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("close()", () => {
  it("leaves an actor active and silent, so that its snapshot goes on elsewhere", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "exchangeCode", delayMs: 50, status: 503, body: {} });
    const lifecycle = await open();
    const actor = createActor(lifecycle.actor, { input: { appUserId } });
    let trouble = 0;
    actor.subscribe({ error: () => trouble++ });
    actor.start();
    await waitFor(actor, ({ context }) => context?.state === "codeIssued");
    await lifecycle.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect({ trouble, status: actor.getSnapshot().status }).toEqual({ trouble: 0, status: "active" });

    const kept = actor.getPersistedSnapshot();
    actor.stop();
    const next = await open();
    hurry(sandbox);
    expect(
      await toPromise(createActor(next.actor, { snapshot: kept, input: { appUserId } }).start()),
    ).toMatchObject({
      usable: true,
    });
  });

  it("makes an actor that is started later fail with CLOSED", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.close();
    expect(await troubleOf(lifecycle)).toMatchObject({ code: "CLOSED" });
  });
});

/** A clock that counts the timers which have neither fired nor been cancelled. */
function counting(clock: Clock): Clock & { readonly pending: Set<object> } {
  const pending = new Set<object>();
  return {
    pending,
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    random: () => clock.random(),
    timer(ms, task) {
      const timer = {};
      pending.add(timer);
      const cancel = clock.timer(ms, () => {
        pending.delete(timer);
        task();
      });
      return () => {
        pending.delete(timer);
        cancel();
      };
    },
  };
}

/** Counts who follows users in this process. */
function countFollowers(): { now: number } {
  const followers = { now: 0 };
  const follow = Changes.prototype.follow;
  const spy = vi.spyOn(Changes.prototype, "follow").mockImplementation(function (this: Changes, ...given) {
    followers.now++;
    const leave = follow.apply(this, given);
    return () => {
      followers.now--;
      leave();
    };
  });
  onTestFinished(() => spy.mockRestore());
  return followers;
}

describe("an actor that is done, stopped or has failed", () => {
  it("leaves nothing behind: no subscription, no timer", async () => {
    const followers = countFollowers();
    const { sandbox, open } = await scene();
    const clock = counting(sandbox.clock);
    const lifecycle = await open({ clock, store: memory() });
    await lifecycle.onboard("eve");
    const before = clock.pending.size;
    sandbox.fail({
      call: "createUser",
      appUserId: "bob",
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    sandbox.fail({ call: "createUser", appUserId: "pat", times: 99, status: 503, body: {} });

    const actors = ["ada", "bob", "pat", "pat", "eve"].map((each) =>
      createActor(lifecycle.actor, { input: { appUserId: each } }),
    );
    const watcher = createActor(lifecycle.watcher, { input: { appUserId: "eve" } }).start();
    for (const actor of actors) {
      actor.subscribe({ error: () => {} });
      actor.start();
    }
    const statuses = (): readonly string[] => actors.map((actor) => actor.getSnapshot().status);
    await expect.poll(statuses).toEqual(["done", "error", "active", "active", "done"]);
    await waitFor(watcher, ({ context }) => context?.usable === true);
    expect({ followers: followers.now, timers: clock.pending.size > before }).toEqual({
      followers: 3,
      timers: true,
    });
    for (const actor of [...actors, watcher]) actor.stop();
    await expect
      .poll(() => ({ followers: followers.now, timers: clock.pending.size }))
      .toEqual({
        followers: 0,
        timers: before,
      });
  });
});
