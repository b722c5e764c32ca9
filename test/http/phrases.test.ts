import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/http/json.ts";
import { phraseIn } from "../../src/http/phrases.ts";
import {
  readCreatedUser,
  readIssuedCode,
  readUpdatedUser,
  readUserList,
} from "../../src/http/user-management.ts";
import { answer } from "./samples.ts";

const ada = { appUserId: "ada@example.org" };
const no = (error: string) => ({ success: false, error });

function phrase(words: string, asked = ada.appUserId, status = 404): string | undefined {
  const said = answer(status, no(words));
  return phraseIn(said, parseJson(said.text), asked);
}

describe("phraseIn()", () => {
  it.each([
    "this user does not exist",
    "This User does not exist.",
    "user not found",
    "Error: User not found",
    "User 'ada@example.org' not found",
    "user ada@example.org does not exist",
    "User with app_user_id ada@example.org does not exist",
    "app_user_id not found",
    "no such user",
    "Unknown user",
    "Could not find user ada@example.org",
    "user with id 251 not found",
    "user not found for this application",
  ])("takes %j for a user who is not there", (words) => {
    expect(phrase(words)).toBe("missing");
  });

  it.each([
    "this user already exists",
    "User already exists",
    "app_user_id is already in use",
    "user with app_user_id ada@example.org already exists",
    'app_user_id "ada@example.org" has already been taken',
    "already exists",
  ])("takes %j for a user who is there", (words) => {
    expect(phrase(words, ada.appUserId, 409)).toBe("exists");
  });

  it.each([
    "User service not found",
    'relation "user" does not exist',
    "relation user does not exist",
    'FATAL: role "user" does not exist',
    "column user.app_user_id does not exist",
    "upstream user: host not found",
    "user store not found",
    "User pool client 4711 does not exist.",
    "Unknown user agent",
    "no such user table",
    "user not found in cache shard 7",
    "service user-management not found",
    "database connection already in use",
    'relation "user" already exists',
    "user session already in use",
    "port 5432 already in use",
  ])("finds no word about a user in %j", (words) => {
    for (const status of [200, 400, 404, 409]) expect(phrase(words, ada.appUserId, status)).toBeUndefined();
  });

  it.each([302, 401, 403, 405, 406, 408, 425, 429, 500, 502, 503, 504, 530])(
    "lets no words decide in a %i, in any reader",
    (status) => {
      for (const words of ["this user does not exist", "this user already exists"]) {
        for (const body of [no(words), words, JSON.stringify(words), [no(words)]]) {
          const said = answer(status, body);
          const read = [
            readCreatedUser(said, ada),
            readIssuedCode(said, ada),
            readUpdatedUser(said, ada),
            readUserList(said, "none", ada.appUserId),
          ].map(({ type }) => type);
          for (const type of read) expect(type).toMatch(/^(inDoubt|blocked|throttled|credentialsRefused)$/);
        }
      }
    },
  );

  it("reads no words of a page, of a list, or of a success that calls itself one", () => {
    const page = answer(404, "<html><p>this user does not exist</p>", { "content-type": "text/html" });
    for (const said of [
      page,
      answer(404, "this user does not exist", { "content-type": "text/html" }),
      answer(404, [no("this user does not exist")]),
      answer(200, "this user does not exist"),
      answer(200, { success: true, message: "this user does not exist" }),
    ])
      expect(readIssuedCode(said, ada).type).not.toBe("missing");
    expect(readIssuedCode(answer(404, { message: "Not Found" }), ada)).toMatchObject({ type: "inDoubt" });
  });

  it.each([
    ["does not exist", "this user does not exist", "missing"],
    ["user already exists", "this user already exists", "exists"],
    ["no such user", 'app_user_id "no such user" already exists', "exists"],
    ["not found", "user not found already exists", "exists"],
    ["user already exists", 'user "user already exists" does not exist', "missing"],
    ["user not found", "user not found is locked", undefined],
  ])("keeps the words of the id %j apart from those of the answer", (id, words, expected) => {
    expect(phrase(words, id)).toBe(expected);
  });

  it("takes no longer for words that are made to be slow", () => {
    const part = fc.constantFrom(
      "user ",
      "the ",
      "error: ",
      '"',
      "user with ",
      "app user id ",
      " ",
      "not found",
      "already ",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 120 }), (parts) => void phrase(parts.join(""))),
      { numRuns: 200, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    );
  });
});
