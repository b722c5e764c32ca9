import { describe, expect, it } from "vitest";
import {
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  readUserList,
} from "../../src/http/user-management.ts";
import { answer, opened } from "./samples.ts";

const created = { success: true, code: "c0de", oneup_user_id: 251, app_user_id: "ada", active: true };
const ada = { appUserId: "ada" };
const pair = { access_token: "at", refresh_token: "rt", expires_in: 7200 };
const no = (error: string) => ({ success: false, error });

describe("readCreatedUser()", () => {
  it.each([
    ["a new user", 200, created, { type: "created", oneupUserId: 251, active: true, code: "c0de" }],
    ["201", 201, created, { type: "created", oneupUserId: 251, active: true, code: "c0de" }],
    ["an id in quotes", 200, { ...created, oneup_user_id: "251" }, { type: "created", oneupUserId: 251 }],
    ["an id in camelCase", 200, { code: "c0de", oneUpUserId: 251 }, { type: "created", oneupUserId: 251 }],
    ["an inactive user", 200, { ...created, active: false }, { type: "created", active: false }],
    [
      "tokens in the answer",
      200,
      { ...created, ...pair },
      {
        type: "authorized",
        oneupUserId: 251,
        tokens: { accessToken: "at", refreshToken: "rt", expiresAt: 7_201_000, lifeMs: 7_200_000 },
      },
    ],
    [
      "a code beside a token that cannot be refreshed",
      200,
      { ...created, access_token: "at" },
      { type: "created", code: "c0de" },
    ],
    ["exists, 200", 200, no("this user already exists"), { type: "exists" }],
    ["exists, 400", 400, no("this user already exists"), { type: "exists" }],
    ["exists, 404", 404, no("This User Already Exists"), { type: "exists" }],
    ["exists, 500", 500, no("this user already exists"), { type: "inDoubt", why: "http_500" }],
    ["exists, in another field", 409, { message: "User already exists" }, { type: "exists" }],
    ["exists, as plain text", 400, "this user already exists", { type: "exists" }],
    ["a success without a code", 200, { success: true, oneup_user_id: 251 }, { type: "exists" }],
    ["a success with a null code", 200, { success: true, code: null }, { type: "exists" }],
    ["a code without an id", 200, { success: true, code: "c0de" }, { type: "exists" }],
    ["an id beyond safe integers", 200, { ...created, oneup_user_id: 2 ** 60 }, { type: "exists" }],
    ["an id of 0", 200, { ...created, oneup_user_id: 0 }, { type: "exists" }],
    ["a refused id in a 200", 200, no("app_user_id is too long"), { type: "refused", why: "http_200" }],
    ["a refused id, 400", 400, { message: '"app_user_id" must be a string' }, { type: "refused" }],
    ["a refused id, by its value", 422, no('Invalid app_user_id "ada"'), { type: "refused" }],
    ["a refused id, 404", 404, no("Error: user id 'ada' is not allowed."), { type: "refused" }],
    ["an id that was lost on the way", 400, no("app_user_id is required"), { type: "unexplained" }],
    [
      "an id that is refused for now",
      400,
      no("app_user_id is not allowed at this time"),
      { type: "unexplained" },
    ],
    ["a refused user", 400, no("user is not allowed"), { type: "unexplained" }],
    ["an internal error in a 200", 200, no("Internal error"), { type: "inDoubt" }],
    ["unknown words in a 200", 200, no("E17"), { type: "unexplained", why: "http_200" }],
    ["unknown words in a 400", 400, no("bad"), { type: "unexplained", why: "http_400" }],
    ["words of the other call", 404, no("this user does not exist"), { type: "unexplained" }],
    ["a code of the token endpoint", 400, { error: "invalid_grant" }, { type: "unexplained" }],
    ["its own request", 400, no("app_user_id=ada"), { type: "unexplained" }],
    ["a passing trouble in a 200", 200, no("please try again"), { type: "inDoubt" }],
    ["a 200 that says nothing", 200, {}, { type: "inDoubt", why: "not_stated" }],
    [
      "an inherited success",
      200,
      '{"__proto__":{"success":true,"code":"x","oneup_user_id":1}}',
      { type: "inDoubt" },
    ],
    ["an empty body", 200, "", { type: "inDoubt", why: "unreadable_body" }],
    ["a cut body", 200, '{"success":true,"code":"c0', { type: "inDoubt", why: "unreadable_body" }],
    ["a code in a 500", 500, created, { type: "inDoubt", why: "http_500" }],
  ])("reads %s", (_, status, body, expected) => {
    expect(opened(readCreatedUser(answer(status, body), ada))).toMatchObject(expected);
  });

  it("takes no id for the message that quotes it", () => {
    for (const appUserId of ["app_user_id is invalid", "is invalid", "invalid app_user_id"])
      for (const error of [appUserId, `app_user_id ${appUserId}`, `app_user_id=${appUserId}`]) {
        const read = readCreatedUser(answer(400, { success: false, error }), { appUserId });
        expect({ error, type: read.type }).toEqual({ error, type: "unexplained" });
      }
  });

  it("reads a body that begins with a byte order mark", () => {
    expect(readCreatedUser(answer(200, `\ufeff${JSON.stringify(created)}`), ada).type).toBe("created");
  });
});

describe("readIssuedCode()", () => {
  it.each([
    ["a code", 200, created, { type: "code", oneupUserId: 251, active: true, code: "c0de" }],
    ["a code alone", 200, { success: true, code: "c0de" }, { type: "code", code: "c0de" }],
    ["missing, 200", 200, no("this user does not exist"), { type: "missing" }],
    ["missing, 404", 404, no("This user does not exist."), { type: "missing" }],
    ["missing, in other words", 404, { message: "app_user_id not found" }, { type: "missing" }],
    ["missing, in a 500", 500, no("this user doesn't exist"), { type: "inDoubt", why: "http_500" }],
    ["no code for now", 200, { success: false, code: null }, { type: "inDoubt", why: "not_stated" }],
    ["a success without a code", 200, { success: true }, { type: "inDoubt", why: "not_stated" }],
    [
      "a gateway that knows no such path",
      404,
      { message: "Not Found" },
      { type: "inDoubt", why: "http_404" },
    ],
    [
      "a refusal that speaks of the user",
      404,
      no("user is locked"),
      { type: "unexplained", why: "http_404" },
    ],
    [
      "words of the other call",
      400,
      no("this user already exists"),
      { type: "unexplained", why: "http_400" },
    ],
    ["missing, with an id like a path", 404, no('user "/ada" does not exist'), { type: "missing" }],
    [
      "no user pool",
      400,
      { message: "User pool client 4711 does not exist." },
      { type: "unexplained", why: "http_400" },
    ],
    ["no user agent", 403, { message: "Unknown user agent" }, { type: "blocked", why: "http_403" }],
  ])("reads %s", (_, status, body, expected) => {
    expect(opened(readIssuedCode(answer(status, body), ada))).toEqual(expected);
  });

  it.each([
    "Route POST:/user-management/v1/user/auth-code not found",
    "Route GET:/user-management/v1/user?app_user_id=ada not found",
    "The requested URL /user-management/v1/user was not found on this server.",
    'The path "https://api.1up.health/v1/user" does not exist',
    "No static resource user-management/v1/user.",
    "Resource user-management/v1/user/auth-code not found",
    "service 'user-management' not found",
  ])("takes no path for a user: %s", (message) => {
    const said = answer(404, { message, error: "Not Found", statusCode: 404 });
    expect(readIssuedCode(said, ada)).toEqual({ type: "inDoubt", why: "http_404" });
  });
});

describe("readUserList()", () => {
  const listed = { oneup_user_id: 251, app_user_id: "ada", active: true };
  const bob = { oneup_user_id: "252", app_user_id: 7, active: false };
  const users = [
    { oneupUserId: 251, appUserId: "ada", active: true },
    { oneupUserId: 252, appUserId: "7", active: false },
  ];
  it.each([
    ["a list", 200, { success: true, entry: [listed, bob] }, { type: "users", users, entries: 2 }],
    ["a bare list", 200, [listed, bob], { type: "users", users, entries: 2 }],
    ["a bare user", 200, listed, { type: "users", users: users.slice(0, 1), entries: 1 }],
    ["one user as entry", 200, { entry: listed }, { type: "users", users: users.slice(0, 1), entries: 1 }],
    ["no match, empty", 200, { success: true, entry: [] }, { type: "users", users: [], entries: 0 }],
    ["no match, 400", 400, { success: false }, { type: "users", users: [], entries: 0 }],
    ["no match, 404", 404, no("this user does not exist"), { type: "users", users: [], entries: 0 }],
    ["a refused client, 400", 400, { error: "invalid_client" }, { type: "credentialsRefused" }],
    [
      "a malformed request",
      400,
      { error: "invalid_request" },
      { type: "unexplained", why: "invalid_request" },
    ],
    [
      "an entry without an id among others",
      200,
      [listed, { a: 1 }],
      { type: "users", users: users.slice(0, 1), entries: 2 },
    ],
    ["entries without ids", 200, { entry: [{ a: 1 }] }, { type: "inDoubt", why: "unreadable_body" }],
    ["nothing known", 200, { success: true }, { type: "inDoubt", why: "not_stated" }],
    ["a list in a 500", 500, [listed], { type: "inDoubt", why: "http_500" }],
  ])("reads %s", (_, status, body, expected) => {
    expect(readUserList(answer(status, body), "none")).toEqual(expected);
  });

  it.each([[{ success: false }], [no("skip is too large")]])(
    "takes %j of a 400 to a page for no end",
    (body) => {
      expect(readUserList(answer(400, body))).toEqual({ type: "unexplained", why: "http_400" });
    },
  );
});

describe("readUpdatedUser()", () => {
  it.each([
    ["camelCase", 200, { oneUpUserId: 251, success: true }, { type: "updated" }],
    ["the user", 200, { oneup_user_id: 251, app_user_id: "bob", active: true }, { type: "updated" }],
    ["the user in a list", 200, { entry: [{ oneup_user_id: 251 }] }, { type: "updated" }],
    ["the new id alone", 200, { app_user_id: "bob", success: true }, { type: "updated" }],
    ["a success of no user", 200, { success: true }, { type: "inDoubt", why: "names_no_user" }],
    ["a taken id", 400, no("this user already exists"), { type: "conflict" }],
    ["a taken id, other words", 200, no("app_user_id is already in use"), { type: "conflict" }],
    ["an unknown user", 404, no("this user does not exist"), { type: "missing" }],
    ["a denial", 200, no("app_user_id must be a string"), { type: "refused", why: "http_200" }],
    ["a denial in unknown words", 200, no("E17"), { type: "inDoubt", why: "http_200" }],
    ["a refusal in unknown words", 400, no("E17"), { type: "unexplained", why: "http_400" }],
    ["nothing", 200, {}, { type: "inDoubt", why: "not_stated" }],
    ["a limit", 429, { message: "Too Many Requests" }, { type: "throttled" }],
    ["a limit of a balancer", 429, "", { type: "throttled", isBare: true }],
    ["a limit of a firewall", 429, "<html>", { type: "throttled", isBare: true }],
  ])("reads %s", (_, status, body, expected) => {
    expect(readUpdatedUser(answer(status, body), { appUserId: "bob", oneupUserId: 251 })).toEqual(expected);
  });
});
