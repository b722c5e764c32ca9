/**
 * The only error class. Its `code` is stable, `retryable` tells whether the same call may succeed later, and its
 * message states what cannot be done, the rule and the actual value. No message carries a secret, a body or an
 * `app_user_id`: users appear by alias.
 *
 * @module
 */

import { isError } from "./realms.ts";

/**
 * What went wrong, for `switch`. Codes are never renamed.
 *
 * | code | meaning |
 * |---|---|
 * | `INVALID_OPTION` | an option is missing, malformed or out of range; nothing was changed |
 * | `INVALID_ID` | an `app_user_id` that cannot be one; nothing was changed |
 * | `INVALID_RESOURCE` | a FHIR resource, type, version or id that cannot be sent |
 * | `CREDENTIALS_REFUSED` | 1upHealth does not accept the client id and secret |
 * | `FORBIDDEN` | calls are blocked before they reach 1upHealth (403, 406, a redirect, an HTML page): those of this process, often because of its location, or those of this user; retryable, except for FHIR |
 * | `RATE_LIMITED` | 1upHealth answered 429 |
 * | `UNAVAILABLE` | 1upHealth could not be reached, or answered 5xx |
 * | `BAD_ANSWER` | a response that is neither a success nor a known refusal, or one that contradicts itself |
 * | `ANSWER_TOO_BIG` | a response is longer, or holds more values, than `maxAnswerBytes` allows; that option raises the limit |
 * | `IN_DOUBT` | the call may or may not have been carried out |
 * | `USER_UNKNOWN` | this store has no such user; call `onboard()` first |
 * | `USER_NOT_READY` | no usable access token yet; the lifecycle continues. Not retryable from `forget()`: `offboard()` first |
 * | `USER_FAILED` | the user's lifecycle ended in `failed`; `retry()` resumes where it failed |
 * | `USER_CONFLICT` | another user has that `app_user_id` |
 * | `PAUSED` | an operator has paused the account or a lane, or holds the user; retryable, and the user is kept |
 * | `USER_OFFBOARDED` | the user was offboarded; `onboard()` starts over once a running purge is done |
 * | `RENAMED` | the user now has another id |
 * | `FHIR_REFUSED` | the FHIR endpoint refused the call |
 * | `FHIR_CONFLICT` | the FHIR resource has changed since it was read; nothing was changed |
 * | `FHIR_AMBIGUOUS` | several FHIR resources have the identifier that `ensure()` was given; `facts.ids` lists up to ten |
 * | `NOT_DECLARED` | 1upHealth does not declare support for this; nothing was sent |
 * | `STORE_UNAVAILABLE` | the store did not answer in time or failed; nothing is lost |
 * | `STORE_UNUSABLE` | the store cannot be opened as it is, or was emptied or replaced under this process |
 * | `STORE_MOVED` | the users of this store were moved to another one, or are being moved; valid tokens are still served |
 * | `KEY_REFUSED` | the encryption key is missing, malformed, retired or still in use, or does not open this store; retryable if a key service did not answer |
 * | `RECORD_TOO_NEW` | a newer version of this library wrote the record; it was left untouched |
 * | `RECORD_DAMAGED` | a record does not decode, or its secrets do not open; `reauthorize()` gets a new grant |
 * | `TAKEN_OVER` | another process has begun the same export or leave by its name, and goes on with it |
 * | `CURSOR_EXPIRED` | events behind this cursor are missing: they are no longer kept, were not written for a time, or the store is another one; read the users and continue without a cursor; or a bulk export lists other files now |
 * | `CLOSED` | the lifecycle was closed |
 */
export type ErrorCode =
  | "INVALID_OPTION"
  | "INVALID_ID"
  | "INVALID_RESOURCE"
  | "CREDENTIALS_REFUSED"
  | "FORBIDDEN"
  | "RATE_LIMITED"
  | "UNAVAILABLE"
  | "BAD_ANSWER"
  | "ANSWER_TOO_BIG"
  | "IN_DOUBT"
  | "USER_UNKNOWN"
  | "USER_NOT_READY"
  | "USER_FAILED"
  | "USER_CONFLICT"
  | "PAUSED"
  | "USER_OFFBOARDED"
  | "RENAMED"
  | "FHIR_REFUSED"
  | "FHIR_CONFLICT"
  | "FHIR_AMBIGUOUS"
  | "NOT_DECLARED"
  | "STORE_UNAVAILABLE"
  | "STORE_UNUSABLE"
  | "STORE_MOVED"
  | "KEY_REFUSED"
  | "RECORD_TOO_NEW"
  | "RECORD_DAMAGED"
  | "TAKEN_OVER"
  | "CURSOR_EXPIRED"
  | "CLOSED";

/**
 * Why a call to 1upHealth brought nothing. It holds no secret, no id, no query and no text of a response.
 *
 * `code` is one of these:
 * - `ENOTFOUND`, `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …: there was no connection: the code of the network library
 * - `proxy_407`, …: a proxy refused the way to the host, with this status
 * - `proxy_ENOTFOUND`, `proxy_ECONNREFUSED`, …: the proxy itself was not reached, or did not answer as one
 * - `UNDICI_MISSING`: the package `undici` is not installed, or does not work in the bundle of the application
 * - `WASM_MISSING`: the process has no WebAssembly, which undici needs, as with `node --jitless`
 * - `UND_ERR_INVALID_ARG`: the dispatcher of the application does not take the call, mostly because it is of another undici
 * - `TIMEOUT`: no response came within `timeoutMs`, or to the kick-off of an export within `kickOffMs`
 * - `CONNECTIONS_BUSY`: nothing was sent: all connections were busy with other calls of this process until `timeoutMs` had passed
 * - `SENT_AGAIN`: the call was sent, its connection failed, and a dispatcher would have sent it a second time
 * - `DEADLINE_PASSED`: nothing was sent: its turn was over before it could leave
 * - `ANSWER_TOO_BIG`, `ANSWER_TOO_DEEP`, `ANSWER_CHARSET`: a response came that is not read
 * - `UND_ERR_HEADERS_OVERFLOW`, `HTTPParserError`, …: a response came that is no HTTP, or whose headers are too long
 * - `CONTINUE_UNASKED`: a proxy or gateway sent `100 Continue` without being asked, after which no response can be read
 * - `ANSWER_INTERCEPTED`: a dispatcher of the application's own made an error of the response; it is not read
 * - `REDIRECT_FOLLOWED`: a dispatcher or `fetch` of the application's own followed a redirect; the answer is not read
 * - `TRANSPORT_BROKEN`: a transport of the application's own resolved with something else than a response
 * - `READING_FAILED`: a response came, and what reads it in this process failed
 * - `invalid_client`, `invalid_grant`, `server_error`, …: an error code of OAuth 2.0 (RFC 6749) in the response
 * - `http_503`, `http_403`, …: the status of the response is all that is known
 * - `html_page`: a page of HTML, perhaps a login
 * - `invalid_code`: the token endpoint refused the code or the refresh token, in its own words
 * - `another_user`, `unnamed_user`, `other_users`: the response is about another user, about none, or lists others
 * - `mixed_up`: tokens came while another response was about another user, so they may be another user's, too
 * - `user_missing`: 1upHealth answered that it has no such user, or did not list it
 * - `app_user_id_taken`: another user of 1upHealth has that id
 * - `unreadable_body`, `not_stated`, `unclear_answer`: a response that neither grants nor refuses
 * - `unusable_token`: an access token came that fits into no header: of more than 8,000 characters, or with other
 *   characters than a header may have
 * - `cut_off`: a purge was stopped midway
 * - `process_died`: the process ended before the outcome was saved
 * - `no_code`, `no_refresh_token`: the record holds no secret to present, so nothing was sent
 */
export interface Cause {
  /** The call: `createUser`, `exchangeCode`, `listUsers`, …; for FHIR `fhirCreate`, `fhirSearch`, … */
  readonly call: string;
  readonly endpoint: "management" | "token" | "fhir";
  /** Host, and port if it is not the usual one. */
  readonly host: string;
  /** HTTP status of the response; `null`: there was none. */
  readonly status: number | null;
  /** See the list above. */
  readonly code: string;
  /** For `TIMEOUT`: how long it waited for the response. */
  readonly timeoutMs?: number;
  /** The first error of an OperationOutcome: its code, and the elements it names. */
  readonly issue?: { readonly code: string; readonly at: readonly string[] };
  /**
   * The text of a response in words that are not known here: its length, and a fingerprint that only this store's key
   * yields. Equal fingerprints mean the same text. The option `causes` can keep the text itself.
   */
  readonly text?: { readonly length: number; readonly fingerprint: string };
  /** The number of consecutive calls without a result, this one included. */
  readonly attempt: number;
  /** When it failed. */
  readonly at: Date;
  /** When the next attempt was due, as of then; `null`: at once, or the caller decides. */
  readonly retryAt: Date | null;
}

/** `createUser at api.1up.health failed: ENOTFOUND`. */
export function causeInWords(cause: Omit<Cause, "attempt" | "at" | "retryAt">): string {
  const { call, host, status, code, timeoutMs, issue, text } = cause;
  const detail = [
    ...(status === null || code === `http_${status}` ? [] : [`status ${status}`]),
    ...(timeoutMs === undefined ? [] : [`after ${timeoutMs} ms`]),
    ...(issue === undefined ? [] : [[`issue ${issue.code}`, ...issue.at].join(" at ")]),
    ...(text === undefined ? [] : [`${text.length} characters of text, fingerprint ${text.fingerprint}`]),
  ];
  return `${call} at ${host} failed: ${code}${detail.length > 0 ? ` (${detail.join("; ")})` : ""}`;
}

/** What a {@link LifecycleError} carries beside its code and message. */
export interface LifecycleErrorDetails {
  /** Whether the same call may succeed later without a change on your side. @default false */
  readonly retryable?: boolean | undefined;
  /** The underlying error. Never a response body. */
  readonly cause?: unknown;
  /** When to retry, in milliseconds from now, if known. */
  readonly retryAfterMs?: number | undefined;
  /** HTTP status of the response, if there was one. */
  readonly status?: number | undefined;
  /** The call to 1upHealth that failed, if that is why: call, host, code, attempt. */
  readonly failedCall?: Cause | null | undefined;
  /**
   * Further facts that depend on the code, e.g. the issues of an OperationOutcome. No secrets, and no `app_user_id`
   * with one exception: `renamedTo` of `RENAMED` is the id that the user with the old one has now; it is missing if an id
   * that the user had in between has passed to another one. It is not enumerable, so that neither a log of the error nor its
   * JSON shows it. The one who calls may be another person: keep it out of your responses. Of
   * `PAUSED`: `type` (`paused` or `held`), `reason`, `by` (who did it, or `null`) and `until`.
   */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

const brand = Symbol.for("oneup-lifecycle.LifecycleError");

/**
 * Every error that this library throws deliberately.
 *
 * @example
 * ```ts
 * import { isLifecycleError } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * try {
 *   await lifecycle.inspect("eve");
 * } catch (error) {
 *   if (!isLifecycleError(error)) throw error;
 *   console.log(error.code, error.retryable); // USER_UNKNOWN false
 * }
 * ```
 */
export class LifecycleError extends Error {
  override readonly name: string = "LifecycleError"; // defined, not assigned: an application may have frozen Error.prototype
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  /** The call to 1upHealth that failed, if that is why. */
  readonly failedCall: Cause | null;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: LifecycleErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.failedCall = details.failedCall ?? null;
    this.facts = details.facts ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
}

/** A fact that is read by its name alone: no log of an error, and no JSON of it, shows it. */
export function unlogged(name: string, value: unknown): Readonly<Record<string, unknown>> {
  return Object.defineProperty({}, name, { value });
}

/** The error for an option or argument that cannot be used. */
export function invalidOption(message: string, details?: LifecycleErrorDetails): LifecycleError {
  return new LifecycleError("INVALID_OPTION", message, details);
}

/** The retryable error for a store that gives no answer now. */
export function storeUnavailable(message: string, details?: LifecycleErrorDetails): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", message, { retryable: true, ...details });
}

/** The error for a store that cannot be used as it is: it has to be mended, or named rightly. */
export function storeUnusable(message: string, details?: LifecycleErrorDetails): LifecycleError {
  return new LifecycleError("STORE_UNUSABLE", message, details);
}

/** The error for keys that do not open the store, or that cannot be had. */
export function keyRefused(message: string, details?: LifecycleErrorDetails): LifecycleError {
  return new LifecycleError("KEY_REFUSED", message, details);
}

/** The error for what was stored and cannot be read. */
export function recordDamaged(message: string): LifecycleError {
  return new LifecycleError("RECORD_DAMAGED", message);
}

/** Adds the call that failed to an error that was made where it was not known. */
export function because(error: LifecycleError, failedCall: Cause): LifecycleError {
  return Object.assign(error, { failedCall });
}

/** The same error after a call was tried several times, as its message then tells. */
export function tried(error: LifecycleError, times: number): LifecycleError {
  if (times < 2) return error;
  const { message, failedCall } = error;
  const again = reworded(error, `${message}; tried ${times} times`);
  return failedCall === null
    ? again
    : because(again, { ...failedCall, attempt: failedCall.attempt + times - 1 });
}

/** The same error with another message. */
export function reworded(error: LifecycleError, message: string): LifecycleError {
  const { code, retryable, retryAfterMs, status, failedCall, facts, cause } = error;
  const details = { retryable, retryAfterMs, status, failedCall, facts };
  return new LifecycleError(code, message, { ...details, ...(cause !== undefined && { cause }) });
}

/**
 * Formats an error for a log: a `LifecycleError` in full, any other by name and code only, because its message may
 * quote what was sent, a URL or text that did not parse.
 */
export function inWords(error: unknown): string {
  if (isLifecycleError(error)) return String(error);
  if (!isError(error)) return `a thrown ${typeof error}`;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return [error.name, code].filter((word) => /^[\w.:-]{1,40}$/.test(word)).join(" ") || "Error";
}

/**
 * Copies a third-party error for use as a `cause`: name, message, code and stack, and the same of its own causes. It
 * drops the properties that libraries attach to errors (the command with its arguments, the request with its headers)
 * and masks what a message may quote: the user and password of a URL, `password=…`, and `Bearer …`.
 */
export function underneath(error: unknown, depth = 0): Error {
  if (!isError(error)) return new Error(`a thrown ${typeof error}`);
  const { cause } = error;
  const beneath = cause !== undefined && depth < 4 ? { cause: underneath(cause, depth + 1) } : undefined;
  const copy = new Error(masked(textIn(error, "message")), beneath);
  copy.name = error.name;
  copy.stack = masked(textIn(error, "stack"));
  return "code" in error ? Object.assign(copy, { code: error.code }) : copy;
}

/**
 * The same without the messages, which may quote what a store was asked for: an id, or a key with one. Name, code and the
 * places where it was thrown remain.
 */
export function withoutWords(error: unknown): Error {
  const copy = underneath(error);
  for (let each: unknown = copy; isError(each); each = each.cause) {
    const words = inWords(each);
    const places = textIn(each, "stack")
      .split("\n")
      .filter((line) => /^\s+at /.test(line));
    Object.assign(each, { message: words, stack: [words, ...places].join("\n") });
  }
  return copy;
}

/** A text of an error; none if it is something else, as every `stack` where a process has set `Error.prepareStackTrace`. */
export function textIn(error: Error, field: "message" | "stack"): string {
  const text: unknown = error[field];
  return typeof text === "string" ? text : "";
}

/**
 * What application code has thrown, or an error in its place if it cannot be looked at: a revoked proxy, or an error
 * whose members throw.
 */
export function legible(thrown: unknown): unknown {
  try {
    inWords(thrown);
    underneath(thrown);
    return thrown;
  } catch {
    return new TypeError("an error that cannot be read");
  }
}

/** The user and password of a URL, which may hold an @ or a / themselves. A stack holds URLs of files. */
const userInfo = /(?<!\/|\bfile:)\/\/\S{0,4000}@/g;

/** A secret behind its name, also at the end of a longer name: `client_secret=…`, `Authorization: Bearer …`. */
const named =
  /(auth(?:orization)?|cookie|credentials?|key|pass(?:phrase|wd|word)?|pwd|secret|signature|token)(\\*["']?\s*[=:]\s*)(?:(\\*["'])(?:(?!\3)(?:\\.|.))*|((?:(?:basic|bearer)\s+)?)(?:[^\s&"',;]|[,;](?=[^\s"']))+)/gi;

/** A secret behind its scheme, where a library shows the name of the header elsewhere. */
const presented = /\b(basic|bearer)(\s+)[^\s"',;]+/gi;

/** Masks the passwords in a message. */
export function masked(message: string): string {
  return message
    .replaceAll(userInfo, "//***@")
    .replaceAll(named, "$1$2$3$4***")
    .replaceAll(presented, "$1$2***");
}

/**
 * A URL that cannot be used, without user, password and parameters. Where the @ is missing, what follows the first colon
 * may be a password. Where an @ may belong to a parameter, or there are settings in place of a URL, nothing is shown.
 */
export function secretless(url: string): string {
  const [scheme] = /^(?:[a-z+]+:\/\/)?/i.exec(url) ?? [""];
  const rest = url.slice(scheme.length);
  if (/=.*@/s.test(rest) || (scheme === "" && rest.includes("="))) return JSON.stringify(`${scheme}…`);
  const at = rest.lastIndexOf("@") + 1;
  const shown = at > 0 ? rest.slice(at) : rest.replace(/:.*/s, ":…");
  return JSON.stringify(scheme + shown.replace(/[?#].*/s, ""));
}

/**
 * Whether this is a `LifecycleError`, and (if given) has that code. Recognised by a shared symbol, so it also works
 * when two copies of the library are loaded.
 *
 * @example
 * ```ts
 * import { isLifecycleError } from "oneup-lifecycle";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * const known = await lifecycle.inspect("eve").catch((error) => {
 *   if (isLifecycleError(error, "USER_UNKNOWN")) return null;
 *   throw error;
 * });
 * ```
 */
export function isLifecycleError<C extends ErrorCode>(
  error: unknown,
  code: C,
): error is LifecycleError & { readonly code: C };
export function isLifecycleError(error: unknown, code?: ErrorCode): error is LifecycleError;
export function isLifecycleError(error: unknown, code?: ErrorCode): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    brand in error &&
    (code === undefined || ("code" in error && error.code === code))
  );
}

/** What `read` returns; `undefined` if the record that it reads is damaged. */
export function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return undefined;
    throw error;
  }
}
