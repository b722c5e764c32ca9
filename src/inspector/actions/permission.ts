/**
 * Which actions there are, and who may do which.
 *
 * @module
 */
import { oneLine, unfitForALine, type Rule } from "../../checks.ts";

/** The names of all actions. */
export const actionNames = [
  "retry",
  "reauthorize",
  "offboard",
  "hold",
  "unhold",
  "pause",
  "unpause",
  "reopen",
] as const;

/** What a person can do with the inspector, beside looking. */
export type InspectorAction = (typeof actionNames)[number];

/** What a person may do: an action, or to control the sandbox that the calls go to, if they do. */
export type InspectorPermission = InspectorAction | "sandbox";

/** All of them. */
export const permissions: readonly InspectorPermission[] = [...actionNames, "sandbox"];

/** Some actions: all of them (`true`), none (`false`), or those that are named. */
export type SomeActions = boolean | readonly InspectorPermission[];

/** A person who asks. */
export interface Person {
  /** The name, as it is shown and recorded. */
  readonly who: string;
  readonly may: ReadonlySet<InspectorPermission>;
  /** What its requests have in common: the session of a link, or the name that `authorize` returned. */
  readonly session: string;
}

/** The actions that are both offered and allowed. */
export function allowed(offered: SomeActions, may: SomeActions): ReadonlySet<InspectorPermission> {
  return new Set(permissions.filter((one) => isIn(offered, one) && isIn(may, one)));
}

function isIn(some: SomeActions, action: InspectorPermission): boolean {
  return Array.isArray(some) ? some.includes(action) : some === true;
}

/** No name is longer, in characters. */
const longestName = 100;

/** A name that is given by the application's code. */
export const aPersonName: Rule = oneLine(longestName);

/** A name fit to be shown and recorded: on one line, and not too long. `null`: nothing is left of it. */
export function nameOf(who: unknown): string | null {
  if (typeof who !== "string") return null;
  const plain = who.replaceAll(unfit, " ").trim().slice(0, longestName);
  return plain === "" ? null : plain.replace(/\p{Cs}$/u, "").trimEnd(); // a character may take two units
}

const unfit = new RegExp(`[${unfitForALine}]+`, "gu");
