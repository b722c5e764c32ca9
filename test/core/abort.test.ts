import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { leavable, linkSignals, onAbort, withSignals } from "../../src/abort.ts";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("onAbort()", () => {
  it("puts one listener on a signal, however many wait for it, and none when they are done", () => {
    const { signal } = new AbortController();
    const ends = Array.from({ length: 1_000 }, () => onAbort(signal, () => {}));
    expect(listeners(signal)).toBe(1);
    for (const end of ends) end();
    expect(listeners(signal)).toBe(0);
    onAbort(signal, () => {})(); // and again
    expect(listeners(signal)).toBe(0);
  });

  it("runs a task once, in order, and not one that was ended, even by another task", () => {
    const controller = new AbortController();
    const ran: string[] = [];
    const task = (): void => void ran.push("twice");
    onAbort(controller.signal, task);
    onAbort(controller.signal, task);
    const ends = onAbort(controller.signal, () => ran.push("never"));
    ends();
    onAbort(controller.signal, () => last());
    const last = onAbort(controller.signal, () => ran.push("too late"));
    controller.abort();
    controller.abort();
    expect(ran).toEqual(["twice", "twice"]);
    last();
  });

  it("runs a task at once where the signal has aborted", () => {
    let ran = 0;
    onAbort(AbortSignal.abort(), () => ran++)();
    expect(ran).toBe(1);
  });
});

describe("linkSignals()", () => {
  it("aborts with the first of the signals and for its reason, and lets go of all", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = linkSignals(one.signal, undefined, other.signal);
    other.abort("because");
    one.abort("later");
    expect(signal.reason).toBe("because");
    expect([listeners(one.signal), listeners(other.signal)]).toEqual([0, 0]);
  });

  it("has aborted where one of the signals has", () => {
    const { signal } = new AbortController();
    const linked = linkSignals(signal, AbortSignal.abort("before"), signal);
    expect(linked.signal.reason).toBe("before");
    expect(listeners(signal)).toBe(0);
  });

  it("needs no listener for tasks on its own signal, and is linked anew after a release", () => {
    const ran: string[] = [];
    const one = new AbortController();
    const linked = linkSignals();
    onAbort(linked.signal, () => ran.push("ended"))();
    onAbort(linked.signal, () => ran.push(String(linked.signal.reason)));
    expect(listeners(linked.signal)).toBe(0);
    for (let round = 0; round < 3; round++) {
      linked.link(one.signal, undefined);
      expect(listeners(one.signal)).toBe(1);
      linked.release();
      expect(listeners(one.signal)).toBe(0);
    }
    linked.link(one.signal);
    one.abort("because");
    linked.abort("later");
    expect(ran).toEqual(["because"]);
  });

  it("aborts by itself, and nothing once it was released", () => {
    const lasting = new AbortController();
    const [own, released] = [linkSignals(lasting.signal), linkSignals(lasting.signal)];
    own.abort("done");
    released.release();
    lasting.abort();
    expect(own.signal.reason).toBe("done");
    expect(released.signal.aborted).toBe(false);
  });
});

describe("withSignals()", () => {
  it("lets go of both signals when the task ends, also with an error", async () => {
    const [callers, lasting] = [new AbortController(), new AbortController()];
    const counted = (): number => listeners(callers.signal) + listeners(lasting.signal);
    expect(await withSignals(callers.signal, lasting.signal, async () => counted())).toBe(2);
    const failing = withSignals(callers.signal, lasting.signal, () => Promise.reject(new Error("failed")));
    await expect(failing).rejects.toThrow("failed");
    expect(counted()).toBe(0);
  });

  it("gives the lasting signal itself to a task whose caller has none", async () => {
    const { signal } = new AbortController();
    expect(await withSignals(undefined, signal, async (own) => own)).toBe(signal);
  });
});

describe("leavable()", () => {
  /** One item, then nothing until it is left. */
  const waiting = (ended: () => void) =>
    leavable(async function* (left: AbortSignal) {
      try {
        yield 1;
        await new Promise<void>((resolve) => onAbort(left, resolve));
        yield 2;
      } finally {
        ended();
      }
    });
  const over = { done: true, value: undefined };

  it("ends each pending next() at once, and the generator", async () => {
    const ended = vi.fn<() => void>();
    const sequence = waiting(ended);
    expect(await sequence.next()).toEqual({ done: false, value: 1 });
    const steps = [sequence.next(), sequence.next(), sequence.return(), sequence.next()];
    expect(await Promise.all(steps)).toEqual([over, over, over, over]);
    await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce());
  });

  it("waits for the end of a generator that is left between two items", async () => {
    const ended = vi.fn<() => void>();
    for await (const _ of waiting(ended)) break;
    expect(ended).toHaveBeenCalledOnce();
  });

  it("is left by throw(), also before its first item", async () => {
    const left = vi.fn<() => void>();
    const [begun, fresh] = [waiting(left), leavable((signal) => (onAbort(signal, left), waiting(() => {})))];
    await begun.next();
    for (const one of [begun, fresh]) await expect(one.throw(new Error("over"))).rejects.toThrow("over");
    expect(left).toHaveBeenCalledTimes(2);
    expect(await begun.next()).toEqual(over);
  });

  it("gives what the generator gives and throws, unless it was left", async () => {
    let fail = (): void => {};
    const failing = (): AsyncGenerator<number, void, undefined> =>
      leavable(async function* () {
        yield 1;
        await new Promise((_, reject) => (fail = () => reject(new Error("failed"))));
      });
    const [read, left] = [failing(), failing()];
    await read.next();
    const next = read.next();
    await new Promise(setImmediate);
    fail();
    await expect(next).rejects.toThrow("failed");
    expect(await read.next()).toEqual(over);
    await left.next();
    const last = left.next();
    await left.return();
    fail();
    expect(await last).toEqual(over);
  });
});
