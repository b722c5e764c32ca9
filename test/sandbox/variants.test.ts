import { describe, expect, it } from "vitest";
import { createLifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { createSandbox, type SandboxOptions } from "../../src/sandbox/index.ts";
import { afterwards } from "../support/scene.ts";
import { bearer, headersOf, open } from "./support.ts";

const path = "/user-management/v1/user";
const ada = { app_user_id: "ada" };
const refreshing = (token: string) => ({ grant_type: "refresh_token", refresh_token: token });

describe("sandbox/behaviour, variants of an answer", () => {
  it('createAgain: "success" answers a create for a user who exists with a success, and no code', async () => {
    const { user, sandbox } = await open({ createAgain: "success" });
    const oneup_user_id = sandbox.createUser("ada");
    const { status, body } = await user("POST", "", ada);
    expect([status, body]).toEqual([200, { success: true, oneup_user_id, ...ada, active: true }]);
  });

  it('renamed: "user" answers a change of the id with the user', async () => {
    const { user, sandbox } = await open({ renamed: "user" });
    const oneup_user_id = sandbox.createUser("ada");
    const answer = await user("PUT", "", { oneup_user_id: String(oneup_user_id), app_user_id: "bob" });
    expect([answer.status, answer.body]).toEqual([200, { oneup_user_id, app_user_id: "bob", active: true }]);
  });

  it("noMatch: 400 without a text answers a filter without a match; a list without users is one", async () => {
    const { call, sandbox } = await open({ noMatch: 400 });
    const list = (query: string) => call("GET", `${path}${query}`, { headers: headersOf(sandbox) });
    const { status, body } = await list("?app_user_id=ada");
    expect([status, body]).toEqual([400, { success: false }]);
    expect((await list("")).body).toEqual({ success: true, entry: [] });
  });

  it('filter: "never" lists all users for any query, and pager: "all" on one page', async () => {
    const { call, sandbox } = await open({ filter: "never" });
    for (let index = 0; index < 101; index++) sandbox.createUser(`user ${index}`);
    const list = async (query: string): Promise<unknown[]> =>
      (await call("GET", `${path}${query}`, { headers: headersOf(sandbox) })).body["entry"];
    expect(await list("?app_user_id=user+7")).toHaveLength(100);
    expect(await list("?oneup_user_id=1&skip=100")).toHaveLength(1);
    sandbox.behave({ pager: "all" });
    expect(await list("?oneup_user_id=1&skip=100&limit=2")).toHaveLength(101);
  });

  it("invalidClient: 400 is the status of invalid_client", async () => {
    const { call } = await open({ invalidClient: 400 });
    const form = { grant_type: "authorization_code", code: "c", client_id: "x", client_secret: "y" };
    const { status, body } = await call("POST", "/oauth2/token", { body: new URLSearchParams(form) });
    expect([status, body["error"]]).toEqual([400, "invalid_client"]);
  });

  it("tokenType, refreshScope and oldAccessToken are seen in a refresh", async () => {
    const { onboard, token, call } = await open({
      tokenType: "bearer",
      refreshScope: false,
      oldAccessToken: "valid",
    });
    const { access, refresh } = await onboard("ada");
    const { body } = await token(refreshing(refresh));
    expect(body["token_type"]).toBe("bearer");
    expect(body).not.toHaveProperty("scope");
    for (const one of [access, body["access_token"]])
      expect((await call("GET", "/r4/Patient", { headers: bearer(one) })).status).toBe(200);
    expect((await token(refreshing(refresh))).body["error"]).toBe("invalid_grant");
  });

  it("every one of them is refused where it is none", () => {
    for (const name of [
      "createAgain",
      "renamed",
      "noMatch",
      "filter",
      "invalidClient",
      "tokenType",
      "refreshScope",
      "oldAccessToken",
    ])
      expect(() => createSandbox({ [name]: "odd" })).toThrow(name);
  });
});

describe("a lifecycle over every variant", () => {
  const variants: readonly SandboxOptions[] = [
    { createAgain: "success" },
    { renamed: "user" },
    { noMatch: 400 },
    { filter: "never" },
    { filter: "body" },
    { filter: "never", pager: "all" },
    { tokenType: "bearer", refreshScope: false },
    { oldAccessToken: "valid" },
    { exists: 404, missing: 404, noMatch: 400, filter: "never" },
  ];
  it.each(variants)("%j: onboards, refreshes, renames, finds, reconciles and purges", async (variant) => {
    const { clock: _, waitOn: __, ...sandboxOptions } = variant;
    const world = await createTestLifecycle({ sandbox: sandboxOptions });
    afterwards(() => world.close());
    const { lifecycle, sandbox, clock } = world;
    for (const known of ["eve", "ida"]) sandbox.createUser(known);
    const waitMs = 3_600_000;
    expect(await lifecycle.onboard("ada", { waitMs })).toMatchObject({ usable: true });
    expect(await lifecycle.onboard("eve", { waitMs })).toMatchObject({ usable: true });
    await clock.advance("3h");
    expect(await lifecycle.accessToken("ada")).toHaveLength(40);
    expect(await lifecycle.rename("ada", "new", { waitMs })).toMatchObject({
      appUserId: "new",
      usable: true,
    });
    expect(await lifecycle.remote.find({ appUserId: "nobody" })).toBeNull();
    expect(await lifecycle.remote.find({ appUserId: "new" })).not.toBeNull();
    expect(await lifecycle.reconcile({ repair: true, pageSize: 2 })).toMatchObject({
      complete: true,
      repaired: { adopted: 1, moved: 0, left: 0 },
    });
    expect(await lifecycle.offboard("new", { purge: ["r4"], waitMs })).toMatchObject({
      purge: { done: ["r4"] },
    });
    expect(sandbox.users()).toHaveLength(3);
  });

  it("invalidClient: 400 is a refusal of the credentials, and fails no user", async () => {
    const sandbox = createSandbox({ invalidClient: 400 });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const store = memory();
    const options = { endpoints: server.endpoints, clock: sandbox.clock, store };
    const right = await createLifecycle({ ...options, credentials: sandbox.credentials });
    afterwards(() => right.close());
    sandbox.fail({ call: "exchangeCode", status: 400, body: { error: "invalid_client" } });
    await expect(right.onboard("ada")).rejects.toMatchObject({ code: "CREDENTIALS_REFUSED" });
    expect(await right.retry("ada")).toMatchObject({ usable: true });
  });
});
