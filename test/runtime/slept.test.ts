/** A machine that slept: hours have passed by the wall clock, and none by the monotonic one. */
import { createLifecycle, type Clock, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

const hour = 3_600_000;

/** A process on a machine that can sleep. */
async function sleeper(): Promise<{
  sandbox: Sandbox;
  lifecycle: Lifecycle;
  sleep: (ms: number) => Promise<void>;
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
  const lifecycle = await createLifecycle({ credentials, endpoints, clock, store: memory() });
  afterwards(() => lifecycle.close());
  const sleep = async (ms: number): Promise<void> => {
    await pause(2); // a machine does not fall asleep twice within a millisecond
    asleepAt = clock.monotonic();
    sandbox.clock.advance(ms);
    slept += ms;
    asleepAt = null;
  };
  return { sandbox, lifecycle, sleep };
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

  it("inspect() does not call a dead token usable", async () => {
    const { lifecycle, sleep } = await sleeper();
    await lifecycle.onboard("ada");
    await sleep(9 * hour);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "expiring", usable: false });
  });
});
