/** Every event once, with the facts that an outcome usually brings. */

import {
  type UserContext,
  type UserEvent,
  type UserState,
  nothingKnown,
  renamable,
} from "../../machines/index.ts";

/** When a code in hand was issued. */
export const issuedAt = 1_767_225_600_000;
/** So soon after that a code may still register. */
export const soon = issuedAt + 4_999;
/** When it must have registered. */
export const later = issuedAt + 5_000;

/** When it may have expired. */
export const tooLate = issuedAt + 300_000;

/** When a call that was refused without a reason from the beginning has been so for a day. */
export const dayLater = issuedAt + 86_400_000 + 5_000;

const user = { oneupUserId: 42, active: true };

/** One event of every type, and of those that differ by what they bring, one of each. */
export function eventsAt(at: number): readonly UserEvent[] {
  const expiresAt = at + 7_200_000;
  return [
    { type: "EXPECT_EXISTING", at },
    { type: "ADOPTED", at, user, expiresAt },
    { type: "ADOPTED", at, user, expiresAt: null },
    { type: "USER_CREATED", at, user },
    { type: "USER_AUTHORIZED", at, user, expiresAt },
    { type: "USER_EXISTS", at },
    { type: "USER_MISSING", at },
    { type: "USER_FOUND", at, user },
    { type: "FOUND_ELSEWHERE", at, user },
    { type: "RENAME", at, to: "new" },
    { type: "USER_RENAMED", at },
    { type: "ID_TAKEN", at },
    { type: "NUMBER_CONFIRMED", at },
    { type: "NUMBER_CORRECTED", at, user },
    { type: "NUMBER_REFUTED", at, why: "elsewhere" },
    { type: "CODE_ISSUED", at, user },
    { type: "CODE_REFUSED", at },
    { type: "TOKEN_GRANTED", at, expiresAt },
    { type: "TOKEN_REJECTED", at },
    { type: "TOKEN_REJECTED", at, isOfAll: true },
    { type: "TOKEN_REFUSED", at },
    { type: "TOKEN_ACCEPTED", at },
    { type: "GRANT_LOST", at },
    { type: "IN_DOUBT", at },
    { type: "IN_DOUBT", at, mayArriveUntil: at + 10_000 },
    { type: "POSTPONED", at },
    { type: "POSTPONED", at, mayArriveUntil: at + 10_000 },
    { type: "REFUSED", at, why: "HTTP 400" },
    { type: "REFUSED_WITHOUT_REASON", at, why: "HTTP 400" },
    { type: "REFUSED_WITHOUT_REASON", at, why: "another_user" },
    { type: "FOUND_OTHERS", at, search: { form: "body" } },
    { type: "FOUND_OTHERS", at, search: null },
    { type: "DUE", at },
    { type: "REAUTHORIZE", at },
    { type: "RETRY", at },
    { type: "OFFBOARD", at, purge: ["dstu2", "r4"] },
    { type: "PURGED", at },
    { type: "PURGE_CUT", at },
    { type: "OFFBOARDED", at },
    { type: "ONBOARD", at },
    { type: "ONBOARD", at, isNew: true },
  ];
}

/** The event of a type. */
export function event(type: UserEvent["type"], at: number = later): UserEvent {
  const found = eventsAt(at).find((one) => one.type === type);
  if (found === undefined) throw new Error(`no event ${type}`);
  return found;
}

export const states: readonly UserState[] = [
  "created",
  "codeIssued",
  "tokenActive",
  "expiring",
  "refreshed",
  "reauthorized",
  "reauthorizing",
  "locating",
  "renaming",
  "renameInDoubt",
  "failed",
  "identifying",
  "offboarding",
  "offboarded",
];

const unconfirmed = [null, "claimed", "answered", "doubted", "disputed"] as const;

/** Contexts that flip every guard, in every combination. */
export function contexts(): readonly UserContext[] {
  const all: UserContext[] = [];
  for (const codeFrom of [null, "creation", "request"] as const)
    for (const codeAt of [null, issuedAt])
      for (const exchanges of [0, 1])
        for (const codesRefused of [0, 1, 2])
          for (const [saidExists, saidMissing] of [
            [false, false],
            [true, false],
            [true, true],
          ] as const)
            for (const failedIn of codeFrom === null
              ? ([null, "created", "codeIssued", "offboarding"] as const)
              : [null])
              all.push({
                ...nothingKnown,
                oneupUserId: codesRefused === 1 ? null : 7,
                unconfirmed: unconfirmed[exchanges + codesRefused + (codeAt === null ? 1 : 0)] ?? null,
                wasGranted: saidExists && !saidMissing,
                toPurge: exchanges === 0 ? ["stu3"] : ["stu3", "r4"],
                purged: codeAt === null ? null : ["dstu2"],
                codeFrom,
                codeAt,
                exchanges,
                codesRefused,
                codesSpent: codesRefused,
                saidExists,
                saidMissing,
                attempt: exchanges,
                refusals:
                  exchanges === 0
                    ? null
                    : { since: issuedAt - 86_400_000, times: 4, ...(saidMissing && { isAnother: true }) },
                absences: codeAt === null ? null : { since: issuedAt - 86_400_000, times: codesRefused + 3 },
                refusedTokens:
                  codeAt === null
                    ? null
                    : { since: issuedAt - 86_400_000, times: codesRefused + 3, lastAt: issuedAt },
                search: exchanges === 0 ? { form: "body" } : null,
                rename: { to: "new", from: renamable[all.length % renamable.length] ?? "failed" },
                expiresAt: codeFrom === null ? null : issuedAt + 60_000,
                failure: failedIn && {
                  in: failedIn,
                  reason: saidExists ? "anotherUser" : "refused",
                  why: "HTTP 400",
                },
              });
  return all;
}

/** A user in the middle of things: a code that was requested, tokens that last. */
export const usual: UserContext = {
  ...nothingKnown,
  oneupUserId: 7,
  codeFrom: "request",
  codeAt: issuedAt,
  attempt: 3,
  expiresAt: later + 60_000,
  grantedAt: issuedAt,
  identifiedAt: issuedAt,
};
