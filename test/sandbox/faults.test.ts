import { describe, expect, it } from "vitest";
import { createSandbox, type Fault } from "../../src/sandbox/index.ts";
import { headersOf, open } from "./support.ts";

const ada = { app_user_id: "ada" };

describe("sandbox/faults", () => {
  it("fail() replaces an answer before the call is carried out", async () => {
    const { user, sandbox } = await open();
    const headers = { "retry-after": "7" };
    sandbox.fail({ call: "createUser", status: 503, body: { message: "down" }, headers });
    const answer = await user("POST", "", ada);
    expect([answer.status, answer.body]).toEqual([503, { message: "down" }]);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(sandbox.users()).toEqual([]);
    expect((await user("POST", "", ada)).body["success"]).toBe(true);
  });

  it("fail() replaces an answer after the commit", async () => {
    const { user, sandbox } = await open();
    sandbox.fail({ call: "createUser", status: 500, body: "oops", commit: true });
    const answer = await user("POST", "", ada);
    expect([answer.status, answer.text]).toEqual([500, "oops"]);
    expect(sandbox.users()).toHaveLength(1);
    expect(sandbox.journal.entries()).toMatchObject([
      { status: 500, outcome: "created", committed: true, fault: "500 after commit" },
    ]);
  });

  it.each([
    ["before", 0],
    ["after", 1],
    ["body", 1],
  ] as const)("fail() cuts the connection %s the commit: %i user", async (drop, users) => {
    const { user, sandbox } = await open();
    sandbox.fail({ drop });
    await expect(user("POST", "", ada)).rejects.toBeInstanceOf(TypeError);
    expect(sandbox.users()).toHaveLength(users);
    expect(sandbox.journal.entries()).toMatchObject([{ status: "dropped", committed: users === 1 }]);
  });

  it.each(["before", "after", "body"] as const)(
    "fetch() rejects with a TypeError on drop %s",
    async (drop) => {
      const sandbox = createSandbox();
      sandbox.fail({ drop });
      const body = new URLSearchParams(ada);
      const init = { method: "POST", headers: headersOf(sandbox), body };
      const text = sandbox
        .fetch("https://api.1up.health/user-management/v1/user", init)
        .then((r) => r.text());
      await expect(text).rejects.toBeInstanceOf(TypeError);
      expect(sandbox.users()).toHaveLength(drop === "before" ? 0 : 1);
    },
  );

  it("fail() leaves fields out of an answer", async () => {
    const { user, token, sandbox } = await open();
    sandbox.fail({ call: "createUser", omit: ["code", "oneup_user_id"] });
    sandbox.fail({ call: "exchangeCode", omit: ["expires_in", "refresh_token", "scope"] });
    expect((await user("POST", "", ada)).body).toEqual({ success: true, app_user_id: "ada", active: true });
    const { body } = await user("POST", "/auth-code", ada);
    const pair = await token({ grant_type: "authorization_code", code: body["code"] });
    expect(Object.keys(pair.body)).toEqual(["access_token", "token_type"]);
  });

  it.each(["before", "after"] as const)("fail() delays %s the commit", async (delay) => {
    const { user, sandbox } = await open();
    sandbox.fail({ delayMs: 60, delay });
    const slow = user("POST", "", ada);
    while (delay === "after" && sandbox.users().length === 0) await new Promise(setImmediate);
    const first = await Promise.race([slow.then(() => "slow"), user("POST", "", { app_user_id: "bob" })]);
    expect(first).not.toBe("slow");
    expect((await slow).status).toBe(200);
    const order = sandbox.users().map(({ appUserId }) => appUserId);
    expect(order).toEqual(delay === "before" ? ["bob", "ada"] : ["ada", "bob"]);
  });

  it("fail() picks by call, by user, with skip and times", async () => {
    const { user, sandbox } = await open();
    for (const name of ["ada", "bob"]) sandbox.createUser(name);
    sandbox.fail({ call: "issueAuthCode", appUserId: "ada", skip: 1, times: 2, status: 500 });
    const statuses: number[] = [];
    for (const name of ["bob", "ada", "ada", "bob", "ada", "ada"]) {
      statuses.push((await user("POST", "/auth-code", { app_user_id: name })).status);
    }
    expect(statuses).toEqual([200, 200, 500, 200, 500, 200]);
  });

  it("fail() picks token and FHIR calls by the user behind the secret", async () => {
    const { onboard, token, call, sandbox } = await open();
    const [one, two] = [await onboard("ada"), await onboard("bob")];
    sandbox.fail({ call: "refreshToken", appUserId: "bob", drop: "after" });
    sandbox.fail({ call: "fhir.search", appUserId: "ada", status: 502 });
    const refresh = (refresh_token: string) => token({ grant_type: "refresh_token", refresh_token });
    const search = (access: string) =>
      call("GET", "/r4/Patient", { headers: { authorization: `Bearer ${access}` } });
    expect((await search(one.access)).status).toBe(502);
    expect((await refresh(one.refresh)).status).toBe(200);
    await expect(refresh(two.refresh)).rejects.toBeInstanceOf(TypeError);
    expect((await refresh(two.refresh)).body["error"]).toBe("invalid_grant");
  });

  it("fail() takes faults in order, and clearFaults() forgets the rest", async () => {
    const { user, sandbox } = await open();
    for (const status of [500, 502, 503]) sandbox.fail({ status });
    expect((await user("POST", "", ada)).status).toBe(500);
    expect((await user("POST", "", ada)).status).toBe(502);
    sandbox.clearFaults();
    expect((await user("POST", "", ada)).status).toBe(200);
  });

  it.each([
    {},
    { status: 99 },
    { status: 500, drop: "after" },
    { call: "createUsr", status: 500 },
    { delayMs: -1 },
    { drop: "sometimes" },
    { omit: "code" },
    { status: 500, times: 0 },
  ])("fail() refuses %j", (fault) => {
    expect(() => createSandbox().fail(fault as Fault)).toThrow(/Cannot script the fault/);
  });
});
