/**
 * Reads the responses to FHIR calls: the requested content, refused credentials, or the error to throw.
 *
 * @module
 */
import { LifecycleError, type ErrorCode, type LifecycleErrorDetails } from "../errors.ts";
import { isHtml, isOwnForm, readRefusal, type Refusal } from "../http/answer.ts";
import type { Answer, Unanswered } from "../http/call.ts";
import { field, isObject, parseJson, text, type JsonObject } from "../http/json.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { isCrowded, sizeRuleIn, TransportError } from "../http/transport.ts";
import { matching, readBundle, type PageContent } from "./pages/read-bundle.ts";
import { idAt, isResourceId } from "./checks.ts";
import { parseFhirJson, parseKnown, remember } from "./lossless-json.ts";
import {
  issuesIn,
  namesAnError,
  namesAPassingError,
  namesNoError,
  type FhirIssue,
} from "../http/fhir-issue.ts";
import { replacesIdentifier } from "./identifiers.ts";
import type { Operation } from "./operation.ts";

export type FhirResponse = Read | Failed;

type Read =
  /** `resource` is `null` for a success without one. `page`: the content, if a page was requested. */
  | { readonly type: "done"; readonly resource: JsonObject | null; readonly page?: PageContent }
  | { readonly type: "proofRefused"; readonly status: number };

interface Failed {
  readonly type: "error";
  readonly error: LifecycleError;
  /** The answer is about another resource than was asked for. Perhaps its connection is late by one answer. */
  readonly isAnothers?: boolean;
}

/**
 * Reads a response. If it was lost or is unreadable, a call that changes nothing may be repeated, but a create may
 * have succeeded.
 *
 * @param lossless remember the digits of numbers
 */
export function readResponse(task: Operation, answer: Answer | Unanswered, lossless = true): FhirResponse {
  if (answer.type === "notSent")
    return failed(task, "UNAVAILABLE", unsentWords(answer.cause), {
      retryable: true,
      cause: answer.cause,
    });
  if (answer.type === "lost") return unread(task, answer.cause);

  const { status } = answer;
  const body = parse(answer, lossless);
  const isSuccess = status >= 200 && status < 300;
  const read = isSuccess ? readSuccess(task, status, body, answer) : null;
  if (read !== null && typeof read !== "string") return read;

  const refusal = readRefusal(answer, body);
  const details = { status, facts: { issues: issuesIn(body) } };
  const notOwn = (): FhirResponse =>
    unclear(task, "BAD_ANSWER", `the answer (${status}) is not 1upHealth's, perhaps of a gateway`, {
      ...details,
      retryable: true,
    });
  // A gateway may put an answer of its own in the place of the answer to a call that was carried out.
  // seam: a-page-refuses-no-write
  if (task.doubt !== undefined && isPlainRefusal(status, refusal) && !isOwn(answer, body)) return notOwn();
  // A gateway that wants a login of its own knows nothing about the token.
  // seam: a-page-refuses-no-token
  if ((status === 401 || status === 407) && isPage(answer)) return notOwn();
  // A gateway that has lost its way to 1upHealth answers 404, too, and what was asked for may be there.
  const isMissing = (status === 404 || status === 410) && refusal.type !== "throttled";
  // seam: the-404-of-a-gateway-is-no-answer
  if (isMissing && task.doubt === undefined && task.isStored !== true && !isOwn(answer, body))
    return notOwn();
  if (refusal.type === "credentialsRefused") return { type: "proofRefused", status };
  if (refusal.type === "throttled") {
    const { retryAfterMs } = refusal;
    const why = `1upHealth answered ${status}${status === 429 ? "" : ", and names a limit"}`;
    return failed(task, "RATE_LIMITED", why, { status, retryable: true, retryAfterMs });
  }
  if (refusal.type === "blocked") {
    if (status === 403) {
      const why = isObject(body)
        ? "1upHealth does not allow it"
        : "it was blocked before it reached 1upHealth";
      return failed(task, "FORBIDDEN", `${why} (403)`, details);
    }
    if (status === 401) return { type: "proofRefused", status }; // empty, as for a dead token, or from a gateway
    if (status >= 300 && status < 400)
      return unclear(task, "UNAVAILABLE", `a redirect (${status}) came, which is not followed`, { status });
  }
  const changes = task.interaction === "update" || task.interaction === "delete";
  if (changes && (status === 409 || status === 412)) {
    const why =
      task.interaction === "delete"
        ? `others refer to it, or it has changed meanwhile (${status})`
        : `it has changed meanwhile (${status}); read it again first`;
    return failed(task, "FHIR_CONFLICT", why, details);
  }
  // A gateway that gave up waiting sends 408 or 425: that is no rejection by the FHIR server.
  const isNo = status >= 400 && status < 500 && status !== 408 && status !== 425;
  if (isNo || (isSuccess && task.expects === "yes" && namesAnError(body))) {
    const codes = codesOf(details.facts.issues);
    const isNotYet = status === 404 && task.interaction === "read";
    const hint = isNotYet ? "; one that was just created is shown a moment later (untilReadable)" : "";
    const why = `1upHealth refused it (${status}${codes === "" ? "" : `: ${codes}`})${hint}`;
    return failed(task, "FHIR_REFUSED", why, details);
  }
  if (status >= 500 || status === 408 || status === 425) {
    const waitMs = task.doubt === undefined ? namedMs(answer) : undefined;
    return unclear(task, "UNAVAILABLE", `1upHealth answered ${status}`, { ...details, retryAfterMs: waitMs });
  }
  const id = task.interaction === "create" ? idFrom(answer, task.resourceType) : undefined;
  const facts = { ...details.facts, ...(id !== undefined && { id }) };
  const coding = codingOf(answer);
  const located = id === undefined ? "" : "; facts.id has the id of its Location";
  const got = namesAnError(body) ? `an error (${codesOf(details.facts.issues)})` : "something else";
  const rule =
    coding === undefined
      ? `the answer (${status}) must hold ${read ?? wanted(task)}, got ${got}${located}`
      : `the answer (${status}) must be uncompressed, as was asked for, got content-encoding ${coding}`;
  const isAnothers = isSuccess && (isAboutAnother(task, body) || read === matching(task.resourceType));
  // Truncated, empty, a page of a proxy, an error that may pass, or the answer to another call: the next may be complete.
  const retryable = !isObject(body) || task.expects === "yes" || isAnothers || namesAPassingError(body);
  return { ...unclear(task, "BAD_ANSWER", rule, { status, facts, retryable }), isAnothers };
}

function unsentWords(cause: unknown): string {
  return cause instanceof TransportError && isCrowded(cause)
    ? cause.message
    : "1upHealth could not be reached";
}

/** Reads a successful response; returns a description of what it lacks if it is incomplete. */
function readSuccess(task: Operation, status: number, body: unknown, answer: Answer): FhirResponse | string {
  const nothing = status !== 206 && !/\S/.test(answer.text);
  switch (task.expects) {
    case "resource": {
      const writes = task.interaction === "create" || task.interaction === "update";
      const good = status === 200 || (status === 201 && writes);
      if (!good || !isResource(task, body)) return wanted(task);
      if (replacesIdentifier(body, task.identifiers ?? []))
        return {
          ...unclear(task, "BAD_ANSWER", "it was answered with another identifier", {
            status,
            ...(task.interaction === "create" && { facts: { otherId: body["id"] } }), // perhaps of another call's resource
          }),
          isAnothers: true,
        };
      const located = task.interaction === "create" ? idFrom(answer, task.resourceType) : undefined;
      const isOther = located !== undefined && located !== body["id"];
      return isOther ? "the resource that its Location names" : { type: "done", resource: body };
    }
    case "page": {
      if (status !== 200 || !isObject(body) || field(body, "resourceType") !== "Bundle") return wanted(task);
      const type = task.isMixed === true ? undefined : task.resourceType;
      const page = readBundle(body, type, answer.text.length);
      if (typeof page === "string") return page;
      if (page.hasError) return incomplete(task, status, page);
      return { type: "done", resource: body, page };
    }
    case "anything":
      if (nothing) return { type: "done", resource: null };
      return isObject(body) && text(field(body, "resourceType")) !== undefined && !isAboutAnother(task, body)
        ? { type: "done", resource: body }
        : wanted(task);
    case "yes":
      return nothing || isYes(body) ? { type: "done", resource: null } : wanted(task);
    default:
      return task.expects satisfies never;
  }
}

/** Whether a body tells of a success, in a form of 1upHealth: it puts an empty `error` into some. */
function isYes(body: unknown): boolean {
  const error = field(body, "error") ?? "";
  return namesNoError(body) || (field(body, "success") === true && error === "");
}

/** A page on which an OperationOutcome reports an error: what it lacks may be there the next time. */
function incomplete(task: Operation, status: number, { issues }: PageContent): FhirResponse {
  const why = `1upHealth reports an error on the page (${status}: ${codesOf(issues)}), so resources may be missing`;
  return failed(task, "BAD_ANSWER", why, { status, retryable: true, facts: { issues } });
}

/** The coding of an answer that a proxy, perhaps, has compressed although `identity` was asked for. */
function codingOf({ headers }: Answer): string | undefined {
  const coding = Object.hasOwn(headers, "content-encoding") ? headers["content-encoding"] : undefined;
  return coding !== undefined && /^(?!identity)[a-z-]{1,20}$/i.test(coding) ? coding : undefined;
}

const others = { page: "a Bundle", anything: "a resource", yes: "a yes" } as const;

function wanted({ expects, holds, resourceType, id, versionId }: Operation): string {
  if (holds !== undefined) return `a resource of type ${holds}`;
  if (expects !== "resource") return others[expects];
  const asked =
    versionId === undefined ? "the id that was asked for" : "the id and version that were asked for";
  return `a ${resourceType} with ${id === undefined ? "an id" : asked}`;
}

function parse({ text, json, isExact }: Answer, lossless: boolean): unknown {
  if (json !== undefined) {
    if (lossless && isExact !== true) remember(json, text);
    return json;
  }
  if (!lossless) return parseJson(text);
  try {
    return isExact === undefined ? parseFhirJson(text) : parseKnown(text, isExact);
  } catch {
    return undefined;
  }
}

function isResource(task: Operation, body: unknown): body is JsonObject {
  const id = field(body, "id");
  return (
    isObject(body) &&
    field(body, "resourceType") === task.resourceType &&
    (task.id === undefined ? isResourceId(id) : id === task.id) &&
    (task.versionId === undefined ||
      [undefined, task.versionId].includes(text(field(field(body, "meta"), "versionId"))))
  );
}

/** Whether a body is a resource, and not the one that was asked for. An OperationOutcome tells about any. */
function isAboutAnother({ expects, holds, resourceType, id, versionId }: Operation, body: unknown): boolean {
  const type = text(field(body, "resourceType"));
  if (type === undefined || type === "OperationOutcome") return false;
  const asked = expects === "page" ? "Bundle" : expects === "anything" ? holds : resourceType;
  const isOther = (asked: string | undefined, got: string | undefined): boolean =>
    asked !== undefined && got !== undefined && asked !== got;
  return (
    isOther(asked, type) ||
    isOther(id, text(field(body, "id"))) ||
    isOther(versionId, text(field(field(body, "meta"), "versionId")))
  );
}

/** The id of a created resource, from the `Location` header. */
function idFrom(answer: Answer, resourceType: string | undefined): string | undefined {
  const location = Object.hasOwn(answer.headers, "location") ? answer.headers["location"] : undefined;
  return idAt(resourceType, location);
}

/** The codes of issues, each once. */
export function codesOf(issues: readonly FhirIssue[]): string {
  return [...new Set(issues.map((issue) => issue.code ?? "unknown"))].join(", ");
}

/** A refusal other than those of credentials, or of a call too many. */
function isPlainRefusal(status: number, { type }: Refusal): boolean {
  return (
    status >= 400 && status < 500 && status !== 401 && type !== "credentialsRefused" && type !== "throttled"
  );
}

/** Whether it is an HTML page, and not empty, as a 401 for a dead token may be. */
function isPage(answer: Answer): boolean {
  return isHtml(answer) && /\S/.test(answer.text);
}

/** Statuses that only something on the way sends. */
const ofGateways: ReadonlySet<number> = new Set([407, 499]);

/** Whether 1upHealth gave this refusal: in one of its formats, or without a body. */
function isOwn(answer: Answer, body: unknown): boolean {
  if (ofGateways.has(answer.status)) return false;
  const isFhir = text(field(body, "resourceType")) !== undefined;
  return isFhir || isOwnForm(body) || !/\S/.test(answer.text);
}

/** What `Retry-After` asks for; fields about a limit are no reason to wait after a failure. */
function namedMs({ headers, receivedAt }: Answer): number | undefined {
  const given = ["retry-after", "date"].flatMap((name) =>
    Object.hasOwn(headers, name) ? [[name, headers[name] ?? ""]] : [],
  );
  return retryAfterMs(Object.fromEntries(given) as Record<string, string>, receivedAt);
}

/** A response that was lost, or not read to its end. */
function unread(task: Operation, cause: unknown): FhirResponse {
  const size = sizeRuleIn(cause);
  if (size === null) return unclear(task, "UNAVAILABLE", "the answer was lost", { cause });
  return size.isBig
    ? unclear(task, "ANSWER_TOO_BIG", `the response is too big: ${size.rule}; raise maxAnswerBytes`, {
        cause,
      })
    : unclear(task, "BAD_ANSWER", size.rule, { cause });
}

/**
 * The call may have been executed. If it must not be repeated, the error is `IN_DOUBT`; otherwise it may be repeated.
 */
function unclear(task: Operation, readCode: ErrorCode, why: string, details: LifecycleErrorDetails): Failed {
  if (task.doubt === undefined)
    return failed(task, readCode, why, { retryable: readCode === "UNAVAILABLE", ...details });
  const message = `Cannot tell whether ${task.doubt.whether}: ${why}; ${task.doubt.advice}`;
  return { type: "error", error: new LifecycleError("IN_DOUBT", message, { ...details, retryable: false }) };
}

function failed(task: Operation, code: ErrorCode, why: string, details: LifecycleErrorDetails): Failed {
  return { type: "error", error: new LifecycleError(code, `Cannot ${task.words}: ${why}`, details) };
}
