/**
 * What a person may ask for, and how it is done in that person's name.
 *
 * @module
 */
import { aSwitch, aText, among, check, checkValue, whole, type Rule, type Rules } from "../../checks.ts";
import type { Lane, Lifecycle, UserStatus } from "../../index.ts";
import { actionNames, type InspectorAction } from "./permission.ts";

/** A request for an action. */
export interface Act {
  readonly action: InspectorAction;
  /** Names this act: a second request with the same name does nothing more. */
  readonly once: string;
  /** Names the user, unless the act is about the account. */
  readonly key: string;
  /** Names the record of that user, as the page shows it. */
  readonly record: string;
  /** Of `hold` and `pause`. */
  readonly reason: string;
  /** Of `pause` and `unpause`. Missing: all lanes. */
  readonly lane?: Lane | undefined;
  /** Of `pause`: it ends by itself after so many ms. */
  readonly forMs?: number | undefined;
  /** Of `offboard`: whether the data at 1upHealth are erased, too. */
  readonly purge: boolean;
}

/** The name of one act. */
export const aName: Rule = {
  must: "a name of 16 to 64 letters, digits, _ or -",
  holds: (value) => typeof value === "string" && /^[\w-]{16,64}$/.test(value),
};
const rules: Rules<Act> = {
  action: among(...actionNames),
  once: aName,
  key: aText,
  record: aText,
  reason: aText,
  lane: among("interactive", "recovery", "bulk"),
  forMs: whole(60_000, 30 * 24 * 3_600_000),
  purge: aSwitch,
};

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkAct(fields: Readonly<Record<string, unknown>>): Act {
  const verb = "do this";
  const {
    key = "",
    record = "",
    reason = "",
    purge = false,
    lane,
    forMs,
    ...rest
  } = check<Partial<Act>>(verb, fields, rules);
  const action = checkValue<unknown>(verb, "action", rest.action, rules.action) as InspectorAction; // or it throws
  const once = checkValue<unknown>(verb, "once", rest.once, rules.once) as string; // likewise
  return { action, once, key, record, reason, purge, lane, forMs };
}

/** How long the page waits for a user to arrive, ms; workers continue it. */
const waitMs = 10_000;

/** Acts on users: each needs the user's id. */
export const onUser: Readonly<
  Partial<Record<InspectorAction, (it: Lifecycle, id: string, act: Act, by: string) => Promise<UserStatus>>>
> = {
  retry: (it, id, _, by) => it.retry(id, { by, waitMs }),
  reauthorize: (it, id, _, by) => it.reauthorize(id, { by, waitMs }),
  offboard: (it, id, { purge }, by) => it.offboard(id, { by, waitMs, purge }),
  hold: (it, id, { reason }, by) => it.hold(id, reason, { by, waitMs }),
  unhold: (it, id, _, by) => it.unhold(id, { by, waitMs }),
};

/** Acts on the account. */
export const onAccount: Readonly<
  Partial<Record<InspectorAction, (it: Lifecycle, act: Act, by: string, now: number) => Promise<void>>>
> = {
  pause: ({ account }, { reason, lane, forMs }, by, now) =>
    account.pause({ reason, lane, by, until: forMs === undefined ? undefined : new Date(now + forMs) }),
  unpause: ({ account }, { lane }, by) => account.unpause({ lane, by }),
  reopen: ({ account }, _, by) => account.reopen({ by }),
};
