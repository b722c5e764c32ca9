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
    const message = `Cannot ${name} user ${lifecycle.alias("ada")} yet: another process has it, or died with it; its lease ends at 2026-01-01 00:00:45 UTC, in ${leftMs / 1_000} s`;
    expect(error).toMatchObject({ code: "USER_NOT_READY", retryable: true, retryAfterMs: leftMs, message });
    await world.clock.advance(leftMs);
    await lifecycle.hold("ada", "a complaint", { waitMs: 0 });
  });

  it.each<[string, (lifecycle: Lifecycle) => Promise<unknown>]>([
    ["accessToken()", (it) => it.accessToken("ada", { waitMs: 1_000 })],
    ["fhir()", (it) => it.fhir("ada", "r4").search("Condition", {}, { waitMs: 1_000 })],
  ])("%s names when its lease ends, and that the process may have died", async (_, call) => {
    const world = await createTestLifecycle();
    await world.crash({ before: "exchangeCode" }, () => world.lifecycle.onboard("ada"));
    const lifecycle = await world.restart({ after: "1s" });
    const error = (await call(lifecycle).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "USER_NOT_READY", retryable: true, retryAfterMs: 43_000 });
    const why = "another process has it, or died with it; its lease ends at 2026-01-01 00:00:45 UTC, in 43 s";
    expect(error.message).toBe(`Cannot use user ${lifecycle.alias("ada")} yet: it is codeIssued and ${why}`);
    expect(await lifecycle.explain("ada")).toContain(`The call exchangeCode was begun. Now ${why}.`);
  });

  it("no time is named for a call of this process, whose lease may go on", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    sandbox.fail({ call: "exchangeCode", delayMs: 5_000 });
    await lifecycle.onboard("ada", { waitMs: 0 });
    const error: unknown = await lifecycle.accessToken("ada", { waitMs: 1_000 }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "USER_NOT_READY", retryAfterMs: undefined });
    expect(await lifecycle.explain("ada")).toContain("Now the call exchangeCode is under way");
  });
});
