/** Attacks on actions: each is refused, and nothing is done. */
import { randomUUID } from "node:crypto";
import { createInspector } from "oneup-lifecycle/inspector";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { answerOf, origin, sessionOf, type Answer } from "./support.ts";

/** An inspector with actions, and what its page would send to hold "ada". */
interface Target {
  readonly world: TestLifecycle;
  readonly cookie: string;
  readonly token: string;
  readonly body: object;
  /** Sends the page's request, changed. */
  send(change?: Change): Promise<Answer>;
  /** The session of another link, and its token. */
  other(): Promise<{ readonly cookie: string; readonly token: string }>;
  /** Fails if anything was done. */
  untouched(): Promise<void>;
}

interface Change {
  readonly at?: string;
  readonly path?: string;
  readonly method?: string;
  /** `null` takes a header away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | null;
}

async function target(): Promise<Target> {
  const world = await createTestLifecycle({ lifecycle: { events: { keep: "7d" } } });
  const { lifecycle, sandbox } = world;
  await lifecycle.onboard("ada");
  const inspector = createInspector(lifecycle, { actions: true });
  afterwards(async () => {
    await inspector.close();
    await world.close();
  });
  const post = async (path: string, headers: Record<string, string>, fields: object): Promise<Answer> => {
    const all = { "content-type": "application/json", origin, ...headers };
    const init = { method: "POST", headers: all, body: JSON.stringify(fields) };
    return answerOf(await inspector.fetch(new Request(origin + path, init)));
  };
  const other = async (): Promise<{ readonly cookie: string; readonly token: string }> => {
    const cookie = await sessionOf(inspector);
    return { cookie, token: (await post("/api/me", { cookie }, {})).body.token };
  };
  const { cookie, token } = await other();
  const { key } = (await post("/api/users", { cookie }, { id: "ada" })).body.users[0];
  const { record } = (await post("/api/user", { cookie }, { key })).body;
  const body = { action: "hold", reason: "an attack", key, record, once: randomUUID() };
  const before = { status: await lifecycle.inspect("ada"), calls: sandbox.journal.count() };
  return {
    world,
    cookie,
    token,
    body,
    other,
    async send({ at = origin, path = "/api/act", method = "POST", headers = {}, body: other } = {}) {
      const its = new Headers({
        "content-type": "application/json",
        origin,
        cookie,
        "x-inspector-token": token,
      });
      for (const [name, value] of Object.entries(headers))
        if (value === null) its.delete(name);
        else its.set(name, value);
      const text = other === undefined ? JSON.stringify(body) : other;
      const hasBody = method !== "GET" && method !== "HEAD" && text !== null;
      const init = { method, headers: its, ...(hasBody && { body: text }) };
      return answerOf(await inspector.fetch(new Request(at + path, init)));
    },
    async untouched() {
      expect(await lifecycle.inspect("ada")).toEqual(before.status);
      expect(await lifecycle.account.history()).toEqual([]);
      expect(sandbox.journal.count()).toBe(before.calls);
    },
  };
}

describe("inspector/act: attacks", () => {
  it("the page's own request is answered, so that what follows proves something", async () => {
    const { send, world } = await target();
    expect((await send()).status).toBe(200);
    expect((await world.lifecycle.inspect("ada")).hold).toMatchObject({ reason: "an attack" });
  });

  it.each<readonly [what: string, change: Change, status: number]>([
    ["a page of another site", { headers: { origin: "https://evil.example" } }, 403],
    ["a page of another port", { headers: { origin: "http://localhost:3001" } }, 403],
    ["a sandboxed frame", { headers: { origin: "null" } }, 403],
    [
      "a page of another site, without its origin",
      { headers: { origin: null, "sec-fetch-site": "cross-site" } },
      403,
    ],
    ["a subdomain's page", { headers: { "sec-fetch-site": "same-site" } }, 403],
    ["no page that a browser knows", { headers: { origin: null } }, 403],
    ["a form", { headers: { "content-type": "application/x-www-form-urlencoded" } }, 415],
    ["a plain fetch", { headers: { "content-type": "text/plain;charset=UTF-8" } }, 415],
    ["JSON in name only", { headers: { "content-type": "text/plain; application/json" } }, 415],
    ["no type", { headers: { "content-type": null } }, 415],
    ["no token", { headers: { "x-inspector-token": null } }, 403],
    ["an empty token", { headers: { "x-inspector-token": "" } }, 403],
    ["a guessed token", { headers: { "x-inspector-token": "A".repeat(43) } }, 403],
    ["a token that is too long", { headers: { "x-inspector-token": "A".repeat(8_000) } }, 403],
    ["no session", { headers: { cookie: null } }, 403],
    [
      "a session that was made up",
      { headers: { cookie: `oneup-inspector-00000000=${"A".repeat(43)}` } },
      403,
    ],
    [
      "a rebound name",
      { at: "http://rebound.example:3000", headers: { origin: "http://rebound.example:3000" } },
      403,
    ],
    ["a rebound name in Host alone", { headers: { host: "rebound.example" } }, 403],
    ["GET", { method: "GET" }, 405],
    ["HEAD", { method: "HEAD" }, 405],
    ["PUT", { method: "PUT" }, 405],
    ["DELETE", { method: "DELETE" }, 405],
    ["OPTIONS, as a preflight", { method: "OPTIONS" }, 405],
  ])("by %s", async (_, change, status) => {
    const { send, untouched } = await target();
    const answer = await send(change);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.text).not.toContain("evil");
    await untouched();
  });

  it("by the token of another session, and by a session with the token of another", async () => {
    const { send, other, cookie, token, untouched } = await target();
    const foreign = await other();
    expect(foreign.token).not.toBe(token);
    for (const headers of [
      { cookie, "x-inspector-token": foreign.token },
      { cookie: foreign.cookie, "x-inspector-token": token },
    ]) {
      const { status, body } = await send({ headers });
      expect({ status, code: body.error.code }).toEqual({ status: 403, code: "FORBIDDEN" });
    }
    await untouched();
  });

  it("by a token of the day before yesterday", async () => {
    const { send, world } = await target();
    await world.clock.advance("25h");
    const before = await world.lifecycle.history("ada");
    expect((await send()).status).toBe(403);
    expect(await world.lifecycle.history("ada")).toEqual(before);
  });

  it("by another person's token, where authorize names persons", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    await world.lifecycle.onboard("ada");
    const authorize = ({ headers }: Request) => ({ who: headers.get("x-user") ?? "", may: true });
    const inspector = createInspector(world.lifecycle, { actions: true, authorize });
    afterwards(() => inspector.close());
    const at = "https://tools.example";
    const post = async (path: string, user: string, more: Record<string, string>, fields: object) => {
      const headers = { "content-type": "application/json", origin: at, "x-user": user, ...more };
      const init = { method: "POST", headers, body: JSON.stringify(fields) };
      return answerOf(await inspector.fetch(new Request(`${at}${path}`, init)));
    };
    const { token } = (await post("/api/me", "mallory", {}, {})).body;
    const pause = { action: "pause", reason: "an attack", once: randomUUID() };
    expect((await post("/api/act", "eve", { "x-inspector-token": token }, pause)).status).toBe(403);
    expect(await world.lifecycle.account.history()).toEqual([]);
    expect((await post("/api/act", "mallory", { "x-inspector-token": token }, pause)).status).toBe(200);
    expect(await world.lifecycle.account.history()).toMatchObject([{ by: "mallory" }]);
  });

  it.each([
    "/api/act/",
    "/api//act",
    "//api/act",
    "/api/act%2f",
    "/api%2fact",
    "/api/%61ct",
    "/api/ACT",
    "/API/act",
    "/api/act;x",
    "/api/act/hold",
    "/api/constructor",
    "/api/__proto__",
    "/assets/../api/act;",
    "/act",
  ])("at the path %s", async (path) => {
    const { send, untouched } = await target();
    expect([400, 403, 404, 405]).toContain((await send({ path })).status);
    await untouched();
  });

  it.each([
    ["a huge body", `{"action":"${"x".repeat(20_000)}"}`, 413],
    ["a huge body of nothing", `${" ".repeat(1_000_000)}{}`, 413],
    ["no JSON", "action=hold", 400],
    ["half an object", '{"action":"hold"', 400],
    ["an empty body", "", 400],
    ["no body", null, 400],
    ["an array", "[]", 400],
    ["null", "null", 400],
    ["an empty object", "{}", 400],
    ["deep nesting", `{"a":${"[".repeat(8_000)}${"]".repeat(8_000)}}`, 400],
  ])("with %s", async (_, body, status) => {
    const { send, untouched } = await target();
    expect((await send({ body })).status).toBe(status);
    await untouched();
  });

  it.each<readonly [what: string, change: object]>([
    ["an unknown action", { action: "forget" }],
    ["a name of Object", { action: "constructor" }],
    ["a list as the action", { action: ["hold"] }],
    ["no once", { once: undefined }],
    ["a short once", { once: "1" }],
    ["a long once", { once: "x".repeat(65) }],
    ["an option that is none", { waitMs: 1 }],
    ["the name of another person", { by: "eve" }],
    ["a number as the reason", { reason: 7 }],
    ["a reason that turns the text around", { reason: "\u202Egro" }],
    ["a reason that is too long", { reason: "x".repeat(201) }],
    ["a pause for ever and a day", { action: "pause", forMs: 1e12 }],
    ["a pause of no time", { action: "pause", forMs: 0 }],
    ["a lane that is none", { action: "pause", lane: "fast" }],
    ["a purge in words", { action: "offboard", purge: "r4" }],
    ["an object as the key", { key: { id: "ada" } }],
  ])("with %s", async (_, change) => {
    const { send, body, untouched } = await target();
    const { status, body: answer } = await send({ body: JSON.stringify({ ...body, ...change }) });
    expect({ status, code: answer.error.code }).toEqual({ status: 400, code: "INVALID_OPTION" });
    await untouched();
  });

  it("with the id in place of a key, or a key that is none", async () => {
    const { send, body, untouched } = await target();
    for (const key of ["ada", "", "x".repeat(5_000), "AAAA"]) {
      const { status } = await send({ body: JSON.stringify({ ...body, key, once: randomUUID() }) });
      expect(status).toBe(404);
    }
    await untouched();
  });

  it("by a link that was stolen after its use", async () => {
    const { world } = await target();
    const inspector = createInspector(world.lifecycle, { actions: true });
    afterwards(() => inspector.close());
    const link = inspector.link(origin);
    expect((await inspector.fetch(new Request(link))).status).toBe(303);
    const thief = await inspector.fetch(new Request(link));
    expect({ status: thief.status, cookies: thief.headers.getSetCookie() }).toEqual({
      status: 403,
      cookies: [],
    });
  });

  it("after the inspector was closed", async () => {
    const { world } = await target();
    const inspector = createInspector(world.lifecycle, { actions: true });
    const cookie = await sessionOf(inspector);
    await inspector.close();
    const headers = { "content-type": "application/json", origin, cookie };
    const init = { method: "POST", headers, body: "{}" };
    expect((await inspector.fetch(new Request(`${origin}/api/act`, init))).status).toBe(503);
  });
});
