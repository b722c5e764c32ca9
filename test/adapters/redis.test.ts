import { inspect } from "node:util";
import KeyvRedis, { createClient } from "@keyv/redis";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { redis, type RedisOptions, type Where } from "../../adapters/redis.ts";
import { Silence, storeError } from "../../adapters/redis/failures.ts";
import type { Link } from "../../adapters/redis/link.ts";
import { type Clock, sleep, systemClock } from "../../src/clock.ts";
import type { Limit, Store } from "../../src/store/contract.ts";
import { decodeRow, encodeRow } from "../../src/store/row-rules.ts";
import { startChild } from "../support/child.ts";
import { openLine, type Line } from "../support/line.ts";
import { ask, clientAt, withServer } from "../support/servers.ts";
import { write } from "../support/commits.ts";

const limit: Limit = { name: "calls", calls: 3, windowMs: 3_600_000 };
const { lease } = write("nobody");
const unavailable = { code: "STORE_UNAVAILABLE", retryable: true };

async function openStore(where: Where, options?: RedisOptions): Promise<Store> {
  const store = await redis(where, options).open({ account: "account", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

/** A line to a server, and its URL. */
async function lineTo(port: number): Promise<Line & { readonly url: string }> {
  const line = await openLine(port);
  onTestFinished(() => line.close());
  return { ...line, url: `redis://127.0.0.1:${line.port}` };
}

/** What opening fails with. */
async function refusal(where: Where, options?: RedisOptions): Promise<Error> {
  const [opened] = await Promise.allSettled([openStore(where, options)]);
  return (opened as PromiseRejectedResult).reason;
}

describe("adapters/redis without a server", () => {
  it("redis() refuses what is no URL of Redis and no client, and repeats no password", () => {
    const urls = [
      "http://:secret@h",
      "redis://:secret@h:x",
      "secret@h",
      "redis://:secret@",
      "redis://h/x",
      "redis://:secret",
      "redis://a:secret",
      "redis:a:secret",
      "redis://a:1/secret",
      "redis://h?password=12@secret",
      "host=h password=secret",
    ];
    for (const where of urls) {
      const telling = { code: "INVALID_OPTION", message: expect.not.stringContaining("secret") };
      expect(() => redis(where)).toThrow(expect.objectContaining(telling));
    }
    for (const where of ["redis://a:12#secret@h", "redis://a:12?secret@h", "redis://:a/b@h"])
      expect(() => redis(where)).toThrow(/percent-encoded \(a # is %23\), not/);
    for (const where of ["redis://h?db=3", "redis://:secret@h:6379/0?prefix=clinic&database=3"])
      expect(() => redis(where)).toThrow(/a URL without parameters.*\(redis:\/\/host:6379\/3\), not "redis/);
    for (const where of [7, null, {}, new KeyvRedis({ sentinelRootNodes: [], name: "s" })]) {
      expect(() => redis(where as Where)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    }
    for (const options of [{ timeoutMs: 0 }, { timeoutMs: NaN }, { prefix: "a{b" }, { prefix: "" }]) {
      expect(() => redis("redis://localhost", options)).toThrow(
        /^Cannot use a Redis store: `(timeoutMs|prefix)` must /,
      );
    }
  });

  it("open() rejects at once with STORE_UNAVAILABLE where no server listens, without user and password", async () => {
    const error = await refusal("redis://grace:secret@127.0.0.1:1/2");
    expect(error).toMatchObject(unavailable);
    expect(error.message).toBe("Cannot reach Redis at redis://127.0.0.1:1/2: ECONNREFUSED");
    expect(inspect(error, { depth: null })).not.toMatch(/secret|grace/);
  });
});

withServer("redis", "adapters/redis and its server", (server) => {
  it("open() rejects with STORE_UNUSABLE for a wrong password or none, and repeats none", async () => {
    const { port } = await server({ requirepass: "the right one" });
    const wrong = await refusal(`redis://:secret@127.0.0.1:${port}`);
    expect(wrong).toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
    expect(wrong.message).toMatch(
      /^Cannot open the store in Redis at redis:\/\/127.0.0.1:\d+: Redis refused the user/,
    );
    expect(inspect(wrong, { depth: null })).not.toContain("secret");
    expect((await refusal(`redis://127.0.0.1:${port}`)).message).toMatch(
      /: Redis asks for a password; give it/,
    );
    const tls = await refusal(`rediss://:the%20right%20one@127.0.0.1:${port}`, { timeoutMs: 300 });
    expect(tls.message).toMatch(/no answer within 300 ms; the URL asks for TLS \(rediss:\), so check/);
    const store = await openStore(`redis://:the%20right%20one@127.0.0.1:${port}`);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
    expect(inspect(store, { depth: null })).not.toContain("right");
  });

  it("open() rejects with STORE_UNAVAILABLE when its time is over", async () => {
    const { url, kill } = await server();
    await kill("SIGSTOP");
    const error = await refusal(url, { timeoutMs: 300 });
    expect(error).toMatchObject(unavailable);
    expect(error.message).toBe(`Cannot reach Redis at ${url}: no answer within 300 ms`);
  });

  it("open() refuses a server that evicts keys, and names what to set", async () => {
    const { url } = await server({ "maxmemory-policy": "allkeys-lru" });
    const error = await refusal(url);
    expect(error).toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
    expect(error.message).toMatch(/maxmemory-policy must be noeviction.*CONFIG SET.*, not allkeys-lru$/);
  });

  it("probe() rejects once the server evicts keys, and not for a user that may not ask", async () => {
    const { url } = await server();
    const store = await openStore(url);
    await ask(url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await expect(store.probe?.()).rejects.toThrow(/^Cannot go on with .*maxmemory-policy must be noeviction/);
    await ask(url, "ACL", "SETUSER", "plain", "on", ">word", "~*", "&*", "+@all", "-info");
    await (await openStore(url.replace("redis://", "redis://plain:word@"))).probe?.();
  });

  it("a store whose server has come to evict keys is refused within a minute, and used again when that is over", async () => {
    const { url } = await server();
    let aheadMs = 0;
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
    const store = await redis(url).open({ account: "account", clock });
    onTestFinished(() => store.close());
    await ask(url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    aheadMs = 60_000;
    const commit = (): Promise<unknown> => store.commit(write("ada")).catch((error: unknown) => error);
    await vi.waitFor(async () => expect(await commit()).toMatchObject({ code: "STORE_UNUSABLE" }));
    await ask(url, "CONFIG", "SET", "maxmemory-policy", "noeviction");
    await store.probe?.();
    expect(await store.load("ada")).toMatchObject({ type: "record" });
  });

  it("commit() goes on after a restart of the server, which forgot the scripts", async () => {
    const { url, kill, restart } = await server();
    const store = await openStore(url);
    await store.commit(write("ada"));
    await kill("SIGTERM");
    const late = store.commit(write("ada", { expectedRevision: 1, writeId: "second" }));
    await restart();
    expect(await late).toEqual({ type: "committed", revision: 2, slot: null });
    expect((await store.claim({ limit: 1, lease })).claimed).toEqual([]);
  });

  it("open() goes on though the server is restarted in the middle of it and forgets the scripts", async () => {
    const client = await clientAt((await server()).url);
    onTestFinished(() => client.destroy());
    const send = client.sendCommand.bind(client);
    vi.spyOn(client, "sendCommand").mockImplementation(async (command, options) => {
      if (command[0] === "EVALSHA") await send(["SCRIPT", "FLUSH"]);
      return send(command, options);
    });
    expect(await (await openStore(client)).commit(write("ada"))).toMatchObject({ type: "committed" });
  });

  it("commit() of 64 writers loses nothing acknowledged to kill -9 of the server, and writes nothing twice", async () => {
    const { url, kill, restart } = await server();
    const store = await openStore(url);
    const acknowledged = Array.from({ length: 64 }, () => 0);
    let over = false;
    const writers = acknowledged.map(async (_, n) => {
      for (let revision = 1; !over; revision++) {
        const change = { expectedRevision: revision - 1, writeId: `${n}: ${revision}`, value: revision };
        expect(await store.commit(write(`writer ${n}`, change))).toEqual({
          type: "committed",
          revision,
          slot: null,
        });
        acknowledged[n] = revision;
      }
    });
    for (let round = 0; round < 3; round++) {
      const before = [...acknowledged];
      await vi.waitUntil(() => acknowledged.every((revision, n) => revision > (before[n] ?? 0) + 3), 10_000);
      await kill("SIGKILL");
      await restart();
    }
    over = true;
    await Promise.all(writers);
    for (const [n, revision] of acknowledged.entries()) {
      expect(await store.load(`writer ${n}`)).toMatchObject({ record: { revision, value: revision } });
    }
    expect(await store.counts()).toEqual({ created: 64 });
  });

  it("commit() whose answer is lost is written once, and acknowledged with its slot; claim() rejects", async () => {
    const { port, url } = await server();
    const line = await lineTo(port);
    const store = await openStore(line.url);
    const direct = await openStore(url);
    line.cutNextAnswer();
    const take = { limit, holdMs: 60_000, lane: "bulk" } as const;
    const done = await store.commit(write("ada", { take, dueInMs: 0 }));
    expect(done).toMatchObject({ type: "committed", revision: 1, slot: { limit: "calls", lane: "bulk" } });
    expect((await direct.slots.forecast({ limit, calls: 1, lane: "bulk" })).used.bulk).toBe(1);
    line.cutNextAnswer();
    await expect(store.claim({ limit: 1, lease })).rejects.toMatchObject(unavailable);
    expect((await store.load("ada")).type).toBe("record");
    expect(await direct.load("ada")).toMatchObject({ record: { revision: 1, lease: { id: "lease" } } });
  });

  it("every verb rejects in time while the server is paused, and answers when it goes on", async () => {
    const { url, kill } = await server();
    const store = await openStore(url, { timeoutMs: 1_500 });
    await kill("SIGSTOP");
    const began = performance.now();
    const slot = { limit: "calls", windowMs: 1_000, lane: "bulk", at: 0 } as const;
    const take = { limit, holdMs: 1, lane: null };
    const asked = await Promise.allSettled([
      store.load("ada"),
      store.commit(write("ada")),
      store.move({ from: "ada", commit: write("eve") }),
      store.claim({ limit: 1, lease }),
      store.grant({ limit, max: 1, holdMs: 1, lease }),
      store.slots.take(take),
      store.slots.settle(slot),
      store.slots.giveBack(slot),
      store.slots.forecast({ limit, calls: 1, lane: "bulk" }),
      store.page({ state: "created", limit: 1 }),
      store.counts(),
      store.account.load(),
      store.account.commit({ value: 1, expectedRevision: 0, writeId: "a" }),
    ]);
    expect(performance.now() - began).toBeLessThan(20_000);
    for (const answer of asked) {
      expect(answer).toMatchObject({ status: "rejected", reason: unavailable });
      expect(String((answer as PromiseRejectedResult).reason)).toMatch(
        /Cannot (read|write to) the Redis store: (no answer within 1500 ms from|the connection to) Redis at /,
      );
    }
    await kill("SIGCONT");
    await vi.waitUntil(() => store.counts().catch(() => false), 5_000);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed" });
  });

  it("does not show a mistake of the client as the reason of a silence", () => {
    const link = { place: "Redis at redis://h" } as Link;
    const mistake = new TypeError("Cannot read properties of undefined (reading 'destroy')");
    const error = storeError("read", link, new Silence(5_000), mistake);
    expect(error.message).toBe(
      "Cannot read the Redis store: no answer within 5000 ms from Redis at redis://h",
    );
  });

  it("a verb names why there is no connection while the server is gone", async () => {
    const { url, kill } = await server();
    const store = await openStore(url, { timeoutMs: 1_000 });
    await kill("SIGKILL");
    await store.load("ada").catch(() => {}); // it may have been lost with the connection
    await expect(store.commit(write("ada"))).rejects.toThrow(
      /no answer within 1000 ms from Redis at \S+ \(ECONNREFUSED\)$/,
    );
  });

  it("a verb after a silent loss of the connection rejects, and the next one has a new connection", async () => {
    const { port } = await server();
    const line = await lineTo(port);
    const store = await openStore(line.url, { timeoutMs: 1_500 });
    await sleep(systemClock, 1_600);
    line.silence();
    await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
    expect(await store.commit(write("ada"))).toMatchObject({ type: "committed", revision: 1 });
  });

  it("verbs reject in time while the server is gone, close() ends, and nothing is written afterwards", async () => {
    const { url, kill, restart } = await server();
    const connected = async (): Promise<Where> => {
      const client = await clientAt(url);
      onTestFinished(() => client.on("error", () => {}).destroy());
      return client;
    };
    for (const where of [url, connected]) {
      const adapter = redis(typeof where === "string" ? where : await where(), { timeoutMs: 1_500 });
      const store = await adapter.open({ account: "account", clock: systemClock });
      await kill("SIGKILL");
      await expect(store.commit(write("ada"))).rejects.toMatchObject(unavailable);
      const last = store.claim({ limit: 1, lease });
      await Promise.all([expect(last).rejects.toMatchObject(unavailable), store.close()]);
      await expect(store.load("ada")).rejects.toMatchObject({ code: "CLOSED" });
      await restart();
      await sleep(systemClock, 300);
      expect(await (await openStore(url)).load("ada")).toEqual({ type: "absent" });
    }
  });

  it("commit() rejects where Redis is out of memory, with nothing half-written, and goes on when it has some", async () => {
    const { url } = await server();
    const store = await openStore(url);
    await store.commit(write("ada", { dueInMs: 0 }));
    await ask(url, "CONFIG", "SET", "maxmemory", "1");
    const moved = write("eve", { expectedRevision: 1, writeId: "moved", state: "moved" });
    const take = { limit, holdMs: 1, lane: null };
    for (const failing of [
      store.commit(write("bob", { take })),
      store.move({ from: "ada", commit: moved }),
      store.claim({ limit: 1, lease }),
      store.slots.take(take),
    ]) {
      await expect(failing).rejects.toMatchObject(unavailable);
      await expect(failing).rejects.toThrow(
        "Cannot write to the Redis store: Redis is out of memory: maxmemory is reached",
      );
    }
    expect(await store.load("ada")).toMatchObject({ record: { revision: 1, lease: null } });
    expect(await store.page({ state: "created", limit: 9 })).toEqual(["ada"]);
    await ask(url, "CONFIG", "SET", "maxmemory", "0");
    expect(await store.counts()).toEqual({ created: 1 });
    expect((await store.slots.forecast({ limit, calls: 1, lane: "bulk" })).used.interactive).toBe(0);
    expect(await store.move({ from: "ada", commit: moved })).toMatchObject({
      type: "committed",
      revision: 2,
    });
    expect((await store.claim({ limit: 9, lease })).claimed).toEqual([]);
  });

  it("open() works on a KeyvRedis and on a client, and close() leaves them open", async () => {
    const { url } = await server();
    const keyv = new KeyvRedis<string>(url);
    const client = await createClient({ url, RESP: 3 }).connect();
    onTestFinished(async () => {
      await keyv.disconnect(true);
      client.destroy();
    });
    for (const [n, where] of [keyv, client].entries()) {
      const store = await redis(where).open({ account: "account", clock: systemClock });
      expect(await store.commit(write(`user ${n}`))).toMatchObject({ type: "committed" });
      expect(await store.counts()).toEqual({ created: n + 1 });
      await store.close();
    }
    await keyv.set("other", "value");
    expect(await client.get("other")).toBe("value");
  });

  it("commit({ take }) of three processes at once never takes more slots than are free", async () => {
    const { url } = await server();
    const script = new URL("./redis-writer.child.ts", import.meta.url);
    const children = ["a", "b", "c"].map((name) => startChild(script, { url, name }).ended);
    const ended = await Promise.all(children);
    for (const { code, err } of ended) expect({ code, err }).toEqual({ code: 0, err: "" });
    const taken = ended.flatMap(({ out }) => out.split("\n")).filter((id) => id !== "");
    expect(new Set(taken).size).toBe(30);
    const store = await openStore(url);
    expect(await store.counts()).toEqual({ created: 30 });
    for (const id of taken) expect((await store.load(id)).type).toBe("record");
  });

  it("grant() returns null where no waiting user can ever have a place", async () => {
    const store = await openStore((await server()).url);
    await store.commit(write("ada", { lane: "bulk" }));
    const ask = { limit: { ...limit, reserved: 3 }, max: 1, holdMs: 0, lease };
    expect(await store.grant(ask)).toEqual({ claimed: [], nextInMs: null });
  });

  it("commit(), claim() and grant() write rows as encodeRow() does", async () => {
    const { url } = await server();
    const store = await openStore(url);
    const odd = { id: 'a/"b"\\', owner: "process/7 é😀\u2028", ms: 60_000 };
    const take = { limit, holdMs: 60_000, lane: "bulk" } as const;
    await store.commit(
      write("ada", { take, lease: odd, mode: "take", staleInMs: 9, value: ["/", "\ud800"] }),
    );
    await store.commit(write("bob", { dueInMs: 0.25, staleInMs: 7, writeId: "a/b" }));
    await sleep(systemClock, 5);
    await store.claim({ limit: 1, lease: odd });
    await store.commit(write("eve", { lane: "recovery", value: null }));
    await store.grant({ limit, max: 1, holdMs: 0, lease: odd });
    for (const id of ["ada", "bob", "eve"]) {
      const text = String(await ask(url, "GET", `oneup:{account}:users:${id}`));
      expect(encodeRow(decodeRow(text))).toBe(text);
      expect(decodeRow(text)).toMatchObject({ lease: { id: odd.id, owner: odd.owner } });
    }
  });

  const garbage = ['{"cut', "7", '{"value":1}', '{"revision":1,"value":{}}', '{"renamedTo":"x"}', "HSET"];
  it.each(garbage)(
    "a row that no store of ours wrote (%s) stops no other user, and is reported with the reason",
    async (text) => {
      const { url } = await server();
      const store = await openStore(url);
      const key = "oneup:{account}:users:b";
      for (const id of ["a", "b", "c"]) await store.commit(write(id, { dueInMs: 0 }));
      for (const id of ["d", "e"]) await store.commit(write(id, { lane: "bulk" }));
      await ask(url, "DEL", key);
      await ask(url, ...(text === "HSET" ? ["HSET", key, "a", "b"] : ["SET", key, text]));
      const { claimed } = await store.claim({ limit: 10, lease });
      expect(claimed.map(({ record }) => record.id)).toEqual(["a", "c"]);
      expect(await store.claim({ limit: 10, lease })).toMatchObject({ claimed: [] });
      await ask(url, "SET", "oneup:{account}:users:d", text);
      const granted = await store.grant({ limit, max: 9, holdMs: 1, lease });
      expect(granted).toMatchObject({ claimed: [{ record: { id: "e" } }], nextInMs: null });
      if (text.includes("renamedTo")) return;
      const stale = write("b", { expectedRevision: 1, writeId: "again" });
      await expect(store.load("b")).rejects.toMatchObject({ code: "RECORD_DAMAGED", retryable: false });
      await expect(store.commit(stale)).rejects.toMatchObject({ code: "RECORD_DAMAGED" });
    },
  );
});
