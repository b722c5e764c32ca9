/** A machine that slept: hours have passed by the wall clock, and none by the monotonic one. */
import { createLifecycle, type Clock, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { soon } from "../support/sealed-users.ts";

const hour = 3_600_000;

/** A process on a machine that can sleep. */
async function sleeper(): Promise<{
  sandbox: Sandbox;
  lifecycle: Lifecycle;
  sleep: (ms: number) => Promise<void>;
  /** It sleeps while this happens. */
  sleepDuring: <T>(work: () => Promise<T>) => Promise<T>;
  /** A process on another machine. */
  another: () => Promise<Lifecycle>;
}> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  afterwards(() => server.close());
  let slept = 0;
  let asleepAt: number | null = null;
  const clock: Clock = {
    now: () => sandbox.clock.now(),
    monotonic: () => asleepAt ?? sandbox.clock.monotonic() - slept,
    timer: (ms, task) => sandbox.clock.timer(ms, task),
    random: () => sandbox.clock.random(),
  };
  const { credentials } = sandbox;
  const { endpoints } = server;
  const store = memory();
  const open = async (on: Clock): Promise<Lifecycle> => {
    const lifecycle = await createLifecycle({ credentials, endpoints, clock: on, store });
    afterwards(() => lifecycle.close());
    return lifecycle;
  };
  const lifecycle = await open(clock);
  const sleepDuring = async <T>(work: () => Promise<T>): Promise<T> => {
    await pause(2); // a machine does not fall asleep twice within a millisecond
    asleepAt = clock.monotonic();
    const began = sandbox.clock.monotonic();
    const done = await work();
    slept += sandbox.clock.monotonic() - began;
    asleepAt = null;
    return done;
  };
  const sleep = (ms: number): Promise<void> => sleepDuring(async () => sandbox.clock.advance(ms));
  return { sandbox, lifecycle, sleep, sleepDuring, another: () => open(sandbox.clock) };
}

describe("after the machine slept", () => {
  it("accessToken() hands no token out that died meanwhile, from memory or from the store, and refreshes once", async () => {
    const { sandbox, lifecycle, sleep } = await sleeper();
    await lifecycle.onboard("ada");
    for (let nights = 1; nights <= 10; nights++) {
      const old = await lifecycle.accessToken("ada");
      await sleep(9 * hour);
      const fresh = await lifecycle.accessToken("ada");
      expect(fresh).not.toBe(old);
      expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
      for (let asked = 0; asked < 3; asked++) expect(await lifecycle.accessToken("ada")).toBe(fresh);
      expect(sandbox.journal.count("refreshToken")).toBe(nights);
    }
  });

  it("adopt() seals nothing with a store key that was dropped meanwhile", async () => {
    const { sandbox, lifecycle, sleepDuring, another } = await sleeper();
    await lifecycle.onboard("ada");
    const awake = await another();
    await lifecycle.keys.list();
    await sleepDuring(() => soon(sandbox, awake.rotateKeys({ records: true })));
    const expiresAt = new Date(sandbox.clock.now() + hour);
    const grant = { oneupUserId: 4711, refreshToken: "refresh", accessToken: "access", expiresAt };
    await lifecycle.adopt("bob", grant);
    expect(await (await another()).accessToken("bob")).toBe("access");
  });

  it("onboard() makes no call in a pause that began meanwhile", async () => {
    const { sandbox, lifecycle, sleepDuring, another } = await sleeper();
    await lifecycle.onboard("ada");
    const awake = await another();
    await lifecycle.accessToken("ada");
    await sleepDuring(async () => {
      await awake.account.pause({ reason: "an incident" });
      await sandbox.clock.advance(hour);
    });
    const before = sandbox.journal.count("createUser");
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject({ code: "PAUSED" });
    expect(sandbox.journal.count("createUser")).toBe(before);
  });

  it("inspect() does not call a dead token usable", async () => {
    const { lifecycle, sleep } = await sleeper();
    await lifecycle.onboard("ada");
    await sleep(9 * hour);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "expiring", usable: false });
  });
});
