import { LifecycleError, type EventOptions, type EventOutbox, type LifecycleEvent } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { custom, inShort, onboarded, take } from "../support/events.ts";
import { scene } from "../support/scene.ts";

const events = { keep: "7d" };

describe("events()", () => {
  it("lists the steps that are kept and follows with new ones, in order", async () => {
    const world = await createTestLifecycle({ lifecycle: { events } });
    const { lifecycle } = world;
    await lifecycle.onboard("ada");
    const reader = lifecycle.events();
    const seen: LifecycleEvent[] = [];
    const read = async (count: number): Promise<void> => {
      while (count-- > 0) seen.push((await reader.next()).value as LifecycleEvent);
    };
    await read(3);
    const next = read(3);
    await lifecycle.onboard("eve");
    await next;
    expect(inShort(seen)).toEqual([...onboarded("ada"), ...onboarded("eve")]);
    expect(seen[0]).toMatchObject({ alias: lifecycle.alias("ada"), cause: null, formerAlias: null });
    expect(new Set(seen.map(({ process }) => process)).size).toBe(1);
    expect(seen[0]?.process).toMatch(/^\d+-\w+$/);
    expect(seen.map(({ at }) => at)).toEqual(seen.map(() => expect.any(Date)));
    const versions = seen.slice(0, 3).map(({ version }) => version);
    expect(versions).toEqual(versions.toSorted((one, other) => one - other));
    expect(new Set(seen.map(({ cursor }) => cursor)).size).toBe(6);
    await world.close();
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("tells the same steps as history(), with the codes of their causes", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle({ lifecycle: { events } });
    sandbox.fail({ call: "createUser", status: 503, times: 2 });
    await lifecycle.onboard("ada");
    const history = (await lifecycle.inspect("ada")).history;
    const taken = await take(history.length, lifecycle);
    expect(taken.map(({ type, to, at, cause }) => ({ type, to, at, cause }))).toEqual(
      history.map(({ event, to, at, cause }) => ({ type: event, to, at, cause: cause?.code ?? null })),
    );
    expect(taken.some(({ cause }) => cause !== null)).toBe(true);
  });

  it("continues behind a cursor in another process, and again where the cursor was not stored", async () => {
    const world = await createTestLifecycle({ lifecycle: { events } });
    await world.lifecycle.onboard("ada");
    const [first, second] = await take(2, world.lifecycle);
    await world.crash(); // after it handled the second, before it stored its cursor
    const lifecycle = await world.restart();
    const [again, third] = await take(2, lifecycle, { after: first?.cursor });
    expect(again).toEqual(second);
    expect(third).toMatchObject({ type: "TOKEN_GRANTED" });
  });

  it("lists some types only, and refuses those that do not exist", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events } });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("eve");
    const taken = await take(2, lifecycle, { types: ["TOKEN_GRANTED"] });
    expect(inShort(taken)).toEqual([onboarded("ada")[2], onboarded("eve")[2]]);
    const types = ["TOKEN_GRANTED", "GRANTED"] as never;
    expect(() => lifecycle.events({ types })).toThrow(/a type must be one of ONBOARD, .*, got "GRANTED"/);
    expect(() => lifecycle.events({ types: [] })).toThrow("types must be a list of types");
    expect(() => lifecycle.events({ after: "behind" })).toThrow("after must be the cursor of an event");
  });

  it("sees what another process does, which follows the recorded setting", async () => {
    const { open } = await scene();
    const [here, there] = [await open({ events }), await open()];
    const reader = here.events();
    const first = reader.next();
    await there.onboard("ada");
    expect(inShort([(await first).value as LifecycleEvent])).toEqual([onboarded("ada")[0]]);
    await expect(take(3, there)).resolves.toHaveLength(3);
    await reader.return();
  });

  it("ends at once when its signal aborts or the lifecycle closes, and refuses then", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events } });
    const stop = new AbortController();
    const [mine, others] = [lifecycle.events({ signal: stop.signal }).next(), lifecycle.events().next()];
    stop.abort();
    expect(await mine).toEqual({ done: true, value: undefined });
    await lifecycle.close();
    expect(await others).toEqual({ done: true, value: undefined });
    expect(() => lifecycle.events()).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  it("holds no id and no secret in clear, and nothing of a response", async () => {
    const { adapter, inner } = custom();
    const { lifecycle, sandbox } = await createTestLifecycle({ lifecycle: { events, store: adapter } });
    await lifecycle.onboard("ada@example.org");
    const [store] = inner;
    const stored = JSON.stringify(await store?.events?.read({ after: 0, limit: 100 }));
    expect(stored).toContain(lifecycle.alias("ada@example.org"));
    expect(stored).not.toContain("ada@");
    const token = await lifecycle.accessToken("ada@example.org");
    for (const secret of [token, sandbox.credentials.clientSecret]) expect(stored).not.toContain(secret);
  });

  it("waits while the store is away, and continues", async () => {
    const { adapter, verbs } = custom();
    const world = await createTestLifecycle({ lifecycle: { events, store: adapter } });
    const { lifecycle, clock } = world;
    await lifecycle.onboard("ada");
    const reader = lifecycle.events();
    await reader.next();
    const gone = new LifecycleError("STORE_UNAVAILABLE", "Cannot read: it is away", { retryable: true });
    const away = vi.fn<EventOutbox["read"]>(() => Promise.reject(gone));
    verbs.read = away;
    await reader.next(); // of the page that was read before
    await clock.advance("1m");
    const third = reader.next();
    await clock.advance("10m");
    expect(away).toHaveBeenCalled();
    delete verbs.read;
    await clock.advance("1m");
    expect(inShort([(await third).value as LifecycleEvent])).toEqual([onboarded("ada")[2]]);
  });

  it("delivers from a store that takes longer to answer than what was read is current", async () => {
    const { adapter, verbs, inner } = custom();
    const { sandbox, open } = await scene();
    const lifecycle = await open({ events, store: adapter });
    for (const id of ["ada", "eve"]) await lifecycle.onboard(id);
    verbs.read = async (ask) => {
      const page = await inner[0]?.events?.read(ask);
      sandbox.clock.advance(1_200);
      return page ?? expect.unreachable();
    };
    const of = async (options: EventOptions): Promise<readonly string[]> => {
      const seen: LifecycleEvent[] = [];
      for await (const event of lifecycle.events({ follow: false, ...options })) seen.push(event);
      return inShort(seen);
    };
    expect(await of({})).toEqual([...onboarded("ada"), ...onboarded("eve")]);
    expect(await of({ types: ["TOKEN_GRANTED"] })).toEqual([onboarded("ada")[2], onboarded("eve")[2]]);
  });

  it("has each step once when a commit was acknowledged only by its repetition", async () => {
    const { adapter, verbs, inner } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, store: adapter } });
    const written = new Set<string>();
    verbs.commit = async (commit) => {
      const done = inner[0]?.commit(commit);
      if (done === undefined) throw new TypeError("not open");
      const isFirst = commit.expectedRevision > 0 && written.size < written.add(commit.writeId).size;
      if (!isFirst) return done;
      await done;
      throw new LifecycleError("STORE_UNAVAILABLE", "Cannot hear the answer", { retryable: true });
    };
    await lifecycle.onboard("ada");
    expect(written.size).toBe(2);
    const stored = await inner[0]?.events?.read({ after: 0, limit: 100 });
    expect(stored?.events).toHaveLength(3);
    expect(inShort(await take(3, lifecycle))).toEqual(onboarded("ada"));
  });

  it("keeps the order of a user that is renamed, and names its former alias", async () => {
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events } });
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "grace");
    await lifecycle.offboard("grace");
    const taken = await take(6, lifecycle);
    expect(inShort(taken.slice(3))).toEqual([
      "ada: RENAME tokenActive → renaming",
      "grace: USER_RENAMED renaming → tokenActive",
      "grace: OFFBOARDED tokenActive → offboarded",
    ]);
    expect(taken[4]).toMatchObject({ formerAlias: lifecycle.alias("ada"), alias: lifecycle.alias("grace") });
    const versions = taken.map(({ version }) => version);
    expect(versions).toEqual(versions.toSorted((one, other) => one - other));
  });
});

describe("the cursor", () => {
  it("of another store has expired", async () => {
    const [one, other] = [await createTestLifecycle({ lifecycle: { events } }), await scene()];
    await one.lifecycle.onboard("ada");
    const [event] = await take(1, one.lifecycle);
    const lifecycle = await other.open({ events });
    expect(() => lifecycle.events({ after: event?.cursor })).toThrow(
      expect.objectContaining({ code: "CURSOR_EXPIRED", facts: { reason: "anotherStore" } }),
    );
  });

  it("has expired when the store is older than it", async () => {
    const { adapter, verbs } = custom();
    const { lifecycle } = await createTestLifecycle({ lifecycle: { events, store: adapter } });
    await lifecycle.onboard("ada");
    const [, , third] = await take(3, lifecycle);
    verbs.read = async () => ({ events: [], trimmed: 0, last: 2 });
    await expect(lifecycle.events({ after: third?.cursor }).next()).rejects.toMatchObject({
      code: "CURSOR_EXPIRED",
      facts: { reason: "restored" },
    });
  });

  it("has expired when events were off meanwhile; without one, a reader begins behind that time", async () => {
    const store = memory();
    const { open } = await scene();
    const before = await open({ events, store });
    await before.onboard("ada");
    const [, , third] = await take(3, before);
    await before.close();
    const off = await open({ events: false, store });
    await off.onboard("eve");
    await expect(off.events().next()).rejects.toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    await off.close();
    const after = await open({ events, store });
    await after.onboard("grace");
    await expect(after.events({ after: third?.cursor }).next()).rejects.toMatchObject({
      code: "CURSOR_EXPIRED",
      facts: { reason: "turnedOff" },
    });
    expect(inShort(await take(3, after))).toEqual(onboarded("grace"));
  });

  it("is good in a process that has not noticed yet that events were turned off and on again", async () => {
    const { open } = await scene();
    const first = await open({ events });
    await first.onboard("ada");
    const reader = await open();
    await (await open({ events: false })).close();
    const on = await open({ events });
    await on.onboard("eve");
    const [created] = await take(1, on);
    const behind = await take(2, reader, { after: created?.cursor });
    expect(inShort(behind)).toEqual(onboarded("eve").slice(1));
  });
});
