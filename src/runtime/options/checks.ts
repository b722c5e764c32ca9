/**
 * Checks of options and arguments. `verb` begins each message: "Cannot onboard: waitMs must be …".
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LifecycleError } from "../../errors.ts";
import { lanes } from "../../store/contract.ts";

/** Every property name that an object may have. */
export type Names<T> = Readonly<Record<keyof T, unknown>>;

/** What a value must be, in words that follow "must be", and as a check. */
export interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
}

/** A rule for every option. */
export type Rules<T> = Readonly<Record<keyof T, Rule>>;

export function between(least: number, most: number, whole = false): Rule {
  return {
    must: `${whole ? "a whole number" : "a number"} from ${least} to ${most}`,
    holds: (value) =>
      typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value)),
  };
}

export function among(...allowed: readonly unknown[]): Rule {
  return { must: `one of ${allowed.join(", ")}`, holds: (value) => allowed.includes(value) };
}

export const aLane: Rule = among(...lanes);
export const aSwitch: Rule = among(true, false);
export const aFunction: Rule = { must: "a function", holds: (value) => typeof value === "function" };
export const aSignal: Rule = { must: "an AbortSignal", holds: (value) => value instanceof AbortSignal };

/** For an option that is checked beside its table. */
export const anything: Rule = { must: "anything", holds: () => true };

/**
 * Checks options by a table of rules. Every option may be missing.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function check<T extends object>(verb: string, options: T | undefined, rules: Rules<T>): Partial<T> {
  const given = only(verb, "options", options, rules);
  for (const name of Object.keys(given) as (keyof T & string)[])
    if (given[name] !== undefined) checkValue(verb, name, given[name], rules[name]);
  return given;
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkValue<T>(verb: string, name: string, value: T, { must, holds }: Rule): T {
  if (holds(value)) return value;
  throw wrong(verb, name, must, value);
}

/**
 * Checks that all options are known ones, so that a mistyped name is reported. Every option may be missing.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function only<T extends object>(
  verb: string,
  name: string,
  value: T | undefined,
  names: Names<T>,
): Partial<T> {
  if (value === undefined) return {};
  if (!isObject(value) || Array.isArray(value)) throw wrong(verb, name, "an object", value);
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(names, key));
  if (unknown === undefined) return value;
  const known = Object.keys(names).join(", ");
  const which = name === "options" ? "an option" : `an option in ${name}`;
  throw wrong(verb, which, `one of ${known}`, unknown);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** @throws {LifecycleError} `INVALID_ID` unless it is 1–512 bytes of UTF-8 without control characters */
export function checkId(id: string): string {
  if (typeof id !== "string") throw badId(`a string, not ${typeof id}`);
  // ids go into HTTP, keys and logs, so they must not contain invisible characters
  if (id.length === 0 || id.length > 512 || (id.length > 128 && Buffer.byteLength(id) > 512)) {
    throw badId(`1 to 512 bytes long, not ${Buffer.byteLength(id)}`);
  }
  if (/[\p{Cc}]/u.test(id) || !id.isWellFormed()) throw badId("well-formed text without control characters");
  return id;
}

/** Whether this is a valid `app_user_id` here. */
export function isId(id: string): boolean {
  try {
    return checkId(id) === id;
  } catch {
    return false;
  }
}

function badId(rule: string): LifecycleError {
  return new LifecycleError("INVALID_ID", `Cannot use this app_user_id: it must be ${rule}`);
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function number(
  verb: string,
  name: string,
  value: unknown,
  ...range: Parameters<typeof between>
): number {
  return checkValue(verb, name, value as number, between(...range)); // a number, or it throws
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function oneOf<T extends string | boolean>(
  verb: string,
  name: string,
  value: T,
  allowed: readonly T[],
): T {
  return checkValue(verb, name, value, among(...allowed));
}

/** Names the type of a value that may not print safely. */
function kindOf(value: unknown): string {
  if (value === undefined) return "undefined";
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}

/**
 * The error for `name`, which breaks `rule`. A text is quoted only where one of a few words was expected, or where it is
 * a number: any other may be a secret or an address in the wrong place.
 */
export function wrong(verb: string, name: string, rule: string, value: unknown): LifecycleError {
  const isWord = (text: string): boolean => rule.startsWith("one ") && text.length <= 30;
  const isHarmless = typeof value !== "string" || isWord(value) || /^-?[\d.]{0,6}$/.test(value);
  const shown = isHarmless ? plainly(value) : textOf(value);
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot ${verb}: ${name} must be ${rule}, and it is ${shown.slice(0, 100)}`,
  );
}

function plainly(value: unknown): string {
  const isPlain = typeof value === "number" || typeof value === "boolean" || value === null;
  return typeof value === "string" ? JSON.stringify(value) : isPlain ? String(value) : kindOf(value);
}

/** Describes a text without quoting it. */
function textOf({ length }: string): string {
  return `a text of ${length} ${length === 1 ? "character" : "characters"}`;
}
