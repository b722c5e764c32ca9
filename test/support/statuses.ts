/** A user's status made up, for what puts one into words. */
import type { HistoryStep, UserState, UserStatus } from "oneup-lifecycle";
import type { Circumstances } from "../../src/runtime/operations/explain-user.ts";

/** When it is looked at, ms since 1970. */
export const now = Date.UTC(2026, 10, 25, 14, 0, 0);
/** So many minutes later; earlier if negative. */
export const at = (minutes: number): Date => new Date(now + minutes * 60_000);

/** A step of five minutes ago. */
export function stepOf(event: HistoryStep["event"], to: UserState, why: string = event): HistoryStep {
  return { at: at(-5), from: null, to, event, why, by: null, cause: null, attempt: null, spent: null };
}

/** A user that came into this state five minutes ago. */
export function user(state: UserState, more: Partial<UserStatus> = {}): UserStatus {
  return {
    appUserId: "ada@example.org",
    oneupUserId: 42,
    state,
    since: at(-5),
    usable: false,
    expiresAt: null,
    provisionalUntil: null,
    refusedTokens: null,
    active: true,
    purge: null,
    conflict: null,
    pause: null,
    hold: null,
    failure: null,
    underWay: null,
    calls: { management: 1, token: 0 },
    history: [stepOf("IN_DOUBT", state)],
    ...more,
  };
}

/** What `explain()` knows besides, where nothing holds up the user. */
export const quiet: Circumstances = {
  now,
  shut: [],
  refusedSecrets: [],
  ahead: null,
  cause: null,
  text: null,
  unwritable: null,
  isRunning: false,
  leasedUntil: null,
  dueAt: null,
  queue: null,
};
