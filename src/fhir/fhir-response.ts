/**
 * Reads the answers to FHIR calls: what was asked for, a proof that was not accepted, or the error to throw.
 *
 * @module
 */
import { LifecycleError, type ErrorCode, type LifecycleErrorDetails } from "../errors.ts";
import { readRefusal } from "../http/answer.ts";
import type { Answer, Unanswered } from "../http/call.ts";
import { field, isObject, parseJson, text, type JsonObject } from "../http/json.ts";
import { readBundle, type PageContent } from "./bundle.ts";
import { isResourceId } from "./checks.ts";
import { parseFhirJson } from "./digits.ts";
import { issuesIn } from "./issues.ts";
import type { Task } from "./task.ts";

export type Outcome =
  /** `null`: a yes without a resource. `page` if a page was asked for: what stands on it. */
  | { readonly type: "done"; readonly resource: JsonObject | null; readonly page?: PageContent }
  | { readonly type: "proofRefused"; readonly status: number }
  | { readonly type: "error"; readonly error: LifecycleError };

/**
 * A lost call, or an answer that nobody can read: what changes nothing may be repeated, a create may have been carried
 * out.
 *
 * @param lossless remember the digits of numbers
 */
export function readOutcome(task: Task, answer: Answer | Unanswered, lossless = true): Outcome {
  if (answer.type === "notSent")
    return failed(task, "UNAVAILABLE", "1upHealth could not be reached", {
      retryable: true,
      cause: answer.cause,
    });
  if (answer.type === "lost")
    return unclear(task, "UNAVAILABLE", "the answer was lost", { cause: answer.cause });

  const { status } = answer;
  const body = lossless ? parse(answer.text) : parseJson(answer.text);
  const refusal = readRefusal(answer, body);
  const isSuccess = status >= 200 && status < 300;
  const read = isSuccess ? readSuccess(task, status, body, answer, refusal.type) : null;
  if (read !== null && typeof read !== "string") return read;

  const details = { status, facts: { issues: issuesIn(body) } };
  switch (refusal.type) {
    case "credentialsRefused":
      return { type: "proofRefused", status };
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
  const changes = task.interaction === "update" || task.interaction === "delete";
  if (changes && (status === 409 || status === 412))
    return failed(
      task,
      "FHIR_CONFLICT",
      `it has changed meanwhile (${status}); read it again first`,
      details,
    );
  // A gateway that gave up waiting says 408 or 425: not the FHIR server's no.
  const isNo = status >= 400 && status < 500 && status !== 408 && status !== 425;
  if (isNo || (isSuccess && task.expects === "yes" && namesAnError(body)))
    return failed(task, "FHIR_REFUSED", `1upHealth refused it (${status}${codes(body)})`, details);
  if (status >= 500 || status === 408 || status === 425)
    return unclear(task, "UNAVAILABLE", `1upHealth answered ${status}`, details);
  const id = task.interaction === "create" ? idFrom(answer, task.resourceType) : undefined;
  const facts = { ...details.facts, ...(id !== undefined && { id }) };
  const rule = `the answer (${status}) must hold ${read ?? wanted(task)}, got something else`;
  return unclear(task, "BAD_ANSWER", rule, { status, facts });
}

/** What a success says, or in words what it lacks. */
function readSuccess(
  task: Task,
  status: number,
  body: unknown,
  answer: Answer,
  refusal: string,
): Outcome | string {
  const nothing = answer.text.trim() === "" && status !== 206;
  switch (task.expects) {
    case "resource": {
      const writes = task.interaction === "create" || task.interaction === "update";
      const good = status === 200 || (status === 201 && writes);
      return good && isResource(task, body) ? { type: "done", resource: body } : wanted(task);
    }
    case "page": {
      if (status !== 200 || !isObject(body) || field(body, "resourceType") !== "Bundle") return wanted(task);
      const page = readBundle(body, task.resourceType);
      return typeof page === "string" ? page : { type: "done", resource: body, page };
    }
    case "anything":
      if (nothing) return { type: "done", resource: null };
      return isObject(body) && text(field(body, "resourceType")) !== undefined
        ? { type: "done", resource: body }
        : wanted(task);
    case "yes":
      // What says nothing is a yes here; a no names itself, and a page of HTML is that of a login.
      return nothing || (isObject(body) && refusal === "inDoubt" && !namesAnError(body))
        ? { type: "done", resource: null }
        : wanted(task);
    default:
      return task.expects satisfies never;
  }
}

function wanted({ expects, resourceType, id }: Task): string {
  switch (expects) {
    case "resource":
      return `a ${resourceType} with ${id === undefined ? "an id" : "the id that was asked for"}`;
    case "page":
      return "a Bundle";
    case "anything":
      return "a resource";
    case "yes":
      return "a yes";
    default:
      return expects satisfies never;
  }
}

function parse(text: string): unknown {
  try {
    return parseFhirJson(text);
  } catch {
    return undefined;
  }
}

function isResource(task: Task, body: unknown): body is JsonObject {
  const id = field(body, "id");
  return (
    isObject(body) &&
    field(body, "resourceType") === task.resourceType &&
    (task.id === undefined ? isResourceId(id) : id === task.id)
  );
}

/** The id of a created resource, from the answer's `Location` or body. */
function idFrom(answer: Answer, resourceType: string | undefined): string | undefined {
  const location = Object.hasOwn(answer.headers, "location") ? answer.headers["location"] : undefined;
  const found = new RegExp(`(?:^|/)${resourceType}/([^/?#]+)`).exec(location ?? "")?.[1];
  return found !== undefined && isResourceId(found) ? found : undefined;
}

/** An OperationOutcome says no in any status; its warnings and information come along with a yes. */
function namesAnError(body: unknown): boolean {
  return issuesIn(body).some(({ severity }) => severity === "error" || severity === "fatal");
}

function codes(body: unknown): string {
  const said = new Set(issuesIn(body).map((issue) => issue.code ?? "unknown"));
  return said.size > 0 ? `: ${[...said].join(", ")}` : "";
}

/** It may have been carried out: for what must not be repeated that is all there is to say, the rest may be repeated. */
function unclear(task: Task, readCode: ErrorCode, why: string, details: LifecycleErrorDetails): Outcome {
  if (task.doubt === undefined)
    return failed(task, readCode, why, { ...details, retryable: readCode === "UNAVAILABLE" });
  const message = `Cannot tell whether ${task.doubt.whether}: ${why}; ${task.doubt.advice}`;
  return { type: "error", error: new LifecycleError("IN_DOUBT", message, details) };
}

function failed(task: Task, code: ErrorCode, why: string, details: LifecycleErrorDetails): Outcome {
  return { type: "error", error: new LifecycleError(code, `Cannot ${task.words}: ${why}`, details) };
}
