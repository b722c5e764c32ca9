/**
 * One request over `dispatch` of undici, whose answer is read as a whole or piece by piece. Both use the methods of undici 7,
 * which undici 8 takes, too.
 *
 * @module
 */
import { Readable } from "node:stream";
import type { Dispatcher, errors } from "undici";
import { isDecoded, textOf } from "../charset.ts";
import { splitUrl } from "../safety.ts";
import {
  aborted,
  codeOf,
  connectionsBusy,
  heldBack,
  intercepted,
  lacksItsEnd,
  networkError,
  onRequestAbort,
  readingFailed,
  redirected,
  sentAgain,
  tooBig,
  type TransportError,
  type TransportRequest,
  type TransportResponse,
  type TransportStream,
} from "../transport.ts";
import type { ConnectionLoad, LoadOf } from "./connection-load.ts";
import { isRefusedHandshake } from "./refused-handshake.ts";

type Headers = TransportRequest["headers"];

const noHeaders: Headers = {};
const ignore = (): void => {};

/** The transport's own connections until they are left. */
export interface Era<T> {
  readonly loadOf: LoadOf;
  /** One of them has mixed up answers, so what is not written yet leaves over later ones. */
  isOver: boolean;
  /** Sends a request over those. */
  readonly again: (request: TransportRequest) => Promise<T>;
}

/** One request in progress. undici calls the `on…` methods in order, each at most once unless noted otherwise. */
abstract class Exchange<T> implements Dispatcher.DispatchHandler {
  #request: TransportRequest | undefined;
  #resolve: (response: T) => void;
  #reject: (error: TransportError) => void;
  #controller: Dispatcher.DispatchController | undefined;
  /** Stays true once set, even if a dispatcher starts the request a second time. */
  #sent = false;
  #settled = false;
  #era: Era<T> | undefined;
  #load: ConnectionLoad | undefined;
  /** How its connections were when it began. */
  #loadBefore = 0;

  constructor(
    request: TransportRequest,
    resolve: (response: T) => void,
    reject: (error: TransportError) => void,
  ) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(
    dispatcher: Pick<Dispatcher, "dispatch">,
    request: TransportRequest,
    headers: Headers,
    era?: Era<T>,
  ): void {
    this.#era = era;
    const { method, url, body = null } = request;
    onRequestAbort(request, () => this.onAbort());
    if (this.#settled) return;
    const { origin, path } = splitUrl(url);
    this.#load = era?.loadOf(origin);
    this.#loadBefore = this.#load?.mark() ?? 0;
    // The sender's time-out covers the whole call, so undici's own two time-outs are disabled.
    const options = {
      origin,
      path,
      method,
      headers,
      body,
      headersTimeout: 0,
      bodyTimeout: 0,
      ...noRedirects,
    };
    try {
      dispatcher.dispatch(options, this);
    } catch (error) {
      this.fail(networkError(error, this.#sent));
    }
  }

  /**
   * undici writes the request as soon as this returns, unless it was aborted. It starts a request again whose HTTP/2 stream
   * was refused, although the server may have taken it, and so does a dispatcher that retries.
   */
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    if (this.#settled) return this.#drop(controller, aborted(this.#sent));
    if (this.#era?.isOver === true && !this.#sent) return this.#moveOn(controller, this.#era);
    this.#controller = controller;
    if (isRedirected(context)) this.fail(redirected());
    else if (this.#sent && this.#request?.method !== "GET") this.fail(sentAgain());
    else if (this.#request?.onSending() === true) {
      if (!this.#sent) this.#load?.take();
      this.#sent = true;
    } else {
      const error = this.#sent ? aborted(true) : heldBack();
      this.reject(error);
      this.#drop(controller, error);
    }
  }

  #moveOn(controller: Dispatcher.DispatchController, { again }: Era<T>): void {
    const request = this.#request;
    if (request !== undefined) again(request).then(this.#resolve, this.#reject);
    this.#settled = true;
    this.letGo();
    this.#drop(controller, heldBack());
  }

  /**
   * Nothing was written, so the connection is still good. undici closes it if the request is aborted, and keeps it if its
   * start throws. Dispatchers of an application may start a request where an error ends the process.
   */
  #drop(controller: Dispatcher.DispatchController, error: TransportError): void {
    if (this.#load !== undefined) throw error;
    controller.abort(error);
  }

  abstract onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void;

  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;

  abstract onResponseEnd(): void;

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    const answer = answerIn(error);
    if (answer === undefined) this.reject(networkError(error, this.#sent && !isRefusedHandshake(error)));
    else if (typeof answer.text === "string") this.onIntercepted({ ...answer, text: answer.text });
    else this.reject(intercepted());
  }

  /** An interceptor made an error of the answer. */
  protected abstract onIntercepted(answer: TransportResponse): void;

  protected get isSettled(): boolean {
    return this.#settled;
  }

  /** The caller no longer waits. */
  protected onAbort(): void {
    const load = this.#load;
    const isCrowded = !this.#sent && load?.wasFull(this.#loadBefore) === true;
    this.fail(isCrowded ? connectionsBusy(load.connections) : aborted(this.#sent));
  }

  protected onAnswer(): void {
    this.#sent = true;
  }

  protected resolve(response: T): void {
    this.#settled = true;
    this.#resolve(response);
    this.letGo();
  }

  protected reject(error: TransportError): void {
    this.#settled = true;
    this.#reject(error);
    this.letGo();
  }

  protected fail(error: TransportError): void {
    if (this.#settled) return;
    const controller = this.#controller;
    this.reject(error);
    controller?.abort(error);
  }

  /**
   * Lets go of the call and its answer. undici's queue holds this in literals, and after a burst V8 allocates those among
   * old objects, which keep what they refer to until the next full collection.
   */
  protected letGo(): void {
    if (this.#sent) this.#load?.free();
    this.#resolve = this.#reject = ignore;
    this.#request = this.#controller = undefined;
  }
}

export class WholeExchange extends Exchange<TransportResponse> {
  readonly #maxBytes: number;
  #status = 0;
  #headers = noHeaders;
  #body: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #bytes = 0;

  constructor(
    request: TransportRequest,
    resolve: (response: TransportResponse) => void,
    reject: (error: TransportError) => void,
  ) {
    super(request, resolve, reject);
    this.#maxBytes = request.maxBytes;
  }

  override onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void {
    if (status < 200) return; // informational: the answer follows
    this.onAnswer();
    this.#status = status;
    this.#headers = isFlat(headers) ? headers : flatten(headers);
  }

  override onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isSettled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) this.fail(tooBig(this.#maxBytes));
    else if (this.#body === undefined) this.#body = chunk;
    else (this.#rest ??= [this.#body]).push(chunk);
  }

  override onResponseEnd(): void {
    if (this.isSettled) return;
    const body = this.#rest === undefined ? this.#body : Buffer.concat(this.#rest, this.#bytes);
    const headers = this.#headers;
    try {
      const text = body && textOf(headers["content-type"], body, () => body.toString("utf8"));
      const response = { status: this.#status, headers, text: text ?? "" };
      const isWhole = body === undefined || isDecoded(response.text, headers["content-type"], body);
      this.resolve(isWhole ? response : { ...response, isDecoded: false });
    } catch (error) {
      this.reject(readingFailed(error));
    }
  }

  protected override onIntercepted(answer: TransportResponse): void {
    this.resolve(answer);
  }

  protected override letGo(): void {
    super.letGo();
    this.#headers = noHeaders;
    this.#body = this.#rest = undefined;
  }
}

export class StreamedExchange extends Exchange<TransportStream> {
  #body: Readable | undefined;

  override onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: AnswerHeaders,
  ): void {
    if (status < 200 || this.isSettled) return;
    this.onAnswer();
    const flat = flatten(headers);
    this.#body = new Readable({
      highWaterMark: bytesAhead,
      read: () => controller.resume(),
      destroy(error, done) {
        controller.abort(error ?? aborted(true)); // has no effect on one that has ended
        done(error);
      },
    }).on("error", ignore); // it may come before the body is read, which then throws it
    this.resolve({ status, headers: flat, body: this.#body, endsWithConnection: lacksItsEnd(flat) });
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) === false) controller.pause();
  }

  override onResponseEnd(): void {
    this.#body?.push(null);
  }

  override onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#body === undefined) super.onResponseError(controller, error);
    else this.#body.destroy(error);
  }

  protected override onIntercepted({ status, headers, text }: TransportResponse): void {
    this.resolve({ status, headers, body: Readable.from([Buffer.from(text)]) });
  }

  protected override onAbort(): void {
    if (this.#body === undefined) super.onAbort();
    else this.#body.destroy(aborted(true));
  }
}

/** How much of a streamed answer is read before it is asked for. */
const bytesAhead = 65_536;

type AnswerHeaders = Record<string, string | string[] | undefined>;

/** What undici's interceptor of redirects reads, also one in a dispatcher of the application's own. */
const noRedirects = { maxRedirections: 0 };

/** Whether that interceptor, told otherwise by another one, has followed a redirect. */
function isRedirected(context: unknown): boolean {
  const { history } = (context ?? {}) as { readonly history?: unknown };
  return Array.isArray(history) && history.length > 0;
}

function isFlat(headers: Record<string, unknown>): headers is Record<string, string> {
  for (const name in headers) if (typeof headers[name] !== "string") return false;
  return true;
}

/**
 * The answer of which undici's `responseError()` made an error. It drops a body that is neither plain text nor of the type
 * `application/json`. Other JSON, such as FHIR, means the same without it, a refusal by its status; a page does not.
 */
function answerIn(
  error: Error,
): (Omit<TransportResponse, "text"> & { readonly text: string | undefined }) | undefined {
  if (codeOf(error) !== "UND_ERR_RESPONSE") return undefined;
  const { statusCode: status, headers: given, body } = error as Partial<errors.ResponseError>;
  if (status === undefined || typeof given !== "object" || given === null) return undefined;
  const headers = flatten(given as AnswerHeaders);
  const type = headers["content-type"] ?? "";
  const isEmpty = /json|^text\/plain/i.test(type) || headers["content-length"] === "0";
  if (body === "" || body === undefined || body === null)
    return { status, headers, text: isEmpty ? "" : undefined };
  return { status, headers, text: typeof body === "string" ? body : JSON.stringify(body) };
}

/** Headers that came several times, each as one text. */
function flatten(headers: AnswerHeaders): Record<string, string> {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}
