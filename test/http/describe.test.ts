import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { Call } from "../../src/http/call.ts";
import { exchangeCodeCall, refreshTokenCall } from "../../src/http/token.ts";
import {
  createUserCall,
  issueAuthCodeCall,
  listUsersCall,
  updateUserCall,
} from "../../src/http/user-management.ts";
import { Secret } from "../../src/secret.ts";
import { client, hush } from "./samples.ts";

const formType = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
const identity = { client_id: "clientid", client_secret: "hush-client" };
const base = "https://api.1up.health/user-management/v1/user";
const mail = "ada+1@example.org/ä";
const mailInForm = "ada%2B1%40example.org%2F%C3%A4";

describe("user management calls", () => {
  it("createUserCall() posts the id as a form with the credentials in headers", () => {
    expect({ ...createUserCall(client, mail) }).toEqual({
      name: "createUser",
      endpoint: "management",
      method: "POST",
      url: base,
      template: "/user-management/v1/user",
      headers: { ...formType, ...identity },
      body: `app_user_id=${mailInForm}`,
    });
  });

  it("issueAuthCodeCall() posts the id to auth-code", () => {
    const call = issueAuthCodeCall(client, mail);
    expect([call.method, call.url, call.body]).toEqual([
      "POST",
      `${base}/auth-code`,
      `app_user_id=${mailInForm}`,
    ]);
  });

  it("updateUserCall() puts both ids as a form", () => {
    const call = updateUserCall(client, { oneupUserId: 251, appUserId: mail });
    expect([call.method, call.url, call.body]).toEqual([
      "PUT",
      base,
      `oneup_user_id=251&app_user_id=${mailInForm}`,
    ]);
  });

  it.each([
    [{}, ""],
    [{ appUserId: mail }, `?app_user_id=${mailInForm}`],
    [{ oneupUserId: 251, appUserId: "x" }, "?oneup_user_id=251&app_user_id=x"],
    [{ page: { skip: 20, limit: 10 } }, "?skip=20&limit=10"],
    [{ page: { skip: 20, limit: 10 }, pager: { skip: "_offset", limit: "n" } }, "?_offset=20&n=10"],
  ])("listUsersCall(%j) asks in the query", (query, search) => {
    const call = listUsersCall(client, query);
    expect([call.method, call.url, call.template, call.body]).toEqual([
      "GET",
      base + search,
      "/user-management/v1/user",
      undefined,
    ]);
    expect(call.headers).toEqual({ accept: "application/json", ...identity });
  });
});

describe("token calls", () => {
  it.each([
    ["exchangeCode", exchangeCodeCall, "code=hush+one", "authorization_code"],
    ["refreshToken", refreshTokenCall, "refresh_token=hush+one", "refresh_token"],
  ])("%s carries grant and credentials in the form, never as Basic", (name, describeIt, grant, grantType) => {
    expect({ ...describeIt(client, new Secret("hush one")) }).toEqual({
      name,
      endpoint: "token",
      method: "POST",
      url: "https://auth.1up.health/oauth2/token",
      template: "/oauth2/token",
      headers: formType,
      body: `${grant}&client_id=clientid&client_secret=hush-client&grant_type=${grantType}`,
    });
  });

  it("exchangeCodeCall() reaches the older host through the base of the token endpoint", () => {
    const older = { ...client, auth: "https://api.1up.health/fhir/" };
    expect(exchangeCodeCall(older, new Secret("x")).url).toBe("https://api.1up.health/fhir/oauth2/token");
  });
});

describe("a described call", () => {
  const calls: Call[] = [
    createUserCall(client, `${hush}@example.org`),
    listUsersCall(client, { appUserId: `${hush}@example.org` }),
    exchangeCodeCall(client, new Secret(hush)),
  ];
  it.each(calls)("$name prints and serialises without secrets, ids and bodies", (call) => {
    expect(inspect({ call }, { depth: 9, showHidden: true }) + JSON.stringify({ call })).not.toContain(hush);
  });
});
