/** FHIR answers: resources, and OperationOutcomes for refusals. */

import { json, type Outgoing } from "./message.ts";
import { type Carried, refused } from "./plan.ts";
import type { Revision } from "./stored-resource.ts";

const type = { "content-type": "application/fhir+json; charset=utf-8" };

/** An answer of FHIR. */
export function fhirJson(status: number, value: unknown): Outgoing {
  return json(status, value, type);
}

/** A state of a resource as an answer, with the headers that go with it (FHIR R4, 3.1.0.1.3). */
export function resourceAnswer(
  status: number,
  state: Revision | undefined,
  headers?: Readonly<Record<string, string>>,
): Outgoing {
  const { versionId = 0, at = 0, text = "null" } = state ?? {};
  const validators = { etag: `W/"${versionId}"`, "last-modified": new Date(at).toUTCString() };
  return { status, headers: { ...type, ...validators, ...headers }, body: text };
}

/** Refuses a call with an OperationOutcome; `at` are FHIRPaths to what is wrong. */
export function issue(
  status: number,
  code: string,
  diagnostics: string,
  at: readonly string[] = [],
): Carried {
  const places = at.length === 0 ? {} : { location: at, expression: at };
  const outcome = {
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code, diagnostics, ...places }],
  };
  return refused(code === "not-found" ? "missing" : "invalid", fhirJson(status, outcome));
}
