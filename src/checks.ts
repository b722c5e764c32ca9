/**
 * Checks of options and arguments by rules that are data. Every message has one grammar: "Cannot onboard: waitMs must be
 * …, got …".
 *
 * @module
 */
import { invalidOption, type LifecycleError } from "./errors.ts";
import { nearest } from "./nearest.ts";
import { isPromise } from "./realms.ts";

/** Every property name that an object may have. */
export type Names<T> = Readonly<Record<keyof T, unknown>>;

/** What a value must be, in words that follow "must be", and as a check. */
export interface Rule {
  readonly must: string;
  readonly holds: (value: unknown) => boolean;
}

/** Some of the options, or none. One that is `undefined` counts as missing. */
export type Some<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** Options of which each has a value. */
export type Filled<T> = { readonly [Name in keyof T]-?: Exclude<T[Name], undefined> };

/** A rule for every option. */
export type Rules<T> = Readonly<Record<keyof T, Rule>>;

export function between(least: number, most: number = Number.MAX_SAFE_INTEGER): Rule {
  return {
    must:
      most === Number.MAX_SAFE_INTEGER
        ? `a finite number from ${least}`
        : `a number from ${least} to ${most}`,
    holds: (value) => typeof value === "number" && value >= least && value <= most,
  };
}

export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Rule {
  const range = between(least, most);
  return {
    must: range.must.replace(/^a (finite )?/, "a whole "),
    holds: (value) => Number.isInteger(value) && range.holds(value),
  };
}

export function orInfinity({ must, holds }: Rule): Rule {
  return { must: `${must}, or Infinity`, holds: (value) => value === Infinity || holds(value) };
}

export function among(...allowed: readonly unknown[]): Rule {
  return { must: `one of ${allowed.join(", ")}`, holds: (value) => allowed.includes(value) };
}

export function withMethods(...methods: readonly string[]): Rule {
  return {
    must: `an object with the method${methods.length === 1 ? "" : "s"} ${methods.join(", ")}`,
    holds: (value) => isObject(value) && methods.every((method) => typeof value[method] === "function"),
  };
}

export const anObject: Rule = { must: "an object", holds: isObject };
export const aSwitch: Rule = among(true, false);
export const aText: Rule = { must: "a string", holds: (value) => typeof value === "string" };
export const aFunction: Rule = { must: "a function", holds: (value) => typeof value === "function" };
export const aSignal: Rule = { must: "an AbortSignal", holds: (value) => value instanceof AbortSignal };

/** A text that is shown to people: no character of it breaks the line, or changes the direction of what follows. */
export function oneLine(most: number): Rule {
  const form = new RegExp(`^[^${unfitForALine}]{1,${most}}$`, "u");
  return {
    must: `a text of 1 to ${most} characters on one line, without control characters`,
    holds: (value) => typeof value === "string" && form.test(value) && value.trim() !== "",
  };
}

/** The characters that {@link oneLine} refuses, as in a regular expression. */
export const unfitForALine = "\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Bidi_Control}";

/** For an option that is checked beside its table. */
export const anything: Rule = { must: "anything", holds: () => true };

/** Texts and bytes are refused: their characters would be taken for the rows. */
export const anIterable: Rule = {
  must: "an iterable or async iterable",
  holds: (value) =>
    typeof value === "object" &&
    value !== null &&
    !ArrayBuffer.isView(value) &&
    (Symbol.asyncIterator in value || Symbol.iterator in value),
};

/**
 * Checks options by a table of rules. Every option may be missing.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function check<T extends object>(
  verb: string,
  options: T | undefined,
  rules: Rules<T>,
  name = "options",
): Partial<Filled<T>> {
  const given = only(verb, name, options, rules);
  const path = name === "options" ? "" : `${name}.`;
  for (const key of Object.keys(given) as (keyof T & string)[])
    if (given[key] !== undefined) checkValue(verb, `${path}${key}`, given[key], rules[key]);
  return given;
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkValue<T>(verb: string, name: string, value: T, { must, holds }: Rule): T {
  if (holds(value)) return value;
  throw wrong(verb, name, must, value);
}

/**
 * The options as a plain object, after a check that all are known ones, so that a mistyped name is reported. Every
 * option may be missing. Each is read once, also where it is a getter of the application's class, as none may count
 * here and be overlooked there.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function only<T extends object>(
  verb: string,
  name: string,
  value: T | undefined,
  names: Names<T>,
): Partial<Filled<T>> {
  if (value === undefined) return nothing;
  if (!isObject(value)) throw wrong(verb, name, "an object", value);
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(names, key));
  if (unknown === undefined) return valuesOf(value, names);
  const which = name === "options" ? "an option" : `an option in ${name}`;
  const known = Object.keys(names);
  const meant = nearest(unknown, known);
  if (meant === undefined) throw wrong(verb, which, `one of ${known.join(", ")}`, unknown);
  const got = JSON.stringify(unknown); // it resembles a name, so it is no secret
  throw invalid(verb, `${which} must be a known one`, `${got}: did you mean ${meant}?`);
}

/** No options, as an object without a prototype. */
const nothing: object = Object.freeze(Object.create(null) as object);

/** What is on the prototype of every object belongs to no options, neither of the given object nor of the result. */
function valuesOf<T extends object>(given: Partial<T>, names: Names<T>): Partial<Filled<T>> {
  const values = Object.create(null) as Partial<T>; // it has nothing that is not set next
  for (const name in names) {
    const value = Object.hasOwn(given, name) || !(name in Object.prototype) ? given[name] : undefined;
    if (value !== undefined) values[name] = value;
  }
  return values as Partial<Filled<T>>; // none is undefined
}

/** Whether it is an object, and not a list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error for an option that breaks `rule`, a sentence such as "count must be …". */
export function invalid(verb: string, rule: string, got: string): LifecycleError {
  return invalidOption(`Cannot ${verb}: ${rule}, got ${got}`);
}

/**
 * The error for `name`, which must be something else. A text is quoted only where one of a few words was expected, or
 * where it is a number or a time such as `30m`: any other may be a secret or an address in the wrong place.
 */
export function wrong(verb: string, name: string, must: string, value: unknown): LifecycleError {
  const isWord = (text: string): boolean => must.startsWith("one ") && text.length <= 30;
  const isHarmless =
    typeof value !== "string" || isWord(value) || /^-?[\d.]{0,6}(?:(?<=\d)[a-z]{1,2})?$/.test(value);
  // Of a number without a named bound only one above it is told what the bound is.
  const isTooLarge = typeof value === "number" && value > Number.MAX_SAFE_INTEGER && value < Infinity;
  const most = isTooLarge ? ` to ${Number.MAX_SAFE_INTEGER}` : "";
  return invalid(
    verb,
    `${name} must be ${must.replace(/ from \d+$/, `$&${most}`)}`,
    isHarmless ? plainly(value) : textOf(value),
  );
}

function plainly(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid Date" : value.toISOString();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : kindOf(value);
}

/** Describes a text without quoting it. */
function textOf(text: string): string {
  const { length } = text;
  const spaced = text.trim() === text ? "" : " that begins or ends with white space";
  const told = /\p{Cc}/u.test(text.trim()) ? " with a control character in it" : spaced;
  return `a text of ${length} ${length === 1 ? "character" : "characters"}${told}`;
}

/** Names the kind of a value that must not be printed. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "an array";
  if (isPromise(value)) return "a promise";
  return value === undefined ? "nothing" : `${/^[aeiou]/.test(typeof value) ? "an" : "a"} ${typeof value}`;
}
