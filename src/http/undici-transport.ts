/**
 * The transport for Node and Deno servers, on undici's `dispatch`. It reads an answer as a whole, or piece by piece.
 *
 * @module
 */
import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Agent, Dispatcher, errors } from "undici";
import { aText, check, invalid, whole, withMethods, type Rules } from "../checks.ts";
import { systemClock } from "../clock.ts";
import { invalidOption } from "../errors.ts";
import { isMissing, loadPackage } from "../load-package.ts";
import { isDecoded, textOf } from "./charset.ts";
import { loadsOf, type ConnectionLoad } from "./connection-load.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { isProxyUrl, tunnelsThrough } from "./proxy-tunnel.ts";
import { splitUrl } from "./safety.ts";
import { publicLookup } from "./streaming/public-address.ts";
import {
  aborted,
  codeOf,
  connectionsBusy,
  hearsAborts,
  heldBack,
  intercepted,
  networkError,
  onRequestAbort,
  redirected,
  sentAgain,
  tooBig,
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  uncoded,
  lacksItsEnd,
  type TransportStream,
} from "./transport.ts";
import { unfitDispatcher } from "./unfit-dispatcher.ts";

/** Options of {@link undiciTransport}. */
export interface UndiciTransportOptions {
  /**
   * An `Agent`, `ProxyAgent`, … of undici 7 or later that you create and close. It must send each call to the origin of
   * that call: a `Client` or `Pool` has one origin, and would send the client secret there with the calls to all others.
   * It must not retry or redirect. undici's interceptor of redirects is told to follow none; an answer of one that does
   * all the same is refused (`REDIRECT_FOLLOWED`), but by then a secret may have left for another origin.
   *
   * @default an `Agent` created by the transport
   */
  readonly dispatcher?: Pick<Dispatcher, "dispatch"> | undefined;
  /**
   * Maximum number of connections per origin, if the transport creates the dispatcher. Further calls wait for a free
   * one. Answers that are read piece by piece, as attachments are, have as many of their own.
   *
   * @default 64
   */
  readonly connections?: number | undefined;
  /**
   * The URL of an HTTP proxy through which all calls go, `http://user:password@proxy.example.org:3128`, except those
   * to this machine and to the hosts of `noProxy`. It sees the name of the host and nothing more: each call is encrypted
   * from end to end in a tunnel (`CONNECT`). `createLifecycle.fromEnv()` takes it from `HTTPS_PROXY`.
   *
   * @default none
   */
  readonly proxy?: string | undefined;
  /**
   * Hosts to which calls go directly, as in `NO_PROXY`: separated by commas, each with its subdomains and perhaps a
   * port; `*` for all.
   *
   * @default none
   */
  readonly noProxy?: string | undefined;
}

/**
 * Set explicitly, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would disable verification for the whole process.
 */
const verifying = { rejectUnauthorized: true };

const rules: Rules<UndiciTransportOptions> = {
  dispatcher: withMethods("dispatch"),
  connections: whole(1),
  proxy: { must: "the http: or https: URL of a proxy, without a path", holds: isProxyUrl },
  noProxy: aText,
};

/**
 * A {@link Transport} on undici. Every connection carries one request at a time, so a call is written in the same tick
 * in which undici starts it, and a failure before that tick means that the call was not sent. Its own connections
 * always verify certificates, whatever the environment says; for a private certificate authority set
 * `NODE_EXTRA_CA_CERTS` or pass a dispatcher.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { undiciTransport } from "oneup-lifecycle";
 *
 * const transport = undiciTransport({ proxy: "http://proxy.example.org:3128" });
 * ```
 */
export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const { connections = 64, proxy, noProxy = "" } = check("create a transport", options, rules);
  if (options.dispatcher !== undefined && proxy !== undefined)
    throw invalid("create a transport", "proxy must be left out", "a dispatcher as well");
  if (options.dispatcher === undefined && !undiciRuns())
    throw invalidOption(
      "Cannot create a transport: this runtime must support undici, and it replaces undici with a stub; use fetchTransport() instead",
    );
  const unfit = options.dispatcher && unfitDispatcher(options.dispatcher);
  if (unfit) throw invalid("create a transport", `dispatcher must be ${unfit.must}`, unfit.got);
  const route = { connections, proxy, noProxy };
  const calls = lazyAgent(route);
  const loadOf = loadsOf(connections);
  /** Apart from the calls: streams that are read slowly would keep all connections from them. */
  const streams = lazyAgent(route);
  /** For hosts that another server chose. */
  const foreign = lazyAgent(route, true);
  const { dispatcher } = options;
  let lastBegun = systemClock.now();

  function renew(): void {
    for (const one of [calls, streams])
      void one
        .release()
        ?.then(({ agent, close }) => agent.close().then(close)) // once its calls are over
        .catch(() => {});
  }

  /**
   * While the process was frozen or the machine asleep, undici's timers stood still, and connections that are dropped
   * since seem open. A call that is written on one ends in doubt.
   */
  function renewAfterRest(): void {
    const now = systemClock.now();
    if (Math.abs(now - lastBegun) > keepAliveMs) renew();
    lastBegun = now;
  }

  const headersOf = dispatcher === undefined ? memoized(uncoded) : uncoded; // an application's may change what it gets
  return hearsAborts({
    sendsGetBody: true,
    send(request) {
      renewAfterRest();
      if (dispatcher !== undefined) return exchange(request, dispatcher, headersOf);
      const way = calls.agent();
      return way === undefined
        ? calls.open().then((agent) => exchange(request, agent, headersOf, loadOf))
        : exchange(request, way, headersOf, loadOf);
    },
    async stream(request) {
      renewAfterRest();
      return streamed(
        request,
        dispatcher ?? (await (request.publicOnly === true ? foreign : streams).open()),
      );
    },
    turn: () => turn(),
    renew,
    async close() {
      const opened = [calls, streams, foreign].map((one) => one.release());
      for (const one of opened) await (await one?.catch(() => undefined))?.close(); // its calls have failed
    },
  });
}

/** For so long undici keeps a connection without a call, unless the server names another time. */
const keepAliveMs = 4_000;

/** An agent that is opened by its first call. */
interface LazyAgent {
  /** `undefined` until it is open. */
  agent(): Agent | undefined;
  open(): Promise<Agent>;
  /** The next call opens another one. Returns the one that has been opened, or is about to be. */
  release(): Promise<OwnAgent> | undefined;
}

function lazyAgent(route: Route, publicOnly = false): LazyAgent {
  let own: Promise<OwnAgent> | undefined;
  let current: Agent | undefined;
  return {
    agent: () => current,
    async open() {
      const opening = (own ??= newAgent(route, publicOnly));
      try {
        const { agent } = await opening;
        if (own === opening) current = agent; // unless it was released in between
        return agent;
      } catch (error) {
        if (own === opening) own = undefined; // the next call tries again
        throw error;
      }
    },
    release() {
      const before = own;
      own = current = undefined;
      return before;
    },
  };
}

/** An agent, and what else ends with it. */
interface OwnAgent {
  readonly agent: Agent;
  /** Ends what is not open yet. Its calls have failed. */
  close(): Promise<void>;
}

/** Over how many connections calls leave, and through which proxy. */
interface Route {
  readonly connections: number;
  readonly proxy: string | undefined;
  readonly noProxy: string;
}

/** Headers of an answer that are larger, in bytes, lose it: gateways add more than the usual 16,384. */
const maxHeaderSize = 65_536;

/** undici is loaded by the first call: to read and start it takes as long as all else that this package needs. */
async function newAgent({ connections, proxy, noProxy }: Route, publicOnly: boolean): Promise<OwnAgent> {
  const { Agent, buildConnector } = await loadUndici();
  const tls = publicOnly ? { ...verifying, lookup: publicLookup } : verifying;
  const tunnels = proxy === undefined ? null : tunnelsThrough(proxy, noProxy, buildConnector(tls));
  const agent = new Agent({ connections, maxHeaderSize, connect: tunnels?.connect ?? tls });
  return {
    agent,
    close() {
      tunnels?.close();
      return agent.destroy();
    },
  };
}

/** @throws {TransportError} */
async function loadUndici(): Promise<typeof import("undici")> {
  let code: string | undefined;
  try {
    const undici = await loadPackage("undici", () => import("undici"));
    if (typeof undici.Agent === "function") return undici;
  } catch (error) {
    if (!isMissing(error)) code = codeOf(error);
  }
  code ??= "UNDICI_MISSING"; // or not fit for the application's bundle
  const message = `Cannot send the call: the package undici cannot be loaded (${code})`;
  throw new TransportError(message, { sent: false, code });
}

type Headers = TransportRequest["headers"];

/** Calls with one token share their headers, which are frozen. */
function memoized(change: (headers: Headers) => Headers): (headers: Headers) => Headers {
  const known = new WeakMap<Headers, Headers>();
  return (headers) => {
    let changed = known.get(headers);
    if (changed === undefined) {
      changed = change(headers);
      if (Object.isFrozen(headers)) known.set(headers, changed);
    }
    return changed;
  };
}

function exchange(
  request: TransportRequest,
  dispatcher: Pick<Dispatcher, "dispatch">,
  headersOf: (headers: Headers) => Headers,
  loadOf?: LoadOf,
): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const headers = headersOf(request.headers);
    new WholeExchange(request, resolve, reject).begin(dispatcher, request, headers, loadOf);
  });
}

type LoadOf = ReturnType<typeof loadsOf>;

/** Sends a request, and reads the answer piece by piece. @throws {TransportError} */
function streamed(
  request: TransportRequest,
  dispatcher: Pick<Dispatcher, "dispatch">,
): Promise<TransportStream> {
  return new Promise((resolve, reject) =>
    new StreamedExchange(request, resolve, reject).begin(dispatcher, request, uncoded(request.headers)),
  );
}

/** Whether undici is the real package. Bun replaces it with a stub that sends nothing. */
export function undiciRuns(): boolean {
  return !("Bun" in globalThis);
}

/** `undiciTransport()`, or `fetchTransport()` where undici does not run, as in Bun. */
export function defaultTransport(): Transport {
  return undiciRuns() ? undiciTransport() : fetchTransport();
}

const noHeaders: Headers = {};
const ignore = (): void => {};

/** One request in progress. undici calls the `on…` methods in order, each at most once unless noted otherwise. */
abstract class Exchange<T> implements Dispatcher.DispatchHandler {
  #request: TransportRequest | undefined;
  #resolve: (response: T) => void;
  #reject: (error: TransportError) => void;
  #controller: Dispatcher.DispatchController | undefined;
  /** Stays true once set, even if a dispatcher starts the request a second time. */
  #sent = false;
  #settled = false;
  #load: ConnectionLoad | undefined;
  /** How many calls were over when this one began. */
  #endedBefore = 0;

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
    loadOf?: LoadOf,
  ): void {
    const { method, url, body = null } = request;
    onRequestAbort(request, () => this.onAbort());
    if (this.#settled) return;
    const { origin, path } = splitUrl(url);
    this.#load = loadOf?.(origin);
    this.#endedBefore = this.#load?.ended ?? 0;
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
    if (!this.#settled) this.#controller = controller;
    if (isRedirected(context)) this.fail(redirected());
    else if (this.#settled) controller.abort(aborted(this.#sent));
    else if (this.#sent && this.#request?.method !== "GET") this.fail(sentAgain());
    else if (this.#request?.onSending() === true) {
      if (!this.#sent && this.#load !== undefined) this.#load.written++;
      this.#sent = true;
    } else this.fail(this.#sent ? aborted(true) : heldBack());
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
    if (answer === undefined) this.reject(networkError(error, this.#sent));
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
    const isCrowded = !this.#sent && load?.wasFull(this.#endedBefore) === true;
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
    if (this.#sent && this.#load !== undefined) this.#load.ended++;
    this.#resolve = this.#reject = ignore;
    this.#request = this.#controller = this.#load = undefined;
  }
}

class WholeExchange extends Exchange<TransportResponse> {
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
      this.reject(error instanceof TransportError ? error : networkError(error, true));
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

class StreamedExchange extends Exchange<TransportStream> {
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
  if (body === "" || body == null) return { status, headers, text: isEmpty ? "" : undefined };
  return { status, headers, text: typeof body === "string" ? body : JSON.stringify(body) };
}

/** Headers that came several times, each as one text. */
function flatten(headers: AnswerHeaders): Record<string, string> {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}
