/** An option that is `undefined` counts as missing, for the compiler (`exactOptionalPropertyTypes`) and in a process. */
import { createLifecycle, type LifecycleOptions, type MoveOptions, type NewLimits } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, createVirtualClock, type Fault, type SandboxOptions } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import { optionsFromEnv } from "../../src/env.ts";
import type { UndiciTransportOptions } from "../../src/http/undici-transport.ts";
import { internalsOf } from "../../src/runtime/internals.ts";
import type { VirtualClockOptions } from "../../src/sandbox/clock/virtual-clock.ts";
import type { ConnectClockOptions } from "../../src/sandbox/clock/remote-clock.ts";
import type { ListenOptions } from "../../src/sandbox/sandbox.ts";
import type { SimulateOptions } from "../../src/testing/simulate/simulate.ts";
import type { RestartOptions } from "../../src/testing/test-lifecycle.ts";
import type { StoreConformanceOptions } from "../../src/testing/conformance/store-conformance-options.ts";
import { afterwards } from "../support/scene.ts";

/** The names of members that may be missing, and yet refuse `undefined`. */
type Refusing<T> = {
  [Name in keyof T]-?: Partial<Pick<T, Name>> extends Pick<T, Name>
    ? { [Same in Name]: undefined } extends Pick<T, Name>
      ? never
      : Name
    : never;
}[keyof T];
type Inside<T, Name extends keyof T> = Refusing<NonNullable<T[Name]>>;

describe("an option that is undefined", () => {
  it("may be given wherever an option may be missing", () => {
    expectTypeOf<
      Refusing<{ one?: number; two?: number | undefined; three: number }>
    >().toEqualTypeOf<"one">();
    expectTypeOf<
      [
        Refusing<LifecycleOptions>,
        Inside<LifecycleOptions, "causes" | "endpoints" | "limits" | "pager" | "refresh">,
        Inside<NonNullable<NonNullable<LifecycleOptions["limits"]>["management"]>, "lanes">,
        Refusing<MoveOptions>,
        Refusing<NewLimits>,
        Refusing<UndiciTransportOptions>,
      ][number]
    >().toBeNever();
    expectTypeOf<
      [
        Refusing<SandboxOptions>,
        Inside<SandboxOptions, "limit">,
        Refusing<Fault>,
        Refusing<VirtualClockOptions>,
        Refusing<ConnectClockOptions>,
        Refusing<ListenOptions>,
      ][number]
    >().toBeNever();
    expectTypeOf<
      [
        Refusing<TestLifecycleOptions>,
        Inside<TestLifecycleOptions, "lifecycle" | "sandbox">,
        Refusing<RestartOptions>,
        Refusing<SimulateOptions>,
        Inside<SimulateOptions, "lifecycle" | "sandbox">,
        Refusing<Pick<StoreConformanceOptions, "unitMs" | "slackMs" | "jumps" | "longestId" | "events">>,
      ][number]
    >().toBeNever();
  });

  it("counts as missing", async () => {
    const sandbox = createSandbox({ clientId: undefined, limit: { calls: undefined }, seed: undefined });
    expect(sandbox.credentials).toEqual(createSandbox().credentials);
    sandbox.setCredentials({ clientId: undefined, clientSecret: "another-secret" });
    expect(sandbox.credentials).toEqual({ clientId: "sandbox-client", clientSecret: "another-secret" });
    expect(createVirtualClock({ running: undefined, now: undefined }).running).toBe(true);
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      store: memory(),
      logger: undefined,
      timeoutMs: undefined,
      limits: { management: undefined, token: undefined },
      endpoints: { api: undefined, auth: undefined },
      pager: { skip: undefined },
      refresh: { policy: undefined },
      telemetry: undefined,
      encryption: undefined,
    });
    afterwards(() => lifecycle.close());
    expect(internalsOf(lifecycle)?.endpoints()).toMatchObject({ api: "https://api.1up.health" });
    expect(await lifecycle.account.limits()).toMatchObject({ management: { calls: 300 }, token: null });
    await lifecycle.account.setLimits({ management: { calls: 20, windowMs: 60_000 }, token: undefined });
    expect(await lifecycle.account.limits()).toMatchObject({ management: { calls: 20 }, token: null });
  });

  it("leaves what a test lifecycle and the environment have", async () => {
    const lifecycle = { credentials: undefined, store: undefined, timeoutMs: undefined };
    const world = await createTestLifecycle({ lifecycle, sandbox: { seed: undefined }, now: undefined });
    afterwards(() => world.close());
    expect(await world.lifecycle.onboard("ada")).toMatchObject({ usable: true });
    process.env["ONEUP_API"] = "http://127.0.0.1:9";
    afterwards(() => void delete process.env["ONEUP_API"]);
    const { credentials } = world.sandbox;
    const options = await optionsFromEnv({ credentials, store: memory(), endpoints: { api: undefined } });
    expect(options.endpoints).toMatchObject({ api: "http://127.0.0.1:9" });
  });
});
