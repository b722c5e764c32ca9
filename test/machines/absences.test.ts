import { describe, expect, it } from "vitest";
import { nothingKnown, type UserContext, type UserEvent, type UserState } from "../../machines/index.ts";
import { step } from "../../src/runtime/user/step.ts";
import { dayLater, event, issuedAt, later, usual } from "./events.ts";

/** What becomes of a user that 1upHealth does not list, and of a purge. */
const depends: readonly [
  from: UserState,
  known: string,
  facts: Partial<UserContext>,
  what: UserEvent,
  to: UserState,
  remembers: Partial<UserContext>,
][] = [
  [
    "locating",
    "whose number is confirmed, and that an empty list does not name",
    { search: { form: "body" } },
    event("USER_MISSING"),
    "locating",
    { oneupUserId: 7, absences: { since: later, times: 1 }, search: null },
  ],
  [
    "locating",
    "that 1upHealth has not listed for a day",
    { absences: { since: issuedAt, times: 4 } },
    event("USER_MISSING", dayLater),
    "created",
    { oneupUserId: null, absences: null },
  ],
  [
    "locating",
    "that 1upHealth has not listed for a day, but has been asked too seldom",
    { absences: { since: issuedAt, times: 3 } },
    event("USER_MISSING", dayLater),
    "locating",
    { oneupUserId: 7, absences: { since: issuedAt, times: 4 } },
  ],
  [
    "locating",
    "that was not listed for minutes, by a clock a day behind before",
    { absences: { since: issuedAt - 60_000, times: 9, lastAt: issuedAt } },
    event("USER_MISSING", dayLater),
    "locating",
    { absences: { since: dayLater - 6 * 3_600_000 - 60_000, times: 10, lastAt: dayLater } },
  ],
  [
    "locating",
    "that was not listed for most of a day, and then by a clock that is behind, too",
    { absences: { since: issuedAt - 20 * 3_600_000, times: 9, lastAt: issuedAt } },
    event("USER_MISSING", issuedAt - 86_400_000),
    "locating",
    { absences: { since: issuedAt - 38 * 3_600_000, times: 10, lastAt: issuedAt - 86_400_000 } },
  ],
  [
    "locating",
    "that only the application has named, and that is not there",
    { unconfirmed: "claimed" },
    event("USER_MISSING"),
    "created",
    { oneupUserId: null },
  ],
  [
    "locating",
    "that only the application has named, and that was granted a token",
    { unconfirmed: "claimed", wasGranted: true },
    event("USER_MISSING"),
    "locating",
    { oneupUserId: 7, absences: { since: later, times: 1 } },
  ],
  [
    "locating",
    "that is listed again",
    { absences: { since: issuedAt, times: 3 } },
    event("USER_FOUND"),
    "reauthorizing",
    { absences: null },
  ],
  [
    "locating",
    "that a person retries while it is not listed",
    { absences: { since: issuedAt, times: 3 } },
    event("RETRY"),
    "locating",
    { attempt: 0, absences: { since: issuedAt, times: 3 } },
  ],
  [
    "reauthorizing",
    "whose number nothing knows, and that was granted a token",
    { oneupUserId: null, wasGranted: true },
    event("USER_MISSING"),
    "locating",
    {},
  ],
  [
    "identifying",
    "that an empty list does not name",
    { toPurge: ["r4"], purged: ["dstu2"] },
    event("USER_MISSING"),
    "identifying",
    { toPurge: ["r4"], purged: ["dstu2"], absences: { since: later, times: 1 } },
  ],
  [
    "identifying",
    "that 1upHealth has not listed for a day",
    { toPurge: ["r4"], purged: ["dstu2"], absences: { since: issuedAt, times: 4 } },
    event("USER_MISSING", dayLater),
    "offboarded",
    { ...nothingKnown, purged: ["dstu2"], unpurged: { versions: ["r4"], why: "userUnknown" } },
  ],
  [
    "offboarded",
    "whose purge was not carried out, and that is requested again in part",
    { unpurged: { versions: ["stu3", "r4"], why: "userUnknown" } },
    event("OFFBOARD"),
    "identifying",
    { toPurge: ["dstu2", "r4"], unpurged: { versions: ["stu3"], why: "userUnknown" } },
  ],
  [
    "offboarding",
    "whose purge was refused a long time ago",
    { toPurge: ["r4"], refusals: { since: issuedAt, times: 3, ofPurge: true } },
    event("DUE"),
    "identifying",
    { refusals: { since: issuedAt, times: 3, ofPurge: true } },
  ],
  [
    "identifying",
    "whose purge was refused before",
    { toPurge: ["r4"], refusals: { since: issuedAt, times: 3, ofPurge: true } },
    event("USER_FOUND"),
    "offboarding",
    { refusals: { since: issuedAt, times: 3, ofPurge: true } },
  ],
];

describe("machines/user-lifecycle with a user that is not listed, or not purged", () => {
  for (const [from, known, facts, what, to, remembers] of depends) {
    it(`step() of ${what.type} takes a user in ${from}, ${known}, to ${to}`, () => {
      const next = step({ state: from, context: { ...usual, ...facts } }, what);
      expect(next.state).toBe(to);
      expect(next.context).toMatchObject(remembers);
    });
  }
});
