import { describe, expect, it } from "vitest";
import { bearer, open } from "./support.ts";

const grant = "authorization_code";
const refreshing = (token: string) => ({ grant_type: "refresh_token", refresh_token: token });

describe("sandbox/token", () => {
  it("POST /oauth2/token exchanges a code once", async () => {
    const { user, token } = await open();
    const { body } = await user("POST", "", { app_user_id: "ada" });
    const form = { grant_type: grant, code: body["code"] };
    expect((await token(form)).body).toEqual({
      access_token: expect.stringMatching(/^[0-9a-f]{40}$/),
      token_type: "Bearer",
      expires_in: 7200,
      refresh_token: expect.stringMatching(/^[0-9a-f]{40}$/),
      scope: "user",
    });
    const again = await token(form);
    expect([again.status, again.body["error"]]).toEqual([400, "invalid_grant"]);
  });

  it("POST /oauth2/token refuses an expired code", async () => {
    const { user, token, sandbox } = await open();
    const { body } = await user("POST", "", { app_user_id: "ada" });
    sandbox.clock.advance(300_000);
    expect((await token({ grant_type: grant, code: body["code"] })).body["error"]).toBe("invalid_grant");
  });

  it("POST /oauth2/token refuses a fresh code until it has registered, without spending it", async () => {
    const { user, token, sandbox } = await open({ codeReadyMs: 1000 });
    const { body } = await user("POST", "", { app_user_id: "ada" });
    const form = { grant_type: grant, code: body["code"] };
    expect((await token(form)).status).toBe(400);
    sandbox.clock.advance(1000);
    expect((await token(form)).status).toBe(200);
  });

  it("POST /oauth2/token lives at the older address too", async () => {
    const { call, sandbox } = await open();
    const { clientId, clientSecret } = sandbox.credentials;
    const form = { client_id: clientId, client_secret: clientSecret, ...refreshing("x") };
    const answer = await call("POST", "/fhir/oauth2/token", { body: new URLSearchParams(form) });
    expect([answer.status, answer.body["error"]]).toEqual([400, "invalid_grant"]);
  });

  it("a refresh rotates: the old refresh token and the old access token end", async () => {
    const { onboard, token, call } = await open();
    const { access, refresh } = await onboard("ada");
    const { status, body } = await token(refreshing(refresh));
    expect(status).toBe(200);
    expect(body["refresh_token"]).not.toBe(refresh);
    expect((await token(refreshing(refresh))).body["error"]).toBe("invalid_grant");
    expect((await call("GET", "/r4/Patient", { headers: bearer(access) })).status).toBe(401);
    expect((await call("GET", "/r4/Patient", { headers: bearer(body["access_token"]) })).status).toBe(200);
    expect((await token(refreshing(body["refresh_token"]))).status).toBe(200);
  });

  it("a replayed refresh token ends its family, if asked for", async () => {
    const { onboard, token, user } = await open({ reuse: "revokeFamily" });
    const { refresh } = await onboard("ada");
    const next = await token(refreshing(refresh));
    const { body } = await user("POST", "/auth-code", { app_user_id: "ada" });
    const other = await token({ grant_type: grant, code: body["code"] });
    expect((await token(refreshing(refresh))).status).toBe(400);
    expect((await token(refreshing(next.body["refresh_token"]))).status).toBe(400);
    expect((await token(refreshing(other.body["refresh_token"]))).status).toBe(200);
  });

  it("a replayed code ends the tokens that came from it, and no others, if asked for", async () => {
    const { onboard, token, user, call } = await open({ codeReuse: "revokeFamily" });
    await onboard("ada");
    const code = async () => (await user("POST", "/auth-code", { app_user_id: "ada" })).body["code"];
    const exchange = { grant_type: grant, code: await code() };
    const first = await token(exchange);
    const rotated = await token(refreshing(first.body["refresh_token"]));
    const other = await token({ grant_type: grant, code: await code() });
    expect((await token(exchange)).body["error"]).toBe("invalid_grant");
    const reads = async ({ body }: typeof first): Promise<number> =>
      (await call("GET", "/r4/Patient", { headers: bearer(body["access_token"]) })).status;
    expect([await reads(rotated), await reads(other)]).toEqual([401, 200]);
    expect((await token(refreshing(rotated.body["refresh_token"]))).status).toBe(400);
    expect((await token(refreshing(other.body["refresh_token"]))).status).toBe(200);
  });

  it("without rotation the refresh token stays and is not repeated", async () => {
    const { onboard, token, call } = await open({ rotate: false });
    const { access, refresh } = await onboard("ada");
    for (const _ of [1, 2]) {
      const { status, body } = await token(refreshing(refresh));
      expect([status, "refresh_token" in body]).toEqual([200, false]);
    }
    expect((await call("GET", "/r4/Patient", { headers: bearer(access) })).status).toBe(200);
  });

  it("tokens expire on the sandbox's clock", async () => {
    const { onboard, token, call, sandbox } = await open();
    const { access, refresh } = await onboard("ada");
    sandbox.clock.advance(7_200_000);
    expect((await call("GET", "/r4/Patient", { headers: bearer(access) })).status).toBe(401);
    const next = await token(refreshing(refresh));
    expect(next.status).toBe(200);
    sandbox.clock.advance(14 * 86_400_000);
    expect((await token(refreshing(next.body["refresh_token"]))).body["error"]).toBe("invalid_grant");
  });

  it("revokeGrant() ends the tokens of one user; a new code recovers, and ends nothing itself", async () => {
    const { onboard, token, user, sandbox } = await open();
    const ada = await onboard("ada");
    const bob = await onboard("bob");
    sandbox.revokeGrant("ada");
    expect((await token(refreshing(ada.refresh))).body["error"]).toBe("invalid_grant");
    expect((await token(refreshing(bob.refresh))).status).toBe(200);
    const first = await user("POST", "/auth-code", { app_user_id: "ada" });
    const pair = await token({ grant_type: grant, code: first.body["code"] });
    await user("POST", "/auth-code", { app_user_id: "ada" });
    expect((await token(refreshing(pair.body["refresh_token"]))).status).toBe(200);
    expect(() => sandbox.revokeGrant("eve")).toThrow(/no user "eve"/);
  });

  it.each([
    [{ grant_type: grant, code: "x", client_secret: "wrong" }, 401, "invalid_client"],
    [{ grant_type: grant, code: "x" }, 400, "invalid_grant"],
    [{ grant_type: grant }, 400, "invalid_request"],
    [{ grant_type: "refresh_token" }, 400, "invalid_request"],
    [{ grant_type: "password" }, 400, "unsupported_grant_type"],
    [{}, 400, "invalid_request"],
  ])("POST /oauth2/token answers %j with %i %s", async (form, status, error) => {
    const { token } = await open();
    const answer = await token(form);
    expect([answer.status, answer.body["error"]]).toEqual([status, error]);
  });

  it("POST /oauth2/token reads no HTTP Basic, no query and no JSON", async () => {
    const { call, user, token } = await open();
    const { body } = await user("POST", "", { app_user_id: "ada" });
    const form = new URLSearchParams({ grant_type: grant, code: body["code"] });
    const basic = `Basic ${btoa("sandbox-client:sandbox-secret")}`;
    const one = await call("POST", "/oauth2/token", { headers: { authorization: basic }, body: form });
    expect([one.status, one.body["error"]]).toEqual([401, "invalid_client"]);
    const two = await call("POST", `/oauth2/token?${form.toString()}`);
    expect([two.status, two.body["error"]]).toEqual([400, "invalid_request"]);
    const headers = { "content-type": "application/json" };
    const three = await call("POST", "/oauth2/token", { headers, body: "{}" });
    expect([three.status, three.body["error"]]).toEqual([400, "invalid_request"]);
    expect((await token({ grant_type: grant, code: body["code"] })).status).toBe(200);
  });
});
