/**
 * What became of the calls that were under way when their process died, told from the users' own histories.
 *
 * @module
 */
import type { UserStatus } from "../../index.ts";

/** Users whose calls were in doubt and were settled in the same way. */
export interface Settled {
  readonly call: string;
  readonly how: string;
  readonly users: readonly string[];
}

/** What the event after `IN_DOUBT` means, by the call that was in doubt. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  createUser: {
    CODE_ISSUED: "the user was there: only a fresh code was asked for",
    USER_MISSING: "the user was not there: created now",
  },
  exchangeCode: {
    TOKEN_GRANTED: "the code was still good: exchanged now",
    CODE_REFUSED: "the code was spent: a fresh one was asked for",
  },
  issueAuthCode: { CODE_ISSUED: "the code was lost: another one was asked for" },
};

/** Groups the settled users. `before` is how they stood when the process died, `after` how they stand now. */
export function settle(before: readonly UserStatus[], after: readonly (UserStatus | null)[]): Settled[] {
  const groups = new Map<string, { call: string; how: string; users: string[] }>();
  for (const { appUserId, underWay } of before) {
    if (underWay === null) continue;
    const events = (after.find((one) => one?.appUserId === appUserId)?.history ?? []).map(
      ({ event }) => event,
    );
    const next = events[events.lastIndexOf("IN_DOUBT") + 1];
    const how = (next !== undefined && meanings[underWay]?.[next]) || `went on with ${next ?? "nothing yet"}`;
    const key = `${underWay} ${how}`;
    const group = groups.get(key) ?? { call: underWay, how, users: [] };
    groups.set(key, group);
    group.users.push(appUserId);
  }
  return [...groups.values()];
}
