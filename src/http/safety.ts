/**
 * Checks every call before it is sent, whatever code described it.
 *
 * @module
 */
import { invalidOption } from "../errors.ts";
import type { Call } from "./call.ts";

/** The origin that was split off last: most calls go to the same one, and a new string would be hashed again and again. */
let latestOrigin = "";

/** Splits an absolute URL at the start of its path, without parsing it. The path is `""` if there is none. */
export function splitUrl(url: string): { readonly origin: string; readonly path: string } {
  const { length } = latestOrigin;
  if (length > 0 && url[length] === "/" && url.startsWith(latestOrigin))
    return { origin: latestOrigin, path: url.slice(length) };
  const authority = url.indexOf("://") + 3;
  const slash = authority < 3 ? -1 : url.indexOf("/", authority);
  if (slash < 0) return { origin: url, path: "" };
  latestOrigin = url.slice(0, slash);
  return { origin: latestOrigin, path: url.slice(slash) };
}

/** Whether this host (as in `URL.hostname`) is a loopback address. Only there may a call go without TLS. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The reason why nothing may be sent to this origin; `undefined` if it is allowed. It reveals at most the host. */
function objection(origin: string): string | undefined {
  if (origin.includes("@")) return "its URL must carry no credentials, got some";
  // A query, a fragment, or a character on which URL parsers disagree, before the path.
  if (/[?#\\\s]/.test(origin)) return "its URL must have a path after its host, got something else";
  if (!URL.canParse(origin)) return "its URL must be absolute, got one that does not parse";
  const { protocol, hostname } = new URL(origin);
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname))) return undefined;
  return `its URL must be https (http on loopback only), got ${protocol}//${hostname}`;
}

/** The characters that HTTP allows in a header value: no CR, LF or NUL, and nothing beyond Latin-1. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Bounds the cache. An application calls only a few origins. */
const mostOrigins = 64;

/**
 * Creates a check that remembers the origins it has approved.
 *
 * @returns a function that throws `INVALID_OPTION` for a call that must not be sent: not https (except on loopback),
 *   credentials in the URL, or an invalid header value
 */
export function callCheck(): (call: Call) => void {
  const approved = new Set<string>();
  /** Frozen headers whose values are valid: the calls with one token share theirs. */
  let valid: Call["headers"] | undefined;
  return (call) => {
    const { origin, path } = splitUrl(call.url);
    if (path === "" || !approved.has(origin)) {
      const reason =
        objection(origin) ?? (path === "" ? "its URL must have a path after its host, got none" : undefined);
      if (reason !== undefined) throw invalidOption(`Cannot send ${call.name}: ${reason}`);
      if (approved.size < mostOrigins) approved.add(origin);
    }
    if (call.headers === valid) return;
    for (const name in call.headers)
      if (!headerValue.test(call.headers[name] ?? ""))
        throw invalidOption(
          `Cannot send ${call.name}: the value of header "${name}" must be one line of Latin-1, got another character`,
        );
    if (Object.isFrozen(call.headers)) valid = call.headers;
  };
}
