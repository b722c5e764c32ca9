import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { headersOf, open } from "./support.ts";

const exists = { success: false, error: "this user already exists" };
const missing = { success: false, error: "this user does not exist" };

describe("sandbox/user-management", () => {
  it("POST /user creates a user and answers with a code", async () => {
    const { user } = await open();
    const { status, body } = await user("POST", "", { app_user_id: "ada+1@example.org/ü" });
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      code: expect.stringMatching(/^[0-9a-f]{40}$/),
      oneup_user_id: expect.any(Number),
      app_user_id: "ada+1@example.org/ü",
      active: true,
    });
  });

  it.each([200, 400, 404] as const)(
    "POST /user reports with status %i that a user exists",
    async (status) => {
      const { user, sandbox } = await open({ exists: status });
      sandbox.createUser("ada");
      const answer = await user("POST", "", { app_user_id: "ada" });
      expect([answer.status, answer.body]).toEqual([status, exists]);
    },
  );

  it("POST /user takes parameters as JSON and from the query too", async () => {
    const { call, sandbox } = await open();
    const headers = { ...headersOf(sandbox), "content-type": "application/json" };
    await call("POST", "/user-management/v1/user", { headers, body: JSON.stringify({ app_user_id: 7 }) });
    await call("POST", "/user-management/v1/user?app_user_id=b%2Bc", { headers: headersOf(sandbox) });
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["7", "b+c"]);
  });

  it("POST /user refuses a body that is not the JSON it claims to be, and a missing id", async () => {
    const { call, user, sandbox } = await open();
    const headers = { ...headersOf(sandbox), "content-type": "application/json" };
    expect((await call("POST", "/user-management/v1/user", { headers, body: "{" })).status).toBe(400);
    expect((await user("POST", "", {})).status).toBe(400);
    expect(sandbox.users()).toEqual([]);
  });

  it("POST /user/auth-code answers with a fresh code", async () => {
    const { user, sandbox } = await open();
    const id = sandbox.createUser("ada");
    sandbox.setActive("ada", false);
    const { status, body } = await user("POST", "/auth-code", { app_user_id: "ada" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, oneup_user_id: id, app_user_id: "ada", active: false });
    expect(body["code"]).toMatch(/^[0-9a-f]{40}$/);
  });

  it.each([200, 404] as const)(
    "POST /user/auth-code reports with %i that a user is missing",
    async (status) => {
      const { user } = await open({ missing: status });
      const answer = await user("POST", "/auth-code", { app_user_id: "nobody" });
      expect([answer.status, answer.body]).toEqual([status, missing]);
    },
  );

  it("GET /user finds by either id, and nothing is an empty entry", async () => {
    const { call, sandbox } = await open();
    const id = sandbox.createUser("ada");
    sandbox.createUser("bob");
    const find = async (query: string) =>
      (await call("GET", `/user-management/v1/user?${query}`, { headers: headersOf(sandbox) })).body;
    const ada = { success: true, entry: [{ oneup_user_id: id, app_user_id: "ada", active: true }] };
    expect(await find("app_user_id=ada")).toEqual(ada);
    expect(await find(`oneup_user_id=${id}`)).toEqual(ada);
    expect(await find(`oneup_user_id=${id}&app_user_id=ada`)).toEqual(ada);
    const none = { success: true, entry: [] };
    expect(await find(`oneup_user_id=${id}&app_user_id=bob`)).toEqual(none);
    expect(await find("app_user_id=eve")).toEqual(none);
    expect(await find("oneup_user_id=what")).toEqual(none);
  });

  it("GET /user reads its parameters from a body, as curl -X GET -d sends them", async () => {
    const { url, sandbox } = await open();
    const id = sandbox.createUser("ada");
    sandbox.createUser("bob");
    const body = `oneup_user_id=${id}&app_user_id=ada`;
    const text = await getWithBody(`${url}/user-management/v1/user`, headersOf(sandbox), body);
    expect(JSON.parse(text).entry).toEqual([{ oneup_user_id: id, app_user_id: "ada", active: true }]);
  });

  it("GET /user pages with skip and limit, or with the names of the pager option", async () => {
    for (const pager of [
      { skip: "skip", limit: "limit" },
      { skip: "from", limit: "size" },
    ]) {
      const { call, sandbox } = await open({ pager });
      for (const name of ["a", "b", "c", "d"]) sandbox.createUser(name);
      const query = `${pager.skip}=1&${pager.limit}=2`;
      const { body } = await call("GET", `/user-management/v1/user?${query}`, {
        headers: headersOf(sandbox),
      });
      expect(body["entry"].map((one: { app_user_id: string }) => one.app_user_id)).toEqual(["b", "c"]);
    }
  });

  it("PUT /user renames; the oneup_user_id and the tokens stay", async () => {
    const { user, onboard, token, sandbox } = await open();
    const { id, refresh } = await onboard("ada");
    const { body } = await user("PUT", "", { oneup_user_id: String(id), app_user_id: "ada2" });
    expect(body).toEqual({ oneUpUserId: id, success: true });
    expect(sandbox.users()).toEqual([{ oneupUserId: id, appUserId: "ada2", active: true }]);
    expect((await user("POST", "/auth-code", { app_user_id: "ada" })).body).toEqual(missing);
    expect((await token({ grant_type: "refresh_token", refresh_token: refresh })).status).toBe(200);
  });

  it("PUT /user refuses a name that is taken, and an unknown user", async () => {
    const { user, sandbox } = await open();
    const id = String(sandbox.createUser("ada"));
    sandbox.createUser("bob");
    expect((await user("PUT", "", { oneup_user_id: id, app_user_id: "bob" })).body).toEqual(exists);
    expect((await user("PUT", "", { oneup_user_id: "5", app_user_id: "new" })).body).toEqual(missing);
    expect((await user("PUT", "", { oneup_user_id: id, app_user_id: "ada" })).body["success"]).toBe(true);
  });

  it("user management without the right credentials answers 401 and changes nothing", async () => {
    const { call, sandbox } = await open();
    const body = new URLSearchParams({ app_user_id: "ada", ...headersOf(sandbox) });
    for (const headers of [{}, { client_id: "sandbox-client", client_secret: "wrong" }]) {
      const answer = await call("POST", "/user-management/v1/user", { headers, body });
      expect([answer.status, answer.body]).toEqual([401, { message: "Unauthorized" }]);
    }
    expect(sandbox.users()).toEqual([]);
  });

  it("user management can answer wrong credentials with a redirect to a login page", async () => {
    const { call } = await open({ unauthorized: 302 });
    const answer = await call("POST", "/user-management/v1/user");
    expect(answer.status).toBe(302);
    expect(answer.headers.get("content-type")).toContain("text/html");
    const page = await call("POST", "/user-management/v1/user", { redirect: "follow" });
    expect([page.status, page.text]).toEqual([200, expect.stringContaining("Log in")]);
  });

  it("setCredentials() rotates: the old secret stops working, the new one works", async () => {
    const { call, user, sandbox } = await open();
    const old = headersOf(sandbox);
    sandbox.setCredentials({ clientSecret: "second" });
    expect((await call("GET", "/user-management/v1/user", { headers: old })).status).toBe(401);
    expect((await user("POST", "", { app_user_id: "ada" })).status).toBe(200);
  });
});

function getWithBody(url: string, headers: Record<string, string>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const length = String(Buffer.byteLength(body));
    const form = { "content-type": "application/x-www-form-urlencoded", "content-length": length };
    const call = request(url, { method: "GET", headers: { ...headers, ...form }, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve(text));
    });
    call.on("error", reject);
    call.end(body);
  });
}
