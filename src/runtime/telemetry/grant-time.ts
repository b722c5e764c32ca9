/**
 * How long a user waited for the token that it has just been granted: its history tells, whichever processes ran it.
 *
 * @module
 */
import type { UserEvent } from "../../../machines/index.ts";
import type { GrantKind } from "../../telemetry.ts";
import type { User } from "../user/user.ts";

/** The kind of grant, and how long after the user first needed it. */
export interface GrantTime {
  readonly kind: GrantKind;
  readonly ms: number;
}

const grants: ReadonlySet<string> = new Set<UserEvent["type"]>(["TOKEN_GRANTED", "USER_AUTHORIZED"]);
const begins: ReadonlySet<string> = new Set<UserEvent["type"]>(["ONBOARD", "EXPECT_EXISTING"]);

/** Of the last step, if that was a grant. Steps that are no longer kept make the time shorter than it was. */
export function grantTime({ history }: Pick<User, "history">): GrantTime | null {
  const [at, , event] = history.at(-1) ?? [];
  if (at === undefined || event === undefined || !grants.has(event)) return null;
  const before = history.slice(0, -1);
  const since = before.slice(before.findLastIndex(([, , step]) => grants.has(step)) + 1);
  const [from] = since[0] ?? [at];
  const ms = Math.max(0, at - from);
  if (since.length > 0 && since.every(([, state]) => state === "expiring")) return { kind: "refresh", ms };
  return { kind: since.some(([, , step]) => begins.has(step)) ? "first" : "again", ms };
}
