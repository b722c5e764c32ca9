import { createLifecycle, LifecycleError, type Store, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { afterwards, scene } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

/** A store whose verbs are replaced once it is open. */
function custom(): { readonly adapter: StoreAdapter; readonly verbs: Partial<Store> } {
  const verbs: Partial<Store> = {};
  const inner = memory();
  const adapter: StoreAdapter = {
    name: "custom",
    durable: false,
    async open(options) {
      const store = await inner.open(options);
      return new Proxy(store, { get: (target, name: keyof Store) => verbs[name] ?? target[name] });
    },
  };
  return { adapter, verbs };
}

/** The time limits of a store are real. */
function fakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  afterwards(() => void vi.useRealTimers());
}

const hangs = (): Promise<never> => new Promise(() => {});

describe("a store of one's own", () => {
  it.each([
    ["an error of its own", new TypeError("secret of ada@example.org")],
    ["a text", "secret of ada@example.org"],
    ["nothing", undefined],
  ])("that rejects with %s is unavailable, and work() goes on", async (_, thrown) => {
    const { sandbox, open } = await scene();
    const { adapter, verbs } = custom();
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    const lifecycle = await open({ store: adapter, logger });
    const rejects = vi.fn<() => Promise<never>>(() => Promise.reject(thrown));
    Object.assign(verbs, { load: rejects, claim: rejects, tally: rejects });
    const away = { code: "STORE_UNAVAILABLE", retryable: true };
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject(away);
    const error: unknown = await lifecycle.counts().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ ...away, cause: expect.any(Error) as unknown });
    expect(String(error)).toContain("custom store");
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain("ada@");

    const stop = new AbortController();
    let end: unknown = "works";
    const working = lifecycle.work({ signal: stop.signal }).then(
      () => (end = "stopped"),
      (reason: unknown) => (end = reason),
    );
    afterwards(() => stop.abort());
    await vi.waitFor(() => expect(warnings.join()).toContain("Cannot ask the store for work"));
    expect(end).toBe("works");
    for (const verb of ["load", "claim", "tally"] as const) delete (verbs as Record<string, unknown>)[verb];
    await vi.waitFor(() => {
      sandbox.clock.advance(1_000);
      expect(rejects.mock.calls.length).toBeGreaterThan(2);
    });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    stop.abort();
    await working;
    expect(end).toBe("stopped");
  });

  it("that throws at once, instead of rejecting, is unavailable too", async () => {
    const { open } = await scene();
    const { adapter, verbs } = custom();
    const lifecycle = await open({ store: adapter });
    await lifecycle.onboard("ada");
    verbs.page = () => {
      throw new Error("not a promise");
    };
    const listed = lifecycle.users()[Symbol.asyncIterator]().next();
    await expect(listed).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
  });

  it("that does not answer is unavailable after five seconds", async () => {
    const { open } = await scene();
    const { adapter, verbs } = custom();
    const lifecycle = await open({ store: adapter });
    Object.assign(verbs, { load: hangs, tally: hangs });
    fakeTimers();
    const asked = Promise.allSettled([lifecycle.inspect("ada"), lifecycle.counts()]);
    await vi.advanceTimersByTimeAsync(5_000);
    for (const end of await asked) {
      expect(end).toMatchObject({ reason: { code: "STORE_UNAVAILABLE", retryable: true } });
      expect(String((end as PromiseRejectedResult).reason)).toContain("did not answer within 5000 ms");
    }
  });

  it("that does not open is unavailable, also if it never answers or fails in its own words", async () => {
    const { sandbox, open } = await scene();
    const away = { code: "STORE_UNAVAILABLE", retryable: true };
    const of = (opens: StoreAdapter["open"]): StoreAdapter => ({
      name: "custom",
      durable: false,
      open: opens,
    });
    await expect(open({ store: of(() => Promise.reject(new Error("no network"))) })).rejects.toMatchObject(
      away,
    );
    fakeTimers();
    const waiting = open({ store: of(hangs) });
    waiting.catch(() => {});
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    await expect(waiting).rejects.toMatchObject(away);
    const nothing = of(async () => undefined as unknown as Store);
    await expect(createLifecycle({ credentials: sandbox.credentials, store: nothing })).rejects.toMatchObject(
      { code: "STORE_UNUSABLE" },
    );
  });

  it("that knows what failed keeps its own error", async () => {
    const { open } = await scene();
    const { adapter, verbs } = custom();
    const lifecycle = await open({ store: adapter });
    const own = new LifecycleError("STORE_UNUSABLE", "Cannot use the custom store: it was sold");
    verbs.tally = () => Promise.reject(own);
    await expect(lifecycle.counts()).rejects.toBe(own);
  });
});
