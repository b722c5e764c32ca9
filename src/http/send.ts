/**
 * The one place that sends. It bounds every call in time and size and says whether an unanswered one may have
 * been carried out; it never repeats a call and never waits for a limit.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import type { Answer, Call, Unanswered } from "./call.ts";
import { printAs } from "../secret.ts";
import { callCheck, splitUrl } from "./safety.ts";
import { networkError, TransportError, type Transport, type TransportRequest } from "./transport.ts";

export interface SenderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Longest time for one call, from `send()` to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest body of an answer, in bytes. One that can only be a user or a grant is cut off at {@link smallAnswer}. */
  readonly maxBytes: number;
}

export interface SendOptions {
  /** Ends the wait. See {@link Sender.send} for what that means for the call. */
  readonly signal?: AbortSignal | undefined;
  /** Latest `clock.monotonic()` at which the call may leave; checked in the same tick as the write. */
  readonly notAfter?: number | undefined;
}

export interface Sender {
  /**
   * Sends one call once. Trouble on the way is a value: {@link Unanswered}.
   *
   * @throws {LifecycleError} `INVALID_OPTION` for a call that must not be sent (not https, a broken header);
   * nothing left
   * @throws the signal's reason, if the caller's own signal aborts before the answer is there. The call may have
   * been carried out then, unless the signal was aborted before `send()`
   */
  send(call: Call, options?: SendOptions): Promise<Answer | Unanswered>;
  /** Closes the transport after the calls under way. */
  close(): Promise<void>;
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function createSender(options: SenderOptions): Sender {
  const { transport, clock, timeoutMs, maxBytes } = options;
  if (!(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw invalid(`timeoutMs must be a positive number of milliseconds, got ${timeoutMs}`);
  if (!(maxBytes > 0 && Number.isSafeInteger(maxBytes)))
    throw invalid(`maxBytes must be a positive whole number of bytes, got ${maxBytes}`);
  const check = callCheck();

  return {
    async send(call, { signal, notAfter } = {}) {
      check(call);
      signal?.throwIfAborted();
      const attempt = new Attempt(call, mostBytes(call, maxBytes), clock, notAfter);
      let late = false;
      const cancel = clock.timer(timeoutMs, () => {
        late = true;
        attempt.abort();
      });
      const giveUp = signal && ((): void => attempt.abort());
      if (giveUp !== undefined) signal?.addEventListener("abort", giveUp, { once: true });
      try {
        const { status, headers, text } = await transport.send(attempt);
        return { type: "answer", status, headers, text, sentAt: attempt.sentAt, receivedAt: clock.now() };
      } catch (error) {
        signal?.throwIfAborted();
        return unanswered(error, late ? timeoutMs : undefined);
      } finally {
        cancel();
        if (giveUp !== undefined) signal?.removeEventListener("abort", giveUp);
      }
    },

    async close() {
      await transport.close?.();
    },
  };
}

/** Bytes of an answer about one user, at most; it has a few hundred. Only lists and FHIR resources may be longer. */
const smallAnswer = 256 * 1024;

function mostBytes({ endpoint, method }: Call, maxBytes: number): number {
  return endpoint === "fhir" || method === "GET" ? maxBytes : Math.min(maxBytes, smallAnswer);
}

/** One call on its way, as the transport sees it. It holds secrets, so it prints and serialises without them. */
class Attempt implements TransportRequest {
  readonly method: Call["method"];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  declare readonly body?: string;
  readonly maxBytes: number;
  readonly onSending: () => boolean;
  readonly whenAborted: (task: () => void) => void;
  /** The latest time at which a byte may have left; before that, when the attempt began. */
  sentAt: number;
  #aborted = false;
  #task: (() => void) | undefined;
  #controller: AbortController | undefined;

  constructor(call: Call, maxBytes: number, clock: Clock, notAfter: number | undefined) {
    this.method = call.method;
    this.url = call.url;
    this.headers = call.headers;
    if (call.body !== undefined) this.body = call.body;
    this.maxBytes = maxBytes;
    this.sentAt = clock.now();
    this.onSending = () => {
      if (this.#aborted || (notAfter !== undefined && clock.monotonic() > notAfter)) return false;
      this.sentAt = clock.now();
      return true;
    };
    this.whenAborted = (task) => {
      if (this.#aborted) return task();
      const earlier = this.#task;
      this.#task = earlier === undefined ? task : () => (earlier(), task());
    };
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = (this.#controller = new AbortController());
      this.whenAborted(() => controller.abort());
    }
    return this.#controller.signal;
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#task?.();
  }

  toJSON(): { method: string; origin: string } {
    return { method: this.method, origin: splitUrl(this.url).origin };
  }
}

printAs(Attempt.prototype, ({ method, url }) => `TransportRequest(${method} ${splitUrl(url).origin})`);

function unanswered(error: unknown, timeoutMs: number | undefined): Unanswered {
  // An error that is not the transport's own proves nothing, so it counts as sent.
  const cause = error instanceof TransportError ? error : networkError(error, true);
  const type = cause.sent ? "lost" : "notSent";
  if (timeoutMs === undefined) return { type, cause };
  const message = `Cannot wait longer for the answer: a call may take ${timeoutMs} ms`;
  return { type, cause: new TransportError(message, { sent: cause.sent, code: "TIMEOUT" }) };
}

function invalid(rule: string): LifecycleError {
  return new LifecycleError("INVALID_OPTION", `Cannot create a sender: ${rule}`);
}
