/** Validation rules of options, and their messages. */

import { inspect } from "node:util";
import { LifecycleError } from "../../errors.ts";

/** A rule, as text and as a check. */
export interface Rule {
  /** Follows "must be". */
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

/** Milliseconds, or another unbounded quantity. */
export const quantity: Rule = {
  expected: "a finite number from 0",
  holds: (value) => Number.isFinite(value) && Number(value) >= 0,
};

export const text: Rule = { expected: "a string", holds: (value) => typeof value === "string" };

export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Rule {
  return {
    expected:
      most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `whole, ${least} to ${most}`,
    holds: (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  };
}

export function orInfinity({ expected, holds }: Rule): Rule {
  return { expected: `${expected}, or Infinity`, holds: (value) => value === Infinity || holds(value) };
}

export function oneOf(...allowed: readonly unknown[]): Rule {
  return { expected: `one of ${allowed.join(", ")}`, holds: (value) => allowed.includes(value) };
}

/**
 * Validates every field of `given` that has a rule. `verb` starts the message.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the name, the rule and the value
 */
export function check(verb: string, given: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined || value === undefined || rule.holds(value)) continue;
    throw refuse(verb, `${name} must be ${rule.expected}, got ${show(value)}`);
  }
}

/**
 * Checks that `given` is an object whose fields all have a rule.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkNames(
  verb: string,
  given: object,
  rules: Readonly<Record<string, unknown>>,
  name: string = "the argument",
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
