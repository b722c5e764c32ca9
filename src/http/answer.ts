/**
 * Interprets the refusals that mean the same for every call. The reader of a call first checks for its own cases ("this
 * user already exists"), then passes the rest to {@link readRefusal}.
 *
 * @module
 */
import { wordsIn } from "../capabilities/declared.ts";
import type { Answer } from "./call.ts";
import { field, isObject, text } from "./json.ts";
import { retryAfterMs } from "./retry-after.ts";

/** The meaning of an answer that does not grant the request. {@link readRefusal} decides which one applies. */
export type Refusal =
  /** A 429, or another 4xx in words about a limit: try later. `retryAfterMs` counts from the answer, if the server gave a time. */
  | { readonly type: "throttled"; readonly retryAfterMs?: number }
  /**
   * The client's credentials or the presented token are refused explicitly: `invalid_client`, or a 401 whose body is a
   * JSON object. Only this concerns the account.
   */
  | { readonly type: "credentialsRefused" }
  /**
   * An intermediary or a firewall stopped the call: a redirect, an HTML page, 403, 406, 407, 451, 511, or a 401 without
   * a JSON object. The cause may be the account, the region, this process's network or this user's id; the answer does
   * not tell which. `why` is `html_page` or e.g. `http_403`; never text from the answer.
   */
  | { readonly type: "blocked"; readonly why: string }
  /** The call may have been carried out: a 5xx, an unreadable or truncated body, a success that grants nothing. */
  | { readonly type: "inDoubt"; readonly why: string }
  /**
   * A definite refusal of this call, in words known from its own endpoint. Only the reader of that endpoint returns it.
   * `why` is an error code of RFC 6749 or e.g. `http_400`; never text from the answer.
   */
  | { readonly type: "refused"; readonly why: string }
  /**
   * Every other refusal: a 4xx without words, in words of another endpoint, in words that quote the request, or in
   * words that are not known. It may come from a gateway, and be temporary. `why` is an error code of RFC 6749 or e.g.
   * `http_400`.
   */
  | { readonly type: "unexplained"; readonly why: string };

const oauthCodes = new Set(
  wordsIn(
    "invalid_request invalid_client invalid_grant invalid_scope unauthorized_client unsupported_grant_type " +
      "unsupported_response_type access_denied server_error temporarily_unavailable",
  ),
);

/** The error code of RFC 6749 in the body's `error`, if it is one. */
export function oauthCode(body: unknown): string | undefined {
  const code = text(field(body, "error"))?.toLowerCase();
  return code !== undefined && oauthCodes.has(code) ? code : undefined;
}

/** Number of characters of a page that are searched for a login form. */
const longestPage = 10_000;

/** Longer texts are not treated as messages. */
const longestRemark = 500;

/**
 * The messages of the body in lower case, only for comparison with known phrases: they may quote the request, so never
 * copy them into an error or a log.
 */
export function messageIn(answer: Answer, body: unknown): string {
  return isObject(body) ? remarksIn(body).join(" ") : plainRemark(answer, body);
}

/** The same field by field, without empty ones. */
export function remarksOf(answer: Answer, body: unknown): readonly string[] {
  const remarks = isObject(body) ? remarksIn(body) : [plainRemark(answer, body)];
  return remarks.filter((remark) => remark.trim() !== "");
}

/** Where a body holds a message. */
export function messagesIn(body: unknown): readonly unknown[] {
  const error = field(body, "error");
  return [error, field(error, "message"), field(body, "message"), field(body, "error_description")];
}

function remarksIn(body: unknown): readonly string[] {
  return messagesIn(body).map((part) => (text(part) ?? "").slice(0, longestRemark).toLowerCase());
}

/** The message in a body that is plain text or a JSON string. */
function plainRemark(answer: Answer, body: unknown): string {
  if (typeof body === "string") return body.slice(0, longestRemark).toLowerCase();
  const remark = body === undefined && answer.text.length <= longestRemark && !isHtml(answer);
  return remark ? answer.text.toLowerCase() : "";
}

/** Whether it is an HTML page. */
export function isHtml(answer: Answer): boolean {
  const type = Object.hasOwn(answer.headers, "content-type") ? answer.headers["content-type"] : undefined;
  return type !== undefined && /^\s*(text\/html|application\/xhtml)/i.test(type)
    ? !/^\s*[[{]/.test(answer.text) // JSON with the wrong content type is still JSON
    : /^\s*<(!doctype|html|head|body)\b/i.test(answer.text);
}

/**
 * Whether the words of an answer with this status may decide: only in successes and in client errors about the
 * requested resource. In all others they come from gateways, databases and service meshes.
 */
export function mayDecide(status: number): boolean {
  // seam: words-decide-only-with-a-definite-status
  return (status >= 200 && status < 300) || definite.has(status);
}

const definite: ReadonlySet<number> = new Set([400, 404, 409, 410, 422]);

/** The error code of RFC 6749, if it may decide: in the statuses of {@link mayDecide}, and in 401 and 403. */
export function decidingCode({ status }: Answer, body: unknown): string | undefined {
  return mayDecide(status) || status === 401 || status === 403 ? oauthCode(body) : undefined;
}

/** "Network Authentication Required" (RFC 6585), sent only by intermediaries between the client and the network. */
const portal = 511;

/** Client errors sent by firewalls, proxies and region blocks. */
const barriers: ReadonlySet<number> = new Set([403, 406, 407, 451]);

/**
 * The status decides first, then an error code, then words. The order of the checks matters.
 *
 * @param body the answer's JSON, or `undefined` if it is not JSON
 */
export function readRefusal(answer: Answer, body: unknown): Refusal {
  const { status } = answer;
  if (status === 429) return throttled(answer);
  if ((status >= 300 && status < 400) || status === portal) return { type: "blocked", why: `http_${status}` };
  // The gateway gave up waiting or refused early data, so it is unknown whether the call was carried out.
  if (status < 200 || status === 408 || status === 425 || status >= 500 || !Number.isInteger(status))
    return { type: "inDoubt", why: `http_${status}` };
  if (status >= 400 && limited(remarksOf(answer, body))) return throttled(answer);
  const code = decidingCode(answer, body);
  // seam: an-invalid-client-concerns-the-account
  if (code === "invalid_client") return { type: "credentialsRefused" };
  if (code === "server_error" || code === "temporarily_unavailable") return { type: "inDoubt", why: code };
  const isOfClient = code === "unauthorized_client" || code === "access_denied"; // about the client, not this user
  // seam: a-blocked-call-does-not-concern-the-account
  if (barriers.has(status) && (code === undefined || isOfClient))
    return { type: "blocked", why: `http_${status}` };
  if (isHtml(answer)) {
    // A gateway that does not know the path says nothing about the client, unless its page is a login page.
    const login = /\b(log|sign)[ -]?in\b|password/i.test(answer.text.slice(0, longestPage));
    return isNowhere(status) && !login
      ? { type: "inDoubt", why: `http_${status}` }
      : { type: "blocked", why: "html_page" };
  }
  if (code !== undefined) return { type: "unexplained", why: code };
  if (status === 401)
    return isObject(body) ? { type: "credentialsRefused" } : { type: "blocked", why: "http_401" };
  const phrase = isObject(body) && mayDecide(status) ? accountPhrase(body) : undefined;
  if (phrase === "throttled") return throttled(answer);
  if (phrase !== undefined) return { type: phrase };
  if (status >= 400) return { type: "unexplained", why: `http_${status}` };
  if (!isObject(body)) return { type: "inDoubt", why: "unreadable_body" };
  return isRefusal(body, messageIn(answer, body))
    ? { type: "unexplained", why: `http_${status}` }
    : { type: "inDoubt", why: "not_stated" };
}

/**
 * Phrases that a gateway in front of every endpoint uses. They must be at the start of a field, because later text may
 * quote the request.
 */
function accountPhrase(body: unknown): "throttled" | "credentialsRefused" | undefined {
  const remarks = remarksIn(body);
  if (limited(remarks)) return "throttled";
  if (remarks.some((remark) => /^\s*(invalid[ _-]client\b|unauthorized\s*$)/.test(remark)))
    return "credentialsRefused";
  return undefined;
}

/** Words for a limit, e.g. "Rate limit exceeded", "Too many requests", "throttled: …", "You have exceeded the quota". */
const limitWords =
  /^\s*(?:error ?[:-] ?)?(?:too[ _-]many[ _-](?:requests|calls)|(?:you(?:'ve| have)? )?(?:exceeded|reached) (?:the|your) (?:[a-z]+[ _-])?(?:rate|call|request)?[ _-]?(?:limit|quota)|(?:the |your )?(?:(?:api|rate|call|request|usage)s?[ _-]){0,2}(?:limit|quota|throttle)s?[ _-](?:is |was |has been )?(?:exceeded|reached|hit)|rate[ _-]?limit(?:ed|ing)?|throttl(?:ed|ing)(?:exception)?)(?=\s*(?:$|[.!,;:([-]|for\b|by\b|please\b|try\b))/;

/** What such words are about: a field of the request may have a limit, too ("Limit exceeded: identifier too long"). */
const limitTopics =
  /(?<![a-z])(?:requests?|calls?|rates?|apis?|usage|quotas?|throttl\w*|clients?|accounts?|seconds?|minutes?|hours?|days?|later|again|slow|wait|retry)(?![a-z])/;

function limited(remarks: readonly string[]): boolean {
  return remarks.some((remark) => {
    const words = limitWords.exec(remark)?.[0];
    return words !== undefined && (limitTopics.test(remark) || /^\W*$/.test(remark.slice(words.length)));
  });
}

/**
 * Whether the body gives a reason in one of 1upHealth's formats: `{ error: "…" }`, or an OperationOutcome. Gateways use
 * other formats.
 */
export function isOwnForm(body: unknown): boolean {
  if (field(body, "resourceType") === "OperationOutcome") return true;
  const error = text(field(body, "error"));
  if (error === undefined || statusWords.test(error)) return false;
  return text(field(body, "message")) === undefined || field(body, "success") === false;
}

/** The reason phrase of a status, which is no reason. */
const statusWords =
  /^\s*(bad request|not found|method not allowed|conflict|gone|unprocessable (entity|content))\s*$/i;

/**
 * The same for an endpoint that always exists, as those of the account do. An answer by which a router tells that it does
 * not know the path is none of 1upHealth's, and proves nothing about the user or client.
 *
 * @param body the answer's JSON, or `undefined` if it is not JSON
 */
export function readAccountRefusal(answer: Answer, body: unknown): Refusal {
  const refusal = readRefusal(answer, body);
  const isNo = refusal.type === "refused" || refusal.type === "unexplained";
  const isAboutRequest =
    mayDecide(answer.status) &&
    isOwnForm(body) &&
    // A path that is quoted by a router may contain "user".
    /user|code|token|grant|client/.test(messageIn(answer, body).replace(place, "$1"));
  return isNo && isNowhere(answer.status) && !isAboutRequest
    ? { type: "inDoubt", why: `http_${answer.status}` }
    : refusal;
}

function isNowhere(status: number): boolean {
  return status === 404 || status === 405 || status === 410;
}

/**
 * A path, a URL, or the service's name: `/user/auth-code`, `post:/user?app_user_id=ada`, `(https://…/user)`,
 * `user-management/v1/user`, `user-management`.
 */
const place = /(^|[\s"'`(])([a-z]+:)?(\/|[\w.-]+\/[\w.-]+\/|user-management\b)\S*/g;

/** Whether a 2xx body is a refusal: it must give a reason, and not a temporary one. */
function isRefusal(body: unknown, message: string): boolean {
  const success = field(body, "success");
  if (success === true || message.trim() === "") return false;
  return !passing.test(message);
}

/** Words for a trouble that passes. */
export const passing: RegExp =
  /server error|internal|try again|later|time[d ]?-?out|temporar|at (?:this|the) (?:time|moment)|right now|unavailable|busy/;

function throttled(answer: Answer): Refusal {
  const ms = answer.heldMs ?? retryAfterMs(answer.headers, answer.receivedAt);
  return ms === undefined ? { type: "throttled" } : { type: "throttled", retryAfterMs: ms };
}
