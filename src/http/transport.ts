/**
 * What carries a call over the wire: one method that sends a request and gives back the whole answer.
 * `undiciTransport` is the one for servers; `fetchTransport` works wherever there is a `fetch`.
 *
 * @module
 */

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Aborts when nobody waits any longer. The transport must then reject soon, and send nothing that it has not begun. */
  readonly signal: AbortSignal;
  /**
   * The same as listening to `signal`, which is only made if somebody reads it: making one for each of thousands of
   * calls a second costs more than the rest of the client. Calls `task` at most once, at once if it is too late.
   */
  readonly whenAborted: (task: () => void) => void;
  /** Longest body of an answer to read, in bytes. */
  readonly maxBytes: number;
  /** To be called in the same tick as the first byte is written. If it returns false, nothing may be sent. */
  readonly onSending: () => boolean;
}

/** An answer, read to its end. */
export interface TransportResponse {
  /** A redirect is an answer like any other: it is never followed. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Sends requests; never repeats one, never follows a redirect. Rejects with a {@link TransportError}. */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  close?(): Promise<void>;
}

/**
 * A request without an answer. Its message and code are shown to people and written to logs: no URL, no header,
 * no body, and no cause that has one of these.
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
  /** The machine's word for it: `ECONNREFUSED`, `ANSWER_TOO_BIG`, … */
  readonly code: string;

  constructor(message: string, details: { readonly sent: boolean; readonly code: string }) {
    super(message);
    this.name = "TransportError";
    this.sent = details.sent;
    this.code = details.code;
  }
}

/** Wraps whatever a network library threw: its code is kept, its message is not, because it may quote the request. */
export function networkError(error: unknown, sent: boolean): TransportError {
  const code = codeOf(error) ?? "UNKNOWN";
  return new TransportError(
    sent
      ? `Cannot tell what became of the call: the connection failed after it was sent (${code})`
      : `Cannot send the call: no connection (${code})`,
    { sent, code },
  );
}

/** The code of an error or of what is underneath it, if it is a plain word. */
export function codeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if ("code" in at && typeof at.code === "string" && /^[A-Za-z0-9_]{2,40}$/.test(at.code)) return at.code;
    at = "cause" in at ? at.cause : undefined;
  }
  return undefined;
}

/** The request's signal aborted. */
export function aborted(sent: boolean): TransportError {
  return new TransportError("Cannot wait for the answer: the call was aborted", { sent, code: "ABORTED" });
}

/** {@link TransportRequest.onSending} said no. */
export function heldBack(): TransportError {
  return new TransportError("Cannot send the call: the time at which it had to be sent has passed", {
    sent: false,
    code: "DEADLINE_PASSED",
  });
}

/** The body is longer than {@link TransportRequest.maxBytes}. */
export function tooBig(maxBytes: number): TransportError {
  return new TransportError(`Cannot read the answer: its body must not exceed ${maxBytes} bytes`, {
    sent: true,
    code: "ANSWER_TOO_BIG",
  });
}
