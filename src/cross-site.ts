/**
 * Rules for HTTP handlers on loopback. Any page in a browser on this machine can reach a loopback port. With a form or a
 * plain `fetch` it could change something there; with a host name of its own that resolves to 127.0.0.1 (DNS rebinding)
 * it could read the responses. `X-Forwarded-Host` and similar headers count for nothing here: a page can send them.
 *
 * @module
 */
import { isIPv4 } from "node:net";

/** Whether `host` is this machine, in a form that needs no name server. A missing host is not. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = /^(.*?)(?::\d{0,5})?$/
    .exec(host ?? "")?.[1]
    ?.toLowerCase()
    .replace(/\.$/, "");
  if (name === undefined) return false;
  return name === "localhost" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}

/** The headers of a request by which a browser tells which page makes it. */
export interface Initiator {
  /** `Origin`. `null` as a text: a file, or a sandboxed frame. */
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`. `none`: the address was typed. */
  readonly site: string | undefined;
}

/** Whether a browser calls on behalf of a page from another origin than `own`. A page on another port counts as one. */
export function isForeign({ origin, site }: Initiator, own: string): boolean {
  if (origin !== undefined && origin.toLowerCase() !== own.toLowerCase()) return true;
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/** Whether a body is declared as JSON. A form, or a plain cross-site `fetch`, cannot do that without a preflight. */
export function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(?:;|$)/i.test(contentType ?? "");
}
