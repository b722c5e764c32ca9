import { describe, expect, it } from "vitest";
import { readIssuedCode, readUserList } from "../../src/http/user-management.ts";
import { readSeen, type Sought } from "../../src/runtime/user/search-forms.ts";
import { answer } from "./samples.ts";

const long = "1234567890123456789";
/** Leads to the same double as the first. */
const near = "1234567890123456790";
/** What is left of both in a language whose numbers are doubles; another language prints the second. */
const rounded = ["1234567890123456800", "1234567890123456768", "1.2345678901234568e18"];

const entry = (...ids: readonly string[]): string =>
  `{"success":true,"entry":[${ids.map((id, at) => `{"oneup_user_id":${251 + at},"app_user_id": ${id} }`).join()}]}`;
const user = (appUserId: string | undefined, at = 0): object => ({
  oneupUserId: 251 + at,
  ...(appUserId !== undefined && { appUserId }),
  active: true,
});

describe("readUserList()", () => {
  it("reads every digit of a long app_user_id that is a number", () => {
    const { users } = readUserList(answer(200, entry(long, near))) as { users: unknown };
    expect(users).toEqual([user(long), user(near, 1)]);
  });

  it.each(rounded.slice(0, 2))(
    "takes %s for an id only if it is known, or the server rounds no number",
    (id) => {
      const read = (text: string, known?: string[]): unknown =>
        readUserList(answer(200, text), "none", "", known);
      expect(read(entry(id))).toMatchObject({ users: [user(undefined)] });
      expect(read(entry(id), [id])).toMatchObject({ users: [user(id)] });
      expect(read(entry(id), [long])).toMatchObject({ users: [user(undefined)], isUnclear: true });
      expect(read(entry(id, near))).toMatchObject({
        users: [user(id), user(near, 1)],
      });
    },
  );

  it("leaves a text that looks like an entry as it is", () => {
    const text = JSON.stringify({ entry: [{ oneup_user_id: 251, app_user_id: `"app_user_id":${long}}` }] });
    expect(readUserList(answer(200, text))).toMatchObject({ users: [user(`"app_user_id":${long}}`)] });
  });
});

describe("readSeen()", () => {
  const seen = (id: string, sought: Sought): unknown =>
    readSeen(answer(200, entry(id)), null, sought, { canSendBody: true });

  it("finds a user by a long app_user_id, and confuses it with no other", () => {
    expect(seen(long, { appUserId: long })).toEqual({ type: "user", user: user(long) });
    expect(seen(near, { appUserId: long })).toMatchObject({ type: "others" });
    expect(seen(near, { appUserId: long, oneupUserId: 251 })).toEqual({ type: "none" });
  });

  it.each(rounded)("concludes nothing from a list that has %s", (id) => {
    const nothing = { type: "others", search: null };
    expect(seen(id, { appUserId: long })).toEqual(nothing);
    expect(seen(id, { appUserId: long, oneupUserId: 251 })).toEqual(nothing);
    expect(seen(id, { appUserId: long, oneupUserId: 7 })).toEqual(nothing);
  });
});

describe("readIssuedCode()", () => {
  const issued = (id: string): unknown =>
    readIssuedCode(answer(200, `{"success":true,"code":"c0de","app_user_id":${id}}`), { appUserId: long });

  it("takes a number with other last digits for another user", () => {
    expect(issued(long)).toMatchObject({ type: "code" });
    expect(issued(near)).toEqual({ type: "inDoubt", why: "another_user" });
  });

  it.each(rounded)("takes %s for the id that was sent", (id) => {
    expect(issued(id)).toMatchObject({ type: "code" });
  });
});
