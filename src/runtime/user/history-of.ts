/**
 * Describes the last steps of a user: time, states, reason and the calls spent.
 *
 * @module
 */
import type { UserEvent, UserState } from "../../../machines/index.ts";
import type { Cause } from "../../errors.ts";
import { causeAt } from "./causes.ts";
import { keptSteps, type OperatorStep, type User } from "./user.ts";

/**
 * One step of a user's history. No secrets. States and events are those that this release knows, so that the compiler
 * finds a misspelt one; a step that a later release took may have others.
 */
export interface HistoryStep {
  readonly at: Date;
  /** The state before; `null` for the first step that is kept. */
  readonly from: UserState | null;
  /** The state after, often the same: an inconclusive call is a step, too. */
  readonly to: UserState;
  /** The event type of the machine; `HOLD` and `UNHOLD`, which leave it as it is, for an operator's hold. */
  readonly event: StepType;
  /** The event in words. */
  readonly why: string;
  /** Who did it, as the application named them (`by`); `null`: not named, or no person did. */
  readonly by: string | null;
  /** Why the call of this step brought nothing; `null`: it brought something, or the step had no call. */
  readonly cause: Cause | null;
  /** Consecutive inconclusive calls in that state so far; `null`: not recorded. */
  readonly attempt: number | null;
  /** Calls sent since the previous step; `null`: not recorded. */
  readonly spent: { readonly management: number; readonly token: number } | null;
}

/** The last steps, oldest first. */
export function historyOf(user: User): readonly HistoryStep[] {
  const { doers, history, meters } = user;
  const unrecorded = history.length - meters.length;
  const isWhole = unrecorded === 0 && history.length < keptSteps;
  // Whatever the record has: see HistoryStep.
  const steps = history as readonly (readonly [at: number, to: UserState, event: StepType])[];
  return steps.map(([at, to, event], index) => {
    const meter = meters[index - unrecorded];
    const before = index === 0 && isWhole ? ([0, 0, 0] as const) : meters[index - unrecorded - 1];
    return {
      at: new Date(at),
      from: steps[index - 1]?.[1] ?? null,
      to,
      event,
      why: stepInWords(event, history[index - 1]?.[1] ?? null, to),
      by: doers[index - (history.length - doers.length)] ?? null,
      cause: causeAt(user, index),
      attempt: meter?.[0] ?? null,
      spent:
        meter === undefined || before === undefined
          ? null
          : { management: meter[1] - before[1], token: meter[2] - before[2] },
    };
  });
}

/** Describes a step; an event of a later release by its name. */
function stepInWords(event: string, from: string | null, to: string): string {
  if (event === "USER_MISSING" && to === "offboarded")
    return "1upHealth did not know it (any more), so the purge that was requested was not carried out";
  if (
    event === "USER_MISSING" &&
    (to === "identifying" || (from === to && (to === "locating" || to === "renameInDoubt")))
  )
    return "1upHealth did not list it, which proves little: it is looked up again";
  return Object.hasOwn(events, event) ? events[event as StepType] : event; // it is one of its keys
}

/** The type of a step. */
export type StepType = UserEvent["type"] | OperatorStep;

const events: Readonly<Record<StepType, string>> = {
  ONBOARD: "the application asked for it",
  EXPECT_EXISTING: "it is known to exist at 1upHealth",
  ADOPTED: "the application supplied its grant",
  USER_CREATED: "1upHealth created it and issued a code",
  USER_AUTHORIZED: "1upHealth created it and issued tokens",
  USER_EXISTS: "1upHealth answered that it already exists",
  USER_MISSING: "1upHealth answered that it does not exist",
  USER_FOUND: "1upHealth lists it under this app_user_id",
  FOUND_ELSEWHERE: "1upHealth lists it under another app_user_id",
  RENAME: "the application gives it another app_user_id",
  USER_RENAMED: "1upHealth gave it the new app_user_id",
  ID_TAKEN: "another user here has the app_user_id it has at 1upHealth",
  NUMBER_CONFIRMED: "1upHealth lists its oneup_user_id under this app_user_id",
  NUMBER_CORRECTED:
    "1upHealth lists this app_user_id with another oneup_user_id, which replaced the doubtful one",
  NUMBER_REFUTED: "1upHealth lists its oneup_user_id, which nothing had confirmed, under another app_user_id",
  CODE_ISSUED: "1upHealth issued a code",
  CODE_REFUSED: "the token endpoint refused the code",
  TOKEN_GRANTED: "the token endpoint issued tokens",
  TOKEN_REJECTED: "1upHealth rejected the access token",
  TOKEN_REFUSED: "1upHealth refused the access token, which is too young to be replaced",
  TOKEN_ACCEPTED: "1upHealth accepted the access token, after it had refused others",
  GRANT_LOST: "the token endpoint refused the refresh token",
  IN_DOUBT: "the outcome of the call is unknown",
  POSTPONED: "the call was postponed",
  REFUSED_WITHOUT_REASON: "1upHealth refused the call without a reason, or answered about another user",
  FOUND_OTHERS: "1upHealth listed other users, and not this one",
  REFUSED: "1upHealth refused the call for good",
  DUE: "the access token is about to expire",
  REAUTHORIZE: "the application asked for a fresh grant",
  RETRY: "the application asked to try again",
  OFFBOARD: "the application offboarded it and requested a purge",
  PURGED: "1upHealth erased the data of one FHIR version",
  PURGE_CUT: "1upHealth stopped erasing midway",
  OFFBOARDED: "the application offboarded it",
  HOLD: "an operator stopped its management calls",
  UNHOLD: "an operator let it continue",
};

/** The types of all events. */
export const eventTypes: readonly StepType[] = Object.keys(events) as StepType[]; // its keys
