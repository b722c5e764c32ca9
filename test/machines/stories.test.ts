import { describe, expect, it } from "vitest";
import { nothingKnown, type UserEvent, type UserState } from "../../machines/index.ts";
import { step, type Position } from "../../src/runtime/user/step.ts";
import { event, issuedAt } from "./events.ts";

const hour = 3_600_000;

/** What happened, how long after the last thing, and where the user then is. */
type Chapter = readonly [what: UserEvent["type"], state: UserState, afterMs?: number];

/** Lives a life; where it ends. */
function live(...chapters: readonly Chapter[]): Position {
  let at = issuedAt;
  let position: Position = { state: "created", context: nothingKnown };
  for (const [what, state, afterMs = 10_000] of chapters) {
    at += afterMs;
    position = step(position, event(what, at));
    expect(position.state, `after ${what}`).toBe(state);
  }
  return position;
}

describe("machines/user-lifecycle life stories", () => {
  it("a new user is created, exchanges the code, and refreshes the token for years", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["DUE", "expiring"],
      ["TOKEN_GRANTED", "refreshed"],
      ["DUE", "expiring"],
      ["TOKEN_GRANTED", "refreshed"],
    );
    expect(context).toMatchObject({ oneupUserId: 42, codeFrom: "creation", codesSpent: 0, attempt: 0 });
  });

  it("a user whose creation is in doubt asks for a code, and is not created a second time", () => {
    live(["IN_DOUBT", "reauthorizing"], ["CODE_ISSUED", "codeIssued"], ["TOKEN_GRANTED", "reauthorized"]);
  });

  it("a user whose creation is in doubt and did not happen is created then", () => {
    live(
      ["IN_DOUBT", "reauthorizing"],
      ["USER_MISSING", "created"],
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
    );
  });

  it("a user who turns out to exist asks for a code", () => {
    live(["USER_EXISTS", "reauthorizing"], ["CODE_ISSUED", "codeIssued"], ["TOKEN_GRANTED", "reauthorized"]);
  });

  it("a user who is known to exist is never created", () => {
    live(
      ["EXPECT_EXISTING", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
  });

  it("a user who is adopted with tokens makes no call at all", () => {
    const { context } = live(["USER_AUTHORIZED", "tokenActive"], ["DUE", "expiring"]);
    expect(context).toMatchObject({ oneupUserId: 42, active: true });
  });

  const once: readonly Chapter[] = [
    ["USER_EXISTS", "reauthorizing"],
    ["USER_MISSING", "created"],
  ];

  it("a user who exists and does not in turn fails once that has lasted a day", () => {
    const again: readonly Chapter[] = [
      ["USER_EXISTS", "reauthorizing"],
      ["USER_MISSING", "created", 6 * hour],
    ];
    const { context } = live(
      ...once,
      ...again,
      ...again,
      ...again,
      ...again,
      ["USER_EXISTS", "reauthorizing"],
      ["USER_MISSING", "failed", 6 * hour],
    );
    expect(context.failure).toMatchObject({ in: "reauthorizing", reason: "contradiction" });
  });

  it("a contradiction ends with a code, and counts from the beginning afterwards", () => {
    const { context } = live(
      ...once,
      ...once,
      ...once,
      ["USER_EXISTS", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
    expect(context).toMatchObject({ saidExists: false, saidMissing: false, refusals: null });
  });

  it("a user who really vanished and came back is no contradiction", () => {
    live(
      ["USER_EXISTS", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
      ["REAUTHORIZE", "reauthorizing"],
      ["USER_MISSING", "locating"],
      ["USER_MISSING", "locating"],
      ["USER_MISSING", "locating"],
      ["IN_DOUBT", "locating"],
      ["USER_MISSING", "locating", 3_600_000],
      ["USER_MISSING", "locating", 6 * hour],
      ["USER_MISSING", "locating", 6 * hour],
      ["USER_MISSING", "locating", 6 * hour],
      ["USER_MISSING", "created", 6 * hour],
      ["USER_EXISTS", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
    );
  });

  it("a user that was renamed at 1upHealth is found, and is not created a second time", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["REAUTHORIZE", "reauthorizing"],
      ["USER_MISSING", "locating"],
      ["IN_DOUBT", "locating"],
      ["FOUND_ELSEWHERE", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
    expect(context).toMatchObject({ oneupUserId: 42, saidMissing: false });
  });

  it("a user that 1upHealth lists and does not know fails once that has lasted a day", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["REAUTHORIZE", "reauthorizing"],
      ["USER_MISSING", "locating"],
      ["USER_FOUND", "reauthorizing"],
      ["USER_MISSING", "locating"],
      ["USER_FOUND", "reauthorizing"],
      ["USER_MISSING", "locating"],
      ...[1, 2, 3, 4].flatMap((): readonly Chapter[] => [
        ["USER_FOUND", "reauthorizing"],
        ["USER_MISSING", "locating", 5 * hour],
      ]),
      ["USER_FOUND", "reauthorizing"],
      ["USER_MISSING", "failed", 5 * hour],
    );
    expect(context.failure).toMatchObject({ reason: "contradiction" });
  });

  it("a user whose data are erased is offboarded once nothing is left", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["OFFBOARD", "identifying"],
      ["IN_DOUBT", "identifying"],
      ["USER_FOUND", "offboarding"],
      ["PURGE_CUT", "offboarding"],
      ["PURGED", "offboarding"],
      ["IN_DOUBT", "offboarding"],
      ["PURGED", "offboarded"],
    );
    expect(context).toMatchObject({ toPurge: null, purged: ["dstu2", "r4"], oneupUserId: 42 });
  });

  it("a code that has not registered yet is tried once more", () => {
    live(
      ["USER_CREATED", "codeIssued"],
      ["CODE_REFUSED", "codeIssued", 500],
      ["TOKEN_GRANTED", "tokenActive", 1_000],
    );
  });

  it("a code whose exchange is in doubt is tried once more, then replaced", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["IN_DOUBT", "codeIssued"],
      ["CODE_REFUSED", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
    expect(context).toMatchObject({ codesRefused: 0, codesSpent: 0, exchanges: 0 });
  });

  it("a day of refused codes ends in failed; retry starts with a fresh count", () => {
    const refused: readonly Chapter[] = [
      ["CODE_REFUSED", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued", 6 * hour],
    ];
    const forADay: readonly Chapter[] = [
      ["USER_CREATED", "codeIssued"],
      ["CODE_REFUSED", "locating"],
      ["USER_FOUND", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ...refused,
      ...refused,
      ...refused,
      ...refused,
    ];
    live(...forADay, ["TOKEN_GRANTED", "reauthorized"]);
    const { context } = live(...forADay, ["CODE_REFUSED", "failed"], ["RETRY", "reauthorizing"]);
    expect(context).toMatchObject({ failure: null, codesRefused: 0, codesSpent: 0 });
  });

  it("codes that are lost in doubt never end in failed, however many", () => {
    const lost: readonly Chapter[] = [
      ["CODE_ISSUED", "codeIssued"],
      ["IN_DOUBT", "codeIssued"],
      ["IN_DOUBT", "reauthorizing"],
    ];
    const { context } = live(["EXPECT_EXISTING", "reauthorizing"], ...lost, ...lost, ...lost, ...lost);
    expect(context).toMatchObject({ codesSpent: 4, codesRefused: 0 });
  });

  it("three codes in a row whose outcome was lost and that are then refused are spent, not wrong: no failed", () => {
    const spent: readonly Chapter[] = [
      ["CODE_ISSUED", "codeIssued"],
      ["IN_DOUBT", "codeIssued"],
      ["CODE_REFUSED", "reauthorizing"],
    ];
    const { context } = live(["EXPECT_EXISTING", "reauthorizing"], ...spent, ...spent, ...spent);
    expect(context).toMatchObject({ codesSpent: 3, codesRefused: 0, failure: null });
  });

  it("codes whose outcome was lost do not make a later refusal count more, nor less", () => {
    const { context } = live(
      ["EXPECT_EXISTING", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["IN_DOUBT", "codeIssued"],
      ["CODE_REFUSED", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["CODE_REFUSED", "locating"],
      ["USER_FOUND", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["CODE_REFUSED", "reauthorizing"],
    );
    expect(context).toMatchObject({ codesSpent: 3, codesRefused: 2, refusals: { times: 1 } });
  });

  it("a fresh code whose refusal is slow gets its one retry: the question counts, not the answer", () => {
    const fresh = live(["USER_CREATED", "codeIssued", 0]);
    const slow = { type: "CODE_REFUSED", at: issuedAt + 24_000, askedAt: issuedAt + 4_000 } as const;
    const again = step(fresh, slow);
    expect(again).toMatchObject({ state: "codeIssued", context: { exchanges: 1, codesRefused: 0 } });
    expect(step(again, slow)).toMatchObject({ state: "locating", context: { codesRefused: 1 } });
    expect(step(fresh, { ...slow, askedAt: issuedAt + 5_000 }).state).toBe("locating");
  });

  it("a creation that is refused for good fails, and retry creates", () => {
    live(["REFUSED", "failed"], ["RETRY", "created"], ["USER_CREATED", "codeIssued"]);
  });

  it("a refresh that is in doubt, held or refused keeps the grant", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["DUE", "expiring"],
      ["IN_DOUBT", "expiring"],
      ["POSTPONED", "expiring"],
      ["REFUSED", "expiring"],
    );
    expect(context.attempt).toBe(3);
    expect(context.grantedAt).not.toBeNull();
  });

  it("a lost grant is replaced by a fresh code", () => {
    const { context } = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["TOKEN_REJECTED", "expiring"],
      ["GRANT_LOST", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
    expect(context.codeFrom).toBe("request");
  });

  it("a user who is offboarded keeps who it is at 1upHealth alone, and comes back with a fresh code", () => {
    const gone = live(
      ["USER_CREATED", "codeIssued"],
      ["TOKEN_GRANTED", "tokenActive"],
      ["OFFBOARDED", "offboarded"],
    );
    expect(gone.context).toEqual({ ...nothingKnown, oneupUserId: 42, active: true, wasGranted: true });
    live(
      ["OFFBOARDED", "offboarded"],
      ["ONBOARD", "reauthorizing"],
      ["CODE_ISSUED", "codeIssued"],
      ["TOKEN_GRANTED", "reauthorized"],
    );
  });

  it("a user is renamed with its grant, and goes on where it was", () => {
    const { context } = live(
      ["USER_AUTHORIZED", "tokenActive"],
      ["DUE", "expiring"],
      ["TOKEN_GRANTED", "refreshed"],
      ["RENAME", "renaming"],
      ["USER_RENAMED", "refreshed"],
      ["DUE", "expiring"],
      ["RENAME", "renaming"],
      ["POSTPONED", "expiring"],
    );
    expect(context).toMatchObject({ rename: null, wasGranted: true, attempt: 0 });
    expect(context.expiresAt).not.toBeNull();
  });

  it("a rename in doubt is looked up for an hour, whatever is refused or asked for meanwhile", () => {
    const doubted = live(
      ["USER_AUTHORIZED", "tokenActive"],
      ["RENAME", "renaming"],
      ["IN_DOUBT", "renameInDoubt"],
      ["POSTPONED", "renameInDoubt"],
      ["REFUSED_WITHOUT_REASON", "renameInDoubt"],
      ["FOUND_OTHERS", "renameInDoubt"],
      ["USER_MISSING", "renameInDoubt"],
      ["USER_MISSING", "renameInDoubt"],
      ["USER_MISSING", "renameInDoubt", hour],
      ["USER_MISSING", "renameInDoubt"],
    );
    const at = issuedAt + 3 * hour;
    expect(step(doubted, event("USER_MISSING", at)).state).toBe("tokenActive");
    expect(step(doubted, event("FOUND_ELSEWHERE", at)).context).toMatchObject({
      rename: null,
      absences: null,
    });
    const asked = step(step(doubted, event("TOKEN_REJECTED", at)), event("REAUTHORIZE", at));
    expect(asked).toMatchObject({ state: "renameInDoubt", context: { expiresAt: null } });
    expect(step(asked, event("USER_FOUND", at)).state).toBe("reauthorizing");
  });

  it("a user without a grant is renamed, and none is asked for because of it", () => {
    live(
      ["REFUSED", "failed"],
      ["RENAME", "renaming"],
      ["IN_DOUBT", "renameInDoubt"],
      ["REAUTHORIZE", "renameInDoubt"],
      ["USER_FOUND", "failed"],
    );
    live(["OFFBOARDED", "offboarded"], ["RENAME", "renaming"], ["USER_RENAMED", "offboarded"]);
  });

  it("waiting calls only count, in every state that calls", () => {
    expect(live(["POSTPONED", "created"], ["POSTPONED", "created"]).context.attempt).toBe(2);
    expect(live(["EXPECT_EXISTING", "reauthorizing"], ["POSTPONED", "reauthorizing"]).context.attempt).toBe(
      1,
    );
    expect(live(["USER_CREATED", "codeIssued"], ["POSTPONED", "codeIssued"]).context.attempt).toBe(1);
  });
});
