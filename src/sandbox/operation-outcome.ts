/** FHIR answers: resources, and OperationOutcomes for refusals. */

import { json, type Outgoing } from "./message.ts";
import { type Carried, refused } from "./plan.ts";

/** A FHIR resource as an answer. */
export function fhirJson(
  status: number,
  value: unknown,
  headers?: Readonly<Record<string, string>>,
): Outgoing {
  return json(status, value, { ...headers, "content-type": "application/fhir+json; charset=utf-8" });
}

/** Refuses a call with an OperationOutcome. */
export function issue(status: number, code: string, diagnostics: string): Carried {
  const outcome = {
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code, diagnostics }],
  };
  return refused(code === "not-found" ? "missing" : "invalid", fhirJson(status, outcome));
}
