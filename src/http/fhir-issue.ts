/**
 * The part of an OperationOutcome that may be shown: codes and places. Its texts and values may quote patients.
 *
 * @module
 */
import { isElementName } from "../capabilities/element-names.ts";
import { field, isObject } from "./json.ts";

/** One issue of an OperationOutcome. */
export interface FhirIssue {
  /** `fatal`, `error`, `warning` or `information`. */
  readonly severity?: string;
  /** Of FHIR's issue types: `invalid`, `not-found`, … */
  readonly code?: string;
  /** Where in the resource: FHIRPath (`expression`), else XPath (`location`). */
  readonly at: readonly string[];
}

const mostIssues = 20;
/** The words of FHIR's value sets, of all versions: a server may put any other one there. */
const severities: ReadonlySet<unknown> = new Set("fatal error warning information success".split(" "));
const codes: ReadonlySet<unknown> = new Set(
  (
    "invalid structure required value invariant security login unknown expired forbidden suppressed processing " +
    "not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly " +
    "business-rule conflict limited-filter transient lock-error no-store exception timeout incomplete throttled " +
    "informational success"
  ).split(" "),
);
/** `transient`, and what FHIR's hierarchy of issue types places beneath it. */
const passing: ReadonlySet<unknown> = new Set(
  "transient lock-error no-store exception timeout incomplete throttled".split(" "),
);
/** A step of a FHIRPath or an XPath: a name, and an index. Quotes and free text never match. */
const step = /^(?:f:)?(?<name>[A-Za-z][A-Za-z0-9]{0,60})(?:\[\d{1,6}\])?$/;

/** The issues of a body that is an OperationOutcome; otherwise none. */
export function issuesIn(body: unknown): readonly FhirIssue[] {
  const all = issueList(body);
  const errorsFirst = [...all.filter(isSevere), ...all.filter((issue) => !isSevere(issue))];
  return (all.length <= mostIssues ? all : errorsFirst.slice(0, mostIssues)).map((issue) => {
    const severity = field(issue, "severity");
    const code = field(issue, "code");
    const at = places(field(issue, "expression"));
    return {
      ...(severities.has(severity) && { severity: String(severity) }),
      ...(codes.has(code) && { code: String(code) }),
      at: at.length > 0 ? at : places(field(issue, "location")),
    };
  });
}

/** Whether a body is an OperationOutcome that reports an error; warnings and information may come with a success. */
export function namesAnError(body: unknown): boolean {
  return issueList(body).some(isSevere);
}

/** Whether a body is an OperationOutcome that reports an error which may pass. */
export function namesAPassingError(body: unknown): boolean {
  return issueList(body).some((issue) => isSevere(issue) && passing.has(field(issue, "code")));
}

/** Whether a body is an OperationOutcome with a list of issues that tell of no error. */
export function namesNoError(body: unknown): boolean {
  return (
    field(body, "resourceType") === "OperationOutcome" &&
    Array.isArray(field(body, "issue")) &&
    issueList(body).every(isHarmless)
  );
}

/** Whether an issue tells that nothing is wrong. One without a severity that FHIR knows does not. */
export function isHarmless(issue: unknown): boolean {
  const severity = field(issue, "severity");
  return severities.has(severity) && !isSevere(issue);
}

/** The issues of a body that is an OperationOutcome, as they came, also a single one outside a list; otherwise none. */
export function issueList(body: unknown): readonly unknown[] {
  const issues = field(body, "resourceType") === "OperationOutcome" ? field(body, "issue") : undefined;
  if (isObject(issues)) return [issues];
  return Array.isArray(issues) ? issues : [];
}

function isSevere(issue: unknown): boolean {
  const severity = field(issue, "severity");
  return severity === "error" || severity === "fatal";
}

function places(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, mostIssues)
    .filter((one: unknown): one is string => typeof one === "string" && one.length <= 200 && isPlace(one));
}

/** Whether each step has the name of a resource type or an element: any other word may be a name or a token. */
function isPlace(path: string): boolean {
  return path
    .replace(/^\//, "")
    .split(/[./]/)
    .every((one) => isElementName(step.exec(one)?.groups?.["name"] ?? ""));
}
