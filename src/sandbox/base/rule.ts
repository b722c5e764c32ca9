/** What the sandbox's doors demand of a value, and how they say so. */

import { inspect } from "node:util";
import { LifecycleError } from "../errors.ts";

/** A rule, in words and in deed. */
export interface Rule {
  /** Goes on after "must be". */
  readonly says: string;
  readonly holds: (value: unknown) => boolean;
}

/** Milliseconds, or another quantity without a bound. */
export const quantity: Rule = {
  says: "a finite number from 0",
  holds: (value) => Number.isFinite(value) && Number(value) >= 0,
};

export const text: Rule = { says: "a string", holds: (value) => typeof value === "string" };

export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Rule {
  return {
    says: most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `whole, ${least} to ${most}`,
    holds: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

export function orInfinity({ says, holds }: Rule): Rule {
  return { says: `${says}, or Infinity`, holds: (value) => value === Infinity || holds(value) };
}

export function oneOf(...allowed: readonly unknown[]): Rule {
  return { says: `one of ${allowed.join(", ")}`, holds: (value) => allowed.includes(value) };
}

/**
 * Checks every field of `given` that has a rule and is there. `verb` begins the message.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the name, the rule and the value
 */
export function check(verb: string, given: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined || value === undefined || rule.holds(value)) continue;
    throw refuse(verb, `${name} must be ${rule.says}, got ${show(value)}`);
  }
}

/**
 * Checks that `given` is an object without a field that has no rule.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkNames(
  verb: string,
  given: object,
  rules: Readonly<Record<string, unknown>>,
  name: string = "what is given",
): void {
  if (!isObject(given)) throw refuse(verb, `${name} must be an object, got ${show(given)}`);
  const stranger = Object.keys(given).find((name) => !Object.hasOwn(rules, name));
  if (stranger === undefined) return;
  throw refuse(
    verb,
    `a field of ${name} must be one of ${Object.keys(rules).join(", ")}, got ${show(stranger)}`,
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function refuse(verb: string, why: string): LifecycleError {
  return new LifecycleError("INVALID_OPTION", `Cannot ${verb}: ${why}`);
}

function show(value: unknown): string {
  return inspect(value, { depth: 1, maxStringLength: 60, breakLength: Infinity });
}
