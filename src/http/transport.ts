/**
 * The interface of an HTTP transport: one method that sends a request and resolves with the whole answer. Use
 * `undiciTransport` on servers; `fetchTransport` works wherever there is a `fetch`.
 *
 * @module
 */
import { onAbort } from "../abort.ts";
import { inWords, textIn } from "../errors.ts";
import { isError } from "../realms.ts";

/** One request. */
export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /**
   * Aborts when the caller no longer waits. The transport must then reject within a second, or the call ends as one that may
   * have been sent; and it must not send a request that has not started.
   */
  readonly signal: AbortSignal;
  /** Maximum body size of an answer, in bytes. */
  readonly maxBytes: number;
  /** Must be called in the same tick in which the first byte is written. If it returns false, nothing may be sent. */
  readonly onSending: () => boolean;
  /** The server was chosen by another one: no address may be called that is not public, as far as that can be told. */
  readonly publicOnly?: boolean;
}

/** An answer that is read piece by piece. Leaving the loop over `body` early ends the connection. */
export interface TransportStream {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Only the end of the connection ends the body, and nothing tells whether it was cut: it has neither a length nor chunks,
   * or the transport does not notice that the last chunk is missing.
   *
   * @default false
   */
  readonly endsWithConnection?: boolean | undefined;
}

/** Whether these headers leave the end of a body to the connection. HTTP/2 marks it, but only in its frames. */
export function lacksItsEnd(headers: Readonly<Record<string, string>>): boolean {
  const { "content-length": length, "transfer-encoding": coding } = headers;
  return coding === undefined ? length === undefined : !/\bchunked\s*$/i.test(coding);
}

/** The key under which a request accepts a task for its abort; an AbortSignal costs more than the rest of a request. */
export const taskOnAbort: unique symbol = Symbol("taskOnAbort");

/** A request that makes its signal only for those who read it. */
export interface LazyRequest extends TransportRequest {
  /** Runs `task` once when the caller no longer waits. */
  [taskOnAbort](task: () => void): void;
}

const listening = new WeakSet<Transport["send"]>();

/**
 * Marks a transport that hears of aborts by {@link onRequestAbort} alone and passes no copy of a request on, so that its
 * requests need no signal of their own. The mark is of its `send()`: one that an application puts in its place has none.
 */
export function hearsAborts<T extends Transport>(transport: T): T {
  listening.add(transport.send);
  return transport;
}

/** See {@link hearsAborts}. */
export function isListening({ send }: Transport): boolean {
  return listening.has(send);
}

/** Runs `task` once when the caller no longer waits; at most one task for a request. */
export function onRequestAbort(request: TransportRequest | LazyRequest, task: () => void): void {
  if (taskOnAbort in request) request[taskOnAbort](task);
  else onAbort(request.signal, task);
}

/** A completely read answer. */
export interface TransportResponse {
  /** Redirects are returned like any other answer, never followed. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, decoded with the charset declared in its `content-type`, otherwise as UTF-8. */
  readonly text: string;
  /** Whether all bytes of the body are characters in that charset. Others stand as U+FFFD in `text`. @default true */
  readonly isDecoded?: boolean;
}

/** Sends requests; never repeats one, never follows a redirect. Rejects with a {@link TransportError}. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /** The same for an answer of any length. Without it downloads are read whole, up to `maxAnswerBytes`. */
  stream?(request: TransportRequest): Promise<TransportStream>;
  /**
   * Resolves once a request that was begun after an answer can have left. Only for a transport that writes it in a later
   * turn of the event loop, as undici does on a connection that it uses again.
   */
  turn?(): Promise<void>;
  /** Whether it can send a body with a GET, as in 1upHealth's guide. `fetch` cannot. @default false */
  readonly sendsGetBody?: boolean;
  /**
   * Later requests leave over new connections; those that are under way go on. It is called when a response was about
   * another user than its request: what comes over that connection next may be late by one. Those of an application's
   * dispatcher cannot be left: for a while each closes after its answer.
   */
  renew?(): void;
  /** Called by the last lifecycle that uses it, as that closes. Several may share a transport. */
  close?(): Promise<void>;
}

/** How many use each transport. */
const users = new WeakMap<Transport, number>();

/**
 * Returns what ends this use of a transport. The end of the last one closes it: an application may give it to several
 * lifecycles, and the first that closes must not end the calls of the others.
 */
export function holdTransport(transport: Transport): () => Promise<void> {
  users.set(transport, (users.get(transport) ?? 0) + 1);
  let isHeld = true;
  return async () => {
    if (!isHeld) return;
    isHeld = false;
    const others = (users.get(transport) ?? 1) - 1;
    users.set(transport, others);
    if (others === 0) await transport.close?.();
  };
}

/**
 * A request without an answer. Its message and code are shown to people and logged, so they contain no URL, header or
 * body, and it has no cause that contains one.
 *
 * @example
 * ```ts
 * import { type Transport, TransportError } from "oneup-lifecycle";
 *
 * const offline: Transport = {
 *   send: () => Promise.reject(new TransportError("Cannot send: the network is down", { sent: false, code: "OFFLINE" })),
 * };
 * ```
 */
export class TransportError extends Error {
  /** False only if provably no byte of the request left. */
  readonly sent: boolean;
  /** A machine-readable code: `ECONNREFUSED`, `ANSWER_TOO_BIG`, … */
  readonly code: string;
  /** For `TIMEOUT`: how long it waited, ms. */
  readonly timeoutMs: number | undefined;

  constructor(
    message: string,
    details: { readonly sent: boolean; readonly code: string; readonly timeoutMs?: number },
  ) {
    super(message);
    this.name = "TransportError";
    this.sent = details.sent;
    this.code = details.code;
    this.timeoutMs = details.timeoutMs;
  }
}

/** Wraps an error of a network library. Its code is kept, its message is not, because it may quote the request. */
export function networkError(error: unknown, sent: boolean): TransportError {
  const code = proxyCodeOf(error) ?? codeOf(error) ?? "UNKNOWN";
  return new TransportError(
    sent
      ? `Cannot tell whether the call was carried out: the connection failed after it was sent (${code})`
      : `Cannot send the call: no connection (${code})`,
    { sent, code },
  );
}

/** A proxy that grants no tunnel: `proxy_407`. undici reports its status in a message alone. */
export function proxyCodeOf(error: unknown): string | undefined {
  const status = /^Proxy response \((\d{3})\) !== 200/;
  for (let at = error, depth = 0; isError(at) && depth < 5; depth++, at = at.cause) {
    const found = status.exec(textIn(at, "message"))?.[1];
    if (found !== undefined) return `proxy_${found}`;
  }
  return undefined;
}

/** The code of an error or of its causes, if it is a plain word. */
export function codeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if (isContinue(at)) return "CONTINUE_UNASKED";
    const code = "code" in at && typeof at.code === "string" ? at.code.replaceAll("/", "_") : ""; // ERR_SSL_SSL/TLS_ALERT_…
    if (/^[A-Za-z0-9_]{2,60}$/.test(code)) return code;
    // Deno's, without --allow-net, and undici's, whose code is missing
    if ("name" in at && (at.name === "NotCapable" || at.name === "HTTPParserError")) return at.name;
    at = "cause" in at ? at.cause : undefined;
  }
  return undefined;
}

/** undici's error about a `100 Continue` that it did not ask for. It has the code of any broken connection. */
function isContinue(error: object): boolean {
  const { code, message } = error as Partial<Record<"code" | "message", unknown>>;
  return code === "UND_ERR_SOCKET" && message === "bad response";
}

/** The request's signal aborted. */
export function aborted(sent: boolean): TransportError {
  return new TransportError("Cannot wait for the answer: the call was aborted", { sent, code: "ABORTED" });
}

/** {@link TransportRequest.onSending} returned false. */
export function heldBack(): TransportError {
  return new TransportError("Cannot send the call: its deadline has passed", {
    sent: false,
    code: "DEADLINE_PASSED",
  });
}

/** The request's signal aborted while it waited for a connection, and all of them were taken by others. */
export function connectionsBusy(connections: number): TransportError {
  return new TransportError(
    `it found no free connection in time: all ${connections} were busy with other calls; send fewer at once, or raise connections of undiciTransport()`,
    { sent: false, code: "CONNECTIONS_BUSY" },
  );
}

const ownCodes: ReadonlySet<string> = new Set(["ANSWERS_UNREAD", "CONNECTIONS_BUSY"]);

/** Whether the call was not sent as this process kept all connections busy: no fault of 1upHealth's. */
export function isCrowded(cause: unknown): boolean {
  return cause instanceof TransportError && !cause.sent && ownCodes.has(cause.code);
}

/** Nothing of an answer that is read piece by piece was asked for, for so long that its connection was ended. */
export function restedTooLong(restMs: number): TransportError {
  return new TransportError(`no piece of it was asked for within ${restMs} ms, which ended its connection`, {
    sent: true,
    code: "ANSWER_NOT_READ",
  });
}

/** In words, why an answer broke off while it was read piece by piece. */
export function cutInWords(cause: unknown): string {
  const isOurs = cause instanceof TransportError && cause.code === "ANSWER_NOT_READ";
  return isOurs ? cause.message : "the connection failed";
}

/** A dispatcher starts a request again that was written. Only one that changes nothing may be sent twice. */
export function sentAgain(): TransportError {
  return new TransportError(
    "Cannot tell whether the call was carried out: its connection failed after it was sent, and it may not be sent again",
    { sent: true, code: "SENT_AGAIN" },
  );
}

/** The body is larger than {@link TransportRequest.maxBytes}. */
export function tooBig(maxBytes: number): TransportError {
  return unread("ANSWER_TOO_BIG", `its body must not exceed ${maxBytes} bytes`);
}

/** The body has more values than are parsed. */
export function tooMany(values: number): TransportError {
  return unread("ANSWER_TOO_BIG", `its body must not hold more than ${values} values`);
}

/** The body nests deeper than is parsed. */
export function tooDeep(depth: number): TransportError {
  return unread("ANSWER_TOO_DEEP", `lists and objects in its body must not nest deeper than ${depth}`);
}

/** The body contains characters in a charset that cannot be decoded. Its name may be any text, so it is not shown. */
export function unknownCharset(): TransportError {
  return unread("ANSWER_CHARSET", "its charset must be one that can be decoded");
}

/** The body contains bytes that are no characters in its charset. */
export function undecodable(): TransportError {
  return unread(
    "ANSWER_CHARSET",
    "all of its body must be characters in its charset (UTF-8 unless it names another)",
  );
}

/**
 * Headers that ask for an answer as it is now. Without the first any coding would be acceptable (RFC 9110, 12.5.3), and none
 * is decoded here. Without the second a cache on the way, such as undici's interceptor, may give one user's answer to another:
 * their requests differ in `authorization` alone.
 */
export function uncached(headers: TransportRequest["headers"]): TransportRequest["headers"] {
  return { "accept-encoding": "identity", "cache-control": "no-store", ...headers };
}

/** Whether the transport has kept to its interface. One of the application's own may be in plain JavaScript. */
export function isResponse(response: Partial<TransportResponse> | null | undefined): boolean {
  const { status, headers, text } = response ?? {};
  // A Map and Headers have a method get(), and of those there are several classes, or none (--no-experimental-fetch).
  const hasHeaders = typeof headers === "object" && headers !== null && typeof headers["get"] !== "function";
  return Number.isInteger(status) && hasHeaders && typeof text === "string";
}

/** It has not, so that nothing can be read: the call was sent. */
export function malformed(): TransportError {
  const rule = "the transport must resolve with { status, headers, text }: a number, an object and a string";
  return unread("TRANSPORT_BROKEN", rule);
}

/** Why an answer that has arrived was not read. The message of another error may quote it, so that is not shown. */
export function readingFailed(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  return unread("READING_FAILED", `this process must be able to read it, and failed with ${inWords(error)}`);
}

/** The dispatcher or `fetch` of an application followed a redirect, so any server may have answered. */
export function redirected(): TransportError {
  return unread("REDIRECT_FOLLOWED", "the dispatcher or fetch must not follow redirects, and it did");
}

/** The dispatcher of an application made an error of the answer, and dropped what is needed to read it. */
export function intercepted(): TransportError {
  const rule = "the dispatcher must not turn answers into errors, as interceptors.responseError() does";
  return unread("ANSWER_INTERCEPTED", rule);
}

const unreadPrefix = "Cannot read the answer: ";

function unread(code: string, rule: string): TransportError {
  return new TransportError(`${unreadPrefix}${rule}`, { sent: true, code });
}

/** Rules other than that about size. */
const ruleCodes: ReadonlySet<string> = new Set([
  "ANSWER_TOO_DEEP",
  "ANSWER_CHARSET",
  "ANSWER_INTERCEPTED",
  "REDIRECT_FOLLOWED",
]);

/**
 * The violated rule about size, charset, interceptors or redirects, if an answer arrived but was not read completely because of it. The call was
 * then carried out or refused.
 */
export function sizeRuleIn(cause: unknown): { readonly isBig: boolean; readonly rule: string } | null {
  if (!(cause instanceof TransportError)) return null;
  const isBig = cause.code === "ANSWER_TOO_BIG";
  if (!isBig && !ruleCodes.has(cause.code)) return null;
  const ours = cause.message.startsWith(unreadPrefix);
  return { isBig, rule: ours ? cause.message.slice(unreadPrefix.length) : "it must be shorter" };
}
