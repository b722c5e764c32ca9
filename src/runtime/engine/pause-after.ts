/**
 * How long a user waits after a response that decided something or postponed its call. For calls without an outcome, as
 * after a 5xx, `in-doubt.ts` has a table.
 *
 * @module
 */
import { isPurging } from "../../../machines/index.ts";
import type { Pause, PauseReason } from "../../store/envelope.ts";
import type { CallOutcome, NoOutcome, FailureScope } from "../user/call-outcome.ts";
import { pauseOf, type Moment } from "./in-doubt.ts";
import {
  afterForbidden,
  afterOddAnswer,
  afterRefusedCredentials,
  afterTrouble,
  codeRegistersMs,
  doubling,
  fullJitter,
  halfJitter,
  untilRenewedMs,
} from "../options/backoff.ts";
import { throttledAloneMs } from "../gates/gate-rules.ts";
import type { User } from "../user/user.ts";

/** The pause of the user after this outcome; `null`: none. */
export function pauseAfter(
  outcome: Exclude<CallOutcome, NoOutcome>,
  { history, position, secrets }: User,
  now: Moment,
  scope: FailureScope,
): Pause | null {
  const { state, context } = position;
  const attempt = Math.max(1, context.attempt);
  const postponed = Math.max(1, postponedInARow(history));
  const pause = (reason: PauseReason, ms: number): Pause => ({ reason, until: now.at + ms });
  switch (outcome.type) {
    case "refused":
      return state === "expiring" ? pauseOf("jitter", position, now) : null;
    case "grantRefused":
      if (state === "codeIssued") return pause("codeRegisters", codeRegistersMs);
      return pauseOf("nextCode", position, now);
    // The account's gates hold back all users together; the user that shut one waits longer, so that another user
    // probes it next.
    case "throttled":
      // seam: a-user-that-alone-is-throttled-waits
      return scope === "own" ? pause("throttled", throttledAloneMs(postponed, outcome.retryAfterMs)) : null;
    case "credentialsRefused":
      return scope === "own" ? pause("credentials", 2 * doubling(afterRefusedCredentials, postponed)) : null;
    case "blocked":
      // seam: a-user-whose-calls-are-blocked-waits
      return scope === "own" ? pause("forbidden", doubling(afterForbidden, postponed)) : null;
    case "cut": // it continues, unless a gateway answers in place of FHIR
      return pause("purging", fullJitter(afterTrouble, attempt, now.random));
    case "unexplained":
      return state === "failed"
        ? null
        : state === "expiring" || state === "codeIssued"
          ? pauseOf("jitter", position, now)
          : pause("unexplained", halfJitter(afterOddAnswer, context.refusals?.times ?? 1, now.random));
    case "others":
      return outcome.search === null
        ? pause("otherUsers", halfJitter(afterOddAnswer, attempt, now.random))
        : null;
    case "missing": {
      const times = context.absences?.times ?? 0;
      // The other form of the query may be answered at once.
      if (times === 1) return null;
      if (times > 1) return pause("missing", halfJitter(afterOddAnswer, times - 1, now.random));
      if (context.saidExists && context.saidMissing && context.refusals !== null)
        return pause("unexplained", halfJitter(afterOddAnswer, context.refusals.times, now.random));
      // A create failed while codes are issued, and the next one may fail as well.
      return attempt > 1 && followsCreate(history) ? pauseOf("jitterOfSlot", position, now) : null;
    }
    case "found":
      // The attempts of one that is purged go on, and the look-up is valid for minutes.
      return attempt > 1 && !isPurging(state) ? pauseOf("jitterOfSlot", position, now) : null;
    case "authorized":
    case "tokens": {
      const { lifeMs, refreshToken = secrets.refreshToken } = outcome.tokens;
      const ms = untilRenewedMs(lifeMs, refreshToken !== undefined, context.shortGrants);
      return ms > 0 ? pause("shortTokens", ms) : null;
    }
    case "updated":
    case "conflict":
    case "created":
    case "exists":
    case "code":
    case "elsewhere":
    case "corrected":
    case "refuted":
    case "purged":
      return null;
  }
}

/** Whether the last call before this answer was a create, without an outcome. */
function followsCreate(history: User["history"]): boolean {
  return history.at(-3)?.[1] === "created";
}

/** How often in a row the user's call has been postponed; doubts before that do not count, nor what an operator does. */
export function postponedInARow(history: User["history"]): number {
  const steps = history.filter(([, , event]) => event !== "HOLD" && event !== "UNHOLD");
  return steps.length - 1 - steps.findLastIndex(([, , event]) => event !== "POSTPONED");
}
