/**
 * The last steps of a user in words: when, from where to where, why, and what it cost.
 *
 * @module
 */
import type { UserEvent } from "../../machines/index.ts";
import { keptSteps } from "./user.ts";
import type { User } from "./user.ts";

/** One step of a user's history. No secrets. */
export interface HistoryStep {
  readonly at: Date;
  /** The state before; `null` for the first step that is kept. */
  readonly from: string | null;
  /** The state after, often the same: a call that decided nothing is a step, too. */
  readonly to: string;
  /** The event, as the machine calls it. */
  readonly event: string;
  /** The event in words. */
  readonly why: string;
  /** Calls in a row, in that state, that had decided nothing by then; `null`: it was not noted. */
  readonly attempt: number | null;
  /** Calls sent between the step before and this one; `null`: it was not noted. */
  readonly spent: { readonly management: number; readonly token: number } | null;
}

/** The last steps, oldest first. */
export function historyOf({ history, meters }: User): readonly HistoryStep[] {
  const unnoted = history.length - meters.length;
  const isWhole = unnoted === 0 && history.length < keptSteps;
  return history.map(([at, to, event], index) => {
    const meter = meters[index - unnoted];
    const before = index === 0 && isWhole ? ([0, 0, 0] as const) : meters[index - unnoted - 1];
    return {
      at: new Date(at),
      from: history[index - 1]?.[1] ?? null,
      to,
      event,
      why: eventInWords(event),
      attempt: meter?.[0] ?? null,
      spent:
        meter === undefined || before === undefined
          ? null
          : { management: meter[1] - before[1], token: meter[2] - before[2] },
    };
  });
}

/** An event in words; one of a later release by its name. */
export function eventInWords(event: string): string {
  return Object.hasOwn(events, event) ? events[event as UserEvent["type"]] : event; // it is one of its keys
}

const events: Readonly<Record<UserEvent["type"], string>> = {
  ONBOARD: "the application asked for it",
  EXPECT_EXISTING: "it is known to exist at 1upHealth",
  ADOPTED: "the application brought its grant",
  USER_CREATED: "1upHealth created it and gave a code",
  USER_AUTHORIZED: "1upHealth created it and gave tokens",
  USER_EXISTS: "1upHealth says that it exists already",
  USER_MISSING: "1upHealth says that it does not exist",
  USER_FOUND: "1upHealth lists it under this app_user_id",
  FOUND_ELSEWHERE: "1upHealth lists it under another app_user_id",
  ID_TAKEN: "another user here has the app_user_id it has at 1upHealth",
  CODE_ISSUED: "1upHealth gave a code",
  CODE_REFUSED: "the token endpoint refused the code",
  TOKEN_GRANTED: "the token endpoint gave tokens",
  TOKEN_REJECTED: "1upHealth rejected the access token",
  GRANT_LOST: "the token endpoint refused the refresh token",
  IN_DOUBT: "nobody heard how the call ended",
  HELD: "the call was put off",
  REFUSED: "1upHealth refused the call for good",
  DUE: "the access token is about to end",
  REAUTHORIZE: "the application asked for a fresh grant",
  RETRY: "the application asked to try again",
  OFFBOARD: "the application let it go, and has its data erased",
  PURGED: "1upHealth erased the data of one FHIR version",
  PURGE_CUT: "1upHealth stopped in the middle of erasing",
  OFFBOARDED: "the application let it go",
};
