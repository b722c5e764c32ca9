/**
 * What every reader of answers shares: the refusals that mean the same whatever was asked. A reader first looks
 * for what only it knows ("this user already exists"), then hands the rest to {@link readRefusal}.
 *
 * @module
 */
import type { Answer } from "./call.ts";
import { field, isObject, text } from "./json.ts";
import { retryAfterMs } from "./retry-after.ts";

export type Refusal =
  /** 429: later. `retryAfterMs` counts from the answer, if the server said. */
  | { readonly type: "throttled"; readonly retryAfterMs?: number }
  /** The client's id and secret, or the token presented, are not accepted; also a redirect to, or the page of, a login. */
  | { readonly type: "credentialsRefused" }
  /** 403: not allowed; often a blocked region. */
  | { readonly type: "forbidden" }
  /** It may have been carried out: a 5xx, an unreadable or cut body, a success that says nothing. */
  | { readonly type: "inDoubt"; readonly why: string }
  /** A definite no to this call. `why` is an error code of RFC 6749 or `http_400`; never text of the answer. */
  | { readonly type: "refused"; readonly why: string };

const oauthCodes = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "invalid_scope",
  "unauthorized_client",
  "unsupported_grant_type",
  "unsupported_response_type",
  "access_denied",
  "server_error",
  "temporarily_unavailable",
]);

/** The body's error code of RFC 6749, if that is what its `error` holds. */
export function oauthCode(body: unknown): string | undefined {
  const code = text(field(body, "error"))?.toLowerCase();
  return code !== undefined && oauthCodes.has(code) ? code : undefined;
}

/** So many characters of a page tell whether it asks for a login. */
const longestPage = 10_000;

/** Beyond this many characters it is no remark any more. */
const longestRemark = 500;

/**
 * What the body says in words, in lower case, for comparing with known phrases and for nothing else: it may quote
 * what was sent. Never copy it into an error or a log.
 */
export function saying(answer: Answer, body: unknown): string {
  if (isObject(body)) {
    const error = field(body, "error");
    const parts = [error, field(error, "message"), field(body, "message"), field(body, "error_description")];
    return parts
      .map((part) => (text(part) ?? "").slice(0, longestRemark))
      .join(" ")
      .toLowerCase();
  }
  if (typeof body === "string") return body.slice(0, longestRemark).toLowerCase();
  const remark = body === undefined && answer.text.length <= longestRemark && !isHtml(answer);
  return remark ? answer.text.toLowerCase() : "";
}

function isHtml(answer: Answer): boolean {
  const type = Object.hasOwn(answer.headers, "content-type") ? answer.headers["content-type"] : undefined;
  return type !== undefined && /^\s*(text\/html|application\/xhtml)/i.test(type)
    ? !/^\s*[[{]/.test(answer.text) // JSON under the wrong name is still JSON
    : /^\s*<(!doctype|html|head|body)\b/i.test(answer.text);
}

/** @param body the answer's JSON, or `undefined` if it has none */
export function readRefusal(answer: Answer, body: unknown): Refusal {
  const { status } = answer;
  const said = saying(answer, body);
  const code = oauthCode(body);
  if (status === 429 || said.includes("too many requests")) return throttled(answer);
  if (status >= 300 && status < 400) return { type: "credentialsRefused" };
  if (code === "invalid_client" || /\binvalid[ _-]client\b/.test(said)) return { type: "credentialsRefused" };
  if (code === "server_error" || code === "temporarily_unavailable") return { type: "inDoubt", why: code };
  if (status === 403) return { type: "forbidden" };
  // A gateway gave up on reading or early data: it does not say what happened behind it.
  if (status < 200 || status === 408 || status === 425 || status >= 500 || !Number.isInteger(status))
    return { type: "inDoubt", why: `http_${status}` };
  if (isHtml(answer)) {
    // A gateway that knows no such place says nothing about the caller, unless its page is that of a login.
    const login = /\b(log|sign)[ -]?in\b|password/i.test(answer.text.slice(0, longestPage));
    return isNowhere(status) && !login
      ? { type: "inDoubt", why: `http_${status}` }
      : { type: "credentialsRefused" };
  }
  if (code !== undefined) return { type: "refused", why: code };
  if (status === 401 || /^\s*unauthorized\s*$/.test(said)) return { type: "credentialsRefused" };
  if (!isObject(body)) return { type: "inDoubt", why: "unreadable_body" };
  if (status >= 400) return { type: "refused", why: `http_${status}` };
  return saysNo(body, said)
    ? { type: "refused", why: `http_${status}` }
    : { type: "inDoubt", why: "says_nothing" };
}

/**
 * The same for an endpoint that is always there, as those of the account are: a router that knows no such place, and has
 * no word about what was asked, says nothing about the caller either.
 *
 * @param body the answer's JSON, or `undefined` if it has none
 */
export function readAccountRefusal(answer: Answer, body: unknown): Refusal {
  const refusal = readRefusal(answer, body);
  const told = /user|code|token|grant|client/.test(withoutPlaces(saying(answer, body)));
  return refusal.type === "refused" && isNowhere(answer.status) && !told
    ? { type: "inDoubt", why: `http_${answer.status}` }
    : refusal;
}

function isNowhere(status: number): boolean {
  return status === 404 || status === 405 || status === 410;
}

/**
 * A path, an address, or the service's name: `/user/auth-code`, `post:/user?app_user_id=ada`, `(https://…/user)`,
 * `user-management/v1/user`, `user-management`.
 */
const place = /(^|[\s"'`(])([a-z]+:)?(\/|[\w.-]+\/[\w.-]+\/|user-management\b)\S*/g;

/** What was said, without the paths in it: there is a "user" in one that a router quotes. */
export function withoutPlaces(said: string): string {
  return said.replace(place, "$1");
}

/** A 2xx whose body is a definite no: it must name a reason, and not one that passes by itself. */
function saysNo(body: unknown, said: string): boolean {
  const success = field(body, "success");
  if (success === true || said.trim() === "") return false;
  return !/server error|try again|time[d ]?-?out|temporar|unavailable|busy/.test(said);
}

function throttled(answer: Answer): Refusal {
  const ms = retryAfterMs(answer.headers, answer.receivedAt);
  return ms === undefined ? { type: "throttled" } : { type: "throttled", retryAfterMs: ms };
}
