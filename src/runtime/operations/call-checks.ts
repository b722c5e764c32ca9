/**
 * Validates the options of the calls of a running lifecycle. Each check returns the options it was given.
 *
 * @module
 */
import { fhirVersions } from "../../fhir/fhir-version.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import { userStates } from "../user/step.ts";
import { checkLane, checkSignal, number, oneOf, only, wrong } from "../options/checks.ts";
import type { Names } from "../options/checks.ts";
import type {
  FhirOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  WaitOptions,
  WorkOptions,
} from "../options/call-options.ts";
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

/** With the FHIR versions to purge, each once. @throws {LifecycleError} `INVALID_OPTION` */
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

const ofWork: Names<WorkOptions> = { concurrency: true, pollMs: true, signal: true };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkWork(verb: "work" | "resume", options: WorkOptions | undefined): WorkOptions {
  const checked = only(verb, "options", options, ofWork);
  if (checked.concurrency !== undefined) number(verb, "concurrency", checked.concurrency, 1, 1_024, true);
  if (checked.pollMs !== undefined) number(verb, "pollMs", checked.pollMs, 10, 3_600_000);
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

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkFilter(filter: UserFilter | undefined): UserFilter {
  const verb = "list users";
  const checked = only(verb, "options", filter, { state: true });
  if (checked.state !== undefined) oneOf(verb, "state", checked.state, userStates);
  return checked;
}
