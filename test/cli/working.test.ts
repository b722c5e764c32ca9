import { once } from "node:events";
import { readdirSync, renameSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { operatorAt, type Operator } from "./operator.ts";
import { anyKey, type Place } from "../support/places.ts";
import { afterwards, folder } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";

/** A 1upHealth, the operator on call, and how a command reaches it. */
async function stage(place: Place): Promise<{
  readonly sandbox: Sandbox;
  readonly operator: Operator;
  readonly there: readonly string[];
}> {
  const sandbox = createSandbox({ clientSecret: "a-secret-of-its-own" });
  const server = await sandbox.listen();
  afterwards(() => server.close());
  return { sandbox, operator: operatorAt(place, sandbox, server), there: ["--api", server.url] };
}

/** Writes users down who find no slot. */
async function waiting(operator: Operator, ...ids: readonly string[]): Promise<void> {
  const lifecycle = await operator.open({ limits: { management: { calls: 1, windowMs: 3_600_000 } } });
  await lifecycle.onboard("first");
  for (const id of ids) await lifecycle.onboard(id, { waitMs: 0 });
  await lifecycle.account.setLimits({ management: { calls: 300, windowMs: 3_600_000 } });
  await lifecycle.close();
}

/** Stores users that 1upHealth refused. */
async function refused(operator: Operator, sandbox: Sandbox, ids: readonly string[]): Promise<void> {
  const lifecycle = await operator.open();
  sandbox.fail({
    call: "createUser",
    times: ids.length,
    status: 400,
    body: { success: false, error: "app_user_id is not allowed" },
  });
  for (const id of ids) await lifecycle.onboard(id).catch(() => {}); // USER_FAILED
  await lifecycle.close();
}

describe("cli, acting on a store", () => {
  it("resume does what can be done now and prints what it did", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-resume") });
    await waiting(operator, "ada", "bob");
    const full = await operator.run(["resume", ...there, "--limit", "1", "--json"]);
    expect(full).toMatchObject({
      code: 0,
      err: expect.stringMatching(/record holds 300 calls.*applies 1 call\b/),
    });
    expect(JSON.parse(full.out)).toEqual({ taken: 0, rested: {} });
    const { code, out, err } = await operator.run(["resume", ...there, "--concurrency", "2"]);
    expect({ code, out, err }).toEqual({
      code: 0,
      out: "2 processed; now: tokenActive 2\n",
      err: "",
    });
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("retry takes a failed user back to where it failed, and prints if it did not arrive", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry") });
    const lifecycle = await operator.open();
    sandbox.fail({
      call: "createUser",
      times: 2,
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    await lifecycle.onboard("eve").catch(() => {}); // USER_FAILED, which is what is wanted
    await lifecycle.close();
    const again = await operator.run(["retry", "eve", ...there]);
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toMatch(/failed in created \(refused: .*\[USER_FAILED\]\n$/);
    expect(await operator.run(["retry", "eve", ...there])).toEqual({
      code: 0,
      out: "tokenActive\n",
      err: "",
    });
    const { code, out } = await operator.run(["retry", "eve", "--json", ...there]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ appUserId: "eve", state: "tokenActive", usable: true });
    for (const secret of operator.secrets()) expect(out).not.toContain(secret);
  });

  it("retry --all takes all failed users back, and prints which stay", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry-all") });
    expect((await operator.run(["retry", "--all", ...there])).err).toMatch(/it holds none/);
    const lifecycle = await operator.open();
    const no = { status: 400, body: { success: false, error: "app_user_id is not allowed" } };
    sandbox.fail({ call: "createUser", times: 3, ...no });
    for (const id of ["ada", "bob", "eve"]) await lifecycle.onboard(id).catch(() => {}); // USER_FAILED
    await lifecycle.onboard("finn");
    await lifecycle.close();
    const { code, out, err } = await operator.run(["retry", "--all", ...there]);
    expect({ code, out, err }).toEqual({ code: 0, out: "3 users retried\n", err: "" });
    const { out: counted } = await operator.run(["resume", ...there]);
    expect(counted).not.toContain("failed");
    const after = await operator.open();
    expect(await after.counts()).toEqual({ tokenActive: 4 });
    await after.close();
    const again = await operator.run(["retry", "--all", "--json", ...there]);
    expect(JSON.parse(again.out)).toEqual({ retried: 0, stay: {} });
  });

  it("retry --all lets people who sign up go first", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry-lane") });
    await refused(operator, sandbox, ["ada", "bob", "eve"]);
    expect(await operator.run(["retry", "--all", ...there, "--limit", "3"])).toMatchObject({ code: 0 });
    const { out } = await operator.run(["status", "--json"]);
    expect(JSON.parse(out).waiting).toEqual({ interactive: 0, recovery: 3, bulk: 0 });
  });

  it("retry --all reports no user as failed that waits before a shut gate", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry-shut") });
    await refused(operator, sandbox, ["ada", "bob", "eve"]);
    const stale = { ONEUP_CLIENT_SECRET: "an-old-one" };
    await operator.run(["retry", "ada", ...there], stale); // shuts the gate of this secret
    const { code, out } = await operator.run(["retry", "--all", ...there], stale);
    expect({ code, out }).toEqual({ code: 0, out: "2 users retried\n" });
    expect((await operator.run(["users", "--state", "failed"])).out).toBe("No users\n");
  });

  it("retry --all in a pause takes all back, and reports the pause once", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry-paused") });
    await refused(operator, sandbox, ["ada", "bob", "eve"]);
    await operator.run(["pause", "--reason", "a bill", "--by", "dan"]);
    await operator.run(["pause", "--reason", "a list", "--lane", "bulk"]);
    const { code, out, err } = await operator.run(["retry", "--all", ...there]);
    expect({ code, out, err }).toEqual({
      code: 0,
      out: "3 users retried\n",
      err: "Paused: all management calls, by dan: a bill\n",
    });
    expect((await operator.run(["users", "--state", "failed"])).out).toBe("No users\n");
  });

  it("retry --all, twice at once, takes all users back", async () => {
    const { operator, sandbox, there } = await stage({ type: "lmdb", path: folder("cli-retry-both") });
    const ids = Array.from({ length: 60 }, (_, index) => `user ${index}`);
    await refused(operator, sandbox, ids);
    sandbox.fail({ call: "createUser", times: ids.length, delayMs: 500 });
    const both = [1, 2].map(() => operator.begin(["retry", "--all", ...there]).ended);
    for (const { code, err } of await Promise.all(both)) expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(sandbox.users()).toHaveLength(60);
    expect(sandbox.journal.count("createUser")).toBe(120);
  });

  it.each([["resume"], ["retry", "ada"]])(
    "%s refuses a store without users, and makes none",
    async (...words) => {
      const path = folder("cli-mistyped");
      const { operator, there } = await stage({ type: "lmdb", path });
      const ended = await operator.run([...words, ...there]);
      expect(ended).toMatchObject({ code: 1, out: "" });
      expect(ended.err).toMatch(/must hold an LMDB store, and it holds none: .* \[STORE_UNUSABLE\]\n$/);
      expect(readdirSync(path)).toEqual([]);
      await waiting(operator);
      const other = await operator.run([...words, ...there], { ONEUP_CLIENT_ID: "another-client" });
      expect(other.err).toMatch(/must hold users of this client id, and it holds none/);
    },
  );

  it("work begins with an empty store, and prints so", async () => {
    const { operator, there } = await stage({ type: "lmdb", path: folder("cli-work-empty") });
    const worker = operator.begin(["work", ...there]);
    await worker.said(/Working/);
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({
      code: 0,
      err: expect.stringMatching(
        /^Began a new store \(lmdb.*\): no user of this client id is in it yet\nThis store has no users yet: is it the right one\?\n$/,
      ),
    });
    const again = operator.begin(["work", ...there]);
    await again.said(/Working/);
    again.kill("SIGTERM");
    expect((await again.ended).err).toBe("This store has no users yet: is it the right one?\n");
  });

  it.each(["with users", "without work to do"])(
    "work prints each time that the store is away, and that it is back, one line each: a worker %s",
    async (whose) => {
      const path = folder("cli-work-back");
      const { operator, there } = await stage({ type: "lmdb", path });
      if (whose === "with users") await waiting(operator);
      const worker = operator.begin(["work", ...there, "--poll", "50ms"]);
      await worker.said(/Working/);
      const [store, aside] = [join(path, "store"), join(path, "aside")];
      for (const times of [1, 2]) {
        renameSync(store, aside);
        await worker.said(RegExp(`(?:The store does not work: [^]*){${times}}`));
        await setTimeout(2_500); // it asks in vain once more
        renameSync(aside, store);
        await worker.said(RegExp(`(?:The store works again[^]*){${times}}`));
      }
      worker.kill("SIGTERM");
      const { code, err } = await worker.ended;
      expect(code).toBe(0);
      const lines = err.match(/^(?:Cannot ask|The store (?:does not work|answers again|works again))/gm);
      const outage = ["The store does not work", "Cannot ask", "The store answers again"];
      expect(lines).toEqual([...outage, "The store works again", ...outage, "The store works again"]);
    },
  );

  it("work waits for a store that cannot be reached at the start, until SIGTERM", async () => {
    const { operator } = await stage({ type: "lmdb", path: folder("cli-work-waits") });
    const worker = operator.begin(["work", "--store", "redis://127.0.0.1:9"]); // the port of "discard"
    await worker.said(/ECONNREFUSED; next try in 2 s, the last in 5 min \[STORE_UNAVAILABLE\]/);
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0, out: "" });
    const ended = await operator.run(["resume", "--store", "redis://127.0.0.1:9"]);
    expect(ended).toMatchObject({
      code: 1,
      err: expect.stringContaining("the same command can be run again"),
    });
    expect(ended.err).not.toContain("by itself");
  });

  it("work goes on without a reader of its standard output, and says so once", async () => {
    const { operator, there } = await stage({ type: "lmdb", path: folder("cli-work-unread") });
    const worker = operator.begin(["work", ...there, "--poll", "50ms"]);
    await worker.said(/Working/);
    worker.leave();
    await waiting(operator, "ada", "bob");
    await vi.waitFor(async () => {
      const { out } = await operator.run(["status", "--json"]);
      expect(JSON.parse(out)).toMatchObject({ users: { tokenActive: 3 } });
    });
    worker.kill("SIGTERM");
    const { code, err } = await worker.ended;
    expect(code).toBe(0);
    expect(err.match(/^Cannot write .*$/gm)).toEqual([
      "Cannot write the output: EPIPE; the work goes on without it",
    ]);
  });

  it("work goes on without a reader of its standard error, however many warnings there are", async () => {
    const { operator, there } = await stage({ type: "lmdb", path: folder("cli-work-unheard") });
    await waiting(operator);
    const worker = operator.begin(["work", ...there, "--poll", "50ms"]);
    await worker.said(/Working/);
    worker.leave("stderr");
    for (let pauses = 0; pauses < 3; pauses++) {
      await operator.run(["pause", "--reason", "a test"]);
      await setTimeout(1_500); // it is noticed, and a warning is printed
      await operator.run(["unpause"]);
    }
    await waiting(operator, "ada");
    await worker.said(/tokenActive/);
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0, signal: null });
  });

  it("work makes no store when it cannot begin", async () => {
    const path = folder("cli-work-refuses");
    const { operator } = await stage({ type: "lmdb", path });
    const { code, out, err } = await operator.run(["work", "--concurrency", "0"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/--concurrency must be a whole number from 1 to 1024/);
    expect(readdirSync(path)).toEqual([]);
  });

  it.each([
    [["retry"], 2, /retry needs an ID/],
    [["retry", "ada", "--all"], 2, /an ID or --all, not both/],
    [["retry", "--all", "--wait", "1m"], 2, /--wait cannot be combined with --all/],
    [["retry", "zoe"], 1, /this store has no such app_user_id/],
    [["retry", "ada", "--wait", "soon"], 2, /--wait must be a time such as/],
    [["resume", "--concurrency", "0"], 2, /--concurrency must be a whole number from 1 to 1024/],
    [["work", "--refresh", "often"], 2, /--refresh must be one of keepAlive, eager, lazy/],
    [["work", "--poll", "1ms"], 2, /--poll must be a number from 10/],
    [["work", "--api", "http://example.org"], 2, /--api must be an https: URL/],
  ])("%j ends with %i and says why", async (words, code, why) => {
    const { operator, there } = await stage({ type: "lmdb", path: folder("cli-refuses") });
    await waiting(operator);
    const ended = await operator.run(words, { ONEUP_API: there[1] ?? "" });
    expect(ended.code).toBe(code);
    expect(ended.err).toMatch(why);
  });
});

withServer("redis", "cli, on Redis", (server) => {
  it("work begins once the store can be reached that could not at the start", async () => {
    const { port: real, hostname } = new URL((await server()).url);
    const door = createServer((socket) => {
      const inside = connect(Number(real), hostname);
      for (const end of [socket, inside]) end.on("error", () => {});
      socket.pipe(inside).pipe(socket);
    });
    const opened = (port: number): Promise<unknown> => once(door.listen(port, "127.0.0.1"), "listening");
    await opened(0);
    const { port } = door.address() as AddressInfo; // it listens
    await new Promise((resolve) => door.close(resolve));
    const url = `redis://127.0.0.1:${port}`;
    const { operator, there } = await stage({ type: "redis", url, key: anyKey });
    const worker = operator.begin(["work", ...there]);
    await worker.said(/next try in 1 s/);
    await opened(port);
    afterwards(() => void door.close());
    await worker.said(/Working/);
    worker.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
  });

  it("work drives who waits until SIGTERM, names users by alias, and lets status see it meanwhile", async () => {
    const { url } = await server();
    const { operator, sandbox, there } = await stage({ type: "redis", url, key: anyKey });
    await waiting(operator, "ada@example.org");
    const worker = operator.begin(["work", ...there, "--poll", "50ms"]);
    await worker.said(/#\w+ +tokenActive/);
    const status = await operator.run(["status", "--json"]);
    expect(JSON.parse(status.out)).toMatchObject({ store: "redis", users: { tokenActive: 2 }, ready: true });
    worker.kill("SIGTERM");
    const { code, out, err } = await worker.ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^Working; Ctrl-C stops it\n[\d:]{8} {2}#\w+ +created +calls createUser\n/);
    expect(out).toMatch(/\n1 processed; now: tokenActive 1\n$/);
    expect(out).not.toContain("ada@example.org");
    expect(sandbox.journal.createdTwice()).toEqual([]);
    const described = await operator.run(["explain", "ada@example.org"]);
    expect(described.out).toMatch(/^The user is tokenActive /);
    for (const secret of operator.secrets()) expect(out + status.out + described.out).not.toContain(secret);
  });
});
