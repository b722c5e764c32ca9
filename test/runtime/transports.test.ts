/** Transports of an application's own that break their interface. */
import {
  fetchTransport,
  isLifecycleError,
  TransportError,
  type Lifecycle,
  type Transport,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { Headers as UndiciHeaders } from "undici";
import { describe, expect, it, vi } from "vitest";
import { nextStepAfter } from "../../src/next-step.ts";
import { warningsIn } from "../support/loggers.ts";
import { afterwards, scene, working, type Scene } from "../support/scene.ts";

/** A lifecycle whose transport is the usual one but for this. */
async function over(
  change: Partial<Transport>,
  warnings: string[] = [],
): Promise<Scene & { lifecycle: Lifecycle }> {
  const made = await scene();
  const inner = fetchTransport(made.sandbox.fetch);
  const transport: Transport = { send: (request) => inner.send(request), ...change };
  const lifecycle = await made.open({ transport, store: memory(), logger: warningsIn(warnings) });
  return { ...made, lifecycle };
}

describe("a transport that does not resolve with a response", () => {
  const odd: Readonly<Record<string, unknown>> = {
    "no headers": { status: 200, text: "{}" },
    nothing: undefined,
    "headers that are Headers": { status: 200, headers: new Headers(), text: "{}" },
    "headers of the package undici": { status: 200, headers: new UndiciHeaders(), text: "{}" },
    "no text": { status: 200, headers: {} },
    "a status in words": { status: "200", headers: {}, text: "{}" },
  };
  it.each(Object.keys(odd))(
    "leaves the user in doubt, with a cause, and waits longer each time: %s",
    async (name) => {
      let calls = 0;
      const { lifecycle } = await over({
        async send(request) {
          request.onSending();
          calls++;
          return odd[name] as Awaited<ReturnType<Transport["send"]>>;
        },
      });
      working(lifecycle);
      const { usable, pause } = await lifecycle.onboard("ada", { waitMs: 500 });
      expect(usable).toBe(false);
      expect(pause).toMatchObject({ reason: "unavailable", cause: { code: "TRANSPORT_BROKEN" } });
      expect(nextStepAfter({ code: "TRANSPORT_BROKEN", status: null })).toMatch(/correct the transport/);
      expect(calls).toBeLessThanOrEqual(3);
    },
  );
});

describe("close()", () => {
  it.each([
    ["", undefined],
    [", with telemetry", openTelemetry()],
  ])("leaves a transport to the lifecycle that shares it, until that closes, too%s", async (_, telemetry) => {
    let closed = 0;
    const made = await scene();
    const inner = fetchTransport(made.sandbox.fetch);
    const transport: Transport = { send: (request) => inner.send(request), close: async () => void closed++ };
    const first = await made.open({ transport, store: memory(), ...(telemetry && { telemetry }) });
    const second = await made.open({ transport, store: memory() });
    await first.close();
    await first.close();
    expect(closed).toBe(0);
    expect((await second.onboard("ada")).state).toBe("tokenActive");
    await second.close();
    expect(closed).toBe(1);
  });

  it("closes the store although the transport cannot be closed", async () => {
    const warnings: string[] = [];
    const close = (): Promise<void> => Promise.reject(new Error("it is stuck"));
    const { lifecycle } = await over({ close }, warnings);
    await lifecycle.onboard("ada");
    await lifecycle.close();
    expect(warnings.join()).toContain("Cannot close the transport");
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("waits for a transport that never closes for ten seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    afterwards(() => void vi.useRealTimers());
    const warnings: string[] = [];
    const { lifecycle } = await over({ close: () => new Promise(() => {}) }, warnings);
    const closing = lifecycle.close();
    await vi.advanceTimersByTimeAsync(120_000);
    await closing;
    expect(warnings.join()).toContain("Gave up waiting for the transport");
  });

  it("ends remote, too: no call leaves, whatever the store", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    await lifecycle.close();
    const before = sandbox.journal.spent().management;
    const listing = (async () => {
      for await (const _ of lifecycle.remote.list());
    })();
    for (const call of [lifecycle.remote.find({ appUserId: "ada" }), listing]) {
      const error: unknown = await call.catch((met: unknown) => met);
      expect(isLifecycleError(error, "CLOSED")).toBe(true);
    }
    expect(sandbox.journal.spent().management).toBe(before);
  });
});

it("health() is not ready while undici cannot be loaded, names what to do, and is ready once a call is answered", async () => {
  let isMissing = true;
  const { sandbox, lifecycle } = await over({
    send: (request) =>
      isMissing
        ? Promise.reject(new TransportError("Cannot send the call", { sent: false, code: "UNDICI_MISSING" }))
        : fetchTransport(sandbox.fetch).send(request),
  });
  working(lifecycle);
  expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null, nextStep: null });
  await lifecycle.onboard("ada", { waitMs: 0 });
  expect(await lifecycle.health()).toMatchObject({
    ready: false,
    problem: "UNAVAILABLE",
    why: expect.stringMatching(/^this process can send no call: createUser at .* failed: UNDICI_MISSING/u),
    nextStep: expect.stringContaining("--external:undici"),
  });
  isMissing = false;
  await lifecycle.account.reopen();
  await lifecycle.retry("ada");
  expect(await lifecycle.health()).toMatchObject({ ready: true, problem: null });
});
