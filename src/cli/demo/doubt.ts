/**
 * How calls that were in flight when their process died were resolved, read from the users' histories.
 *
 * @module
 */
import type { UserStatus } from "../../index.ts";

/** Users whose calls in doubt were resolved in the same way. */
export interface Settled {
  readonly call: string;
  readonly how: string;
  readonly users: readonly string[];
}

/** What the event after `IN_DOUBT` means, by the call that was in doubt. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  createUser: {
    CODE_ISSUED: "the user existed: requested a new code only",
    USER_MISSING: "the user did not exist: created now",
  },
  exchangeCode: {
    TOKEN_GRANTED: "the code was still valid: exchanged now",
    CODE_REFUSED: "the code had been used: requested a new one",
  },
  issueAuthCode: { CODE_ISSUED: "the code was lost: requested another one" },
};

/** Groups the resolved users. `before` are their statuses when the process died, `after` their statuses now. */
export function settle(before: readonly UserStatus[], after: readonly (UserStatus | null)[]): Settled[] {
  const groups = new Map<string, { call: string; how: string; users: string[] }>();
  for (const { appUserId, underWay } of before) {
    if (underWay === null) continue;
    const events = (after.find((one) => one?.appUserId === appUserId)?.history ?? []).map(
      ({ event }) => event,
    );
    const next = events[events.lastIndexOf("IN_DOUBT") + 1];
    const how =
      (next !== undefined && meanings[underWay]?.[next]) || `continued with ${next ?? "nothing yet"}`;
    const key = `${underWay} ${how}`;
    const group = groups.get(key) ?? { call: underWay, how, users: [] };
    groups.set(key, group);
    group.users.push(appUserId);
  }
  return [...groups.values()];
}
