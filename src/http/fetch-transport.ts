/**
 * A transport on the platform's `fetch`, for runtimes without undici.
 *
 * @module
 */
import { onAbort } from "../abort.ts";
import { wordsIn } from "../capabilities/declared.ts";
import { invalidOption } from "../errors.ts";
import { readingOf } from "./charset.ts";
import {
  aborted,
  codeOf,
  heldBack,
  lacksItsEnd,
  networkError,
  redirected,
  tooBig,
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  unknownCharset,
} from "./transport.ts";

/** Codes of errors that occur before a connection exists (undici, Node's sockets, Bun). */
const beforeConnection = new Set(
  wordsIn(
    "ECONNREFUSED ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME UND_ERR_CONNECT_TIMEOUT ConnectionRefused " +
      "FailedToOpenSocket",
  ),
);

/**
 * A {@link Transport} on `fetch`. It is less precise than `undiciTransport`: a call counts as sent once `fetch` was
 * called, unless the error proves that there was no connection. On Deno it opens a new connection for every call,
 * because Deno's `fetch` silently repeats a call, even a POST, when a kept connection breaks before the answer.
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
  const once = sendsOnce();
  if (checksNothing()) throw invalidOption(`Cannot create a transport: ${mustCheck}`);

  /** What `fetch` is called with, once the call may be sent. */
  function begun({ method, url, headers, signal, onSending }: TransportRequest): RequestInit {
    if (checksNothing() && url.startsWith("https:"))
      throw new TransportError(`Cannot send the call: ${mustCheck}`, {
        sent: false,
        code: "CERTIFICATES_UNCHECKED",
      });
    if (!onSending()) throw heldBack();
    return { method, headers: { ...headers }, signal, redirect: "manual", ...once };
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
          headers: isFetched ? withoutDecoded(headers, response) : headers,
          body: piecesOf(response, request.signal),
          endsWithConnection: isFetched && (lacksItsEnd(headers) || mayLoseChunks(headers)),
        };
      } catch (error) {
        if (error instanceof TransportError) throw error;
        throw request.signal.aborted ? aborted(true) : networkError(error, true);
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
        if (error instanceof TransportError) throw error;
        if (signal.aborted) throw aborted(true);
        if (!failedToConnect(error)) throw networkError(error, true);
        throw networkError({ code: codeOf(error) ?? "CONNECT_FAILED" }, false);
      }
    },
  };
}

const mustCheck =
  "certificates must be checked, and NODE_TLS_REJECT_UNAUTHORIZED=0 switches that off for fetch";

/** Node and Bun then silently accept any certificate; Deno ignores the variable. */
function checksNothing(): boolean {
  if ("Deno" in globalThis) return false;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }; // does not exist everywhere
  return process?.env?.["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}

/** Options with which `fetch` sends a call only once. */
function sendsOnce(): object {
  const { Deno } = globalThis as unknown as { Deno?: { createHttpClient(options: object): unknown } }; // its types exist only in Deno
  return Deno === undefined ? {} : { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) };
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

/** Deno's `fetch` decodes only what it has asked for itself, and a call here asks for no coding. */
const decodesUnasked = !("Deno" in globalThis);

/** The codings that every other `fetch` decodes. */
const decoded = new Set(["gzip", "x-gzip", "deflate", "br"]);

/** Whether `fetch` may miss that the last chunk of a body is lost: that of Node 20 does where the connection closes after it. */
function mayLoseChunks({ connection, "transfer-encoding": coding }: Record<string, string>): boolean {
  return coding !== undefined && /\bclose\b/i.test(connection ?? "");
}

/**
 * The headers of a body that is read piece by piece, without those of a coding that `fetch` has decoded: they are about other
 * bytes. A part of a file is one of its coded bytes.
 */
function withoutDecoded(headers: Record<string, string>, { status }: Response): Record<string, string> {
  const codings = headers["content-encoding"]?.split(",") ?? [];
  const isDecoded =
    decodesUnasked && codings.length > 0 && codings.every((one) => decoded.has(one.trim().toLowerCase()));
  if (!isDecoded || status === 206) return headers;
  const { "content-encoding": _, "content-length": __, ...others } = headers;
  return others;
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
  return decoder.fatal ? { status, headers, text } : { status, headers, text, isDecoded: false };
}

/** Whether the error proves that no connection was ever established. */
function failedToConnect(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && beforeConnection.has(code)) return true;
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if ("syscall" in at && (at.syscall === "connect" || at.syscall === "getaddrinfo")) return true;
    // Deno's errors have no code, but name the phase.
    if ("message" in at && typeof at.message === "string" && at.message.includes("client error (Connect)"))
      return true;
    at = "cause" in at ? at.cause : undefined;
  }
  return false;
}
