import { describe, expect, it } from "vitest";
import { nothingKnown } from "../../machines/index.ts";
import type { UserContext, UserEvent, UserState } from "../../machines/index.ts";
import { step } from "../../src/runtime/step.ts";
import { event, eventsAt, issuedAt, later, soon, states, tooLate } from "./events.ts";

/*
 * What every event does in every state, for a user with nothing special about it.
 * A name: goes there. `stays`: remembers something, and stays. `-`: means nothing here, nothing changes.
 */
const withoutGrant = `
                | created       | codeIssued    | reauthorizing | locating      | failed        | offboarding   | offboarded    |
EXPECT_EXISTING | reauthorizing | -             | -             | -             | -             | -             | -             |
ADOPTED         | tokenActive   | -             | tokenActive   | tokenActive   | tokenActive   | -             | tokenActive   |
USER_CREATED    | codeIssued    | -             | -             | -             | -             | -             | -             |
USER_AUTHORIZED | tokenActive   | -             | -             | -             | -             | -             | -             |
USER_EXISTS     | reauthorizing | -             | -             | -             | -             | -             | -             |
USER_MISSING    | -             | -             | locating      | created       | -             | -             | -             |
USER_FOUND      | -             | -             | -             | reauthorizing | -             | -             | -             |
FOUND_ELSEWHERE | -             | -             | -             | reauthorizing | -             | -             | -             |
ID_TAKEN        | stays         | stays         | failed        | stays         | stays         | stays         | stays         |
CODE_ISSUED     | -             | -             | codeIssued    | -             | -             | -             | -             |
CODE_REFUSED    | -             | reauthorizing | -             | -             | -             | -             | -             |
TOKEN_GRANTED   | -             | reauthorized  | -             | -             | -             | -             | -             |
TOKEN_REJECTED  | -             | -             | -             | -             | -             | -             | -             |
GRANT_LOST      | -             | -             | -             | -             | -             | -             | -             |
IN_DOUBT        | reauthorizing | stays         | stays         | stays         | -             | stays         | -             |
HELD            | stays         | stays         | stays         | stays         | -             | stays         | -             |
REFUSED         | failed        | failed        | failed        | failed        | -             | failed        | -             |
DUE             | -             | -             | -             | -             | -             | -             | -             |
REAUTHORIZE     | -             | reauthorizing | -             | -             | -             | -             | -             |
RETRY           | -             | -             | -             | -             | reauthorizing | -             | -             |
OFFBOARD        | offboarding   | offboarding   | offboarding   | offboarding   | offboarding   | stays         | offboarding   |
PURGED          | -             | -             | -             | -             | -             | offboarded    | -             |
PURGE_CUT       | -             | -             | -             | -             | -             | stays         | -             |
OFFBOARDED      | offboarded    | offboarded    | offboarded    | offboarded    | offboarded    | offboarded    | -             |
ONBOARD         | -             | -             | -             | -             | -             | -             | reauthorizing |
`;

const withGrant = `
                | tokenActive   | expiring      | refreshed     | reauthorized  |
EXPECT_EXISTING | -             | -             | -             | -             |
ADOPTED         | -             | -             | -             | -             |
USER_CREATED    | -             | -             | -             | -             |
USER_AUTHORIZED | -             | -             | -             | -             |
USER_EXISTS     | -             | -             | -             | -             |
USER_MISSING    | -             | -             | -             | -             |
USER_FOUND      | -             | -             | -             | -             |
FOUND_ELSEWHERE | -             | -             | -             | -             |
ID_TAKEN        | stays         | stays         | stays         | stays         |
CODE_ISSUED     | -             | -             | -             | -             |
CODE_REFUSED    | -             | -             | -             | -             |
TOKEN_GRANTED   | -             | refreshed     | -             | -             |
TOKEN_REJECTED  | expiring      | stays         | expiring      | expiring      |
GRANT_LOST      | -             | reauthorizing | -             | -             |
IN_DOUBT        | -             | stays         | -             | -             |
HELD            | -             | stays         | -             | -             |
REFUSED         | -             | stays         | -             | -             |
DUE             | expiring      | -             | expiring      | expiring      |
REAUTHORIZE     | reauthorizing | reauthorizing | reauthorizing | reauthorizing |
RETRY           | -             | -             | -             | -             |
OFFBOARD        | offboarding   | offboarding   | offboarding   | offboarding   |
PURGED          | -             | -             | -             | -             |
PURGE_CUT       | -             | -             | -             | -             |
OFFBOARDED      | offboarded    | offboarded    | offboarded    | offboarded    |
ONBOARD         | -             | -             | -             | -             |
`;

/** [state, event, answer] of a table. */
function cellsOf(table: string): readonly (readonly [state: string, event: string, answer: string])[] {
  const [head = [], ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const columns = head[0] === "" ? head.slice(1) : head;
  return rows.flatMap(([type = "", ...answers]) =>
    columns.flatMap((state, index) => (state === "" ? [] : [[state, type, answers[index] ?? ""] as const])),
  );
}

const cells = [...cellsOf(withoutGrant), ...cellsOf(withGrant)];

/** A user in the middle of things: a code that was requested, tokens that last. */
const usual: UserContext = {
  ...nothingKnown,
  oneupUserId: 7,
  codeFrom: "request",
  codeAt: issuedAt,
  attempt: 3,
  expiresAt: later + 60_000,
  grantedAt: issuedAt,
};

describe("machines/user-lifecycle state × event → state", () => {
  it("step() has an answer for every event in every state", () => {
    const types = [...new Set(eventsAt(0).map(({ type }) => type))];
    expect(cells.map(([state, type]) => `${state} ${type}`).sort()).toEqual(
      states.flatMap((state) => types.map((type) => `${state} ${type}`)).sort(),
    );
  });

  for (const state of states) {
    it(`step() from ${state} follows the table`, () => {
      for (const [, type, answer] of cells.filter(([from]) => from === state)) {
        const position = { state, context: usual };
        const next = step(position, event(type as UserEvent["type"]));
        if (answer === "-") {
          expect(next, `on ${type}`).toBe(position);
        } else {
          expect(next.state, `on ${type}`).toBe(answer === "stays" ? state : answer);
          expect(next.context, `on ${type}`).not.toEqual(usual);
        }
      }
    });
  }
});

/** Where it depends on what is known. */
const depends: readonly [
  from: UserState,
  known: string,
  facts: Partial<UserContext>,
  what: UserEvent,
  to: UserState,
  remembers: Partial<UserContext>,
][] = [
  [
    "codeIssued",
    "whose code came with the creation",
    { codeFrom: "creation" },
    event("TOKEN_GRANTED"),
    "tokenActive",
    { expiresAt: later + 7_200_000, grantedAt: later },
  ],
  [
    "codeIssued",
    "whose code was requested",
    { codeFrom: "request" },
    event("TOKEN_GRANTED"),
    "reauthorized",
    {},
  ],
  [
    "codeIssued",
    "whose code is younger than 5 s",
    {},
    event("CODE_REFUSED", soon),
    "codeIssued",
    { exchanges: 1, codesRefused: 0 },
  ],
  [
    "codeIssued",
    "whose young code was tried once more",
    { exchanges: 1 },
    event("CODE_REFUSED", soon),
    "reauthorizing",
    { codesRefused: 1, codesSpent: 1 },
  ],
  [
    "codeIssued",
    "whose code is 5 s old",
    {},
    event("CODE_REFUSED", later),
    "reauthorizing",
    { codesRefused: 1, codesSpent: 1 },
  ],
  [
    "codeIssued",
    "whose code may have expired",
    { codesRefused: 2 },
    event("CODE_REFUSED", tooLate),
    "reauthorizing",
    { codesRefused: 2, codesSpent: 1 },
  ],
  [
    "codeIssued",
    "whose two codes before were refused",
    { codesRefused: 2 },
    event("CODE_REFUSED"),
    "failed",
    { failure: { in: "codeIssued", reason: "codesRefused", why: "codesRefused" } },
  ],
  ["codeIssued", "never tried", {}, event("IN_DOUBT"), "codeIssued", { exchanges: 1, codesSpent: 0 }],
  [
    "codeIssued",
    "tried once more",
    { exchanges: 1 },
    event("IN_DOUBT"),
    "reauthorizing",
    { codesSpent: 1, codesRefused: 0 },
  ],
  [
    "reauthorizing",
    "of whom 1upHealth said that it exists, and whose number nobody knows",
    { saidExists: true, oneupUserId: null },
    event("USER_MISSING"),
    "created",
    { saidMissing: true, oneupUserId: null },
  ],
  [
    "reauthorizing",
    "whose number is known",
    { saidExists: true },
    event("USER_MISSING"),
    "locating",
    { saidMissing: true, oneupUserId: 7 },
  ],
  ["locating", "whom nobody has there", {}, event("USER_MISSING"), "created", { oneupUserId: null }],
  [
    "locating",
    "who is there under its own id",
    {},
    event("USER_FOUND"),
    "reauthorizing",
    { saidExists: true, attempt: 4, oneupUserId: 42, active: true },
  ],
  [
    "reauthorizing",
    "whose id there is somebody else's here",
    {},
    event("ID_TAKEN"),
    "failed",
    { failure: { in: "reauthorizing", reason: "idTaken", why: "idTaken" } },
  ],
  [
    "refreshed",
    "whose new id is somebody else's here",
    {},
    event("ID_TAKEN"),
    "refreshed",
    { idTaken: true },
  ],
  [
    "reauthorizing",
    "of whom 1upHealth said that it exists, that it does not, and that it does",
    { saidExists: true, saidMissing: true },
    event("USER_MISSING"),
    "failed",
    { failure: { in: "reauthorizing", reason: "contradiction", why: "contradiction" } },
  ],
  [
    "created",
    "in any case",
    {},
    event("REFUSED"),
    "failed",
    { failure: { in: "created", reason: "refused", why: "HTTP 400" } },
  ],
  [
    "failed",
    "that failed while it was created",
    { failure: { in: "created", reason: "refused", why: "" } },
    event("RETRY"),
    "created",
    { failure: null },
  ],
  [
    "failed",
    "that failed with a code in hand",
    { failure: { in: "codeIssued", reason: "refused", why: "" }, codesRefused: 2, codesSpent: 2 },
    event("RETRY"),
    "reauthorizing",
    { failure: null, codesRefused: 0, codesSpent: 0 },
  ],
  [
    "failed",
    "whose grant the application brings without an access token",
    { failure: { in: "codeIssued", reason: "refused", why: "" }, codesRefused: 2 },
    { type: "ADOPTED", at: later, user: { oneupUserId: 42 }, expiresAt: null },
    "expiring",
    { ...nothingKnown, oneupUserId: 42 },
  ],
  [
    "created",
    "whose grant the application brings with an access token",
    {},
    { type: "ADOPTED", at: later, user: { oneupUserId: 42 }, expiresAt: later + 1_000 },
    "tokenActive",
    { ...nothingKnown, oneupUserId: 42, expiresAt: later + 1_000 },
  ],
  ["tokenActive", "whose token lasts", {}, event("TOKEN_REJECTED"), "expiring", { expiresAt: null }],
  [
    "expiring",
    "whose token is over already",
    { expiresAt: issuedAt },
    event("TOKEN_REJECTED"),
    "expiring",
    { expiresAt: null },
  ],
  [
    "reauthorized",
    "in any case",
    {},
    event("REAUTHORIZE"),
    "reauthorizing",
    { expiresAt: null, grantedAt: null },
  ],
  [
    "refreshed",
    "in any case",
    { active: false },
    event("OFFBOARDED"),
    "offboarded",
    { ...nothingKnown, oneupUserId: usual.oneupUserId, active: false },
  ],
  [
    "refreshed",
    "in any case",
    {},
    event("OFFBOARD"),
    "offboarding",
    { ...nothingKnown, oneupUserId: usual.oneupUserId, toPurge: ["dstu2", "r4"] },
  ],
  [
    "offboarding",
    "of which something is erased",
    { toPurge: ["stu3"], purged: ["dstu2"] },
    event("OFFBOARD"),
    "offboarding",
    { toPurge: ["stu3", "r4"], purged: ["dstu2"] },
  ],
  [
    "offboarding",
    "with two versions left",
    { toPurge: ["stu3", "r4"], purged: ["dstu2"], attempt: 5 },
    event("PURGED"),
    "offboarding",
    { toPurge: ["r4"], purged: ["dstu2", "stu3"], attempt: 0 },
  ],
  [
    "offboarding",
    "with one version left",
    { toPurge: ["r4"], purged: ["dstu2"] },
    event("PURGED"),
    "offboarded",
    { ...nothingKnown, oneupUserId: usual.oneupUserId, purged: ["dstu2", "r4"] },
  ],
  [
    "offboarding",
    "that is called off",
    { toPurge: ["r4"], purged: ["dstu2"] },
    event("OFFBOARDED"),
    "offboarded",
    { toPurge: null, purged: ["dstu2"] },
  ],
  [
    "failed",
    "that failed while it was purged",
    { failure: { in: "offboarding", reason: "refused", why: "" }, toPurge: ["r4"] },
    event("RETRY"),
    "offboarding",
    { failure: null, toPurge: ["r4"] },
  ],
  [
    "offboarded",
    "that was purged",
    { purged: ["r4"] },
    event("ONBOARD"),
    "reauthorizing",
    { ...nothingKnown, oneupUserId: usual.oneupUserId },
  ],
];

describe("machines/user-lifecycle with what is known", () => {
  for (const [from, known, facts, what, to, remembers] of depends) {
    it(`step() of ${what.type} takes a user in ${from}, ${known}, to ${to}`, () => {
      const next = step({ state: from, context: { ...usual, ...facts } }, what);
      expect(next.state).toBe(to);
      expect(next.context).toMatchObject(remembers);
    });
  }
});
