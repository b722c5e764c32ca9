/**
 * Validates limits, in options and in `account.setLimits()`.
 *
 * @module
 */
import { between, checkValue, only, whole, type Names, type Rules } from "../../checks.ts";
import { longestWindowMs, type AccountLimits, type Ceiling, type NewLimits } from "./account-limits.ts";

/** The rules for a {@link Ceiling}. */
const ofCeiling: Rules<Ceiling> = { calls: whole(1, 1e9), windowMs: between(1, longestWindowMs) };

/** `known`: the names that it may have. @throws {LifecycleError} `INVALID_OPTION` */
export function ceiling(
  doing: string,
  name: string,
  given: Ceiling,
  known: Names<Ceiling> = ofCeiling,
): Ceiling {
  const { calls, windowMs } = only(doing, name, given, known);
  return {
    calls: checkValue(doing, `${name}.calls`, calls as number, ofCeiling.calls),
    windowMs: checkValue(doing, `${name}.windowMs`, windowMs as number, ofCeiling.windowMs),
  };
}

/** Checks the argument of `account.setLimits()`. @throws {LifecycleError} `INVALID_OPTION` */
export function checkNewLimits(given: NewLimits): Partial<AccountLimits> {
  const doing = "set the limits";
  const asked = only(doing, "limits", given, { management: true, token: true, fhir: true });
  const checked = Object.entries(asked).map(([name, limit]) => {
    const isNone = limit === null && name !== "management";
    return [name, isNone ? null : ceiling(doing, name, limit as Ceiling)]; // an object, or it throws
  });
  return Object.fromEntries(checked) as Partial<AccountLimits>; // the same names
}
