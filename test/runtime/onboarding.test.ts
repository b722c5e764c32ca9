import { createLifecycle, LifecycleError, type StoreAdapter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, vi } from "vitest";
import { onDisk } from "../support/on-disk.ts";
import { altered } from "../support/altered.ts";
import { afterwards, folder, hurry, scene, spentOn, untilPaused } from "../support/scene.ts";

const id = "ada@example.org";

describe("onboard()", () => {
  it("takes a new user from nothing to a working token with one management call", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const status = await lifecycle.onboard(id);
    expect(status).toMatchObject({
      appUserId: id,
      state: "tokenActive",
      usable: true,
      active: true,
      pause: null,
    });
    expect(status.oneupUserId).toBe(sandbox.users()[0]?.oneupUserId);
    expect(status.history.map(({ to }) => to)).toEqual(["created", "codeIssued", "tokenActive"]);
    expect(spentOn(sandbox, id)).toEqual(["createUser"]);
  });

  it("stores every step where Math.random repeats itself, as in tests of an application", async () => {
    const sandbox = createSandbox();
    const { endpoints, close } = await sandbox.listen();
    afterwards(close);
    const options = { credentials: sandbox.credentials, endpoints, store: memory() };
    const [lifecycle, other] = [await createLifecycle(options), await createLifecycle(options)];
    for (const each of [lifecycle, other]) afterwards(() => each.close());
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    afterwards(() => void vi.restoreAllMocks());
    expect(await lifecycle.onboard(id)).toMatchObject({ state: "tokenActive" });
    expect(await other.inspect(id)).toMatchObject({ state: "tokenActive", usable: true });
  });

  it("costs nothing for a user who is there already", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const first = await lifecycle.onboard(id);
    expect(await lifecycle.onboard(id)).toEqual(first);
    expect(sandbox.journal.entries()).toHaveLength(2);
  });

  it.each([200, 400, 404] as const)(
    "goes on with a code if 1upHealth says %i that the user exists: two calls",
    async (exists) => {
      const { sandbox, open } = await scene({ exists });
      sandbox.createUser(id);
      const lifecycle = await open();
      expect(await lifecycle.onboard(id)).toMatchObject({ state: "reauthorized", usable: true });
      expect(spentOn(sandbox, id)).toEqual(["createUser", "issueAuthCode"]);
    },
  );

  it("asks for a code at once for a user who is expected to exist: one call", async () => {
    const { sandbox, open } = await scene();
    sandbox.createUser(id);
    const lifecycle = await open();
    expect(await lifecycle.onboard(id, { expect: "existing" })).toMatchObject({ usable: true });
    expect(spentOn(sandbox, id)).toEqual(["issueAuthCode"]);
  });

  it.each([200, 404] as const)("registers a user who was wrongly expected to exist (%i)", async (missing) => {
    const { sandbox, open } = await scene({ missing });
    const lifecycle = await open();
    expect(await lifecycle.onboard(id, { expect: "existing" })).toMatchObject({ state: "tokenActive" });
    expect(spentOn(sandbox, id)).toEqual(["issueAuthCode", "createUser"]);
  });

  it("uses tokens that come with the answer to the create", async () => {
    const { sandbox, open } = await scene();
    const body = {
      success: true,
      oneup_user_id: 7,
      app_user_id: id,
      active: true,
      access_token: "early-access",
      refresh_token: "early-refresh",
      expires_in: 7200,
    };
    sandbox.fail({ call: "createUser", status: 200, body });
    const lifecycle = await open();
    expect(await lifecycle.onboard(id)).toMatchObject({ state: "tokenActive", usable: true, oneupUserId: 7 });
    expect(await lifecycle.accessToken(id)).toBe("early-access");
    expect(sandbox.journal.entries()).toHaveLength(1);
  });

  it.each(["+@/ ä&=?#%", "emoji 👩🏽‍⚕️", "a b  c", "x".repeat(512), "…%00", "__proto__"])(
    "carries an app_user_id like %s unchanged",
    async (odd) => {
      const { sandbox, open } = await scene();
      const lifecycle = await open();
      await lifecycle.onboard(odd);
      expect(sandbox.users().map((user) => user.appUserId)).toEqual([odd]);
      expect(await lifecycle.remote.find({ appUserId: odd })).toMatchObject({ appUserId: odd });
      expect(await lifecycle.inspect(odd)).toMatchObject({ appUserId: odd, usable: true });
    },
  );

  it("does the work once, however many ask at the same time", async () => {
    const { sandbox, open } = await scene({ latencyMs: 5 });
    const lifecycles = [await open(), await open(), await open()];
    const statuses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => lifecycles[index % 3]?.onboard(id)),
    );
    expect(new Set(statuses.map((status) => status?.state))).toEqual(new Set(["tokenActive"]));
    expect(sandbox.journal.entries().map((entry) => entry.call)).toEqual(["createUser", "exchangeCode"]);
  });

  it("resolves when the wait is over, and the work goes on", async () => {
    const { open } = await scene({ latencyMs: 100 });
    const lifecycle = await open();
    expect(await lifecycle.onboard(id, { waitMs: 20 })).toMatchObject({
      usable: false,
      underWay: "createUser",
    });
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  });

  it("rejects with the signal's reason, and the work goes on", async () => {
    const { sandbox, open } = await scene({ latencyMs: 50 });
    const lifecycle = await open();
    const reason = new Error("the person closed the page");
    await expect(lifecycle.onboard(id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const leaving = new AbortController();
    const onboarding = lifecycle.onboard(id, { signal: leaving.signal });
    setTimeout(() => leaving.abort(reason), 10);
    await expect(onboarding).rejects.toBe(reason);
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
    expect(sandbox.journal.count("createUser")).toBe(1);
  });
});

describe("onboard() when 1upHealth misbehaves", () => {
  const drops = ["before", "after", "body"] as const;
  const calls = ["createUser", "exchangeCode"] as const;

  it.each(calls.flatMap((call) => drops.map((drop) => ({ call, drop }))))(
    "survives a $call whose answer is lost ($drop)",
    async ({ call, drop }) => {
      const { sandbox, open } = await scene();
      sandbox.fail({ call, drop });
      hurry(sandbox);
      const lifecycle = await open();
      expect(await lifecycle.onboard(id, { waitMs: 600_000 })).toMatchObject({ usable: true });
      expect(sandbox.journal.createdTwice()).toEqual([]);
      expect(spentOn(sandbox, id).length).toBeLessThanOrEqual(3);
      expect(sandbox.users()).toHaveLength(1);
    },
  );

  it.each([
    { call: "createUser", status: 500, body: "oops" },
    { call: "createUser", status: 502, body: "<html>bad gateway</html>", commit: true },
    { call: "createUser", status: 200, body: "{ not json", commit: true },
    { call: "createUser", status: 200, body: { success: true }, commit: true },
    { call: "exchangeCode", status: 503, body: { error: "server_error" } },
    { call: "exchangeCode", status: 503, body: { error: "server_error" }, commit: true },
    { call: "exchangeCode", status: 200, body: "", commit: true },
    { call: "createUser", status: 429, body: { message: "Too Many Requests" } },
    { call: "exchangeCode", status: 429, body: "" },
    { call: "createUser", status: 404, body: { message: "Not Found" } },
    { call: "exchangeCode", status: 404, body: { message: "Not Found" } },
  ] as const)("survives $call answered with $status $body", async (fault) => {
    const { sandbox, open } = await scene();
    sandbox.fail(fault);
    hurry(sandbox);
    const lifecycle = await open();
    expect(await lifecycle.onboard(id, { waitMs: 600_000 })).toMatchObject({ usable: true });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    expect(spentOn(sandbox, id).length).toBeLessThanOrEqual(3);
  });

  it("creates no user twice when a create is carried out after its time-out, within the grace", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ timeoutMs: 200, graceMs: 800, leaseMs: 1_000 });
    sandbox.fail({ call: "createUser", delayMs: 600 });
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
    expect(spentOn(sandbox, id)).toEqual(["createUser", "issueAuthCode"]);
    expect(sandbox.journal.createdTwice()).toEqual([]);
  });

  it("tries a code once more that has not registered yet", async () => {
    const { sandbox, open } = await scene({ codeReadyMs: 900 });
    const lifecycle = await open();
    expect(await lifecycle.onboard(id)).toMatchObject({ state: "tokenActive" });
    expect(sandbox.journal.entries().map((entry) => entry.outcome)).toEqual([
      "created",
      "invalid_grant",
      "tokens",
    ]);
  });

  it("goes on after three codes in a row were refused", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "exchangeCode", times: 6, status: 400, body: { error: "invalid_grant" } });
    hurry(sandbox);
    const lifecycle = await open();
    expect(await lifecycle.onboard(id, { waitMs: 6_000_000 })).toMatchObject({ usable: true });
    expect(spentOn(sandbox, id).filter((call) => call !== "listUsers")).toHaveLength(4);
    expect(sandbox.journal.count("listUsers"), "whose the number is").toBe(1);
  });

  it("fails a user whose request is refused for good, and retry() starts where it failed", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({
      call: "createUser",
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    const lifecycle = await open();
    await expect(lifecycle.onboard(id)).rejects.toMatchObject({
      code: "USER_FAILED",
      facts: { reason: "refused" },
    });
    expect(await lifecycle.retry(id)).toMatchObject({ state: "tokenActive" });
  });

  it("retry() with no time to wait is under way when it resolves: the user has failed no longer", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({
      call: "createUser",
      status: 400,
      body: { success: false, error: "app_user_id is not allowed" },
    });
    const lifecycle = await open(onDisk(folder("retry")));
    await expect(lifecycle.onboard(id)).rejects.toMatchObject({ code: "USER_FAILED" });
    expect(await lifecycle.retry(id, { waitMs: 0 })).toMatchObject({ failure: null });
  });

  it.each([
    {
      unauthorized: 401,
      code: "CREDENTIALS_REFUSED",
      reason: "credentials",
      retryable: false,
      state: "created",
    },
    // A redirect may stand before a create that was carried out.
    { unauthorized: 302, code: "FORBIDDEN", reason: "forbidden", retryable: true, state: "reauthorizing" },
  ] as const)(
    "rejects at once with CREDENTIALS_REFUSED ($unauthorized), and keeps the user",
    async ({ unauthorized, code, reason, retryable, state }) => {
      const { sandbox, server, open } = await scene({ unauthorized });
      const wrong = await open({ credentials: { ...sandbox.credentials, clientSecret: "not-the-secret" } });
      await expect(wrong.onboard(id)).rejects.toMatchObject({ code, retryable });
      expect(await wrong.inspect(id)).toMatchObject({ state, pause: { reason } });
      await wrong.close();
      sandbox.clock.advance(11_000); // until it would have arrived
      const right = await open();
      expect(await right.onboard(id)).toMatchObject({ usable: true });
      expect(server.url).not.toBe("");
    },
  );

  it("rejects at once with FORBIDDEN, and keeps the user", async () => {
    const { sandbox, open } = await scene();
    sandbox.fail({ call: "createUser", status: 403, body: { message: "Forbidden" } });
    const lifecycle = await open();
    await expect(lifecycle.onboard(id)).rejects.toMatchObject({ code: "FORBIDDEN", retryable: true });
    await expect(lifecycle.onboard(id)).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(sandbox.journal.count("createUser"), "nothing is sent for five minutes").toBe(1);
    sandbox.clock.advance(301_000);
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  });

  it("waits while 1upHealth cannot be reached and gives the slot back", async () => {
    const { sandbox, server, open } = await scene();
    await server.close();
    const lifecycle = await open();
    const status = await untilPaused(lifecycle, id, (wait) => lifecycle.onboard(id, wait));
    expect(status).toMatchObject({ state: "created", usable: false, pause: { reason: "unavailable" } });
    expect(await lifecycle.forecast()).toMatchObject({ used: 0 });
    expect(sandbox.journal.entries()).toEqual([]);
  });
});

describe("onboard() without patience", () => {
  /** The memory store, whose verbs take a while, as a server's do; `broken` ones fail. */
  const slow = (broken: () => boolean): StoreAdapter => {
    const late =
      <A extends unknown[], T>(verb: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (broken()) throw new LifecycleError("STORE_UNAVAILABLE", "Cannot write", { retryable: true });
        return verb(...args);
      };
    return altered(memory(), ({ load, commit }) => ({ load: late(load), commit: late(commit) }));
  };

  it("still resolves with a user who is written down, however slow the store is", async () => {
    const { open } = await scene({ latencyMs: 100 });
    const lifecycle = await open({ store: slow(() => false) });
    expect(await lifecycle.onboard(id, { waitMs: 0 })).toMatchObject({ state: "created", usable: false });
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  });

  it("rejects if the user could not be stored", async () => {
    const { sandbox, open } = await scene();
    let writes = 0;
    const lifecycle = await open({ store: slow(() => ++writes > 1) });
    await expect(lifecycle.onboard(id, { waitMs: 0 })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
    });
    expect(sandbox.journal.entries()).toEqual([]);
  });
});

describe("onboard() within the limit", () => {
  it("waits for the next free slot, in order, and never gets a 429", async () => {
    const { sandbox, open } = await scene({ limit: { calls: 3, windowMs: 400 } });
    const lifecycle = await open({
      limits: { management: { calls: 3, windowMs: 400 } },
      timeoutMs: 2_000,
      graceMs: 2_000,
    });
    const ids = Array.from({ length: 11 }, (_, index) => `user ${String(index).padStart(2, "0")}`);
    const statuses = await Promise.all(ids.map((user) => lifecycle.onboard(user)));
    expect(statuses.every((status) => status.usable)).toBe(true);
    expect(sandbox.journal.entries().filter((entry) => entry.status === 429)).toEqual([]);
    expect(sandbox.journal.mostInWindow(400)).toBeLessThanOrEqual(3);
  });

  it("tells a waiting user until when", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open({ limits: { management: { calls: 1, windowMs: 3_600_000 } } });
    await lifecycle.onboard("first");
    const before = sandbox.clock.now();
    const waiting = await untilPaused(lifecycle, id, (wait) => lifecycle.onboard(id, wait));
    expect(waiting).toMatchObject({ state: "created", usable: false, pause: { reason: "rateLimit" } });
    const wait = (waiting.pause?.until?.getTime() ?? 0) - before;
    expect(wait).toBeGreaterThan(3_500_000);
    expect(wait).toBeLessThan(3_620_000);
    expect(sandbox.journal.count("createUser")).toBe(1);
    sandbox.clock.advance(3_620_000);
    expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  });
});
