import { describe, expect, it } from "vitest";
import { isEcho } from "../../src/http/echo.ts";
import { readCreatedUser, readIssuedCode, readUpdatedUser } from "../../src/http/user-management.ts";
import { answer } from "./samples.ts";

describe("isEcho()", () => {
  it.each([
    ["ada", "ada"],
    [7, "7"],
    [Number("12345678901234567890"), "12345678901234567890"],
    ["e\u0301ve", "\u00e9ve"],
    ["ada%40example.org", "ada@example.org"],
    ["ada%2b1%40example.org", "ada+1@example.org"],
    ["a%20b", "a b"],
    ["a+b%2F", "a b/"],
  ])("takes %j for a way of writing %j", (echo, id) => {
    expect(isEcho(echo, id)).toBe(true);
  });

  it.each([
    ["bob", "ada"],
    ["Ada", "ada"],
    ["ada", " ada "],
    ["ada", "ada%20"],
    [7, "007"],
    [Number("12345678901234567890"), "12345678901234500000"],
    ["a%41da", "aAda"],
    [true, "true"],
    [{}, "ada"],
    [undefined, "ada"],
  ])("takes %j for another user than %j", (echo, id) => {
    expect(isEcho(echo, id)).toBe(false);
  });
});

describe("an answer about another user", () => {
  const another = { type: "inDoubt", why: "another_user" };
  const bob = { success: true, code: "c0de", oneup_user_id: 252, app_user_id: "bob", active: true };

  it.each([
    ["another app_user_id", { appUserId: "ada" }, bob],
    [
      "another app_user_id, and tokens",
      { appUserId: "ada" },
      { ...bob, access_token: "at", refresh_token: "rt" },
    ],
    [
      "another app_user_id in camelCase",
      { appUserId: "ada" },
      { ...bob, app_user_id: undefined, appUserId: "bob" },
    ],
    ["an app_user_id that is none", { appUserId: "ada" }, { ...bob, app_user_id: ["ada"] }],
    ["another number than the known one", { appUserId: "bob", oneupUserId: 251 }, bob],
  ])("grants nothing: %s", (_, asked, body) => {
    expect(readCreatedUser(answer(200, body), asked)).toEqual(another);
    expect(readIssuedCode(answer(200, body), asked)).toEqual(another);
    expect(readUpdatedUser(answer(200, body), asked)).toEqual(another);
    expect(readUpdatedUser(answer(200, { entry: [body] }), asked)).toEqual(another);
  });

  it("decides nothing either where it is a refusal or brings no code", () => {
    const asked = { appUserId: "ada" };
    const missing = { success: false, error: "this user does not exist", app_user_id: "bob" };
    expect(readIssuedCode(answer(404, missing), asked)).toEqual(another);
    expect(readCreatedUser(answer(200, { ...bob, code: null }), asked)).toEqual(another);
  });

  it("is none where the answer names no user, or only a number that is not known yet", () => {
    const unnamed = { success: true, code: "c0de", oneup_user_id: 252, app_user_id: null };
    for (const body of [unnamed, { ...unnamed, app_user_id: "" }, { ...unnamed, app_user_id: undefined }]) {
      expect(readIssuedCode(answer(200, body), { appUserId: "ada", oneupUserId: null }).type).toBe("code");
      expect(readCreatedUser(answer(200, body), { appUserId: "ada", oneupUserId: 252 }).type).toBe("created");
    }
  });
});
