import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  LifecycleError,
  type Json,
  type Lifecycle,
  type LifecycleEvent,
  type LifecycleOptions,
} from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { altered } from "../support/altered.ts";
import { custom, inShort, onboarded, take } from "../support/events.ts";
import { warningsIn } from "../support/loggers.ts";
import { folder, hurry, scene } from "../support/scene.ts";

const events = { keep: "7d" };
const keys = ["0".repeat(64)];

/** All events that are kept, from the oldest on or behind a cursor. */
async function kept(lifecycle: Lifecycle, after?: string): Promise<readonly LifecycleEvent[]> {
  const all: LifecycleEvent[] = [];
  for await (const event of lifecycle.events({ follow: false, after })) all.push(event);
  return all;
}

describe("the option `events`", () => {
  it("is refused with a time that is none", async () => {
    for (const keep of ["7", "59m", "401d", "", 7 as never])
      await expect(createTestLifecycle({ lifecycle: { events: { keep } } })).rejects.toThrow(
        /Cannot start: events.keep must be a time from 1 hour to 400 days/,
      );
    await expect(createTestLifecycle({ lifecycle: { events: true as never } })).rejects.toThrow(
      'Cannot start: events must be false or an object such as { keep: "7d" }, got true',
    );
  });

  it("is refused by a store that keeps no events, also where another process has turned them on", async () => {
    const { adapter, without } = custom();
    const { open } = await scene();
    await expect(open({ events, store: without })).rejects.toMatchObject({ code: "STORE_UNUSABLE" });
    await expect(open({ store: without })).resolves.toBeDefined();
    await open({ events, store: adapter });
    await expect(open({ store: without })).rejects.toThrow(/Cannot keep events in the custom store/);
  });

  it("is recorded: another time replaces it with a warning, for all processes", async () => {
    const { open } = await scene();
    const warnings: string[] = [];
    await open({ events });
    await open({ events, logger: warningsIn(warnings) });
    expect(warnings).toEqual([]);
    await open({ events: { keep: "36h" }, logger: warningsIn(warnings) });
    expect(warnings.join()).toContain("are kept for 1 d 12 h from now on, and were kept for 7 d");
  });

  it("is followed within ten seconds by a process that was open before", async () => {
    const { sandbox, open } = await scene();
    const before = await open();
    const reader = await open({ events });
    sandbox.clock.advance(11_000);
    await before.onboard("ada");
    expect(inShort(await take(3, reader))).toEqual(onboarded("ada"));
  });

  it("is seen at once by a reader, however another process has changed it just now", async () => {
    const { open } = await scene();
    const reader = await open();
    await expect(reader.events().next()).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const on = await open({ events });
    await on.onboard("ada");
    expect(inShort(await take(3, reader))).toEqual(onboarded("ada"));
    await open({ events: false });
    const off = await open();
    await expect(off.events().next()).rejects.toMatchObject({ code: "INVALID_OPTION" });
    const again = await open({ events });
    await again.onboard("eve");
    expect(inShort(await take(3, off))).toEqual(onboarded("eve"));
  });

  it("changes nothing while it is off", async () => {
    const { adapter, inner } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { store: adapter } });
    await lifecycle.onboard("ada");
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    expect(await inner[0]?.events?.read({ after: 0, limit: 10 })).toEqual({
      events: [],
      trimmed: 0,
      last: 0,
    });
    await expect(lifecycle.events().next()).rejects.toThrow("Cannot read events: they are off");
  });
});

describe("old events", () => {
  it("are removed by workers; a cursor before them has expired, and one behind them has not", async () => {
    const { lifecycle, clock } = await createTestLifecycle({ lifecycle: { events } });
    await lifecycle.onboard("ada");
    const [first, , third] = await take(3, lifecycle);
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    await clock.advance("6d");
    await lifecycle.onboard("eve");
    await clock.advance("30h");
    const late = lifecycle.events({ after: first?.cursor }).next();
    await expect(late).rejects.toMatchObject({ code: "CURSOR_EXPIRED", facts: { reason: "trimmed" } });
    expect(inShort(await take(3, lifecycle, { after: third?.cursor }))).toEqual(onboarded("eve"));
    expect(inShort(await take(3, lifecycle))).toEqual(onboarded("eve"));
    stop.abort();
    await working;
  });

  it.each([
    ["resume()", ({ lifecycle }: TestLifecycle) => lifecycle.resume()],
    ["events({ follow: false })", ({ lifecycle }: TestLifecycle) => kept(lifecycle)],
    [
      "work() for some minutes",
      async ({ lifecycle, clock }: TestLifecycle) => {
        const stop = new AbortController();
        const working = lifecycle.work({ signal: stop.signal });
        await clock.advance("3m");
        stop.abort();
        await working;
      },
    ],
  ])("are removed by processes that only call %s, and end", async (_, job) => {
    const world = await createTestLifecycle({ lifecycle: { events } });
    await world.lifecycle.onboard("ada");
    await world.restart({ after: "6d" });
    await job(world);
    expect(inShort(await kept(await world.restart())).slice(0, 3)).toEqual(onboarded("ada"));
    await world.restart({ after: "30h" });
    await job(world);
    for (const gone of onboarded("ada")) expect(inShort(await kept(world.lifecycle))).not.toContain(gone);
    await world.close();
  });

  it("that a slow reader has not reached are never passed over in silence", async () => {
    const { lifecycle, clock } = await createTestLifecycle({ lifecycle: { events } });
    await lifecycle.onboard("ada");
    const reader = lifecycle.events();
    await reader.next();
    const stop = new AbortController();
    const working = lifecycle.work({ signal: stop.signal });
    await clock.advance("9d");
    await expect(reader.next()).rejects.toMatchObject({ code: "CURSOR_EXPIRED" });
    stop.abort();
    await working;
  });
});

describe.each([false, true])("a forgotten user, hideIds: %s", (hideIds) => {
  const options = { events, hideIds, encryption: { keys } };

  it("leaves one event, with its alias and without its id", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: options });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("eve");
    await lifecycle.offboard("ada");
    await lifecycle.forget("ada");
    const taken = await take(4, lifecycle);
    expect(inShort(taken)).toEqual([...onboarded("eve"), "null: FORGOTTEN offboarded → forgotten"]);
    expect(taken[3]).toMatchObject({ alias: lifecycle.alias("ada"), cause: null });
    await lifecycle.forget("ada");
    await lifecycle.onboard("ada");
    const [anew] = await take(1, lifecycle, { after: taken[3]?.cursor });
    expect(anew).toMatchObject({ appUserId: "ada", from: null, to: "created" });
  });

  it("is gone from the events of its former ids too, and not from those of another user", async () => {
    const { adapter, inner } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { ...options, store: adapter } });
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "grace");
    await lifecycle.onboard("eve");
    await lifecycle.offboard("grace");
    await lifecycle.forget("grace");
    const stored = (await inner[0]?.events?.read({ after: 0, limit: 100 }))?.events ?? [];
    expect(stored).toHaveLength(5);
    const taken = await take(5, lifecycle);
    expect(inShort(taken).slice(0, 3)).toEqual(onboarded("eve"));
    const aliases = taken.slice(3).map(({ alias }) => alias);
    expect(aliases).toEqual(["ada", "grace"].map((id) => lifecycle.alias(id)));
  });

  it("is not delivered any more by a reader in the middle of its events", async () => {
    const { lifecycle, clock } = await createTestLifecycle({ lifecycle: options });
    await lifecycle.onboard("ada");
    await lifecycle.offboard("ada");
    const reader = lifecycle.events();
    expect(inShort([(await reader.next()).value as never])).toEqual([onboarded("ada")[0]]);
    await lifecycle.forget("ada");
    await clock.advance("2s");
    expect((await reader.next()).value).toMatchObject({ type: "FORGOTTEN", appUserId: null });
  });

  it("leaves no events under a former id that has passed to another user, whose events stay", async () => {
    const world = await createTestLifecycle({ lifecycle: options });
    const { lifecycle } = world;
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "grace");
    const first = await take(5, lifecycle);
    await lifecycle.onboard("bob");
    await lifecycle.rename("bob", "ada");
    await lifecycle.rename("ada", "carol"); // bob has had the id, and dora has it now
    await lifecycle.onboard("dora");
    await lifecycle.rename("dora", "ada");
    const ofOthers = inShort(await kept(lifecycle)).slice(5);
    await lifecycle.offboard("grace");
    await world.crash({ before: "write", nth: 4 }, () => lifecycle.forget("grace"));
    const next = await world.restart();
    await next.forget("grace");
    const [left, behind] = [await kept(next), await kept(next, first[1]?.cursor)];
    expect(inShort(left.filter(({ type }) => type !== "FORGOTTEN"))).toEqual(ofOthers);
    expect(behind).toEqual(left); // a reader that stands among them goes on
    expect(left.filter(({ type }) => type === "FORGOTTEN")).toHaveLength(1);
    await world.close();
  });

  it("whose forgetting was interrupted is forgotten by the next call", async () => {
    for (const nth of [1, 2, 3]) {
      const world = await createTestLifecycle({ lifecycle: options });
      await world.lifecycle.onboard("ada");
      await world.lifecycle.rename("ada", "grace");
      await world.lifecycle.offboard("grace");
      await world.crash({ before: "write", nth }, () => world.lifecycle.forget("grace"));
      const lifecycle = await world.restart();
      await lifecycle.forget("grace");
      const taken = await take(hideIds ? 1 : 2, lifecycle);
      expect(taken.map(({ type }) => type)).toEqual(taken.map(() => "FORGOTTEN"));
      await world.close();
    }
  });
});

describe("a user that comes back while it is forgotten", () => {
  it("keeps the events of its new life, and no reader misses an event in silence", async () => {
    const outcomes = new Set<string>();
    for (let nth = 1; nth <= 6; nth++) {
      const { sandbox, open } = await scene();
      const store = memory();
      const back = await open({ store, events });
      let calls = Number.NEGATIVE_INFINITY;
      const before = <A, R>(verb: (ask: A) => Promise<R>): ((ask: A) => Promise<R>) => {
        return async (ask) => {
          if (++calls === nth) await back.onboard("ada", { waitMs: 0 }).catch(() => {});
          return verb(ask);
        };
      };
      const interrupted = altered(store, ({ commit, move, erase, events: outbox }) => ({
        commit: before(commit),
        move: before(move),
        erase: before(erase),
        ...(outbox && { events: { ...outbox, forget: before(outbox.forget) } }),
      }));
      const forgetting = await open({ store: interrupted, events });
      await forgetting.onboard("ada");
      await forgetting.offboard("ada");
      calls = 0;
      const forgot = forgetting.forget("ada");
      outcomes.add(await forgot.then(String, (error: unknown) => (error as { code: string }).code));
      hurry(sandbox); // a lease ends
      await back.onboard("ada", { waitMs: 3_600_000 });
      let state: string | null = null;
      for await (const { type, from, to } of back.events({ follow: false })) {
        if (type !== "FORGOTTEN") expect(from).toBe(state);
        state = type === "FORGOTTEN" ? null : to;
      }
      expect(["tokenActive", "reauthorized"]).toContain(state);
    }
    expect(outcomes).toEqual(new Set(["USER_NOT_READY", "undefined"]));
  });

  it("keeps them where the store could not remove those of its former life before the lease ended", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    const back = await open({ store, events });
    let attempts = 0;
    const away = altered(store, ({ events: outbox }) => ({
      ...(outbox && {
        events: {
          ...outbox,
          async forget(ask) {
            if (attempts++ > 0) return outbox.forget(ask);
            sandbox.clock.advance(60_000); // the lease ends
            await back.onboard("ada");
            throw new LifecycleError("STORE_UNAVAILABLE", "away", { retryable: true });
          },
        },
      }),
    }));
    const forgetting = await open({ store: away, events });
    await back.onboard("ada");
    await back.offboard("ada");
    hurry(sandbox);
    await expect(forgetting.forget("ada", { waitMs: 600_000 })).rejects.toMatchObject({
      code: "USER_NOT_READY",
    });
    expect(inShort(await kept(back)).at(-1)).toBe("ada: TOKEN_GRANTED codeIssued → reauthorized");
  });
});

describe("a store that was restored", () => {
  async function all(lifecycle: Lifecycle): Promise<readonly LifecycleEvent[]> {
    const taken: LifecycleEvent[] = [];
    for await (const event of lifecycle.events({ follow: false })) taken.push(event);
    return taken;
  }

  /** A folder that is restored to when one user had come, after another one came. */
  async function restored(isToggled: boolean): Promise<{ after: Lifecycle; cursor: string | undefined }> {
    const { open } = await scene();
    const [path, kept] = [folder("restored"), folder("kept")];
    const run = async (id: string, setting: LifecycleOptions["events"]): Promise<string | undefined> => {
      const lifecycle = await open({ store: lmdb(path), encryption: { keys }, events: setting });
      await lifecycle.onboard(id);
      const taken = setting === false ? [] : await all(lifecycle);
      await lifecycle.close();
      return taken.at(-1)?.cursor;
    };
    await run("ada", events);
    cpSync(path, kept, { recursive: true });
    if (isToggled) await run("bob", false);
    const cursor = await run("eve", events);
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
    cpSync(kept, path, { recursive: true });
    await run("grace", events);
    await run("joan", events);
    return { after: await open({ store: lmdb(path), encryption: { keys } }), cursor };
  }

  it.each([false, true])("has expired the cursors from after it, events off meanwhile: %s", async (isOff) => {
    const { after, cursor } = await restored(isOff);
    await expect(after.events({ after: cursor }).next()).rejects.toMatchObject({
      code: "CURSOR_EXPIRED",
      facts: { reason: "restored" },
    });
    const cursors = (await take(9, after)).map((event) => event.cursor);
    expect(cursors).not.toContain(cursor);
  });
});

describe("the ids in events", () => {
  it("open after the store's key was replaced, and the older key is not needed", async () => {
    const store = memory();
    const { open } = await scene();
    const lifecycle = await open({ events, store, encryption: { keys } });
    for (const id of ["ada", "eve"]) await lifecycle.onboard(id);
    const before = await take(6, lifecycle);
    expect(await lifecycle.rotateKeys({ records: true })).toMatchObject({ storeKeys: 1, dropped: 1 });
    await lifecycle.close();
    const next = await open({ store, encryption: { keys } });
    expect(await take(6, next)).toEqual(before);
  });

  it("are null where they were altered, and the event is delivered", async () => {
    const { adapter, inner } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, store: adapter } });
    await lifecycle.onboard("ada");
    const outbox = inner[0]?.events;
    const [first, second] = (await outbox?.read({ after: 0, limit: 2 }))?.events ?? [];
    // An id belongs to its event: it does not open in another.
    const idOf = (value: Json | undefined): Json => (value as { readonly id: Json } | undefined)?.id ?? null; // as it was written
    const swapped = { ...(second?.value as object), id: idOf(first?.value) };
    await outbox?.replace({ number: second?.number ?? 0, value: swapped });
    await outbox?.replace({ number: 3, value: { no: "event" } });
    await lifecycle.onboard("eve");
    const taken = await take(3, lifecycle);
    expect(taken.map(({ appUserId }) => appUserId)).toEqual(["ada", null, "eve"]);
  });
});
