/** FHIR responses: resources, and OperationOutcomes for refusals. */

import type { FhirVersion } from "../resources/served-types.ts";
import { json, type Outgoing } from "../base/message.ts";
import { type Carried, refused } from "../base/plan.ts";
import type { Revision } from "../resources/stored-resource.ts";

const type = { "content-type": "application/fhir+json; charset=utf-8" };

/** A FHIR response. */
export function fhirJson(status: number, value: unknown): Outgoing {
  return json(status, value, type);
}

/** A state of a resource as a response, with its headers (FHIR R4, 3.1.0.1.3). */
export function resourceAnswer(
  status: number,
  state: Revision | undefined,
  headers?: Readonly<Record<string, string>>,
): Outgoing {
  const { versionId = 0, at = 0, text = "null" } = state ?? {};
  const validators = { etag: `W/"${versionId}"`, "last-modified": new Date(at).toUTCString() };
  return { status, headers: { ...type, ...validators, ...headers }, body: text };
}

/** One issue of an OperationOutcome, with its place, if it has one. */
interface Issue {
  readonly code: string;
  readonly diagnostics: string;
  readonly location?: readonly string[];
  readonly expression?: readonly string[];
}

/** Refuses a call with an OperationOutcome. */
export function issue(status: number, code: string, diagnostics: string): Carried {
  return issues(status, [{ code, diagnostics }]);
}

/** Refuses a call with an OperationOutcome of one or more issues; the first one decides the journal's outcome. */
export function issues(status: number, all: readonly Issue[]): Carried {
  const outcome = {
    resourceType: "OperationOutcome",
    issue: all.map((one) => ({ severity: "error", ...one })),
  };
  return refused(all[0]?.code === "not-found" ? "missing" : "invalid", fhirJson(status, outcome));
}

/** A place in a resource: as FHIRPath, or as XPath in DSTU2, which knows only that. */
export function placed(
  version: FhirVersion,
  type: string,
  path: readonly (string | number)[],
): Pick<Issue, "location" | "expression"> {
  if (version !== "dstu2") {
    const steps = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`));
    return { expression: [type + steps.join("")] };
  }
  const steps = path.map((step) => (typeof step === "number" ? `[${step + 1}]` : `/f:${step}`));
  return { location: [`/f:${type}${steps.join("")}`] };
}
