/**
 * The options of the calls on a running lifecycle, checked at the door. What comes back is what was given.
 *
 * @module
 */
import { fhirVersions } from "../fhir/versions.ts";
import type { FhirVersion } from "../fhir/versions.ts";
import { userStates } from "./step.ts";
import { checkLane, checkSignal, isObject, number, oneOf, only, wrong } from "./checks.ts";
import type { Names } from "./checks.ts";
import type { ReconcileOptions, Repair } from "./differences.ts";
import type { AdoptManyOptions, OnboardManyOptions } from "./imports.ts";
import type { RewrapOptions } from "./key-verbs.ts";
import type {
  FhirOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  WaitOptions,
  WorkOptions,
} from "./call-options.ts";
import type { ListOptions } from "./remote.ts";
import type { Rows } from "./rows.ts";
import type { WatchOptions } from "./watch-verbs.ts";

const ofWaiting: Names<WaitOptions> = { waitMs: true, signal: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkWait(verb: string, options: WaitOptions | undefined): WaitOptions {
  return waiting(verb, only(verb, "options", options, ofWaiting));
}

function waiting<T extends WaitOptions>(verb: string, options: T): T {
  if (options.waitMs !== undefined) number(verb, "waitMs", options.waitMs, 0, Number.MAX_SAFE_INTEGER);
  checkSignal(verb, options.signal);
  return options;
}

const ofOnboarding: Names<OnboardOptions> = { ...ofWaiting, expect: true, lane: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkOnboarding(options: OnboardOptions | undefined): OnboardOptions {
  const verb = "onboard";
  const checked = waiting(verb, only(verb, "options", options, ofOnboarding));
  if (checked.lane !== undefined) checkLane(verb, checked.lane);
  if (checked.expect !== undefined) oneOf(verb, "expect", checked.expect, ["new", "existing"]);
  return checked;
}

const ofRetrying: Names<RetryOptions> = { ...ofWaiting, lane: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkRetrying(options: RetryOptions | undefined): RetryOptions {
  const checked = waiting("retry", only("retry", "options", options, ofRetrying));
  if (checked.lane !== undefined) checkLane("retry", checked.lane);
  return checked;
}

const ofOffboarding: Names<OffboardOptions> = { ...ofWaiting, purge: true };

/** With the versions to purge, each once. @throws {LifecycleError} `INVALID_OPTION` */
export function checkOffboarding(
  options: OffboardOptions | undefined,
): WaitOptions & { readonly versions: readonly FhirVersion[] } {
  const verb = "offboard a user";
  const { purge = false, ...checked } = waiting(verb, only(verb, "options", options, ofOffboarding));
  if (typeof purge === "boolean") return { ...checked, versions: purge ? fhirVersions : [] };
  const rule = `true, false, or a list of ${fhirVersions.join(", ")}`;
  if (!Array.isArray(purge) || purge.length === 0) throw wrong(verb, "purge", rule, purge);
  const asked: readonly unknown[] = purge;
  const stranger = asked.find((one) => !fhirVersions.some((version) => version === one));
  if (stranger !== undefined) throw wrong(verb, "purge", rule, stranger);
  return { ...checked, versions: fhirVersions.filter((version) => asked.includes(version)) };
}

const ofWork: Names<WorkOptions> = { concurrency: true, lookMs: true, signal: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkWork(verb: "work" | "resume", options: WorkOptions | undefined): WorkOptions {
  const checked = only(verb, "options", options, ofWork);
  if (checked.concurrency !== undefined) number(verb, "concurrency", checked.concurrency, 1, 1_024, true);
  if (checked.lookMs !== undefined) number(verb, "lookMs", checked.lookMs, 10, 3_600_000);
  checkSignal(verb, checked.signal);
  return checked;
}

const ofWatching: Names<WatchOptions> = { lookMs: true, signal: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkWatch(options: WatchOptions | undefined): WatchOptions {
  const verb = "watch a user";
  const checked = only(verb, "options", options, ofWatching);
  if (checked.lookMs !== undefined) number(verb, "lookMs", checked.lookMs, 10, 3_600_000);
  checkSignal(verb, checked.signal);
  return checked;
}

const ofFhir: Names<FhirOptions> = { as: true, strict: true, lossless: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkFhir(options: FhirOptions | undefined): FhirOptions {
  const verb = "call FHIR";
  const checked = only(verb, "options", options, ofFhir);
  if (checked.as !== undefined) oneOf(verb, "as", checked.as, ["user", "client"]);
  if (checked.strict !== undefined) oneOf(verb, "strict", checked.strict, [true, false]);
  if (checked.lossless !== undefined) oneOf(verb, "lossless", checked.lossless, [true, false]);
  return checked;
}

const ofRewrap: Names<RewrapOptions> = { records: true, onProgress: true, signal: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkRewrap(options: RewrapOptions | undefined): RewrapOptions {
  const verb = "rewrap";
  const checked = only(verb, "options", options, ofRewrap);
  if (checked.records !== undefined) oneOf(verb, "records", checked.records, [true, false]);
  if (checked.onProgress !== undefined && typeof checked.onProgress !== "function") {
    throw wrong(verb, "onProgress", "a function", checked.onProgress);
  }
  checkSignal(verb, checked.signal);
  return checked;
}

const ofReconciling: Names<ReconcileOptions> = {
  repair: true,
  pageSize: true,
  everyMs: true,
  onProgress: true,
  onDifference: true,
  signal: true,
};
const everyRepair: readonly Repair[] = ["adopt", "move"];

/** With the repairs that are asked for. @throws {LifecycleError} `INVALID_OPTION` */
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
  if (expect !== undefined) oneOf(verb, "expect", expect, ["new", "existing"]);
  return { ...checked, name };
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkAdopting(rows: Rows<unknown>, options: AdoptManyOptions | undefined): AdoptManyOptions {
  const verb = "adopt a list";
  const checked = only(verb, "options", options, ofAdopting);
  checkListing(verb, rows, checked);
  return checked;
}

/** What long work takes beside its own. */
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

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkFilter(filter: UserFilter | undefined): UserFilter {
  const verb = "list users";
  const checked = only(verb, "options", filter, { state: true });
  if (checked.state !== undefined) oneOf(verb, "state", checked.state, userStates);
  return checked;
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkList(options: ListOptions | undefined): ListOptions {
  const verb = "list users";
  const checked = only(verb, "options", options, { pageSize: true, signal: true });
  if (checked.pageSize !== undefined) number(verb, "pageSize", checked.pageSize, 1, 1_000, true);
  checkSignal(verb, checked.signal);
  return checked;
}
