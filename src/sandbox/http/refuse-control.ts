/**
 * Decides which control calls are carried out: those of programs, and of pages served by the sandbox itself, because the
 * sandbox's state includes the client secret.
 *
 * Both entry points apply these rules, because a `Request` passed to `fetch()` may come from a browser too:
 * `Deno.serve(sandbox.fetch)`. No response carries a CORS header, so a preflight always fails.
 *
 * The simulated 1upHealth has no such rules. It requires credentials or a token like the real one, holds test data only,
 * and may be called by other names: from a container (`host.docker.internal`), through a proxy, or as
 * `api.1up.health` in a hosts file.
 */

import { isForeign, isJson, isLoopbackHost } from "../../cross-site.ts";
import { header, type Incoming, json, type Outgoing } from "../base/message.ts";

/**
 * The response to a control call that must not be carried out; `undefined` if it may be. `host` is the host that the caller
 * addressed, from `Host` or the URL.
 */
export function refuseControl(incoming: Incoming, host: string | undefined): Outgoing | undefined {
  const named = header(incoming, "host") ?? host;
  if (!isLoopbackHost(host) || !isLoopbackHost(named)) {
    return refused(403, "its Host must be localhost, 127.0.0.1 or [::1], with or without a port");
  }
  const initiator = { origin: header(incoming, "origin"), site: header(incoming, "sec-fetch-site") };
  if (isForeign(initiator, incoming.origin)) return refused(403, "it comes from a page of another site");
  const hasBody = incoming.method === "POST" || incoming.method === "PUT";
  if (hasBody && !isJson(header(incoming, "content-type"))) {
    return refused(415, "it must be JSON, sent with content-type: application/json");
  }
  return undefined;
}

// Neither the host nor the origin is repeated: the response contains no input of the caller.
function refused(status: 403 | 415, rule: string): Outgoing {
  return json(status, { message: `Cannot carry out the control call: ${rule}` });
}
