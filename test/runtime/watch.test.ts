import { setTimeout as pause } from "node:timers/promises";
import { memory } from "oneup-lifecycle/adapters/memory";
import type { UserStatus } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { createActor, waitFor } from "xstate";
import { folder, scene } from "../support/scene.ts";
import { onDisk } from "../support/on-disk.ts";

/** The states that are seen until `last`. */
async function statesUntil(last: string, seen: AsyncIterable<UserStatus>): Promise<readonly string[]> {
  const states: string[] = [];
  for await (const { state } of seen) {
    states.push(state);
    if (state === last) break;
  }
  return states;
}

describe("watch()", () => {
  it("begins with where the user stands, and shows each step of this process once", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "createUser", delayMs: 3_000 });
    await lifecycle.onboard("ada", { waitMs: 0 });
    const seen = lifecycle.watch("ada");
    expect((await seen.next()).value).toMatchObject({ state: "created" });
    sandbox.clock.advance(3_000);
    expect(await statesUntil("tokenActive", seen)).toEqual(["codeIssued", "tokenActive"]);
  });

  it("shows what other processes do, and the token's time passing, at the next look", async () => {
    const store = memory();
    const { sandbox, open } = await scene();
    const [here, there] = [await open({ store }), await open({ store })];
    await there.onboard("ada");
    const seen = here.watch("ada", { pollMs: 10 });
    expect((await seen.next()).value).toMatchObject({ state: "tokenActive", usable: true });
    sandbox.clock.advance(7_000_000);
    expect((await seen.next()).value).toMatchObject({ state: "expiring", usable: true });
    await there.offboard("ada");
    expect((await seen.next()).value).toMatchObject({ state: "offboarded", usable: false });
    await there.forget("ada");
    await expect(seen.next()).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("shows at once that an operator pauses the account in this process, or goes on", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.account.pause({ reason: "a bill" });
    await lifecycle.onboard("ada", { waitMs: 0 }).catch(() => {});
    const seen = lifecycle.watch("ada", { pollMs: 3_600_000 });
    expect((await seen.next()).value).toMatchObject({ state: "created", pause: { reason: "paused" } });
    await lifecycle.account.unpause();
    expect((await seen.next()).value).toMatchObject({ state: "created", pause: null });
    await lifecycle.account.pause({ reason: "a bill" });
    expect((await seen.next()).value).toMatchObject({ pause: { reason: "paused" } });
    await seen.return(undefined);
  });

  it("makes no call and refuses an unknown user, a renamed one, and options that are none", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await expect(lifecycle.watch("nobody").next()).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(sandbox.journal.entries()).toEqual([]);
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "grace");
    await expect(lifecycle.watch("ada").next()).rejects.toMatchObject({ code: "RENAMED" });
    expect(() => lifecycle.watch("grace", { pollMs: 1 })).toThrow(
      "Cannot watch a user: pollMs must be a number from 10 to 3600000, got 1",
    );
    expect(() => lifecycle.watch("a\u0000")).toThrow(expect.objectContaining({ code: "INVALID_ID" }));
  });

  it("ends when its signal aborts, or the lifecycle closes; later it refuses", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const stop = new AbortController();
    const [mine, others] = [lifecycle.watch("ada", { signal: stop.signal }), lifecycle.watch("ada")];
    await Promise.all([mine.next(), others.next()]);
    const next = mine.next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    const last = others.next();
    await lifecycle.close();
    expect(await last).toEqual({ done: true, value: undefined });
    expect(() => lifecycle.watch("ada")).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  it.each(["this", "another"])(
    "shows the person who has the id now, which %s process has passed on between two looks",
    async (which) => {
      const store = memory();
      const { open, sandbox } = await scene();
      const [here, there] = [await open({ store }), await open({ store })];
      const works = which === "this" ? here : there;
      const pollMs = 1_000;
      /** What is seen next. Only meanwhile the time passes after which the store is read again. */
      const next = async (seen: ReturnType<typeof here.watch>): Promise<UserStatus | void> => {
        let isSeen = false;
        const status = seen.next().finally(() => (isSeen = true));
        for (; !isSeen; await pause(2)) if (which === "another") sandbox.clock.advance(pollMs);
        return (await status).value;
      };
      for (let round = 0; round < 8; round++) {
        const [id, bob] = [`smith ${round}`, `bob ${round}`];
        const ann = await works.onboard(id);
        const seen = here.watch(id, { pollMs: which === "this" ? 3_600_000 : pollMs });
        expect(await next(seen)).toMatchObject({ oneupUserId: ann.oneupUserId });
        const { oneupUserId } = await works.onboard(bob);
        await works.rename(id, `ann ${round}`);
        await works.rename(bob, id);
        for (let looks = 0, last: unknown; last !== oneupUserId && looks < 9; looks++) {
          last = (await next(seen))?.oneupUserId;
          expect([ann.oneupUserId, oneupUserId]).toContain(last);
        }
        await works.offboard(id);
        expect(await next(seen)).toMatchObject({ oneupUserId, state: "offboarded" });
        await seen.return();
      }
    },
  );

  it("keeps the steps of a user who is faster than the reader", async () => {
    const { open } = await scene();
    const lifecycle = await open(onDisk(folder("watch")));
    await lifecycle.onboard("ada");
    const seen = lifecycle.watch("ada");
    await seen.next();
    await lifecycle.reauthorize("ada");
    expect(await statesUntil("reauthorized", seen)).toEqual(["reauthorizing", "codeIssued", "reauthorized"]);
  });
});

describe("lifecycle.watcher", () => {
  it("continues when the user has a token, across every state, and starts no user", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const watcher = createActor(lifecycle.watcher, { input: { appUserId: "ada" } });
    const states: (string | undefined)[] = [];
    watcher.subscribe(({ context }) => states.push(context?.state));
    watcher.start();
    await waitFor(watcher, ({ context }) => context?.usable === true);
    await lifecycle.reauthorize("ada");
    await lifecycle.offboard("ada");
    await waitFor(watcher, ({ context }) => context?.state === "offboarded");
    expect(states).toEqual([
      undefined,
      "tokenActive",
      "reauthorizing",
      "codeIssued",
      "reauthorized",
      "offboarded",
    ]);
    expect(watcher.getSnapshot().status).toBe("active");
    watcher.stop();

    const unknown = createActor(lifecycle.watcher, { input: { appUserId: "bob" } });
    unknown.subscribe({ error: () => {} });
    unknown.start();
    await expect.poll(() => unknown.getSnapshot().error).toMatchObject({ code: "USER_UNKNOWN" });
  });
});
