/**
 * Validates the options of bulk operations. Each check returns the options it was given.
 *
 * @module
 */
import { checkLane, checkSignal, isObject, number, oneOf, only, wrong } from "../options/checks.ts";
import type { Names } from "../options/checks.ts";
import type { ReconcileOptions, Repair } from "./differences.ts";
import type { AdoptManyOptions, OnboardManyOptions } from "./imports.ts";
import type { Rows } from "./for-each-row.ts";

const ofReconciling: Names<ReconcileOptions> = {
  repair: true,
  pageSize: true,
  everyMs: true,
  onProgress: true,
  onDifference: true,
  signal: true,
};

const everyRepair: readonly Repair[] = ["adopt", "move"];

/** With the requested repairs. @throws {LifecycleError} `INVALID_OPTION` */
export function checkReconciling(
  options: ReconcileOptions | undefined,
): Omit<ReconcileOptions, "repair"> & { readonly repairs: readonly Repair[] } {
  const verb = "reconcile";
  const { repair = false, ...checked } = only(verb, "options", options, ofReconciling);
  if (checked.pageSize !== undefined) number(verb, "pageSize", checked.pageSize, 1, 1_000, true);
  checkProgress(verb, checked);
  if (checked.onDifference !== undefined && typeof checked.onDifference !== "function") {
    throw wrong(verb, "onDifference", "a function", checked.onDifference);
  }
  if (typeof repair === "boolean") return { ...checked, repairs: repair ? everyRepair : [] };
  const rule = `true, false, or a list of ${everyRepair.join(", ")}`;
  if (!Array.isArray(repair) || repair.length === 0) throw wrong(verb, "repair", rule, repair);
  const asked: readonly unknown[] = repair;
  const stranger = asked.find((one) => !everyRepair.some((known) => known === one));
  if (stranger !== undefined) throw wrong(verb, "repair", rule, stranger);
  return { ...checked, repairs: everyRepair.filter((known) => asked.includes(known)) };
}

const ofAdopting: Names<AdoptManyOptions> = { everyMs: true, onProgress: true, signal: true };

const ofOnboardingMany: Names<OnboardManyOptions> = { ...ofAdopting, name: true, lane: true, expect: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkOnboardingMany(rows: Rows<unknown>, options: OnboardManyOptions): OnboardManyOptions {
  const verb = "onboard a list";
  const checked = only(verb, "options", options, ofOnboardingMany);
  checkListing(verb, rows, checked);
  const { name, lane, expect } = checked;
  if (typeof name !== "string" || !/^[\w.-]{1,64}$/.test(name)) {
    throw wrong(verb, "name", "1 to 64 letters, digits and ._-", name);
  }
  if (lane !== undefined) checkLane(verb, lane);
  if (expect !== undefined && typeof expect !== "function")
    oneOf(verb, "expect", expect, ["new", "existing"]);
  return { ...checked, name };
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkAdopting(rows: Rows<unknown>, options: AdoptManyOptions | undefined): AdoptManyOptions {
  const verb = "adopt a list";
  const checked = only(verb, "options", options, ofAdopting);
  checkListing(verb, rows, checked);
  return checked;
}

/** The options that all bulk operations have. */
interface ProgressOptions {
  readonly everyMs?: unknown;
  readonly onProgress?: unknown;
  readonly signal?: AbortSignal | undefined;
}

function checkListing(verb: string, rows: Rows<unknown>, options: ProgressOptions): void {
  const iterable = isObject(rows) && (Symbol.asyncIterator in rows || Symbol.iterator in rows);
  if (!iterable) throw wrong(verb, "the list", "an iterable or async iterable", rows);
  checkProgress(verb, options);
}

function checkProgress(verb: string, { everyMs, onProgress, signal }: ProgressOptions): void {
  if (everyMs !== undefined) number(verb, "everyMs", everyMs, 10, 86_400_000);
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw wrong(verb, "onProgress", "a function", onProgress);
  }
  checkSignal(verb, signal);
}
