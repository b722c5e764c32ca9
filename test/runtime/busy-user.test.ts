import type { Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";

const verbs: Readonly<Record<string, (lifecycle: Lifecycle) => Promise<unknown>>> = {
  offboard: (it) => it.offboard("ada", { waitMs: 1_000 }),
  forget: (it) => it.forget("ada", { waitMs: 1_000 }),
  rename: (it) => it.rename("ada", "grace", { waitMs: 1_000 }),
  hold: (it) => it.hold("ada", "a complaint", { waitMs: 1_000 }),
  reauthorize: (it) => it.reauthorize("ada", { waitMs: 1_000 }),
  retry: (it) => it.retry("ada", { waitMs: 1_000 }),
};

describe("a user whose process died in a call", () => {
  it.each(Object.keys(verbs))("%s() names when its lease ends, as inspect() does", async (name) => {
    const world = await createTestLifecycle();
    await world.crash({ after: "createUser" }, () => world.lifecycle.onboard("ada"));
    const lifecycle = await world.restart({ after: "1s" });
    const error = (await verbs[name]?.(lifecycle).catch((thrown: unknown) => thrown)) as Error;
    const { pause } = await lifecycle.inspect("ada");
    const leftMs = (pause?.until?.getTime() ?? 0) - world.clock.now();
    const message = `Cannot ${name} user ${lifecycle.alias("ada")} yet: a call for it is under way; try again in ${Math.ceil(leftMs / 1_000)} s`;
    expect(error).toMatchObject({ code: "USER_NOT_READY", retryable: true, retryAfterMs: leftMs, message });
    await world.clock.advance(leftMs);
    await lifecycle.hold("ada", "a complaint", { waitMs: 0 });
  });
});
