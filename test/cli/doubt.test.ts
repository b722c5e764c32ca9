import { describe, expect, it } from "vitest";
import type { HistoryStep, UserStatus } from "../../src/index.ts";
import { stepOf } from "../support/statuses.ts";
import { settle } from "../../src/cli/demo/story.ts";

const at = new Date(0);

function user(
  appUserId: string,
  underWay: UserStatus["underWay"],
  ...events: readonly HistoryStep["event"][]
): UserStatus {
  return {
    appUserId,
    oneupUserId: null,
    state: "created",
    since: at,
    usable: false,
    expiresAt: null,
    provisionalUntil: null,
    refusedTokens: null,
    active: null,
    purge: null,
    conflict: null,
    pause: null,
    hold: null,
    failure: null,
    underWay,
    calls: { management: 1, token: 0 },
    history: events.map((event) => stepOf(event, "created")),
  };
}

describe("cli demo", () => {
  it("settle() groups calls in doubt by how they were settled", () => {
    const before = [
      user("a", "createUser"),
      user("b", "exchangeCode"),
      user("c", "createUser"),
      user("d", null),
    ];
    const after = [
      user("a", null, "ONBOARD", "IN_DOUBT", "CODE_ISSUED", "TOKEN_GRANTED"),
      user("b", null, "ONBOARD", "USER_CREATED", "IN_DOUBT", "CODE_REFUSED", "CODE_ISSUED", "TOKEN_GRANTED"),
      user("c", null, "ONBOARD", "IN_DOUBT", "USER_MISSING", "USER_CREATED", "TOKEN_GRANTED"),
    ];
    expect(settle(before, after)).toEqual([
      { call: "createUser", how: "the user existed: requested a new code only", users: ["a"] },
      { call: "exchangeCode", how: "the code had been used: requested a new one", users: ["b"] },
      { call: "createUser", how: "the user did not exist: created now", users: ["c"] },
    ]);
  });

  it("settle() rejects when a call has no outcome yet", () => {
    expect(settle([user("a", "createUser")], [null])).toEqual([
      { call: "createUser", how: "continued with nothing yet", users: ["a"] },
    ]);
  });
});
