import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Batches } from "../../adapters/redis/batches.ts";
import { LifecycleError } from "../../src/errors.ts";
import { manualClock } from "../../src/testing/index.ts";

/** Batches that note what left together; `fails` gives the error of an ask that the server refuses. */
function noted(fails: (ask: string) => LifecycleError | undefined = () => undefined) {
  const left: (readonly string[])[] = [];
  const batches = new Batches<string>(async (asks) => {
    left.push(asks);
    const error = asks.map(fails).find((each) => each !== undefined);
    if (error !== undefined) throw error;
    return asks.map((ask) => `reply to ${ask}`);
  });
  return { left, batches };
}

function refusal(retryable: boolean): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", "Cannot write to the Redis store", { retryable });
}

describe("adapters/redis/batches", () => {
  it("ask() of one turn of the event loop leaves in one call, and each hears its own reply", async () => {
    const { left, batches } = noted();
    const first = batches.ask(() => "a", String);
    await Promise.resolve();
    expect(await Promise.all([first, batches.ask(() => "b", String)])).toEqual(["reply to a", "reply to b"]);
    expect(await batches.ask(() => "c", String)).toBe("reply to c");
    expect(left).toEqual([["a", "b"], ["c"]]);
  });

  it("ask() of more than 64 leaves in several calls", async () => {
    const { left, batches } = noted();
    const asks = Array.from({ length: 130 }, (_, n) => String(n));
    expect(await Promise.all(asks.map((ask) => batches.ask(() => ask, String)))).toHaveLength(130);
    expect(left.map(({ length }) => length)).toEqual([64, 64, 2]);
  });

  it("ask() that is refused for good spoils no other that left with it", async () => {
    const { left, batches } = noted((ask) => (ask === "b" ? refusal(false) : undefined));
    const replies = await Promise.allSettled(["a", "b", "c"].map((ask) => batches.ask(() => ask, String)));
    expect(replies.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(left).toEqual([["a", "b", "c"], ["a"], ["b"], ["c"]]);
  });

  it("ask() while the server does not answer is not repeated one by one", async () => {
    const { left, batches } = noted(() => refusal(true));
    const replies = await Promise.allSettled(["a", "b"].map((ask) => batches.ask(() => ask, String)));
    expect(replies.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(left).toEqual([["a", "b"]]);
  });

  it("ask() while a call is under way gathers, and leaves when that is answered", async () => {
    const answers: (() => void)[] = [];
    const left: (readonly string[])[] = [];
    const clock = manualClock();
    const batches = new Batches<string>((asks) => {
      left.push(asks);
      return new Promise((resolve) => answers.push(() => resolve(asks)));
    }, clock);
    const first = batches.ask(() => "a", String);
    await turn();
    const later = [batches.ask(() => "b", String), turn().then(() => batches.ask(() => "c", String))];
    await turn();
    await turn();
    expect(left).toEqual([["a"]]);
    answers.shift()?.();
    expect(await first).toBe("a");
    await turn();
    expect(left).toEqual([["a"], ["b", "c"]]);
    answers.shift()?.();
    expect(await Promise.all(later)).toEqual(["b", "c"]);
  });

  it("ask() behind a call that is not answered leaves after 5 ms", async () => {
    const clock = manualClock();
    const left: (readonly string[])[] = [];
    const batches = new Batches<string>((asks) => {
      left.push(asks);
      return new Promise(() => {});
    }, clock);
    void batches.ask(() => "a", String);
    await turn();
    void batches.ask(() => "b", String);
    await clock.advance(4);
    expect(left).toEqual([["a"]]);
    await clock.advance(1);
    expect(left).toEqual([["a"], ["b"]]);
  });

  it("leave() does not wait for the end of the turn", async () => {
    const { left, batches } = noted();
    const reply = batches.ask(() => "a", String);
    batches.leave();
    expect(left).toEqual([["a"]]);
    expect(await reply).toBe("reply to a");
  });
});
