/**
 * Validates the options of bulk operations. Each check returns the options it was given.
 *
 * @module
 */
import {
  aFunction,
  anything,
  aSignal,
  between,
  check,
  checkValue,
  whole,
  anIterable,
  type Rule,
  type Rules,
} from "../../checks.ts";
import { aLane, anExpectation, someOf } from "../operations/call-checks.ts";
import type { ReconcileOptions, Repair } from "./reconciliation.ts";
import type { AdoptManyOptions, OnboardManyOptions } from "./imports.ts";
import type { Rows } from "./for-each-row.ts";

/** The options of every bulk operation, which reports its progress. */
export const reporting: Rules<Omit<AdoptManyOptions, "onReject">> = {
  everyMs: between(10, 86_400_000),
  onProgress: aFunction,
  signal: aSignal,
};
/** The name of an import, an export or a leave. */
export const aName: Rule = {
  must: "1 to 64 letters, digits and ._-",
  holds: (value) => typeof value === "string" && /^[\w.-]{1,64}$/.test(value),
};
const adopting: Rules<AdoptManyOptions> = { ...reporting, onReject: aFunction };
const onboarding: Rules<OnboardManyOptions> = {
  ...adopting,
  name: aName,
  lane: aLane,
  expect: {
    must: `${anExpectation.must}, or a function`,
    holds: (value) => typeof value === "function" || anExpectation.holds(value),
  },
};
const reconciling: Rules<ReconcileOptions> = {
  ...reporting,
  pageSize: whole(1, 1_000),
  onDifference: aFunction,
  repair: anything,
};

/** With the requested repairs. @throws {LifecycleError} `INVALID_OPTION` */
export function checkReconciling(
  options: ReconcileOptions | undefined,
): Omit<ReconcileOptions, "repair"> & { readonly repairs: readonly Repair[] } {
  const { repair = false, ...checked } = check("reconcile", options, reconciling);
  return { ...checked, repairs: someOf("reconcile", "repair", repair, ["adopt", "move"]) };
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkOnboardingMany(rows: Rows<unknown>, options: OnboardManyOptions): OnboardManyOptions {
  const verb = "onboard a list";
  const checked = check(verb, options, onboarding);
  checkRows(verb, rows);
  const name = checkValue(verb, "name", checked.name as string, aName); // a text, or it throws
  return { ...checked, name };
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkAdopting(rows: Rows<unknown>, options: AdoptManyOptions | undefined): AdoptManyOptions {
  const verb = "adopt a list";
  checkRows(verb, rows);
  return check(verb, options, adopting);
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkRows(verb: string, rows: Rows<unknown>): void {
  checkValue(verb, "the list", rows, anIterable);
}
