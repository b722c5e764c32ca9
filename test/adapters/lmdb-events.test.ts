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
