/**
 * The method `validate()`: `$validate` on a type. It changes nothing, so it is repeated like a read although it is a POST.
 *
 * @module
 */
import { anything, check, checkValue, among, type Rules } from "../checks.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { issuesIn, type FhirIssue } from "../http/fhir-issue.ts";
import { field, text } from "../http/json.ts";
import { operationCall, serialise } from "./calls.ts";
import { checkResource } from "./checks.ts";
import { execute, type VerbParts } from "./execute.ts";
import type { ValidateOptions } from "./fhir-call-options.ts";
import type { FhirValidation } from "./fhir-client.ts";
import { operating } from "./operation.ts";
import { ofCall, readRules, repetitionOf } from "./repeat.ts";

/** See `FhirClient`, which adds the types. */
export type Validate = (resource: object, options?: ValidateOptions) => Promise<FhirValidation>;

const rules: Rules<ValidateOptions> = { ...readRules, mode: among("create", "update"), profile: anything };

export function validateVerb({ place, performer }: VerbParts): Validate {
  return async (given, options) => {
    const resource = checkResource("validate the resource", given);
    const resourceType = String(resource["resourceType"]); // a name, as was checked
    const words = `validate the ${resourceType}`;
    const { signal, mode, profile, ...how } = check(words, options, rules);
    const text = bodyOf(serialise(words, resource), mode, checkProfile(words, profile));
    const task = { ...operating("validate", resourceType, false), words };
    const call = operationCall(place, `/${resourceType}/$validate`, "", text);
    const repetition = repetitionOf(how, performer.retries, ofCall);
    try {
      const { resource: outcome } = await execute(performer, task, call, signal, repetition);
      const found = outcome?.["resourceType"] === "OperationOutcome" ? outcome["issue"] : undefined;
      if (outcome === null || !Array.isArray(found) || found.length === 0)
        throw new LifecycleError(
          "BAD_ANSWER",
          `Cannot ${words}: the answer must hold an OperationOutcome with issues, got something else`,
        );
      return { isValid: found.every(isHarmless), issues: issuesIn(outcome), outcome };
    } catch (error) {
      const issues = issuesOf(error);
      if (issues === null) throw error;
      return { isValid: false, issues, outcome: null };
    }
  };
}

/** The issues of a server that answers an invalid resource with the status of a refused one. */
function issuesOf(error: unknown): readonly FhirIssue[] | null {
  if (!isLifecycleError(error, "FHIR_REFUSED") || (error.status !== 412 && error.status !== 422)) return null;
  const { issues } = error.facts ?? {};
  return Array.isArray(issues) && issues.length > 0 ? (issues as readonly FhirIssue[]) : null; // the reader wrote it
}

/** Whether an issue says that nothing is wrong. One without a severity that FHIR knows does not. */
function isHarmless(issue: unknown): boolean {
  return ["warning", "information", "success"].includes(text(field(issue, "severity")) ?? "");
}

/** @throws {LifecycleError} `INVALID_OPTION` */
function checkProfile(words: string, profile: string | undefined): string | undefined {
  return profile === undefined
    ? undefined
    : checkValue(words, "profile", profile, { must: "a URL", holds: (one) => URL.canParse(String(one)) });
}

/** The resource itself, which every server takes, unless there is more to tell. */
function bodyOf(resource: string, mode: string | undefined, profile: string | undefined): string {
  if (mode === undefined && profile === undefined) return resource;
  const more = [
    ...(mode === undefined ? [] : [{ name: "mode", valueCode: mode }]),
    ...(profile === undefined ? [] : [{ name: "profile", valueUri: profile }]),
  ].map((one) => JSON.stringify(one));
  return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":${resource}},${more.join(",")}]}`;
}
