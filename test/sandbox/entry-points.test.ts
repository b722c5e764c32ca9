import { connect } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createSandbox, createVirtualClock, type SandboxOptions } from "../../src/sandbox/index.ts";
import { headersOf, open } from "./support.ts";

const address = "https://api.1up.health/user-management/v1/user";

describe("sandbox entry points", () => {
  it("fetch() works detached, with any host, and answers like the server", async () => {
    const sandbox = createSandbox();
    const { fetch: detached } = sandbox;
    const body = new URLSearchParams({ app_user_id: "ada" });
    const created = await detached(
      new Request(address, { method: "POST", headers: headersOf(sandbox), body }),
    );
    const { code } = (await created.json()) as { code: string };
    const form = new URLSearchParams({ grant_type: "authorization_code", code, ...headersOf(sandbox) });
    const pair = await detached("https://auth.1up.health/oauth2/token", { method: "POST", body: form });
    expect([pair.status, pair.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const users = await detached("http://127.0.0.1/_sandbox/users");
    expect(await users.json()).toEqual(sandbox.users());
  });

  it.each([
    [301, "GET listUsers"],
    [303, "GET listUsers"],
    [307, "POST createUser"],
    [308, "POST createUser"],
  ])(
    "a POST that is answered with %i goes on as %s, as with the fetch of the platform",
    async (status, next) => {
      const sandbox = createSandbox();
      const server = await sandbox.listen();
      onTestFinished(() => server.close());
      const path = "/user-management/v1/user";
      for (const [fetches, base] of [
        [fetch, server.url],
        [sandbox.fetch, "https://api.1up.health"],
      ] as const) {
        sandbox.reset();
        sandbox.fail({ call: "createUser", status, headers: { location: path } });
        const { clientId, clientSecret } = sandbox.credentials;
        const answer = await fetches(`${base}${path}`, {
          method: "POST",
          headers: { client_id: clientId, client_secret: clientSecret },
          body: new URLSearchParams({ app_user_id: "ada" }),
        });
        expect(answer.status).toBe(200);
        const calls = sandbox.journal.entries().map(({ method, call }) => `${method} ${call}`);
        expect(calls).toEqual(["POST createUser", next]);
        expect(sandbox.users()).toHaveLength(next.startsWith("POST") ? 1 : 0);
      }
    },
  );

  it("a redirect to another origin goes on without the token, as with the fetch of the platform", async () => {
    const { sandbox, url, onboard } = await open();
    const { access } = await onboard("ada");
    const other = await sandbox.listen();
    onTestFinished(() => other.close());
    for (const [fetches, own, another] of [
      [fetch, url, other.url],
      [sandbox.fetch, "https://api.1up.health", "https://elsewhere.example"],
    ] as const) {
      for (const [base, status] of [
        [own, 200],
        [another, 401],
      ] as const) {
        const location = `${base}/r4/Patient?gender=male`;
        sandbox.fail({ call: "fhir.search", status: 307, headers: { location } });
        const headers = { authorization: `Bearer ${access}` };
        expect((await fetches(`${own}/r4/Patient`, { headers })).status).toBe(status);
      }
    }
  });

  it("fetch() honours redirect and signal", async () => {
    const sandbox = createSandbox({ unauthorized: 302, latencyMs: 50 });
    expect((await sandbox.fetch(address, { redirect: "manual" })).status).toBe(302);
    expect(await (await sandbox.fetch(address)).text()).toContain("Log in");
    await expect(sandbox.fetch(address, { redirect: "error" })).rejects.toBeInstanceOf(TypeError);
    const signal = AbortSignal.timeout(5);
    await expect(sandbox.fetch(address, { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it("listen() endures what is not a call of 1upHealth", async () => {
    const { call, control, sandbox } = await open();
    expect((await call("GET", "/nowhere")).status).toBe(404);
    expect((await call("GET", "/r4/%E0%A4%A")).status).toBe(404);
    expect((await call("DELETE", "/user-management/v1/user")).status).toBe(404);
    expect((await control("POST", "nothing")).status).toBe(404);
    expect((await call("POST", "/user-management/v1/user", { body: "x".repeat(1_048_577) })).status).toBe(
      413,
    );
    expect((await call("GET", "/user-management/v1/user", { headers: headersOf(sandbox) })).status).toBe(200);
  });

  it("listen() survives bytes that are not HTTP", async () => {
    const { call, url } = await open();
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    await new Promise((done) =>
      socket
        .on("close", done)
        .on("data", () => {})
        .end("\0\0 nonsense\r\n\r\n"),
    );
    expect((await call("GET", "/_sandbox/clock")).status).toBe(200);
  });

  it("close() may be called again and ends a clock stream", async () => {
    const server = await createSandbox().listen();
    const stream = await fetch(`${server.url}/_sandbox/clock?follow`);
    await Promise.all([server.close(), server.close()]);
    await expect(stream.text()).rejects.toBeInstanceOf(TypeError);
    await expect(fetch(server.url)).rejects.toBeInstanceOf(TypeError);
  });

  it.each(["before", "after"] as const)(
    "close() drops a call that is delayed %s the commit, and its delay ends",
    async (delay) => {
      const clock = createVirtualClock({ running: false });
      const timer = clock.timer.bind(clock);
      let waiting = 0;
      vi.spyOn(clock, "timer").mockImplementation((ms, task) => {
        const cancel = timer(ms, task);
        waiting++;
        return () => (waiting--, cancel());
      });
      const sandbox = createSandbox({ clock, waitOn: "clock" });
      const server = await sandbox.listen();
      sandbox.fail({ delayMs: 60_000, delay });
      const body = new URLSearchParams({ app_user_id: "ada" });
      const url = `${server.url}/user-management/v1/user`;
      const lost = fetch(url, { method: "POST", headers: headersOf(sandbox), body }).catch(String);
      await vi.waitFor(() => expect(waiting).toBe(1));
      await server.close();
      expect(waiting).toBe(0);
      clock.advance(60_000);
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      expect(await lost).toMatch(/^TypeError/);
      expect(sandbox.users()).toHaveLength(delay === "before" ? 0 : 1);
    },
  );

  it("/_sandbox/ scripts faults, revokes, resets; it is not counted and not written down", async () => {
    const { control, onboard, token, sandbox } = await open({ limit: { calls: 1 } });
    const { refresh } = await onboard("ada");
    const post = (path: string, body: unknown) => control("POST", path, body);
    expect((await post("faults", { call: "refreshToken", status: 503 })).status).toBe(200);
    expect((await post("faults", { status: 1 })).body["code"]).toBe("INVALID_OPTION");
    expect((await post("revoke", { appUserId: "ada" })).status).toBe(200);
    expect((await post("revoke", { appUserId: "eve" })).body["code"]).toBe("USER_UNKNOWN");
    const form = { grant_type: "refresh_token", refresh_token: refresh };
    expect([(await token(form)).status, (await token(form)).status]).toEqual([503, 400]);
    expect((await control("GET", "journal")).body).toHaveLength(4);
    await post("reset", {});
    expect([sandbox.users(), sandbox.journal.entries()]).toEqual([[], []]);
  });

  it("latencyMs makes every answer wait", async () => {
    const { call } = await open({ latencyMs: [20, 30] });
    const start = performance.now();
    await call("GET", "/r4/Patient");
    expect(performance.now() - start).toBeGreaterThan(18);
  });

  it.each<SandboxOptions>([
    { limit: { calls: 0 } },
    { limit: { windowMs: 0 } },
    { latencyMs: [2, 1] },
    { codeLifeMs: -1 },
    { accessTokenLifeMs: Infinity },
    { clientSecret: "" },
  ])("createSandbox() refuses %j", (options) => {
    expect(() => createSandbox(options)).toThrow(/Cannot create the sandbox: \w+/);
  });

  it.each<[unknown, RegExp]>([
    [null, /options must be an object, got null/],
    [5, /options must be an object, got 5/],
    [{ limt: {} }, /an option must be a known one, got "limt": did you mean limit\?/],
    [{ limit: null }, /limit must be an object, got null/],
    [{ limit: { call: 1 } }, /an option in limit must be a known one, got "call": did you mean calls\?/],
    [{ latencyMs: null }, /latencyMs must be a finite number from 0, or a list of two/],
    [{ latencyMs: [1] }, /latencyMs must be a finite number from 0, or a list of two/],
    [{ clock: 5 }, /clock must be one that can be moved/],
    [{ clock: { now: () => 0 } }, /clock must be one that can be moved/],
  ])("createSandbox() names what is wrong with %j", (options, message) => {
    const refused = (): unknown => createSandbox(options as SandboxOptions); // what JavaScript callers pass
    expect(refused).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(refused).toThrow(message);
  });
});
