/**
 * A transport on the platform's `fetch`, for runtimes without undici.
 *
 * @module
 */
import { onAbort } from "../abort.ts";
import { wordsIn } from "../capabilities/declared.ts";
import { invalidOption } from "../errors.ts";
import { isOfHandshake } from "../tls-fault.ts";
import { readingOf } from "./charset.ts";
import {
  aborted,
  codeOf,
  heldBack,
  lacksItsEnd,
  networkError,
  proxyCodeOf,
  redirected,
  tooBig,
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  uncached,
  unknownCharset,
} from "./transport.ts";

/** Codes of errors that occur before a connection exists (undici, Node's sockets, Bun). */
const beforeConnection = new Set(
  wordsIn(
    "ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME UND_ERR_CONNECT_TIMEOUT ConnectionRefused " +
      "ERR_SOCKET_CONNECTION_TIMEOUT FailedToOpenSocket NotCapable",
  ),
);

/** Errors of Deno's `fetch` have no code; their words, and the code that others have. */
const words: readonly (readonly [said: RegExp, code: string])[] = [
  [/dns error/i, "ENOTFOUND"],
  [/connection refused/i, "ECONNREFUSED"],
  [/certificate.*expired/i, "CERT_HAS_EXPIRED"],
  [/certificate/i, "CERT_UNTRUSTED"],
  [/client error \(Connect\)/, "CONNECT_FAILED"],
  [/connection reset|broken pipe|connection closed before|unexpected end|end of file before/i, "ECONNRESET"],
];

/**
 * A {@link Transport} on `fetch`. It is less precise than `undiciTransport`: a call counts as sent once `fetch` was
 * called, unless the error proves that there was no connection. On Deno and Bun it opens a new connection for every call,
 * because their `fetch` silently repeats a call when a kept connection breaks before the answer: Deno's even a POST, Bun's
 * a GET, PUT or DELETE, several times. A `fetch` of your own on Bun must heed `keepalive: false`. On Node a
 * `fetch` sends a call again that is answered by 421, makes an error without a code of a 407, and gives up a call that is not
 * answered within 300 s.
 *
 * It asks `fetch` with each call not to follow redirects. An answer of one that did is refused (`REDIRECT_FOLLOWED`), but
 * by then it has sent the secrets of the call to where the redirect leads.
 *
 * @param fetch @default globalThis.fetch
 * @throws {LifecycleError} `INVALID_OPTION` while `NODE_TLS_REJECT_UNAUTHORIZED=0` disables certificate checks in
 *   `fetch`; if the variable is set later, calls are refused
 * @example
 * ```ts
 * import { fetchTransport } from "oneup-lifecycle";
 * import { createSandbox } from "oneup-lifecycle/sandbox";
 *
 * const transport = fetchTransport(createSandbox().fetch); // calls that never leave the process
 * ```
 */
export function fetchTransport(fetch: typeof globalThis.fetch = globalThis.fetch): Transport {
  const client = denoClient();
  if (checksNothing()) throw invalidOption(`Cannot create a transport: ${mustCheck}`);

  /** What `fetch` is called with, once the call may be sent. */
  function begun({ method, url, headers, signal, onSending }: TransportRequest): RequestInit {
    if (checksNothing() && url.startsWith("https:"))
      throw new TransportError(`Cannot send the call: ${mustCheck}`, {
        sent: false,
        code: "CERTIFICATES_UNCHECKED",
      });
    if (!onSending()) throw heldBack();
    return {
      method,
      headers: uncached(headers),
      cache: "no-store", // frameworks cache what their own fetch brings
      signal,
      redirect: "manual",
      keepalive: false, // Bun then keeps no connection, and so repeats no call; elsewhere it is the default
      ...(client !== undefined && { client }),
    };
  }

  return {
    async stream(request) {
      const init = begun(request);
      try {
        const response = direct(await fetch(request.url, init));
        const headers = headersOf(response);
        const isFetched = response.url !== ""; // any other comes over no connection
        return {
          status: statusOf(response),
          headers,
          body: piecesOf(response, request.signal),
          endsWithConnection: isFetched && (lacksItsEnd(headers) || mayLoseChunks(headers)),
        };
      } catch (error) {
        throw failure(error, request.signal);
      }
    },
    async send(request) {
      const { url, body, signal, maxBytes } = request;
      if (signal.aborted) throw aborted(false);
      const init = begun(request);
      const exchange = async (): Promise<TransportResponse> =>
        read(direct(await fetch(url, body === undefined ? init : { ...init, body })), maxBytes, signal);
      try {
        // Some implementations of `fetch`, and some response bodies, ignore the signal.
        return await new Promise((resolve, reject) => {
          onAbort(signal, () => reject(aborted(true)));
          exchange().then(resolve, reject);
        });
      } catch (error) {
        throw failure(error, signal);
      }
    },
    ...(client !== undefined && { close: async () => end(client) }),
  };
}

/** The error of a call that may have been sent. */
function failure(error: unknown, signal: AbortSignal): TransportError {
  if (error instanceof TransportError) return error;
  if (signal.aborted) return aborted(true);
  const said = saysIn(error);
  if (said.includes("bad port")) return networkError({ code: "BAD_PORT" }, false);
  const code = proxyCodeOf(error) ?? codeOf(error);
  const spoken = words.find(([its]) => said.some((each) => its.test(each)))?.[1];
  return networkError({ code: code ?? spoken }, !isBeforeConnection(error, code, said));
}

const mustCheck =
  "certificates must be checked, and NODE_TLS_REJECT_UNAUTHORIZED=0 switches that off for fetch";

/** Node and Bun then silently accept any certificate; Deno ignores the variable. */
function checksNothing(): boolean {
  if ("Deno" in globalThis) return false;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }; // does not exist everywhere
  return process?.env?.["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}

/**
 * With which Deno's `fetch` sends a call only once, over HTTP/1.1: over HTTP/2 it repeats a POST whose stream the server
 * refuses, and takes an answer for whole whose stream it cancels.
 */
function denoClient(): { close(): void } | undefined {
  type Opening = { createHttpClient(options: object): { close(): void } };
  const { Deno } = globalThis as unknown as { Deno?: Opening }; // its types exist only in Deno
  return Deno?.createHttpClient({ poolMaxIdlePerHost: 0, http2: false });
}

/** An application may close it, too: the second time Deno throws. */
function end(client: { close(): void }): void {
  try {
    client.close();
  } catch {}
}

/** The answer, if no redirect led to it. @throws {TransportError} */
function direct(response: Response): Response {
  if (!response.redirected) return response;
  response.body?.cancel().catch(() => {}); // the result does not matter
  throw redirected();
}

/** With `redirect: "manual"` browsers hide a redirect behind an opaque response with status 0. */
function statusOf({ type, status }: Response): number {
  return type === "opaqueredirect" ? 302 : status;
}

function headersOf(response: Response): Record<string, string> {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => (headers[name.toLowerCase()] = value));
  return headers;
}

/** Whether `fetch` may miss that the last chunk of a body is lost: that of Node 20 does where the connection closes after it. */
function mayLoseChunks(headers: Record<string, string>): boolean {
  const { connection = "", "proxy-connection": ofProxy = "", "transfer-encoding": coding } = headers;
  return coding !== undefined && /\bclose\b/i.test(`${connection},${ofProxy}`);
}

/** Statuses of answers without a body, and those that are understood without it: a new token answers a 401. */
const needNoText: ReadonlySet<number> = new Set([204, 205, 304, 401, 429]);

/**
 * Whether an empty answer may have lost its text, which would show that it is no answer of 1upHealth but a gateway's page.
 * One whose end nothing shows is believed if it is no error: over HTTP/2, and on Node a `fetch` may use that, many are empty
 * and have no length.
 */
function mayLackText(status: number, headers: Record<string, string>): boolean {
  if (needNoText.has(status)) return false;
  const isUnproven = lacksItsEnd(headers) || headers["content-encoding"] !== undefined; // Node decodes what was cut
  return mayLoseChunks(headers) || (status >= 400 && isUnproven);
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** A reader that is cancelled when the signal aborts: some bodies ignore it. */
function readerOf({ body }: Response, signal: AbortSignal): Reader | undefined {
  const reader = body?.getReader();
  onAbort(signal, () => giveUp(reader));
  return reader;
}

function giveUp(reader: Reader | undefined): void {
  reader?.cancel().catch(() => {}); // the result does not matter
}

/** The pieces of the body. It ends with the signal, also if it is never read. */
function piecesOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = readerOf(response, signal);
  return (async function* () {
    try {
      for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read())
        yield part.value;
    } finally {
      giveUp(reader);
    }
  })();
}

async function read(response: Response, maxBytes: number, signal: AbortSignal): Promise<TransportResponse> {
  const [status, headers] = [statusOf(response), headersOf(response)];
  const reading = readingOf(headers["content-type"]);
  const charset = reading instanceof TextDecoder ? reading.encoding : "utf-8";
  let decoder = new TextDecoder(charset, { fatal: true });
  const decode = (bytes?: Uint8Array): string => {
    const more = { stream: bytes !== undefined };
    try {
      return decoder.decode(bytes, more);
    } catch {
      decoder = new TextDecoder(charset);
      return decoder.decode(bytes, more);
    }
  };
  let text = "";
  let bytes = 0;
  const reader = readerOf(response, signal);
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      giveUp(reader);
      throw tooBig(maxBytes);
    }
    if (reading === "unknown" && part.value.some((byte) => byte >= 0x80)) {
      giveUp(reader);
      throw unknownCharset();
    }
    text += decode(part.value);
  }
  text += decode();
  if (bytes === 0 && response.url !== "" && mayLackText(status, headers))
    throw networkError({ code: "ANSWER_CUT" }, true);
  return decoder.fatal ? { status, headers, text } : { status, headers, text, isDecoded: false };
}

/** The error and its causes. */
function* causesOf(error: unknown): Generator<object> {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    yield at;
    at = "cause" in at ? at.cause : undefined;
  }
}

/** The messages of the error and of its causes. */
function saysIn(error: unknown): string[] {
  return [...causesOf(error)].flatMap((at) =>
    "message" in at && typeof at.message === "string" ? [at.message] : [],
  );
}

/** Whether the error proves that no byte of the request left. Deno's errors name the phase. */
function isBeforeConnection(error: unknown, code = "", said: readonly string[]): boolean {
  return (
    beforeConnection.has(code) ||
    isOfHandshake(code) ||
    code.startsWith("proxy_") ||
    said.some(
      (each) =>
        each.includes("client error (Connect)") ||
        each.includes("before secure TLS connection was established"),
    ) ||
    [...causesOf(error)].some((at) => isOfConnecting(at) || isOfAllAddresses(at))
  );
}

function isOfConnecting(error: object): boolean {
  return "syscall" in error && (error.syscall === "connect" || error.syscall === "getaddrinfo");
}

/** Node tries each address of a name, and collects their errors in one that names no system call. */
function isOfAllAddresses(error: object): boolean {
  const { errors } = error as { readonly errors?: unknown };
  const isFailure = (one: unknown): boolean => typeof one === "object" && one !== null && isOfConnecting(one);
  return Array.isArray(errors) && errors.length > 0 && errors.every(isFailure);
}
