/**
 * Validates limits, in options and in `account.setLimits()`.
 *
 * @module
 */
import { between, checkValue, only, whole, type Names, type Rules } from "../../checks.ts";
import { longestWindowMs, type Ceiling, type NewLimits } from "./account-limits.ts";

/** The rules for a {@link Ceiling}. */
export const ofCeiling: Rules<Ceiling> = { calls: whole(1, 1e9), windowMs: between(1, longestWindowMs) };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function ceiling<T extends Ceiling>(doing: string, name: string, given: T, known: Names<T>): Ceiling {
  const { calls, windowMs } = only<Ceiling>(doing, name, given, known);
  return {
    calls: checkValue(doing, `${name}.calls`, calls as number, ofCeiling.calls),
    windowMs: checkValue(doing, `${name}.windowMs`, windowMs as number, ofCeiling.windowMs),
  };
}

/** Checks the argument of `account.setLimits()`. @throws {LifecycleError} `INVALID_OPTION` */
export function checkNewLimits(given: NewLimits): NewLimits {
  const doing = "set the limits";
  const { management, token, fhir } = only<NewLimits>(doing, "limits", given, {
    management: true,
    token: true,
    fhir: true,
  });
  const orNone = (name: string, value: Ceiling | null | undefined): Ceiling | null | undefined =>
    value === undefined || value === null ? value : ceiling(doing, name, value, ofCeiling);
  const checked = { token: orNone("token", token), fhir: orNone("fhir", fhir) };
  return {
    ...(management !== undefined && { management: ceiling(doing, "management", management, ofCeiling) }),
    ...(checked.token !== undefined && { token: checked.token }),
    ...(checked.fhir !== undefined && { fhir: checked.fhir }),
  };
}
