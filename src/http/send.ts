/**
 * The only module that sends calls. It limits every call in time and size and reports whether an unanswered call may
 * have been carried out. It never repeats a call and never waits for a limit.
 *
 * @module
 */
import { onAbort } from "../abort.ts";
import type { Clock } from "../clock.ts";
import { checkValue, whole, type Rule } from "../checks.ts";
import { legible } from "../errors.ts";
import { BoundedRenewal } from "./undici/bounded-renewal.ts";
import type { Answer, Call, SendOptions, Unanswered } from "./call.ts";
import { printAs } from "../secret.ts";
import { timersOf } from "../shared-timer.ts";
import { readingOf } from "./charset.ts";
import { parseJson } from "./json.ts";
import { callCheck, splitUrl } from "./safety.ts";
import { openStream, startedOf, type StreamedAnswer, type StreamOptions } from "./streaming/stream.ts";
import { openList, openObject, survey, surveyParsed, type JsonBounds } from "./survey.ts";
import {
  aborted,
  holdTransport,
  isCrowded,
  isListening,
  isResponse,
  type LazyRequest,
  malformed,
  networkError,
  readingFailed,
  taskOnAbort,
  tooDeep,
  tooMany,
  type Transport,
  TransportError,
  type TransportResponse,
  undecodable,
  unknownCharset,
} from "./transport.ts";

export interface SenderOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Time limit of one call, from `send()` to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /**
   * Maximum body size of an answer, in bytes. An answer that can only be a user or a grant is limited to
   * {@link smallAnswer}.
   */
  readonly maxBytes: number;
  /** Receives the outcome of each call, but for the calls that `close()` ended. */
  readonly seen?: ((call: Call, answered: Answer | Unanswered) => void) | undefined;
}

/** Makes a result of the outcome of a call. */
export type Take<T> = (answered: Answer | Unanswered) => T | Promise<T>;

export interface Sender {
  /**
   * Sends one call once. Network failures are returned as {@link Unanswered}.
   *
   * @throws {LifecycleError} `INVALID_OPTION` for a call that must not be sent (not https, an invalid header); nothing
   *   was sent
   * @throws the signal's reason, if the caller's signal aborts before the answer has arrived. The call may have been
   *   carried out then, unless the signal was aborted before `send()`
   */
  send(call: Call, options?: SendOptions): Promise<Answer | Unanswered>;
  /** The same, with the result that `take` makes of the outcome; in the same turn, which saves each FHIR call a promise. */
  sendAndTake<T>(call: Call, options: SendOptions, take: Take<T>): Promise<T>;
  /**
   * Opens a call whose answer is read piece by piece, if the transport can. It is checked and limited like every other call;
   * its outcome is known once the answer begins.
   */
  stream?(call: Call, options: StreamOptions): Promise<StreamedAnswer | Answer | Unanswered>;
  /** Whether it can send a body with a GET. */
  readonly sendsGetBody: boolean;
  /** Later calls leave over new connections, if the transport can do that. */
  renew(): void;
  /** The same after an answer to FHIR that was about another resource, but not each time: see {@link BoundedRenewal}. */
  doubtConnections(): void;
  /** Resolves once each call that is under way has its outcome; streams do not count. */
  settled(): Promise<void>;
  /**
   * Closes the transport, which ends the calls that are under way; or leaves it to the others that use it, and those calls
   * to their time limits.
   */
  close(): Promise<void>;
}

/** The part of a sender that FHIR calls need. */
export type FhirSender = Pick<Sender, "send" | "sendAndTake" | "stream" | "doubtConnections">;

/** Default of `maxAnswerBytes`: a page may contain a hundred documents. */
export const usualAnswerBytes: number = 16 * 1024 * 1024;
/** Its allowed range. JavaScript engines cannot hold a string of twice the maximum. */
export const leastAnswerBytes = 1_024;
export const mostAnswerBytes: number = 256 * 1024 * 1024;

const aTimeout: Rule = {
  must: "a positive number of milliseconds",
  holds: (value) => Number.isFinite(value) && Number(value) > 0,
};

/** @throws {LifecycleError} `INVALID_OPTION` */
export function createSender(options: SenderOptions): Sender {
  const { transport, clock, timeoutMs, maxBytes, seen } = options;
  checkValue("create a sender", "timeoutMs", timeoutMs, aTimeout);
  checkValue("create a sender", "maxBytes", maxBytes, whole(1));
  const check = callCheck();
  const heard = isListening(transport) ? transport.send : undefined;
  const onTimeout = timersOf(clock, timeoutMs);
  const letGo = holdTransport(transport);
  /** Calls over a transport that may not end them when it is closed. */
  const underWay = new Set<Attempt>();
  const bounds = boundsOf(maxBytes);
  const open = transport.stream?.bind(transport);
  const renew = (): void => transport.renew?.();
  const renewal = new BoundedRenewal(clock, renew);
  let isClosed = false;
  /** How many calls have no outcome yet: a set of their promises would cost each read CPU. */
  let pending = 0;
  const whenSettled: (() => void)[] = [];

  function end(): void {
    if (--pending > 0) return;
    for (const resolve of whenSettled.splice(0)) resolve();
  }

  function note(call: Call, outcome: Answer | Unanswered): void {
    if (outcome.type === "notSent" && isCrowded(outcome.cause)) return;
    // A call that ends with its transport says nothing about the endpoint.
    if (!isClosed || outcome.type === "answer") seen?.(call, outcome);
  }

  function answerTo(
    { endpoint }: Call,
    { status, headers, text, isDecoded }: TransportResponse,
    sentAt: number | undefined,
    withinMs: number,
  ): Answer | Unanswered {
    if (endpoint === "fhir" && readingOf(headers["content-type"]) === "unknown")
      return { type: "lost", cause: unknownCharset() };
    const isJson = isContainer(text);
    // A resource that is read with other characters would be written back with them.
    if (isDecoded === false && endpoint === "fhir" && status >= 200 && status < 300 && isJson)
      return { type: "lost", cause: undecodable() };
    const isShort = text.length <= Math.min(longestParsed, bounds.values); // so it holds no more values
    const json = isJson && isShort && endpoint === "fhir" ? parseJson(text) : undefined;
    const found =
      json !== undefined ? surveyParsed(text, json, bounds.depth) : isJson ? survey(text, bounds) : "exact";
    if (found === "tooMany") return { type: "lost", cause: tooMany(bounds.values) };
    if (found === "tooDeep") return { type: "lost", cause: tooDeep(bounds.depth) };
    const isExact = found === "exact";
    const receivedAt = clock.now();
    // A transport that does not tell when it sent the call sent it within the time limit.
    const sent = sentAt ?? receivedAt - withinMs;
    return { type: "answer", status, headers, text, json, sentAt: sent, receivedAt, isExact };
  }

  async function sendAndTake<T>(
    call: Call,
    { signal, notAfter, isOver, publicOnly, onText, withinMs = timeoutMs }: SendOptions,
    take: Take<T>,
  ): Promise<T> {
    check(call);
    signal?.throwIfAborted();
    renewal.makeUp();
    const isBig = call.endpoint === "fhir" || call.method === "GET";
    const most = isBig ? maxBytes : Math.min(maxBytes, smallAnswer);
    const attempt = new Attempt(call, most, clock, { notAfter, isOver });
    const isHeard = transport.send === heard; // unless the application has replaced it
    if (!isHeard) underWay.add(attempt);
    let late = false;
    const expire = (): void => {
      late = true;
      attempt.abort();
    };
    const cancel = withinMs === timeoutMs ? onTimeout(expire) : clock.timer(withinMs, expire);
    const unhear = signal && onAbort(signal, () => attempt.abort());
    let answered: Answer | Unanswered;
    let hasCome = false;
    pending++;
    try {
      const response = await (isHeard ? transport.send(attempt) : sendByOther(transport, attempt, clock));
      hasCome = true;
      if (!isResponse(response)) throw malformed();
      if (onText !== undefined && response.status === 200 && onText(response.text)) await transport.turn?.();
      answered = answerTo(call, response, attempt.sentAt, withinMs);
    } catch (error) {
      signal?.throwIfAborted();
      answered = unanswered(hasCome ? readingFailed(error) : error, late ? withinMs : undefined);
    } finally {
      cancel();
      unhear?.();
      attempt.end();
      if (!isHeard) underWay.delete(attempt);
      end();
    }
    if (publicOnly !== true) note(call, answered);
    return take(answered);
  }

  return {
    sendsGetBody: transport.sendsGetBody === true,
    send: (call, options = {}) => sendAndTake(call, options, (answered) => answered),
    sendAndTake,

    ...(open !== undefined && {
      async stream(call: Call, options: StreamOptions): Promise<StreamedAnswer | Answer | Unanswered> {
        check(call);
        renewal.makeUp();
        const opened = await openStream({ transport, open, clock, timeoutMs }, call, options);
        if (options.publicOnly !== true) note(call, opened.type === "stream" ? startedOf(opened) : opened);
        return opened;
      },
    }),

    renew,
    doubtConnections: () => renewal.request(),

    settled: () => (pending === 0 ? Promise.resolve() : new Promise((resolve) => whenSettled.push(resolve))),

    async close() {
      isClosed = true;
      for (const attempt of underWay) attempt.abort();
      await letGo();
    },
  };
}

/**
 * Maximum size of an answer about one user, which normally has a few hundred bytes. Only lists and FHIR resources may
 * be larger.
 */
const smallAnswer = 256 * 1024;

/** Real resources nest a few dozen levels deep. */
const deepest = 512;
/** A real value takes more bytes than this, including its name and its share of the surrounding syntax. */
const bytesOfValue = 64;
const fewestValues = 10_000;

/** An answer of so many characters is parsed within hundredths of a second, whatever it holds. */
const longestParsed = 262_144;

/** The limits on parsing an answer of at most this many bytes. */
export function boundsOf(maxBytes: number): JsonBounds {
  return { depth: deepest, values: Math.max(fewestValues, Math.floor(maxBytes / bytesOfValue)) };
}

/** Only JSON that starts with a bracket can be expensive to parse. */
function isContainer(text: string): boolean {
  const first = text.charCodeAt(0);
  return first === openObject || first === openList || /^[\uFEFF\s]*[[{]/.test(text);
}

/** One call in progress, as passed to the transport. It contains secrets, so it prints and serialises without them. */
class Attempt implements LazyRequest {
  readonly method: Call["method"];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  declare readonly body?: string;
  readonly maxBytes: number;
  readonly onSending: () => boolean;
  /** The latest time at which a byte may have left; `undefined` until one may have. */
  sentAt: number | undefined = undefined;
  #controller: AbortController | undefined;
  #isAborted = false;
  #task: (() => void) | undefined;

  constructor(
    call: Call,
    maxBytes: number,
    clock: Clock,
    { notAfter, isOver }: Pick<SendOptions, "notAfter" | "isOver">,
  ) {
    this.method = call.method;
    this.url = call.url;
    this.headers = call.headers;
    if (call.body !== undefined) this.body = call.body;
    this.maxBytes = maxBytes;
    this.onSending = () => {
      if (this.#isAborted) return false;
      // seam: a-late-call-does-not-leave
      if ((notAfter !== undefined && clock.monotonic() > notAfter) || isOver?.() === true) return false;
      this.sentAt = clock.now();
      return true;
    };
  }

  /** Made when it is read for the first time. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#controller?.abort();
    this.#task?.();
  }

  /**
   * Lets go of the answer. The garbage collector may have placed the attempt among old objects, and those keep what
   * they refer to until the next full collection.
   */
  end(): void {
    this.#task = undefined;
  }

  [taskOnAbort](task: () => void): void {
    if (this.#isAborted) task();
    else this.#task = task;
  }

  toJSON(): { method: string; origin: string } {
    return { method: this.method, origin: splitUrl(this.url).origin };
  }
}

/** How long a transport may take to reject after an abort, ms. */
const toRejectMs = 1_000;

/**
 * Sends over a transport that may pass on a copy of the request, or an object that stands for it, and may not hear of its
 * abort: then the call ends all the same, and may have been sent.
 */
function sendByOther(transport: Transport, attempt: Attempt, clock: Clock): Promise<TransportResponse> {
  const signal = (): AbortSignal => attempt.signal;
  const request = Object.create(Attempt.prototype, {
    ...Object.getOwnPropertyDescriptors(attempt),
    headers: { enumerable: true, value: { ...attempt.headers } }, // it may change what is its own
    signal: { enumerable: true, get: signal },
    [taskOnAbort]: { value: (task: () => void) => void onAbort(signal(), task) },
  }) as LazyRequest;
  return new Promise((resolve, reject) => {
    let cancel = (): void => {};
    attempt[taskOnAbort](() => (cancel = clock.timer(toRejectMs, () => reject(aborted(true)))));
    const sent = transport.send(request);
    Promise.resolve(sent)
      .then(resolve, (error: unknown) => reject(legible(error)))
      .finally(() => cancel());
  });
}

printAs(Attempt.prototype, ({ method, url }) => `TransportRequest(${method} ${splitUrl(url).origin})`);

function unanswered(error: unknown, timeoutMs: number | undefined): Unanswered {
  // An error that does not come from the transport proves nothing, so the call counts as sent.
  const cause = error instanceof TransportError ? error : networkError(error, true);
  const type = cause.sent ? "lost" : "notSent";
  if (timeoutMs === undefined || isCrowded(cause)) return { type, cause };
  const message = `Cannot wait longer for the answer: a call may take ${timeoutMs} ms`;
  return { type, cause: new TransportError(message, { sent: cause.sent, code: "TIMEOUT", timeoutMs }) };
}
