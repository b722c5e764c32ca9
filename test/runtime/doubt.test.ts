import { describe, expect, it } from "vitest";
import { nothingKnown, type UserContext, type UserEvent, type UserState } from "../../machines/index.ts";
import { slotAfter } from "../../src/guard/guard.ts";
import { endpointOf } from "../../src/runtime/engine/perform-call.ts";
import { applyOutcome, applyNoOutcome } from "../../src/runtime/engine/apply-outcome.ts";
import {
  doubtAbout,
  doubtOf,
  doubts,
  slotFate,
  type DoubtfulCall,
} from "../../src/runtime/engine/in-doubt.ts";
import { beforeNextCode } from "../../src/runtime/options/backoff.ts";
import { callOf, step, type Position } from "../../src/runtime/user/step.ts";
import { newUser, type User } from "../../src/runtime/user/user.ts";
import { Secret } from "../../src/secret.ts";
import { event, later as now } from "../machines/events.ts";

/*
 * What a user does about a call without an outcome. `spent`: codes in a row that brought no token so far.
 * Pauses are in ms, with a random number of one half and a grace of 7 s; `-`: none.
 */
const table = `
call          | ended   | spent | event    | then it is    | next          | pause | why         | slot
createUser    | notSent | 0     | POSTPONED| created       | createUser    | 500   | unavailable | givenBack
createUser    | lost    | 0     | IN_DOUBT | reauthorizing | issueAuthCode | 7000  | unavailable | counts
createUser    | inDoubt | 0     | IN_DOUBT | reauthorizing | issueAuthCode | 7000  | unavailable | settled
createUser    | died    | 0     | IN_DOUBT | reauthorizing | issueAuthCode | -     | -           | counts
createUser    | lost    | 2     | IN_DOUBT | reauthorizing | issueAuthCode | 7000  | unavailable | counts
createUser    | died    | 2     | IN_DOUBT | reauthorizing | issueAuthCode | 60000 | codesSpent  | counts
exchangeCode  | notSent | 0     | POSTPONED| codeIssued    | exchangeCode  | 500   | unavailable | givenBack
exchangeCode  | lost    | 0     | IN_DOUBT | codeIssued    | exchangeCode  | 7000  | unavailable | counts
exchangeCode  | inDoubt | 0     | IN_DOUBT | codeIssued    | exchangeCode  | 500   | unavailable | settled
exchangeCode  | died    | 0     | IN_DOUBT | codeIssued    | exchangeCode  | -     | -           | counts
exchangeCode  | lost    | 4     | IN_DOUBT | codeIssued    | exchangeCode  | 7000  | unavailable | counts
exchangeAgain | notSent | 1     | POSTPONED| codeIssued    | exchangeCode  | 1000  | unavailable | givenBack
exchangeAgain | lost    | 0     | IN_DOUBT | reauthorizing | issueAuthCode | -     | -           | counts
exchangeAgain | lost    | 1     | IN_DOUBT | reauthorizing | issueAuthCode | 60000 | codesSpent  | counts
exchangeAgain | inDoubt | 2     | IN_DOUBT | reauthorizing | issueAuthCode | 120000 | codesSpent | settled
exchangeAgain | died    | 0     | IN_DOUBT | reauthorizing | issueAuthCode | -     | -           | counts
exchangeAgain | died    | 1     | IN_DOUBT | reauthorizing | issueAuthCode | 60000 | codesSpent  | counts
refreshToken  | notSent | 0     | POSTPONED| expiring      | refreshToken  | 500   | unavailable | givenBack
refreshToken  | lost    | 0     | IN_DOUBT | expiring      | refreshToken  | 7000  | unavailable | counts
refreshToken  | inDoubt | 0     | IN_DOUBT | expiring      | refreshToken  | 500   | unavailable | settled
refreshToken  | died    | 0     | IN_DOUBT | expiring      | refreshToken  | -     | -           | counts
issueAuthCode | notSent | 1     | POSTPONED| reauthorizing | issueAuthCode | 500   | unavailable | givenBack
issueAuthCode | lost    | 1     | IN_DOUBT | reauthorizing | issueAuthCode | 500   | unavailable | counts
issueAuthCode | inDoubt | 1     | IN_DOUBT | reauthorizing | issueAuthCode | 500   | unavailable | settled
issueAuthCode | died    | 1     | IN_DOUBT | reauthorizing | issueAuthCode | -     | -           | counts
issueAuthCode | notSent | 3     | POSTPONED| reauthorizing | issueAuthCode | 500   | unavailable | givenBack
issueAuthCode | lost    | 3     | IN_DOUBT | reauthorizing | issueAuthCode | 120000 | codesSpent | counts
issueAuthCode | died    | 3     | IN_DOUBT | reauthorizing | issueAuthCode | 120000 | codesSpent | counts
findUser      | notSent | 0     | POSTPONED| locating      | findUser      | 500   | unavailable | givenBack
findUser      | lost    | 0     | IN_DOUBT | locating      | findUser      | 500   | unavailable | counts
findUser      | inDoubt | 0     | IN_DOUBT | locating      | findUser      | 500   | unavailable | settled
findUser      | died    | 0     | IN_DOUBT | locating      | findUser      | -     | -           | counts
purge         | notSent | 0     | POSTPONED| offboarding   | purge         | 500   | unavailable | givenBack
purge         | lost    | 0     | IN_DOUBT | offboarding   | purge         | 7000  | unavailable | counts
purge         | inDoubt | 0     | IN_DOUBT | offboarding   | purge         | 7000  | unavailable | settled
purge         | died    | 0     | IN_DOUBT | offboarding   | purge         | -     | -           | counts
updateUser    | notSent | 0     | POSTPONED| refreshed     | -             | -     | -           | givenBack
updateUser    | lost    | 0     | IN_DOUBT | renameInDoubt | findUser      | 7000  | unavailable | counts
updateUser    | inDoubt | 0     | IN_DOUBT | renameInDoubt | findUser      | 7000  | unavailable | settled
updateUser    | died    | 0     | IN_DOUBT | renameInDoubt | findUser      | -     | -           | counts
`;

type Ended = "notSent" | "lost" | "inDoubt" | "died";

interface Line {
  readonly call: DoubtfulCall;
  readonly ended: Ended;
  readonly spent: number;
  readonly event: UserEvent["type"];
  readonly state: UserState;
  readonly next: string | null;
  readonly pause: User["pause"];
  readonly slot: string;
}

const lines = table
  .trim()
  .split("\n")
  .slice(1)
  .map((line): Line => {
    const [call, ended, spent, event, state, next, ms, reason, slot] = line
      .split("|")
      .map((cell) => cell.trim());
    const pause = ms === "-" ? null : { reason, until: now + Number(ms) };
    const after = next === "-" ? null : next;
    return { call, ended, spent: Number(spent), event, state, next: after, pause, slot } as Line; // as the table spells it
  });

const standsIn: Readonly<Record<DoubtfulCall, UserState>> = {
  createUser: "created",
  exchangeCode: "codeIssued",
  exchangeAgain: "codeIssued",
  refreshToken: "expiring",
  issueAuthCode: "reauthorizing",
  findUser: "locating",
  purge: "offboarding",
  updateUser: "renaming",
};

const graceMs = 7_000;
const times = { timeoutMs: 30_000, graceMs };
const moment = { at: now, random: 0.5, servesOthers: true, ...times };
const code = new Secret("a code");
const accessToken = new Secret("an access token");
const refreshToken = new Secret("a refresh token");

/** A user whose call is under way. */
function asking(call: DoubtfulCall, codesSpent = 0): User {
  const exchanges = call === "exchangeAgain" ? 1 : 0;
  const context: UserContext = {
    ...nothingKnown,
    codeAt: now - 60_000,
    codesSpent,
    exchanges,
    attempt: exchanges,
    rename: call === "updateUser" ? { to: "new", from: "refreshed" } : null,
  };
  const position: Position = { state: standsIn[call], context };
  const secrets =
    position.state === "codeIssued"
      ? { code }
      : position.state === "expiring" || position.state === "renaming"
        ? { accessToken, refreshToken }
        : {};
  const intent = { call: callOf(position.state) ?? "", attempt: "one", at: now - 1_000 };
  const pause = { reason: "unavailable", until: now - 1 } as const;
  return { ...newUser("ada", "bulk", now), position, secrets, intent, pause };
}

const unheard = {
  notSent: { type: "notSent", cause: null },
  lost: { type: "lost", cause: null },
  inDoubt: { type: "inDoubt", why: "HTTP 503" },
} as const;

/** Until when a call may still arrive that presents a code or a refresh token. */
const arrivals: Readonly<Record<Ended, Partial<Record<ReturnType<typeof endpointOf>, number>>>> = {
  notSent: {},
  lost: { token: now + times.timeoutMs + graceMs },
  inDoubt: { token: now + times.timeoutMs + graceMs },
  died: { token: now + times.timeoutMs + graceMs },
};

function ends(user: User, ended: Ended, verdict: "plain" | "kept" = "plain"): User {
  return ended === "died"
    ? applyNoOutcome(user, moment)
    : applyOutcome(user, unheard[ended], moment, verdict);
}

describe("runtime/doubt call × how it ended → event, pause, slot", () => {
  it.each(lines)("$call $ended after $spent spent codes: $event, and $next is next", (line) => {
    const user = asking(line.call, line.spent);
    const after = ends(user, line.ended);
    expect(after).toMatchObject({ intent: null, pause: line.pause });
    expect(after.history.at(-1)).toEqual([now, line.state, line.event]);
    const mayArriveUntil = arrivals[line.ended][endpointOf(callOf(user.position.state) ?? "purge")];
    expect(after.position).toEqual(
      step(user.position, { ...event(line.event, now), mayArriveUntil } as UserEvent),
    ); // with the field or without
    expect(callOf(after.position.state) ?? null).toBe(line.next);
    const keeps = line.state === user.position.state || line.call === "updateUser";
    expect(after.secrets).toEqual(keeps ? user.secrets : {});
    expect(slotFate(line.ended)).toBe(line.slot);
    // The row that a reader of the source sees.
    expect(doubtOf(line.call, line.ended)).toMatchObject({ event: line.event, next: line.next });
    expect(doubtAbout(user.position, line.ended)).toBe(doubtOf(line.call, line.ended));
  });

  it("doubts has no call and no ending that is not in the table of this test", () => {
    for (const call of Object.keys(standsIn)) {
      const columns = lines.filter((line) => line.call === call).map(({ ended }) => ended);
      expect([call, ...new Set(columns)]).toEqual([call, "notSent", "lost", "inDoubt", "died"]);
    }
    expect(Object.keys(doubts).sort()).toEqual(Object.keys(standsIn).sort());
  });

  it("applyOutcome() keeps a code that was exchanged twice in vain while the token endpoint is down for all users", () => {
    const user = asking("exchangeAgain", 3);
    for (const [ended, pause] of [
      ["lost", { reason: "unavailable", until: now + graceMs, mayArrive: true }],
      ["inDoubt", { reason: "unavailable", until: now + 1_000 }],
    ] as const) {
      const after = ends(user, ended, "kept");
      const mayArriveUntil = now + times.timeoutMs + graceMs;
      expect(after.position).toEqual(step(user.position, { type: "POSTPONED", at: now, mayArriveUntil }));
      expect(after).toMatchObject({ secrets: { code }, pause });
      expect(doubtOf("exchangeAgain", ended)?.whileDown).toMatchObject({
        event: "POSTPONED",
        next: "exchangeCode",
        slots: 1,
      });
    }
    const calls = Object.keys(doubts) as DoubtfulCall[]; // its keys
    expect(calls.filter((call) => doubtOf(call, "lost")?.whileDown !== undefined)).toEqual(["exchangeAgain"]);
  });

  it("doubtAbout() finds no doubt after an answer, and slotFate() settles its slot", () => {
    for (const outcome of ["tokens", "throttled", "forbidden", "refused", "answer", "toString"]) {
      expect(doubtAbout(asking("refreshToken").position, outcome)).toBeUndefined();
      expect(slotFate(outcome)).toBe("settled");
    }
    const slot = { number: 1 } as unknown as Parameters<typeof slotAfter>[0]; // whatever a store hands out
    expect(slotAfter(slot, "settled")).toEqual({ settle: slot });
    expect(slotAfter(slot, "givenBack")).toEqual({ giveBack: slot });
    expect(slotAfter(slot, "counts")).toEqual({});
  });

  it("applyNoOutcome() leaves a user who stands before no call where it is, with its tokens", () => {
    const user = { ...asking("refreshToken"), pause: null };
    const rested: User = { ...user, position: { ...user.position, state: "refreshed" } };
    expect(applyNoOutcome(rested, moment)).toEqual({ ...rested, intent: null });
  });

  it("applyOutcome() tries a fresh code once more after a second, however slow its refusal was", () => {
    const user = asking("exchangeCode");
    const { context } = user.position;
    const decided = { ...user, intent: { call: "exchangeCode", attempt: "one", at: now - 20_000 } };
    const refused = { type: "grantRefused", why: "invalid_code" } as const;
    for (const [age, pause] of [
      [4_999, { reason: "codeRegisters", until: now + 1_000 }],
      [5_000, null],
    ] as const) {
      const fresh = { state: "codeIssued", context: { ...context, codeAt: now - 20_000 - age } } as const;
      const after = applyOutcome({ ...decided, position: fresh }, refused, moment);
      expect(after).toMatchObject({ pause, secrets: pause === null ? {} : { code } });
    }
  });

  it("applyOutcome() presents a code again that was in doubt once it has registered, a second after its issue", () => {
    const user = asking("exchangeCode");
    for (const [age, pauseMs] of [
      [-90_000, 1_500], // the clock was put back
      [0, 1_500],
      [400, 1_100],
      [999, 501],
      [1_000, 500],
      [60_000, 500],
    ] as const) {
      const context = { ...user.position.context, codeAt: now - age };
      const after = ends({ ...user, position: { state: "codeIssued", context } }, "inDoubt");
      expect(after).toMatchObject({
        pause: { reason: "unavailable", until: now + pauseMs },
        secrets: { code },
      });
    }
  });

  it("applyOutcome() puts a user's further codes off, from a minute doubling up to 6 h", () => {
    const waits = Array.from(
      { length: 12 },
      (_, spent) => ends(asking("exchangeAgain", spent), "lost").pause,
    );
    expect(waits.map((pause) => (pause === null ? 0 : pause.until - now))).toEqual(
      Array.from({ length: 12 }, (_, spent) => beforeNextCode(spent + 1)),
    );
    expect(waits.at(-1)?.until).toBe(now + 6 * 3_600_000);
  });
});

describe("runtime/doubt slots", () => {
  /** The dearest way from each call in doubt to a token, when nothing else goes wrong. */
  const dearest: Readonly<Record<DoubtfulCall, readonly UserEvent["type"][]>> = {
    createUser: ["USER_MISSING", "USER_CREATED", "TOKEN_GRANTED"],
    exchangeCode: ["CODE_REFUSED", "CODE_ISSUED", "TOKEN_GRANTED"],
    exchangeAgain: ["CODE_ISSUED", "TOKEN_GRANTED"],
    refreshToken: ["GRANT_LOST", "CODE_ISSUED", "TOKEN_GRANTED"],
    issueAuthCode: ["CODE_ISSUED", "TOKEN_GRANTED"],
    findUser: ["FOUND_ELSEWHERE", "CODE_ISSUED", "TOKEN_GRANTED"],
    purge: ["PURGED"],
    updateUser: ["FOUND_ELSEWHERE"],
  };

  it.each(Object.keys(dearest) as DoubtfulCall[])(
    "doubtOf() tells what a %s in doubt costs at worst",
    (call) => {
      for (const ended of ["lost", "inDoubt", "died"] as const) {
        let { position } = ends(asking(call), ended);
        let spent = 0;
        for (const type of dearest[call]) {
          const asked = callOf(position.state);
          if (asked !== undefined && endpointOf(asked) === "management") spent++;
          position = step(position, event(type, now));
        }
        expect(callOf(position.state)).toBeUndefined();
        expect(doubtOf(call, ended)?.slots).toBe(spent);
      }
      expect(doubtOf(call, "notSent")?.slots).toBe(0);
    },
  );
});
