/**
 * The rules of the options of the calls of a running lifecycle, and the checks that need more than rules.
 *
 * @module
 */
import { aBase } from "../../fhir/export/export-link.ts";
import { fhirVersions, type FhirVersion } from "../../fhir/fhir-version.ts";
import { lanes, type TransactionClient } from "../../store/contract.ts";
import { isId } from "../options/check-id.ts";
import { userStates } from "../user/step.ts";
import {
  among,
  anything,
  aSignal,
  aSwitch,
  between,
  check,
  oneLine,
  whole,
  withMethods,
  wrong,
  type Rule,
  type Rules,
} from "../../checks.ts";
import type {
  ActOptions,
  FhirOptions,
  JoinOptions,
  OffboardOptions,
  OnboardOptions,
  UserFilter,
  RetryOptions,
  TokenOptions,
  WaitOptions,
  WorkOptions,
} from "../options/call-options.ts";

export const aLane: Rule = among(...lanes);
const aUserId: Rule = { must: "an app_user_id", holds: (value) => typeof value === "string" && isId(value) };

const waiting: Rules<WaitOptions> = { waitMs: between(0), signal: aSignal };
export const ofToken: Rules<TokenOptions> = {
  ...waiting,
  rejected: {
    must: "the token that 1upHealth answered with 401",
    holds: (value) => typeof value === "string" && value !== "",
  },
};
/** The name of a person who does something. */
export const aDoer: Rule = oneLine(100);
export const acting: Rules<ActOptions> = { ...waiting, by: aDoer };
export const retrying: Rules<RetryOptions> = { ...acting, lane: aLane };
/** Whether 1upHealth has the user already. */
export const anExpectation: Rule = among("new", "existing");
/** Options of `onboard()`, in a transaction of the application or not. */
type Onboarding = OnboardOptions & { readonly within?: TransactionClient | undefined };
const onboarding: Rules<Onboarding> = {
  ...waiting,
  lane: aLane,
  expect: anExpectation,
  within: withMethods("query"),
};
export const ofWork: Rules<WorkOptions> = {
  concurrency: whole(1, 1_024),
  pollMs: between(10, 3_600_000),
  signal: aSignal,
};
export const calling: Rules<FhirOptions> = {
  as: among("user", "client"),
  strict: aSwitch,
  lossless: aSwitch,
  retries: whole(0, 100),
  analytics: aBase,
};
export const filtering: Rules<UserFilter> = {
  state: among(...userStates),
  after: aUserId,
  limit: whole(1, 1_000_000),
};
const offboarding: Rules<OffboardOptions> = { ...acting, purge: anything };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkOnboarding(options: OnboardOptions | JoinOptions | undefined): Onboarding {
  const checked = check<Onboarding>("onboard", options, onboarding);
  const { waitMs = 0, within } = checked;
  if (within !== undefined && waitMs !== 0)
    throw wrong("onboard", "waitMs", "0 with within, because no call is made before the commit", waitMs);
  return checked;
}

/** With the FHIR versions to purge, each once. @throws {LifecycleError} `INVALID_OPTION` */
export function checkOffboarding(
  options: OffboardOptions | undefined,
): ActOptions & { readonly versions: readonly FhirVersion[] } {
  const verb = "offboard a user";
  const { purge = false, ...checked } = check(verb, options, offboarding);
  return { ...checked, versions: someOf(verb, "purge", purge, fhirVersions) };
}

/** Those of `all` that are asked for: all, none, or the ones in a list. @throws {LifecycleError} `INVALID_OPTION` */
export function someOf<T extends string>(
  verb: string,
  name: string,
  asked: boolean | readonly T[],
  all: readonly T[],
): readonly T[] {
  if (typeof asked === "boolean") return asked ? all : [];
  const rule = `true, false, or a list of ${all.join(", ")}`;
  if (!Array.isArray(asked) || asked.length === 0) throw wrong(verb, name, rule, asked);
  const stranger: unknown = asked.find((one) => !all.some((known) => known === one));
  if (stranger !== undefined) throw wrong(verb, name, rule, stranger);
  return all.filter((known) => asked.includes(known));
}
