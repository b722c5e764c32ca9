import { describe, expect, it } from "vitest";
import { createSandbox, createVirtualClock, type Fault, type Sandbox } from "../../src/sandbox/index.ts";
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
    const clock = createVirtualClock({ running: false });
    const { user, sandbox } = await open({ clock, waitOn: "clock" });
    sandbox.fail({ delayMs: 60, delay });
    const slow = user("POST", "", ada);
    const hasArrived = (): boolean =>
      delay === "after" ? sandbox.users().length > 0 : sandbox.faults().length === 0;
    while (!hasArrived()) await new Promise(setImmediate);
    clock.advance(59);
    expect((await user("POST", "", { app_user_id: "bob" })).status).toBe(200);
    expect(sandbox.journal.count("createUser")).toBe(delay === "after" ? 2 : 1);
    clock.advance(1);
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

  it("fail() picks look-ups and renames by the user that they are about", async () => {
    const { call, sandbox } = await open();
    const ids = ["ada", "bob"].map((name) => sandbox.createUser(name));
    const [ada, bob] = ids.map(String) as [string, string];
    const headers = headersOf(sandbox);
    const path = "/user-management/v1/user";
    const lookUp = async (query: string) => (await call("GET", `${path}?${query}`, { headers })).status;
    const rename = async (oneup_user_id: string, app_user_id: string) => {
      const body = new URLSearchParams({ oneup_user_id, app_user_id });
      return (await call("PUT", path, { headers, body })).status;
    };
    sandbox.fail({ call: "listUsers", appUserId: "ada", times: 2, status: 503 });
    expect(await lookUp(`oneup_user_id=${bob}`)).toBe(200);
    expect(await lookUp("app_user_id=bob")).toBe(200);
    expect(await lookUp("")).toBe(200);
    expect(await lookUp(`oneup_user_id=${ada}`)).toBe(503);
    expect(await lookUp("app_user_id=ada")).toBe(503);
    expect(sandbox.journal.entries().map(({ appUserId }) => appUserId)).toEqual([
      "bob",
      "bob",
      undefined,
      "ada",
      "ada",
    ]);
    sandbox.fail({ call: "updateUser", appUserId: "ada", status: 503 });
    sandbox.fail({ call: "updateUser", appUserId: "eve", status: 502 });
    expect([await rename(bob, "rob"), await rename(ada, "eve"), await rename(ada, "eve")]).toEqual([
      200, 503, 502,
    ]);
    expect(sandbox.journal.entries().at(-1)).toMatchObject({ appUserId: "eve", oneupUserId: Number(ada) });
  });

  it("fail() takes faults in order, and clearFaults() forgets the rest", async () => {
    const { user, sandbox } = await open();
    for (const status of [500, 502, 503]) sandbox.fail({ status });
    expect((await user("POST", "", ada)).status).toBe(500);
    expect((await user("POST", "", ada)).status).toBe(502);
    sandbox.clearFaults();
    expect((await user("POST", "", ada)).status).toBe(200);
  });

  it("fail() with times Infinity hits until clearFaults()", async () => {
    const sandbox = createSandbox();
    sandbox.fail({ times: Infinity, status: 503 });
    const statuses = async (n: number) =>
      Promise.all(Array.from({ length: n }, async () => (await sandbox.fetch("http://x/r4/Patient")).status));
    expect(new Set(await statuses(50))).toEqual(new Set([503]));
    sandbox.clearFaults();
    expect(await statuses(1)).toEqual([401]);
  });

  it("fail() with a probability hits as the seed determines, and ids, codes and tokens stay the seed's", async () => {
    const play = async (seed: number, fault?: Fault) => {
      const sandbox = createSandbox({ seed, limit: { calls: Infinity } });
      if (fault !== undefined) sandbox.fail(fault);
      const played = () => journalOf(sandbox, 100);
      const first = await played();
      sandbox.reset();
      if (fault !== undefined) sandbox.fail(fault);
      expect(await played()).toEqual(first);
      return first;
    };
    const fault: Fault = { call: "createUser", probability: 0.1, status: 500, commit: true };
    const [one, again, other, calm] = [
      await play(1, fault),
      await play(1, fault),
      await play(2, fault),
      await play(1),
    ];
    const hits = (entries: typeof one) => entries.flatMap(({ n, fault }) => (fault === undefined ? [] : [n]));
    expect(again).toEqual(one);
    expect(hits(other)).not.toEqual(hits(one));
    expect(hits(one).length).toBeGreaterThan(3);
    expect(hits(one).length).toBeLessThan(20);
    expect(one.find(({ fault }) => fault)?.fault).toBe("500 after commit, with probability 0.1");
    const issued = (entries: typeof one) => entries.map(({ secrets }) => secrets);
    expect(issued(one)).toEqual(issued(calm));
  });

  it("fail() with a probability stops after times hits, and counts no miss", async () => {
    const sandbox = createSandbox({ seed: 1, limit: { calls: Infinity } });
    sandbox.fail({ probability: 0.2, times: 3, status: 500 });
    const entries = await journalOf(sandbox, 100);
    expect(entries.filter(({ fault }) => fault)).toHaveLength(3);
  });

  it("fail() lets one code register late: refused before, good after", async () => {
    const clock = createVirtualClock({ running: false });
    const { user, token, sandbox } = await open({ clock });
    sandbox.fail({ codeReadyMs: 1000 });
    await user("PUT", "", ada); // issues no code, so it is left alone
    const late = (await user("POST", "", ada)).body["code"];
    const prompt = (await user("POST", "/auth-code", ada)).body["code"];
    const exchange = async (code: string) => (await token({ grant_type: "authorization_code", code })).status;
    clock.advance(999);
    expect([await exchange(late), await exchange(prompt)]).toEqual([400, 200]);
    clock.advance(1);
    expect(await exchange(late)).toBe(200);
    expect(sandbox.journal.entries()[1]?.fault).toBe("code registers after 1000 ms");
  });

  it("waitOn: clock makes a delay wait for the sandbox's clock, to the millisecond", async () => {
    const clock = createVirtualClock({ running: false });
    const sandbox = createSandbox({ clock, waitOn: "clock" });
    sandbox.fail({ delayMs: 3_600_000 });
    let answered = false;
    const call = sandbox.fetch("http://x/r4/Patient").then(() => (answered = true));
    for (const ms of [0, 3_599_999]) {
      clock.advance(ms);
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      expect(answered).toBe(false);
    }
    clock.advance(1);
    await call;
  });

  it("fetch() gives up on a login page that leads to itself", async () => {
    const sandbox = createSandbox();
    sandbox.fail({ call: "*", times: Infinity, response: "loginPage" });
    await expect(sandbox.fetch("http://x/r4/Patient")).rejects.toThrow("redirect count");
    expect(sandbox.journal.count()).toBe(21);
  });

  it.each([
    null,
    5,
    [],
    {},
    { status: 99 },
    { status: 500, drop: "after" },
    { call: "createUsr", status: 500 },
    { delayMs: -1 },
    { drop: "sometimes" },
    { omit: "code" },
    { status: 500, times: 0 },
    { status: 500, times: 1.5 },
    { status: 500, times: null },
    { status: 500, probability: 0 },
    { status: 500, probability: 1.1 },
    { status: 500, probabilty: 0.1 },
    { body: "alone", delayMs: 1 },
    { response: "nothing" },
    { response: "alreadyExists", status: 500 },
    { response: "truncated", status: 200 },
    { response: "truncated", commit: false },
    { response: "html", body: "<p>" },
    { response: "noCode", drop: "after" },
    { drop: "after", commit: true },
    { status: 429, retryAfter: "date" },
    { status: 429, headers: { "retry-after": "1\r\nx: y" } },
    { status: 429, retryAfterMs: -1 },
    { status: 200, body: 1n },
    { delay: "after", status: 500 },
    { omit: [1] },
    { codeReadyMs: NaN },
  ])("fail() refuses %o", (fault) => {
    expect(() => createSandbox().fail(fault as Fault)).toThrow(/^Cannot script the fault: .+ must .+, got /);
  });
});

/** Creates users without a socket, and tells what was written down, without times. */
async function journalOf(sandbox: Sandbox, users: number) {
  for (let i = 0; i < users; i++) {
    const body = new URLSearchParams({ app_user_id: `user-${i}` });
    const init = { method: "POST", headers: headersOf(sandbox), body };
    await sandbox.fetch("http://x/user-management/v1/user", init);
  }
  return sandbox.journal.entries().map(({ at: _at, ...entry }) => entry);
}
