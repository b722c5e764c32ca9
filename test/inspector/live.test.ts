import type { StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { lostStore } from "../../src/store/lost-store.ts";
import { altered } from "../support/altered.ts";
import { scene } from "../support/scene.ts";
import { opened, openedOn, type Opened, type Stream } from "./support.ts";

/** A store in memory that counts how often it is asked anything. */
function counting(): { readonly store: StoreAdapter; asked(): number } {
  let asked = 0;
  const store = altered(memory(), (verbs) => ({
    counts: () => (asked++, verbs.counts()),
    load: (id) => (asked++, verbs.load(id)),
    page: (ask) => (asked++, verbs.page(ask)),
    account: { ...verbs.account, load: () => (asked++, verbs.account.load()) },
    slots: { ...verbs.slots, forecast: (ask) => (asked++, verbs.slots.forecast(ask)) },
  }));
  return { store, asked: () => asked };
}

/** Lets the inspector's clock run for so many seconds, one by one, so that each look is over before the next. */
async function seconds({ clock }: Pick<Opened, "clock">, count: number): Promise<void> {
  for (let second = 0; second < count; second++) {
    await clock.advance(1_000);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  }
}

/** The stream, once it has so many events of this name. */
async function having(stream: Stream, name: string, count: number): Promise<readonly any[]> {
  await expect.poll(() => stream.all(name).length).toBeGreaterThanOrEqual(count);
  return stream.all(name);
}

describe("inspector/live", () => {
  it("begins with an overview, and how soon to connect again", async () => {
    const { world, live } = await opened();
    await world.lifecycle.onboard("ada");
    const stream = await live();
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await having(stream, "overview", 1)).toMatchObject([{ counts: { tokenActive: 1 } }]);
    expect(stream.text).toMatch(/^retry: 1000\n\n/);
  });

  it("tells each step of this process, by key, and that users changed", async () => {
    const view = await opened();
    const stream = await view.live();
    await having(stream, "overview", 1);
    await view.world.lifecycle.onboard("ada");
    await view.clock.advance(100);
    const changes = await having(stream, "change", 3);
    expect(changes.map(({ to }) => to)).toEqual(["created", "codeIssued", "tokenActive"]);
    const { key } = (await view.ask("users")).body.users[0];
    expect(changes.map((change) => change.key)).toEqual([key, key, key]);
    expect(stream.all("users")).toEqual([{}]);
    await view.clock.advance(1_000);
    expect((await having(stream, "overview", 2)).at(-1)).toMatchObject({ counts: { tokenActive: 1 } });
    expect(stream.text).not.toContain('"ada"');
  });

  it("tells that users changed at most once in two seconds", async () => {
    const view = await opened();
    const stream = await view.live();
    await having(stream, "overview", 1);
    for (let user = 0; user < 20; user++) {
      await view.world.lifecycle.onboard(`user-${user}`);
      await seconds(view, 1);
    }
    expect(stream.all("users").length).toBeGreaterThanOrEqual(9);
    expect(stream.all("users").length).toBeLessThanOrEqual(11);
  });

  it("sees what other processes do, by looking at the store", async () => {
    const { open } = await scene();
    const [watched, other] = [await open(), await open()];
    const view = await openedOn({ lifecycle: watched });
    const stream = await view.live();
    expect(await having(stream, "overview", 1)).toMatchObject([{ total: 0 }]);
    await other.onboard("ada");
    await seconds(view, 1);
    expect((await having(stream, "overview", 2)).at(-1)).toMatchObject({
      total: 1,
      counts: { tokenActive: 1 },
    });
    expect(await having(stream, "users", 1)).toEqual([{}]);
    expect(stream.all("change")).toEqual([]);
  });

  it("tells a page that its user has changed, also where no number has: another process holds it", async () => {
    const { open } = await scene();
    let looked = 0;
    const store = altered(memory(), ({ load }) => ({
      load: (id) => ((looked += Number(id === "ada")), load(id)),
    }));
    const [watched, other] = [await open({ store }), await open({ store })];
    for (const id of ["ada", "bob"]) await other.onboard(id);
    const view = await openedOn({ lifecycle: watched });
    const [stream, second] = [await view.live(), await view.live()];
    const [{ key }] = (await view.ask("users", { id: "ada" })).body.users;
    const shows = async (it: Stream, fields: object): Promise<void> => {
      const [{ name: page }] = await having(it, "page", 1);
      expect((await view.ask("watch", { page, ...fields })).status).toBe(200);
    };
    /** Lets time pass until this page, and perhaps others, is told once more. */
    const tells = async (it: Stream): Promise<void> => {
      const before = it.all("users").length;
      const told = async (): Promise<number> => (await seconds(view, 1), it.all("users").length);
      await expect.poll(told, { interval: 1, timeout: 30_000 }).toBeGreaterThan(before);
    };
    const { revision } = (await view.ask("user", { key })).body;
    for (const it of [stream, second]) await shows(it, { key, revision });
    await seconds(view, 3);
    await other.hold("ada", "a complaint");
    await Promise.all([tells(stream), having(second, "users", 1)]);
    const held = (await view.ask("user", { key })).body;
    expect(held).toMatchObject({ hold: { reason: "a complaint" }, revision: revision + 1 });
    await shows(stream, { key, revision }); // it loaded the user before that
    await tells(stream);
    for (const it of [stream, second]) await shows(it, {});
    await seconds(view, 2);
    const before = looked;
    await other.unhold("ada");
    const own = looked - before;
    await seconds(view, 3);
    expect(looked - before).toBe(own);
    expect((await view.ask("watch", { page: "of no stream", key })).status).toBe(200);
    expect((await view.ask("watch", { key: 7 })).status).toBe(400);
  });

  it("tells a page that its list shows something else, also where no number has changed: another process holds a user", async () => {
    const { open } = await scene();
    let looked = 0;
    const store = altered(memory(), ({ page }) => ({ page: (ask) => (looked++, page(ask)) }));
    const [watched, other] = [await open({ store }), await open({ store })];
    for (const id of ["ada", "bob", "cyd"]) await other.onboard(id);
    const view = await openedOn({ lifecycle: watched });
    const stream = await view.live();
    const [{ name: page }] = await having(stream, "page", 1);
    const list = { state: "tokenActive", limit: 50 };
    const { mark } = (await view.ask("users", list)).body;
    for (const change of [() => other.hold("bob", "a complaint"), () => other.unhold("bob")]) {
      const { mark: shown } = (await view.ask("users", list)).body;
      expect((await view.ask("watch", { page, list, mark: shown })).status).toBe(200);
      await seconds(view, 3);
      const before = stream.all("users").length;
      await change();
      const told = async (): Promise<number> => (await seconds(view, 1), stream.all("users").length);
      await expect.poll(told, { interval: 1, timeout: 30_000 }).toBe(before + 1);
      await seconds(view, 3);
      expect(stream.all("users")).toHaveLength(before + 1);
    }
    expect((await view.ask("users", list)).body.mark).toBe(mark);
    await view.ask("watch", { page });
    await seconds(view, 2);
    const before = looked;
    await seconds(view, 3);
    expect(looked).toBe(before);
    expect((await view.ask("watch", { page, list: { limit: "many" } })).status).toBe(200); // as one that is empty
    await seconds(view, 3);
  });

  it("tells each step of all processes where events are on, and those before it was opened", async () => {
    const { open } = await scene();
    const events = { keep: "7d" } as const;
    const [watched, other] = [await open({ events }), await open({ events })];
    await other.onboard("ada");
    const view = await openedOn({ lifecycle: watched });
    const stream = await view.live();
    await having(stream, "overview", 1);
    await expect.poll(async () => (await view.ask("overview")).body.changes.length).toBe(3);
    await seconds(view, 1);
    const before = (await having(stream, "overview", 2)).at(-1).changes;
    expect(before.map(({ to }: any) => to)).toEqual(["tokenActive", "codeIssued", "created"]);
    expect(stream.all("change")).toEqual([]);

    await other.onboard("bob");
    await watched.onboard("cyd");
    await expect.poll(async () => (await view.ask("overview")).body.changes.length).toBe(9);
    await view.clock.advance(100);
    const changes = await having(stream, "change", 6);
    expect(changes).toHaveLength(6);
    const { users } = (await view.ask("users")).body;
    for (const { key } of users.slice(1)) {
      const own = changes.filter((change) => change.key === key);
      expect(own.map(({ to }) => to)).toEqual(["created", "codeIssued", "tokenActive"]);
    }

    await other.offboard("bob");
    await other.forget("bob");
    await expect
      .poll(async () => (await view.ask("overview")).body.changes[0])
      .toMatchObject({
        key: "",
        alias: watched.alias("bob"),
        to: "forgotten",
      });
  });

  it("asks the store no more for twenty pages than for one, and tells a page nothing while nothing happens", async () => {
    const { store, asked } = counting();
    const view = await opened({ world: { lifecycle: { store } } });
    await view.world.lifecycle.onboard("ada");
    const first = await view.live();
    await having(first, "overview", 1);
    await seconds(view, 1);
    const before = asked();
    await seconds(view, 10);
    const forOne = asked() - before;
    const more = await Promise.all(Array.from({ length: 19 }, () => view.live()));
    for (const stream of more) await having(stream, "overview", 1);
    await seconds(view, 1);
    const between = asked();
    await seconds(view, 10);
    expect(asked() - between).toBeLessThanOrEqual(forOne + 2); // the gates are read once in a while
    expect(forOne).toBeGreaterThan(0);
    for (const stream of [first, ...more]) expect(stream.all("overview")).toHaveLength(1);
  });

  it("does not ask the store while no page is open", async () => {
    const { store, asked } = counting();
    const view = await opened({ world: { lifecycle: { store } } });
    const stream = await view.live();
    await having(stream, "overview", 1);
    await stream.leave();
    await seconds(view, 1);
    const before = asked();
    await seconds(view, 30);
    await view.world.lifecycle.alias("ada");
    expect(asked()).toBe(before);
    expect(view.clock.timers).toBe(0);
    const again = await view.live();
    await having(again, "overview", 1);
    expect(asked()).toBeGreaterThan(before);
  });

  it("twenty pages that load at once cost one look", async () => {
    const { store, asked } = counting();
    const view = await opened({ world: { lifecycle: { store } } });
    const before = asked();
    await view.ask("overview");
    const forOne = asked() - before;
    await view.clock.advance(1_000);
    const between = asked();
    await Promise.all(Array.from({ length: 20 }, () => view.ask("overview")));
    expect(asked() - between).toBeLessThanOrEqual(forOne);
  });

  it("sends something every 15 seconds, so that the page knows that it is there", async () => {
    const view = await opened();
    const stream = await view.live();
    await having(stream, "overview", 1);
    await seconds(view, 46);
    await expect.poll(() => stream.text.match(/^event: beat$/gm)).toHaveLength(3);
  });

  it("ends after five minutes, so that authorize is asked again", async () => {
    const view = await opened();
    const stream = await view.live();
    await having(stream, "overview", 1);
    await seconds(view, 299);
    expect(stream.isOver).toBe(false);
    await seconds(view, 2);
    await stream.ended;
  });

  it("goes on while the store does not answer, and shows that", async () => {
    let isDown = false;
    const down = (): never => {
      throw new Error("the store is down");
    };
    const store = altered(memory(), (verbs) => ({
      counts: () => (isDown ? down() : verbs.counts()),
      account: { ...verbs.account, load: () => (isDown ? down() : verbs.account.load()) },
    }));
    const view = await opened({ world: { lifecycle: { store } } });
    await view.world.lifecycle.onboard("ada");
    const stream = await view.live();
    await having(stream, "overview", 1);
    isDown = true;
    await seconds(view, 2);
    const [here, gone] = await having(stream, "overview", 2);
    const counts = { tokenActive: 1 };
    expect(gone).toMatchObject({ ready: false, problem: "STORE_UNAVAILABLE", isStale: true, counts });
    expect(gone.budget.at).toBe(here.budget.at);
    isDown = false;
    await seconds(view, 2);
    expect((await having(stream, "overview", 3)).at(-1)).toMatchObject({
      ready: true,
      problem: null,
      isStale: false,
    });
  });

  it("shows that the store was lost, also if it can be read", async () => {
    let isLost = false;
    const lost = async (): Promise<void> => {
      if (isLost) throw lostStore();
    };
    const store = altered(memory(), () => ({ probe: lost }));
    const view = await opened({ world: { lifecycle: { store } } });
    await view.world.lifecycle.onboard("ada");
    const stream = await view.live();
    const [before] = await having(stream, "overview", 1);
    expect(before).toMatchObject({ ready: true, isStale: false });
    isLost = true;
    await view.world.clock.advance(2_000);
    await seconds(view, 2);
    const [, after] = await having(stream, "overview", 2);
    expect(after).toMatchObject({ ready: false, problem: "STORE_UNUSABLE", isStale: true });
  });

  it("ends when the inspector or the lifecycle is closed", async () => {
    const view = await opened();
    const [one, other] = [await view.live(), await view.live()];
    await having(one, "overview", 1);
    await view.inspector.close();
    await Promise.all([one.ended, other.ended]);
    expect(view.clock.timers).toBe(0);

    const next = await openedOn(view.world);
    const last = await next.live();
    await having(last, "overview", 1);
    await view.world.lifecycle.close();
    await seconds(next, 2);
    await last.ended;
  });

  it("lets go of a page that does not read, and keeps the others", async () => {
    const view = await opened();
    const { inspector, world } = view;
    const reading = await view.live();
    await having(reading, "overview", 1);
    const cookie = (
      await inspector.fetch(new Request(inspector.link("http://localhost")))
    ).headers.getSetCookie()[0];
    const headers = { cookie: cookie?.split(";")[0] ?? "" };
    const silent = await inspector.fetch(new Request("http://localhost/api/live", { headers }));
    for (let user = 0; user < 80; user++) {
      await world.lifecycle.onboard(`user-${user}`);
      await seconds(view, 1);
    }
    expect(reading.isOver).toBe(false);
    let events = 0;
    for await (const _ of silent.body ?? []) events++;
    expect(events).toBeLessThanOrEqual(66); // and it was closed
  });

  it("ends with the request", async () => {
    const { inspector, clock } = await opened();
    const leaving = new AbortController();
    const cookie = (
      await inspector.fetch(new Request(inspector.link("http://localhost")))
    ).headers.getSetCookie()[0];
    const headers = { cookie: cookie?.split(";")[0] ?? "" };
    const request = new Request("http://localhost/api/live", { headers, signal: leaving.signal });
    const { body } = await inspector.fetch(request);
    leaving.abort();
    for await (const _ of body ?? []); // it ends
    await clock.advance(1_000);
    expect(clock.timers).toBe(0);
  });
});
