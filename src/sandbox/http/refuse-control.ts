/**
 * Decides which control calls are carried out: those of programs, and of pages served by the sandbox itself. Any page in a
 * browser on this machine can reach a loopback port. With a form or a plain `fetch` it could change the sandbox's state;
 * with a host name of its own that resolves to 127.0.0.1 (DNS rebinding) it could read it, including the client secret.
 *
 * Both entry points apply these rules, because a `Request` passed to `fetch()` may come from a browser too:
 * `Deno.serve(sandbox.fetch)`. No response carries a CORS header, so a preflight always fails.
 *
 * The simulated 1upHealth has no such rules. It requires credentials or a token like the real one, holds test data only,
 * and may be called by other names: from a container (`host.docker.internal`), through a proxy, or as
 * `api.1up.health` in a hosts file.
 */

import { isIPv4 } from "node:net";
import { header, type Incoming, json, type Outgoing } from "../base/message.ts";

/**
 * The response to a control call that must not be carried out; `undefined` if it may be. `host` is the host that the caller
 * addressed, from `Host` or the URL. `X-Forwarded-Host` and similar headers are ignored: a page can send them.
 */
export function refuseControl(incoming: Incoming, host: string | undefined): Outgoing | undefined {
  const named = header(incoming, "host") ?? host;
  if (!isLoopback(host) || !isLoopback(named)) {
    return refused(403, "its Host must be localhost, 127.0.0.1 or [::1], with or without a port");
  }
  if (isForeign(incoming)) return refused(403, "it comes from a page of another site");
  if ((incoming.method === "POST" || incoming.method === "PUT") && !isJson(incoming)) {
    return refused(415, "it must be JSON, sent with content-type: application/json");
  }
  return undefined;
}

// Neither the host nor the origin is repeated: the response contains no input of the caller.
function refused(status: 403 | 415, rule: string): Outgoing {
  return json(status, { message: `Cannot carry out the control call: ${rule}` });
}

/** Whether `host` is this machine, in a form that needs no name server. A missing host is refused too. */
function isLoopback(host: string | undefined): boolean {
  const name = /^(.*?)(?::\d{0,5})?$/
    .exec(host ?? "")?.[1]
    ?.toLowerCase()
    .replace(/\.$/, "");
  if (name === undefined) return false;
  return name === "localhost" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}

/** Whether a browser calls on behalf of a page from another origin. A page on another port counts as one. */
function isForeign(incoming: Incoming): boolean {
  const origin = header(incoming, "origin"); // "null": a file, or a sandboxed frame
  if (origin !== undefined && origin.toLowerCase() !== incoming.origin.toLowerCase()) return true;
  const site = header(incoming, "sec-fetch-site"); // "none": the address was typed
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/** Whether the body is declared as JSON. A form, or a plain cross-site `fetch`, cannot do that without a preflight. */
function isJson(incoming: Incoming): boolean {
  return /^application\/json\s*(?:;|$)/i.test(header(incoming, "content-type") ?? "");
}
