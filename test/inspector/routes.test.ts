import { describe, expect, it } from "vitest";
import { createInspector } from "oneup-lifecycle/inspector";
import { opened, origin } from "./support.ts";

const json = { "content-type": "application/json" };

describe("inspector/overview", () => {
  it("shows counts, budget, forecast, health and the last steps", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada");
    await world.arrange("bob", "failed");
    const { status, body } = await ask("overview");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      now: expect.stringMatching(/^2026-01-01T00:00:/),
      store: "memory",
      basePath: "/",
      masked: false,
      ready: true,
      problem: null,
      counts: { tokenActive: 1, failed: 1 },
      total: 2,
      budget: { of: 300, shut: [], paused: [] },
      forecast: { interactive: 0, recovery: 0, bulk: 0 },
      health: { ready: true },
    });
    expect(body.changes.map(({ to }: any) => to)).toEqual(["failed", "tokenActive", "codeIssued", "created"]);
    expect(body.changes[1]).toMatchObject({
      alias: world.lifecycle.alias("ada"),
      from: "codeIssued",
      event: "TOKEN_GRANTED",
    });
  });

  it("keeps the last 50 steps", async () => {
    const { world, ask } = await opened();
    for (let user = 0; user < 20; user++) await world.lifecycle.onboard(`user-${user}`);
    const { changes } = (await ask("overview")).body;
    expect(changes).toHaveLength(50);
    expect(changes[0]).toMatchObject({ to: "tokenActive", alias: world.lifecycle.alias("user-19") });
  });

  it("shows when one more call may leave in each lane", async () => {
    const { world, ask } = await opened();
    world.sandbox.spend(300);
    await world.lifecycle.account.setLimits({ management: { calls: 1, windowMs: 3_600_000 } });
    await world.lifecycle.onboard("ada");
    const { forecast, budget } = (await ask("overview")).body;
    expect(budget.used.interactive).toBe(1);
    for (const lane of ["interactive", "recovery", "bulk"]) expect(forecast[lane]).toBeGreaterThan(3_000_000);
  });
});

describe("inspector/users", () => {
  it("lists users in pages, of one state or of all", async () => {
    const { world, ask } = await opened();
    for (const id of ["ada", "bob", "cyd"]) await world.lifecycle.onboard(id);
    await world.arrange("dot", "failed");
    const first = (await ask("users", { state: "tokenActive", limit: 2 })).body;
    expect(first.users.map(({ appUserId }: any) => appUserId)).toEqual(["ada", "bob"]);
    const last = (await ask("users", { state: "tokenActive", limit: 2, after: first.next })).body;
    expect(last).toMatchObject({ users: [{ appUserId: "cyd" }], next: null });
    const all = (await ask("users")).body;
    expect(all.users.map(({ state }: any) => state)).toEqual([
      "tokenActive",
      "tokenActive",
      "tokenActive",
      "failed",
    ]);
    expect(all.users[3]).toMatchObject({ usable: false, failure: { in: "created" }, oneupUserId: null });
  });

  it("lists those that expire, page by page", async () => {
    const { world, ask } = await opened();
    for (const id of ["ada", "bob", "cyd"]) await world.arrange(id, "expiring");
    await world.lifecycle.onboard("dot");
    const first = (await ask("users", { state: "expiring", limit: 2 })).body;
    expect(first.users.map(({ appUserId }: any) => appUserId)).toEqual(["ada", "bob"]);
    const last = (await ask("users", { state: "expiring", limit: 2, after: first.next })).body;
    expect(last).toMatchObject({ users: [{ appUserId: "cyd", state: "expiring" }], next: null });
  });

  it("finds the user with exactly this id", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada@example.org");
    expect((await ask("users", { id: "ada@example.org" })).body.users).toHaveLength(1);
    const { status, body } = await ask("users", { id: "ada@example" });
    expect({ status, code: body.error.code }).toEqual({ status: 404, code: "USER_UNKNOWN" });
    expect(body.error.message).not.toContain("ada@example");
  });

  it("finds a renamed user by its old id and its old key", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada");
    const { key } = (await ask("users")).body.users[0];
    await world.lifecycle.rename("ada", "eve");
    await world.lifecycle.rename("eve", "ada@example.org");
    expect((await ask("users", { id: "ada" })).body.users[0].appUserId).toBe("ada@example.org");
    expect((await ask("user", { key })).body.appUserId).toBe("ada@example.org");
  });

  it.each([
    [{ limit: 101 }, "INVALID_OPTION"],
    [{ limit: 0 }, "INVALID_OPTION"],
    [{ state: "asleep" }, "INVALID_OPTION"],
    [{ after: "ada" }, "INVALID_OPTION"],
    [{ id: "" }, "INVALID_ID"],
    [{ id: "a".repeat(513) }, "INVALID_ID"],
    [{ id: "a\u0007" }, "INVALID_ID"],
    [{ id: 7 }, "INVALID_OPTION"],
    [{ order: "down" }, "INVALID_OPTION"],
  ])("refuses what it cannot list: case %#", async (fields, code) => {
    const { ask } = await opened();
    const { status, body } = await ask("users", fields);
    expect({ status, code: body.error.code }).toEqual({ status: 400, code });
  });
});

describe("inspector/user", () => {
  it("shows the status, its explanation, its history, and when it is due", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada");
    const { key } = (await ask("users")).body.users[0];
    const { status, body } = await ask("user", { key });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      key,
      appUserId: "ada",
      alias: world.lifecycle.alias("ada"),
      status: { appUserId: "ada", state: "tokenActive", calls: { management: 1, token: 1 } },
      explanation: expect.stringMatching(/^The user is tokenActive/),
      dueAt: expect.stringMatching(/^2026-01-0\d/),
    });
    expect(body.history.map(({ to }: any) => to)).toEqual(["created", "codeIssued", "tokenActive"]);
  });

  it("shows no secret", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada");
    const { users } = (await ask("users")).body;
    const answers = [await ask("user", { key: users[0].key }), await ask("account"), await ask("overview")];
    const { grants, credentials } = world.sandbox.snapshot();
    const tokens = [...grants.accessTokens, ...grants.refreshTokens].map(({ token }) => token);
    expect(tokens).toHaveLength(2);
    for (const { text } of answers)
      for (const secret of [...tokens, credentials.clientSecret]) expect(text).not.toContain(secret);
  });

  it("does not know a key that it has not made", async () => {
    const { world, ask } = await opened();
    await world.lifecycle.onboard("ada");
    const { users, next } = (await ask("users", { limit: 1 })).body;
    expect(next).toBeNull();
    const { key } = users[0];
    const altered = `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`;
    for (const wrong of ["", "ada", altered, `${key}${key}`, "A".repeat(5_000)]) {
      const { status, body } = await ask("user", { key: wrong });
      expect({ status, code: body.error.code }).toEqual({ status: 404, code: "USER_UNKNOWN" });
    }
  });

  it("does not take a cursor for a key", async () => {
    const { world, ask } = await opened();
    for (const id of ["ada", "bob"]) await world.lifecycle.onboard(id);
    const { users, next } = (await ask("users", { limit: 1 })).body;
    expect((await ask("user", { key: next })).status).toBe(404);
    expect((await ask("users", { after: users[0].key })).status).toBe(400);
  });
});

describe("inspector/account", () => {
  it("shows health, budget, origins, limits, keys and format", async () => {
    const { ask } = await opened();
    const { status, body } = await ask("account");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      health: { ready: true, endpoints: [{ endpoint: "management" }, {}, {}] },
      budget: { of: 300 },
      origins: { api: expect.any(String), auth: expect.any(String) },
      limits: { management: { calls: 300, windowMs: 3_600_000 }, token: null, fhir: null },
      keys: [{ id: expect.any(String), storeKeys: [expect.any(String)] }],
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      format: 1,
    });
  });
});

describe("inspector/requests", () => {
  it.each([
    ["text/plain", "{}", 415],
    ["application/x-www-form-urlencoded", "a=1", 415],
    ["application/json", "", 400],
    ["application/json", "[]", 400],
    ["application/json", "{", 400],
    ["application/json", `{"id":"${"x".repeat(16_384)}"}`, 413],
  ])("refuses a body of %s, case %#", async (type, body, status) => {
    const { world } = await opened();
    const inspector = createInspector(world.lifecycle, { authorize: () => ({ who: "ada" }) });
    const init = { method: "POST", headers: { "content-type": type }, body };
    const answer = await inspector.fetch(new Request(`${origin}/api/users`, init));
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { code: "INVALID_REQUEST" } });
  });

  it.each([
    ["GET", "api/users", 405, "POST"],
    ["POST", "api/live", 405, "GET"],
    ["POST", "", 405, "GET"],
    ["DELETE", "api/user", 405, "POST"],
    ["OPTIONS", "api/users", 405, "POST"],
    ["HEAD", "", 405, "GET"],
    ["POST", "api/constructor", 404, null],
    ["POST", "api/", 404, null],
    ["POST", "api", 404, null],
    ["GET", "assets/../index.html", 200, null], // as any client of HTTP writes it: /index.html, an address of the page
    ["GET", "assets/", 404, null],
    ["GET", "assets/page.ts", 404, null],
    ["GET", "assets/deeper/page.js", 404, null],
  ])("%s /%s: %i", async (method, path, status, allow) => {
    const { world } = await opened();
    const inspector = createInspector(world.lifecycle, { authorize: () => ({ who: "ada" }) });
    const answer = await inspector.fetch(new Request(`${origin}/${path}`, { method, headers: json }));
    const isPage = status === 200 && answer.status === 503; // not built
    expect(isPage ? 200 : answer.status).toBe(status);
    expect(answer.headers.get("allow")).toBe(allow);
  });

  it("each answer forbids what the page does not need, and to be kept", async () => {
    const { get, ask, live } = await opened();
    const stream = await live();
    const answers = [
      await get(""),
      await get("users/x"),
      await ask("overview"),
      await ask("nothing"),
      stream.response,
    ];
    for (const { headers } of answers) {
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("content-security-policy")).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.has("access-control-allow-origin")).toBe(false);
    }
  });

  it("answers below its base path only", async () => {
    const { inspector, get, ask } = await opened({ basePath: "/tools/inspector" });
    expect((await ask("overview")).body.basePath).toBe("/tools/inspector/");
    expect([200, 503]).toContain((await get("users")).status);
    const at = (path: string): Promise<Response> => inspector.fetch(new Request(`${origin}${path}`));
    const bare = await at("/tools/inspector?token=abc");
    expect(bare.status).toBe(308);
    expect(bare.headers.get("location")).toBe("/tools/inspector/?token=abc");
    for (const path of ["/", "/tools/inspectors/", "/api/live"]) expect((await at(path)).status).toBe(404);
  });

  it.each(["inspector", "//evil.example", "/a b", "/../", "", "/a?b"])(
    "has no base path %j",
    async (basePath) => {
      const { world } = await opened();
      expect(() => createInspector(world.lifecycle, { basePath })).toThrow(/basePath must be a path such as/);
    },
  );

  it("tells that the lifecycle, or the inspector, was closed", async () => {
    const { world, inspector, ask } = await opened();
    await world.lifecycle.close();
    expect(await ask("users")).toMatchObject({ status: 503, body: { error: { code: "CLOSED" } } });
    expect(await ask("overview")).toMatchObject({ status: 503, body: { error: { code: "CLOSED" } } });
    await inspector.close();
    expect(await ask("users")).toMatchObject({ status: 503, body: { error: { code: "CLOSED" } } });
  });
});
