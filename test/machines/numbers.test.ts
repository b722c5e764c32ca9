import { describe, expect, it } from "vitest";
import type { UserContext, UserEvent, UserState } from "../../machines/index.ts";
import { step } from "../../src/runtime/user/step.ts";
import { event, issuedAt, later, usual } from "./events.ts";

/** What becomes of the number. */
const depends: readonly (readonly [
  from: UserState,
  known: string,
  facts: Partial<UserContext>,
  what: UserEvent,
  to: UserState,
  remembers: Partial<UserContext>,
])[] = [
  [
    "identifying",
    "whose number the application alone has named, and 1upHealth does not have",
    { toPurge: ["r4"], unconfirmed: "claimed" },
    event("USER_MISSING"),
    "identifying",
    {
      toPurge: ["r4"],
      oneupUserId: usual.oneupUserId,
      unconfirmed: "claimed",
      absences: { since: later, times: 1 },
    },
  ],
  [
    "identifying",
    "whose app_user_id 1upHealth does not have, and whose number is in doubt",
    { toPurge: ["r4"], unconfirmed: "doubted" },
    event("USER_MISSING"),
    "identifying",
    { oneupUserId: usual.oneupUserId, unconfirmed: "claimed" },
  ],
  [
    "identifying",
    "whose number is confirmed on the way",
    { toPurge: ["r4"], unconfirmed: "claimed" },
    event("USER_FOUND"),
    "offboarding",
    { unconfirmed: null, identifiedAt: later },
  ],
  [
    "identifying",
    "whose number stands under another id",
    { toPurge: ["r4"], unconfirmed: "claimed" },
    event("NUMBER_REFUTED"),
    "failed",
    { failure: { in: "offboarding", reason: "anotherUser", why: "elsewhere" }, unconfirmed: "claimed" },
  ],
  [
    "failed",
    "whose purge found its number under another id",
    { failure: { in: "offboarding", reason: "anotherUser", why: "" }, unconfirmed: "claimed" },
    event("RETRY"),
    "identifying",
    { failure: null, unconfirmed: "doubted" },
  ],
  [
    "failed",
    "whose purge found its number under another id",
    { failure: { in: "offboarding", reason: "anotherUser", why: "" }, unconfirmed: "claimed" },
    event("REAUTHORIZE"),
    "failed",
    { unconfirmed: "claimed" },
  ],
  ...(["RETRY", "REAUTHORIZE"] as const).map(
    (type) =>
      [
        "failed",
        "for which answers named another number for a day",
        { failure: { in: "reauthorizing", reason: "anotherUser", why: "" } },
        event(type),
        "locating",
        { failure: null, unconfirmed: "doubted" },
      ] as const,
  ),
  [
    "failed",
    "for which answers named another user for a day, and no number is known",
    { failure: { in: "reauthorizing", reason: "anotherUser", why: "" }, oneupUserId: null },
    event("RETRY"),
    "reauthorizing",
    { failure: null, unconfirmed: null },
  ],
  [
    "reauthorizing",
    "for which an answer named another user",
    { refusals: { since: issuedAt, times: 1, isAnother: true } },
    event("RETRY"),
    "locating",
    { unconfirmed: "doubted", refusals: null },
  ],
  [
    "locating",
    "whose number is in doubt, and whose app_user_id has another one",
    { unconfirmed: "doubted" },
    event("NUMBER_CORRECTED"),
    "reauthorizing",
    { oneupUserId: 42, unconfirmed: null },
  ],
  [
    "locating",
    "whose number is in doubt, and whose app_user_id 1upHealth does not have",
    { unconfirmed: "doubted" },
    event("USER_MISSING"),
    "locating",
    { oneupUserId: usual.oneupUserId, unconfirmed: "claimed" },
  ],
  [
    "codeIssued",
    "whose number came with a code that is refused",
    { unconfirmed: "answered" },
    event("CODE_REFUSED"),
    "locating",
    { oneupUserId: usual.oneupUserId, unconfirmed: "disputed", codesRefused: 1, codesSpent: 1 },
  ],
  [
    "codeIssued",
    "whose number came with a code that may be spent",
    { unconfirmed: "answered", maybeSpent: true, exchanges: 1 },
    event("CODE_REFUSED"),
    "reauthorizing",
    { unconfirmed: "answered", codesRefused: 0, codesSpent: 1 },
  ],
  [
    "reauthorizing",
    "whose number an answer named, and the next one names another",
    { unconfirmed: "answered" },
    { type: "REFUSED_WITHOUT_REASON", at: later, why: "another_user" },
    "locating",
    { unconfirmed: "disputed", refusals: null },
  ],
  [
    "reauthorizing",
    "whose number an answer named, and whose id 1upHealth does not know",
    { unconfirmed: "answered" },
    event("USER_MISSING"),
    "locating",
    { oneupUserId: usual.oneupUserId, unconfirmed: "disputed" },
  ],
  [
    "reauthorizing",
    "that was granted a token, and whose number an answer named",
    { unconfirmed: "answered", wasGranted: true },
    event("USER_MISSING"),
    "locating",
    { oneupUserId: usual.oneupUserId },
  ],
  [
    "reauthorizing",
    "whose number an answer named, and that is refused without a reason",
    { unconfirmed: "answered" },
    event("REFUSED_WITHOUT_REASON"),
    "reauthorizing",
    { unconfirmed: "answered", refusals: { since: later, times: 1 } },
  ],
  [
    "locating",
    "whose two numbers are looked up, and whose app_user_id has another one",
    { unconfirmed: "disputed" },
    event("NUMBER_CORRECTED"),
    "reauthorizing",
    { oneupUserId: 42, unconfirmed: null },
  ],
  [
    "locating",
    "whose two numbers are looked up, and whose app_user_id 1upHealth does not have",
    { unconfirmed: "disputed" },
    event("USER_MISSING"),
    "reauthorizing",
    { oneupUserId: null, unconfirmed: null },
  ],
  [
    "codeIssued",
    "whose number the answer with the code named",
    { unconfirmed: "answered" },
    event("TOKEN_GRANTED"),
    "reauthorized",
    { unconfirmed: null },
  ],
  [
    "codeIssued",
    "whose number the application alone has named",
    { unconfirmed: "claimed" },
    event("TOKEN_GRANTED"),
    "reauthorized",
    { unconfirmed: "claimed" },
  ],
  [
    "expiring",
    "whose number the application alone has named",
    { unconfirmed: "claimed" },
    event("TOKEN_GRANTED"),
    "refreshed",
    { unconfirmed: "claimed" },
  ],
  [
    "reauthorizing",
    "whose number the application alone has named, and the answer, too",
    { oneupUserId: 42, unconfirmed: "claimed" },
    event("CODE_ISSUED"),
    "codeIssued",
    { oneupUserId: 42, unconfirmed: "answered" },
  ],
  [
    "reauthorizing",
    "whose number an answer named, and the next one does not",
    { unconfirmed: "answered" },
    { type: "CODE_ISSUED", at: later, user: {} },
    "codeIssued",
    { oneupUserId: usual.oneupUserId, unconfirmed: "claimed" },
  ],
  [
    "reauthorizing",
    "whose confirmed number the application names, too",
    { oneupUserId: 42 },
    event("ADOPTED"),
    "tokenActive",
    { oneupUserId: 42, unconfirmed: null },
  ],
];

describe("machines/user-lifecycle with a number that nothing has confirmed, or that is in doubt", () => {
  for (const [from, known, facts, what, to, remembers] of depends) {
    it(`step() of ${what.type} takes a user in ${from}, ${known}, to ${to}`, () => {
      const next = step({ state: from, context: { ...usual, ...facts } }, what);
      expect(next.state).toBe(to);
      expect(next.context).toMatchObject(remembers);
    });
  }
});
