/**
 * The transport for runtimes where undici does not run, on the platform's `fetch`.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import {
  aborted,
  codeOf,
  heldBack,
  networkError,
  tooBig,
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "./transport.ts";

/** Codes of failures that come before a connection exists (undici, Node's sockets, Bun). */
const beforeConnection = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket",
]);

/**
 * A {@link Transport} on `fetch`. It knows less than `undiciTransport`: a call counts as sent from the moment
 * `fetch` is called, unless the error proves that there was no connection. On Deno it opens a connection for every
 * call, because Deno's `fetch` silently repeats a call, a POST too, when a kept connection breaks before the answer.
 *
 * @param fetch @default globalThis.fetch
 * @throws {LifecycleError} `INVALID_OPTION` while `NODE_TLS_REJECT_UNAUTHORIZED=0` keeps `fetch` from checking
 * certificates; set later, it keeps calls from being sent
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
  if (checksNothing()) throw new LifecycleError("INVALID_OPTION", `Cannot create a transport: ${mustCheck}`);
  return {
    async send({ method, url, headers, body, signal, whenAborted, maxBytes, onSending }) {
      if (signal.aborted) throw aborted(false);
      if (checksNothing() && url.startsWith("https:"))
        throw new TransportError(`Cannot send the call: ${mustCheck}`, {
          sent: false,
          code: "CERTIFICATES_UNCHECKED",
        });
      if (!onSending()) throw heldBack();
      const init = { method, headers: { ...headers }, signal, redirect: "manual", ...once } as const;
      const exchange = async (): Promise<TransportResponse> =>
        read(await fetch(url, body === undefined ? init : { ...init, body }), maxBytes, whenAborted);
      try {
        // Not every `fetch` listens to the signal, nor does every body that one gives.
        return await new Promise((resolve, reject) => {
          whenAborted(() => reject(aborted(true)));
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

/** Node and Bun then accept every certificate without a word; Deno does not listen to it. */
function checksNothing(): boolean {
  if ("Deno" in globalThis) return false;
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }; // not everywhere
  return process?.env?.["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}

/** What `fetch` must be told to send a call once. */
function sendsOnce(): object {
  const { Deno } = globalThis as unknown as { Deno?: { createHttpClient(options: object): unknown } }; // its own types are Deno's
  return Deno === undefined ? {} : { client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) };
}

async function read(
  response: Response,
  maxBytes: number,
  whenAborted: TransportRequest["whenAborted"],
): Promise<TransportResponse> {
  // Browsers hide a redirect that they did not follow behind an opaque answer of status 0.
  const status = response.type === "opaqueredirect" ? 302 : response.status;
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => (headers[name.toLowerCase()] = value));
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const reader = response.body?.getReader();
  const giveUp = (): void => void reader?.cancel().catch(() => {}); // how that ends does not matter
  whenAborted(giveUp);
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      giveUp();
      throw tooBig(maxBytes);
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return { status, headers, text: text + decoder.decode() };
}

/** Does the error prove that there never was a connection to write to? */
function failedToConnect(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && beforeConnection.has(code)) return true;
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if ("syscall" in at && (at.syscall === "connect" || at.syscall === "getaddrinfo")) return true;
    // Deno gives no code, but names the phase.
    if ("message" in at && typeof at.message === "string" && at.message.includes("client error (Connect)"))
      return true;
    at = "cause" in at ? at.cause : undefined;
  }
  return false;
}
