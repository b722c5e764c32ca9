import { once } from "node:events";
import { open } from "lmdb";
import { describe, expect, it, onTestFinished } from "vitest";
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import type { Store, StoredEvent } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { child, folderOfTest, openStore } from "./lmdb-scene.ts";

const account = "account";

/** All events of a store. */
async function eventsOf(store: Store): Promise<readonly StoredEvent[]> {
  const { events = [] } = (await store.events?.read({ after: 0, limit: 1_000_000 })) ?? {};
  return events;
}

describe("adapters/lmdb with events", () => {
  it("a process killed while it writes leaves each commit with its events, and none without", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    const ends = ["one", "two"].map((name) => {
      const writer = child(folder, "write events for ever", name);
      let said = "";
      writer.stdout.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (said.split("\n").length > 12) writer.kill("SIGKILL");
      });
      return once(writer, "close");
    });
    await Promise.all(ends);
    await store.commit(write("after", { events: [{ key: "after", value: "after" }] }));
    const found = await eventsOf(store);
    expect(found.map(({ number }) => number)).toEqual(found.map((_, n) => n + 1));
    for (const id of ["one 1", "one 4", "two 2"]) {
      const loaded = await store.load(id);
      const revision = loaded.type === "record" ? loaded.record.revision : 0;
      expect(revision).toBeGreaterThan(10);
      expect(found.filter(({ key }) => key === id).map(({ value }) => value)).toEqual(
        Array.from({ length: 2 * revision }, (_, n) => `${id} ${Math.floor(n / 2) + 1} ${(n % 2) + 1}`),
      );
    }
  });

  it("open() of a folder that a release without events has filled gives it an outbox", async () => {
    const folder = folderOfTest();
    const names = ["first", "second"];
    for (const name of names) {
      const store = await lmdb(folder, { maxAccounts: 2 }).open({ account: name, clock: systemClock });
      await store.commit(write("ada"));
      await store.close();
    }
    const root = open({ path: folder, maxDbs: 64 });
    for (const name of names)
      for (const part of ["events", "eventKeys"]) await root.openDB({ name: `${name}/${part}` }).drop();
    await root.close();
    for (const readOnly of [true, false])
      for (const name of names) {
        const adapter = lmdb(folder, { maxAccounts: 2 });
        const store = await adapter.open({ account: name, clock: systemClock, readOnly });
        expect(await store.events?.read({ after: 0, limit: 9 })).toEqual({ events: [], trimmed: 0, last: 0 });
        expect(await store.counts()).toEqual({ created: 1 });
        await store.close();
      }
    const store = await lmdb(folder).open({ account: "first", clock: systemClock });
    onTestFinished(() => store.close());
    await store.commit(write("ada", { expectedRevision: 1, events: [{ key: "ada", value: 1 }] }));
    expect(await eventsOf(store)).toMatchObject([{ number: 1, key: "ada", value: 1 }]);
  });

  /** Opens the databases of the account, beside a store that is closed. */
  async function databases(folder: string) {
    const root = open({ path: folder, maxDbs: 64 });
    onTestFinished(() => root.close());
    return {
      events: root.openDB<string, number>({ name: `${account}/events`, encoding: "string" }),
      keys: root.openDB<true, [string, number]>({
        name: `${account}/eventKeys`,
        encoding: "ordered-binary",
      }),
      close: () => root.close(),
    };
  }

  it("events of one transaction share entries, and each is found, replaced, trimmed and forgotten alone", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    const { events } = store;
    if (events === undefined) throw new Error("an outbox is there");
    const users = Array.from({ length: 150 }, (_, n) => `user ${n}`);
    const commit = (round: number) =>
      Promise.all(
        users.map((id) =>
          store.commit(
            write(id, { expectedRevision: round, events: [{ key: id, value: `${id}/${round}` }] }),
          ),
        ),
      );
    await commit(0);
    await commit(1);
    const all = await eventsOf(store);
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
    await events.replace({ number: 7, value: "another" });
    await events.forget({ key: "user 3", events: [{ key: "user 3", value: "forgotten" }] });
    await events.forget({ key: "user 149", events: [] });
    expect(await events.trim({ olderThanMs: -60_000, limit: 100 })).toBe(100);
    const gone = new Set(["user 3", "user 149"]);
    const left = all.filter(({ key }) => !gone.has(key)).slice(100);
    expect((await eventsOf(store)).map(({ number, key }) => [number, key])).toEqual([
      ...left.map(({ number, key }) => [number, key]),
      [301, "user 3"],
    ]);
    expect((await events.read({ after: 0, limit: 1 })).trimmed).toBe(101);
    await events.forget({ key: "user 3", events: [] });
    expect((await events.read({ after: 299, limit: 9 })).events).toEqual([]);
    await store.commit(write("eve", { events: [{ key: "eve", value: 1 }] }));
    expect(await eventsOf(store)).toHaveLength(left.length + 1);
    await store.close();
    const { events: entries } = await databases(folder);
    expect(entries.getCount()).toBeLessThan(60);
  });

  it("a commit with an event writes one entry more, and the keys are noted before one is forgotten", async () => {
    const folder = folderOfTest();
    const store = await openStore(folder);
    for (let n = 1; n <= 3; n++) await store.commit(write(`user ${n}`, { events: [{ key: "k", value: n }] }));
    await store.close();
    const first = await databases(folder);
    expect([...first.events.getKeys()]).toEqual([1, 2, 3]);
    expect([...first.keys.getKeys()]).toEqual([]);
    await first.close();
    const again = await openStore(folder);
    expect(await again.events?.trim({ olderThanMs: 60_000, limit: 9 })).toBe(0);
    await again.close();
    const noted = await databases(folder);
    expect([...noted.keys.getKeys()]).toEqual([1, 2, 3].map((n) => ["k", n]));
    await noted.close();
    const last = await openStore(folder);
    await last.events?.forget({ key: "k", events: [] });
    await last.close();
    const left = await databases(folder);
    expect([...left.keys.getKeys()]).toEqual([]);
    expect([...left.events.getKeys()]).toEqual([0]);
  });

  it("a store whose events have an entry each, as they had before, goes on", async () => {
    const folder = folderOfTest();
    await (await openStore(folder)).close();
    const before = await databases(folder);
    for (let number = 3; number <= 2_500; number++) {
      const key = `user ${number % 5}`;
      await before.events.put(number, JSON.stringify({ key, at: Date.now(), value: { number } }));
      void before.keys.put([key, number], true);
    }
    await before.events.put(0, JSON.stringify({ last: 1_000, trimmed: 2 }));
    await before.close();
    const store = await openStore(folder);
    await store.commit(write("ada", { events: [{ key: "user 1", value: "new" }] }));
    const all = await eventsOf(store);
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: 2_499 }, (_, n) => n + 3));
    await store.events?.forget({ key: "user 1", events: [] });
    expect(await eventsOf(store)).toEqual(all.filter(({ key }) => key !== "user 1"));
    expect(await store.events?.read({ after: 2_499, limit: 9 })).toMatchObject({ trimmed: 2, last: 2_501 });
  });

  it("a backup holds the events, and goes on with their numbers", async () => {
    const [folder, copy] = [folderOfTest(), `${folderOfTest()}/copy`];
    const adapter = lmdb(folder);
    const store = await adapter.open({ account, clock: systemClock });
    onTestFinished(() => store.close());
    await store.commit(write("ada", { events: [{ key: "ada", value: 1 }] }));
    await adapter.backup(copy);
    const restored = await openStore(copy);
    await restored.commit(write("bob", { events: [{ key: "bob", value: 2 }] }));
    expect(await eventsOf(restored)).toMatchObject([
      { number: 1, value: 1 },
      { number: 2, value: 2 },
    ]);
  });
});
