/**
 * Reads the answers to FHIR calls: a resource, a token that was not accepted, or the error to throw.
 *
 * @module
 */
import { LifecycleError, type ErrorCode, type LifecycleErrorDetails } from "../errors.ts";
import { readRefusal } from "../http/answer.ts";
import type { Answer, Unanswered } from "../http/call.ts";
import { field, isObject, parseJson, type JsonObject } from "../http/json.ts";
import { isResourceId } from "./calls.ts";
import { issuesIn } from "./issues.ts";

/** What was asked for, as messages name it. */
export interface Task {
  readonly verb: "create" | "read";
  readonly resourceType: string;
}

export type Outcome =
  | { readonly type: "resource"; readonly resource: JsonObject }
  | { readonly type: "tokenRefused"; readonly status: number }
  | { readonly type: "error"; readonly error: LifecycleError };

/** A lost call, or an answer that nobody can read: a read may be repeated, a create may have been carried out. */
export function readOutcome(task: Task, answer: Answer | Unanswered): Outcome {
  if (answer.type === "notSent")
    return failed(task, "UNAVAILABLE", "1upHealth could not be reached", {
      retryable: true,
      cause: answer.cause,
    });
  if (answer.type === "lost")
    return unclear(task, "UNAVAILABLE", "the answer was lost", { cause: answer.cause });

  const { status } = answer;
  const body = parseJson(answer.text);
  const success = status === 200 || (task.verb === "create" && status === 201);
  if (success && isResource(body, task.resourceType)) return { type: "resource", resource: body };

  const refusal = readRefusal(answer, body);
  const details = { status, facts: { issues: issuesIn(body) } };
  switch (refusal.type) {
    case "credentialsRefused":
      return { type: "tokenRefused", status };
    case "throttled":
      return failed(task, "RATE_LIMITED", "1upHealth answered 429", {
        status,
        retryable: true,
        retryAfterMs: refusal.retryAfterMs,
      });
    case "forbidden":
      return failed(task, "FORBIDDEN", "1upHealth does not allow it (403)", details);
    case "refused":
    case "inDoubt":
      break;
    default:
      return refusal satisfies never;
  }
  // A gateway that gave up waiting says 408 or 425: not the FHIR server's no.
  if (status >= 400 && status < 500 && status !== 408 && status !== 425)
    return failed(task, "FHIR_REFUSED", `1upHealth refused it (${status}${codes(body)})`, details);
  if (status >= 500 || status === 408 || status === 425)
    return unclear(task, "UNAVAILABLE", `1upHealth answered ${status}`, details);
  const id = task.verb === "create" ? idFrom(answer, task.resourceType) : undefined;
  const facts = { ...details.facts, ...(id !== undefined && { id }) };
  const rule = `the answer (${status}) must hold a ${task.resourceType} with an id, got something else`;
  return unclear(task, "BAD_ANSWER", rule, { status, facts });
}

/** For a token that was refused a second time. */
export function tokenRefusedTwice(task: Task, status: number): LifecycleError {
  return error(task, "FHIR_REFUSED", `1upHealth accepted neither of two access tokens (${status})`, {
    status,
  });
}

function isResource(body: unknown, resourceType: string): body is JsonObject {
  return isObject(body) && field(body, "resourceType") === resourceType && isResourceId(field(body, "id"));
}

/** The id of a created resource, from the answer's `Location` or body. */
function idFrom(answer: Answer, resourceType: string): string | undefined {
  const location = Object.hasOwn(answer.headers, "location") ? answer.headers["location"] : undefined;
  const found = new RegExp(`(?:^|/)${resourceType}/([^/?#]+)`).exec(location ?? "")?.[1];
  return found !== undefined && isResourceId(found) ? found : undefined;
}

function codes(body: unknown): string {
  const said = new Set(issuesIn(body).map((issue) => issue.code ?? "unknown"));
  return said.size > 0 ? `: ${[...said].join(", ")}` : "";
}

/** The call may have been carried out: harmless for a read, in doubt for a create. */
function unclear(task: Task, readCode: ErrorCode, why: string, details: LifecycleErrorDetails): Outcome {
  if (task.verb === "read")
    return failed(task, readCode, why, { ...details, retryable: readCode === "UNAVAILABLE" });
  const message = `Cannot tell whether the ${task.resourceType} was created: ${why}; it may exist, so look for it before you create it again`;
  return { type: "error", error: new LifecycleError("IN_DOUBT", message, details) };
}

function failed(task: Task, code: ErrorCode, why: string, details: LifecycleErrorDetails): Outcome {
  return { type: "error", error: error(task, code, why, details) };
}

function error(task: Task, code: ErrorCode, why: string, details: LifecycleErrorDetails): LifecycleError {
  return new LifecycleError(code, `Cannot ${task.verb} the ${task.resourceType}: ${why}`, details);
}
