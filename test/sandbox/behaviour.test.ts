import { describe, expect, it } from "vitest";
import { type Behaviour, createSandbox, createVirtualClock } from "../../src/sandbox/index.ts";
import { headersOf, open } from "./support.ts";

const ada = { app_user_id: "ada" };

describe("sandbox/behaviour", () => {
  it("behave() changes answers from now on, and what it leaves out stays", async () => {
    const { user, sandbox } = await open({ missing: 404 });
    sandbox.createUser("ada");
    sandbox.behave({ exists: 400 });
    expect((await user("POST", "", ada)).status).toBe(400);
    sandbox.behave({ exists: 404 });
    expect((await user("POST", "", ada)).status).toBe(404);
    expect((await user("POST", "/auth-code", { app_user_id: "eve" })).status).toBe(404);
  });

  it("reset() brings the options back, and restore() what a snapshot had", async () => {
    const { user, sandbox } = await open({ exists: 400 });
    const status = async () => {
      sandbox.createUser("ada");
      return (await user("POST", "", ada)).status;
    };
    sandbox.behave({ exists: 404, spender: { everyMs: 1000 } });
    const saved = JSON.parse(JSON.stringify(sandbox.snapshot()));
    sandbox.reset();
    expect(await status()).toBe(400);
    sandbox.restore(saved);
    expect(await status()).toBe(404);
    const { behaviour: _, ...older } = saved;
    sandbox.restore(older);
    expect(await status()).toBe(400);
  });

  it.each([400, 503] as const)("spentCode: a spent or unknown code is answered with %i", async (status) => {
    const { token, onboard, user } = await open({ spentCode: status });
    await onboard("ada");
    const { code } = (await user("POST", "/auth-code", ada)).body;
    const exchange = async (code: string) => {
      const answer = await token({ grant_type: "authorization_code", code });
      return [answer.status, answer.body["error"]];
    };
    const refused = [status, status === 503 ? "server_error" : "invalid_grant"];
    expect(await exchange(code)).toEqual([200, undefined]);
    expect([await exchange(code), await exchange("unknown")]).toEqual([refused, refused]);
  });

  it("pager: false ignores paging, so that every list is the same first page", async () => {
    const { call, sandbox } = await open({ pager: false });
    for (let i = 0; i < 101; i++) sandbox.createUser(`user-${i}`);
    const page = async (query: string) =>
      (await call("GET", `/user-management/v1/user${query}`, { headers: headersOf(sandbox) })).body["entry"];
    const first = await page("");
    expect([first.length, first[0].app_user_id]).toEqual([100, "user-0"]);
    expect([await page("?skip=100&limit=2"), await page("?skip=50")]).toEqual([first, first]);
    expect(await page("?app_user_id=user-100")).toHaveLength(1);
  });

  it("active: false makes new users inactive, and setActive() changes one", async () => {
    const { user, sandbox } = await open({ active: false });
    expect((await user("POST", "", ada)).body).toMatchObject({ success: true, active: false });
    sandbox.setActive("ada", true);
    expect((await user("POST", "/auth-code", ada)).body["active"]).toBe(true);
    sandbox.createUser("bob");
    expect(sandbox.users().map(({ active }) => active)).toEqual([true, false]);
  });

  it("/_sandbox/ behaves, spends, fails for ever and sets users inactive for another process", async () => {
    const clock = createVirtualClock({ running: false });
    const { control, user, sandbox } = await open({ clock, limit: { calls: 10 } });
    const tell = async (method: string, path: string, body: object) =>
      (await control(method, path, body)).body;
    sandbox.createUser("ada");
    expect(await tell("POST", "behave", { exists: 404 })).toEqual({ ok: true });
    expect(await tell("POST", "behave", { exist: 404 })).toMatchObject({ code: "INVALID_OPTION" });
    expect(await tell("POST", "active", { appUserId: "ada", active: false })).toEqual({ ok: true });
    expect(await tell("POST", "active", { appUserId: "ada" })).toMatchObject({ code: "INVALID_OPTION" });
    expect(await tell("POST", "faults", { response: "noCode", times: Infinity })).toEqual({ ok: true });
    expect((await user("POST", "", ada)).body["code"]).toBe(null);
    expect((await user("POST", "/auth-code", ada)).body["code"]).toBe(null);
    await tell("DELETE", "faults", {});
    expect((await user("POST", "", ada)).status).toBe(404);
    expect((await user("POST", "/auth-code", ada)).body["active"]).toBe(false);
    expect(await tell("POST", "spend", { calls: "many" })).toMatchObject({ code: "INVALID_OPTION" });
    const tooMany = await control("POST", "spend", { calls: 1e9 });
    expect(tooMany).toMatchObject({ status: 400, body: { code: "INVALID_OPTION" } });
    expect(await tell("POST", "spend", { calls: 6 })).toEqual({ ok: true });
    expect((await user("POST", "", ada)).status).toBe(429);
  });

  it.each([
    { exists: 500 },
    { spentCode: 200 },
    { retryAfter: "minutes" },
    { pager: { skip: "skip" } },
    { spender: { everyMs: 0 } },
    { spender: true },
    { rotate: "no" },
    { codeReadyMs: Infinity },
    { readLagMs: 5 },
  ])("behave() refuses %j", (change) => {
    const name = Object.keys(change)[0];
    expect(() => createSandbox().behave(change as Partial<Behaviour>)).toThrow(
      new RegExp(`^Cannot change the sandbox: .*${name}`),
    );
  });

  it.each([null, 5, []])("behave() refuses %j", (change: unknown) => {
    expect(() => createSandbox().behave(change as Partial<Behaviour>)).toThrow(
      "Cannot change the sandbox: options must be an object, got ",
    );
  });
});
