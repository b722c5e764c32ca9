import { expect, it, onTestFinished } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import type { EventOutbox, Store } from "../../src/store/contract.ts";
import { write } from "../support/commits.ts";
import { clientAt, withServer } from "../support/servers.ts";

withServer("redis", "adapters/redis with events", (server) => {
  async function opened() {
    const { url } = await server({ appendonly: "no" });
    const client = await clientAt(url);
    const store = await redis(url).open({ account: "account", clock: systemClock });
    onTestFinished(async () => {
      await store.close();
      client.destroy();
    });
    return { client, store, events: outboxOf(store) };
  }

  it("commit() without events asks Redis for nothing more, and with events for three commands", async () => {
    const { client, store } = await opened();
    const commands = async (
      id: string,
      events: readonly string[],
    ): Promise<Readonly<Record<string, number>>> => {
      await store.commit(write(`first ${id}`)); // whatever is asked once only
      await client.sendCommand(["CONFIG", "RESETSTAT"]);
      await store.commit(write(id, { events: events.map((value) => ({ key: id, value })) }));
      const stats = await client.info("commandstats");
      const calls = Array.from(stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g), ([, name = "", n]) => [
        name,
        Number(n),
      ]);
      return Object.fromEntries(calls) as Record<string, number>;
    };
    const without = await commands("ada", []);
    expect(await client.exists(["eventLog", "outbox"].map((name) => `oneup:{account}:${name}`))).toBe(0);
    const { hmget = 0, hset = 0, ...others } = await commands("bob", ["one", "two"]);
    expect([hmget, hset, others]).toEqual([1, 2, without]);
  });

  it("commit() that Redis has no memory for leaves neither row nor event", async () => {
    const { client, store, events } = await opened();
    await store.commit(write("ada", { events: [{ key: "ada", value: 1 }] }));
    await client.configSet("maxmemory", "1");
    const next = write("ada", { expectedRevision: 1, events: [{ key: "ada", value: 2 }] });
    await expect(store.commit(next)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await client.configSet("maxmemory", "0");
    expect((await events.read({ after: 0, limit: 9 })).last).toBe(1);
    expect(await store.load("ada")).toMatchObject({ record: { revision: 1 } });
    await store.commit(next);
    expect((await events.read({ after: 0, limit: 9 })).events.map(({ value }) => value)).toEqual([1, 2]);
  });

  it("forget() of a user with thousands of events among others leaves those of the others", async () => {
    const { events, store } = await opened();
    const many = (key: string, count: number) => Array.from({ length: count }, (_, n) => ({ key, value: n }));
    for (const id of ["ada", "bob", "ada2"])
      await store.commit(write(id, { events: many(id, id === "ada" ? 2_500 : 3_000) }));
    await events.forget({ key: "ada", events: [{ key: "ada", value: "forgotten" }] });
    const { events: left, last } = await events.read({ after: 0, limit: 10_000 });
    expect(left).toHaveLength(6_001);
    expect(left.at(-1)).toMatchObject({ number: last, key: "ada", value: "forgotten" });
    expect(last).toBe(8_501);
    expect(await events.trim({ olderThanMs: -60_000, limit: 6_000 })).toBe(6_000);
    expect(await events.read({ after: 0, limit: 9 })).toMatchObject({
      events: [{ key: "ada" }],
      trimmed: 8_500,
    });
  });

  it("trim() leaves nothing of users whose events are all gone, and forget() finds those that are left", async () => {
    const { client, events, store } = await opened();
    const of = (id: string, ...values: readonly number[]) =>
      store.commit(write(`${id} ${values.join()}`, { events: values.map((value) => ({ key: id, value })) }));
    for (const id of ["ada", "bob"]) await of(id, 1, 2);
    await of("ada", 3);
    expect(await events.trim({ olderThanMs: -60_000, limit: 4 })).toBe(4);
    const left = { last: "5", trimmed: "4" };
    expect({ ...(await client.hGetAll("oneup:{account}:outbox")) }).toEqual({ ...left, '"ada"': "5" });
    await of("bob", 3);
    await events.forget({ key: "ada", events: [] });
    expect({ ...(await client.hGetAll("oneup:{account}:outbox")) }).toEqual({
      ...left,
      last: "6",
      '"bob"': "6",
    });
    expect(await client.hLen("oneup:{account}:eventLog")).toBe(1);
  });

  it("a process that knows no events writes beside one that does", async () => {
    const { store, events } = await opened();
    await store.commit(write("ada", { events: [{ key: "ada", value: 1 }] }));
    await store.commit(write("ada", { expectedRevision: 1 })); // as a release without events writes it
    await store.commit(write("ada", { expectedRevision: 2, events: [{ key: "ada", value: 3 }] }));
    expect((await events.read({ after: 0, limit: 9 })).events.map(({ value }) => value)).toEqual([1, 3]);
  });
});

function outboxOf({ events }: Store): EventOutbox {
  if (events === undefined) throw new Error("an outbox is there");
  return events;
}
