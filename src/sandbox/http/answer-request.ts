/**
 * The entry point without a socket: a `fetch` that the sandbox answers. The path decides; the host is ignored, except for
 * control calls, which may come from a browser here too: see admission.ts.
 */

import { untilAborted } from "../../abort.ts";
import { refuseControl } from "./refuse-control.ts";
import { control } from "./control.ts";
import { controlBase } from "./control-routes.ts";
import type { Handler } from "../handler.ts";
import { bytesOf, type Incoming, longestBody, type Outgoing, tooLarge } from "../base/message.ts";
import type { Sandbox } from "../sandbox.ts";

/**
 * Answers `request` like `fetch`: a cut connection rejects with a TypeError, an aborted signal with its reason, and
 * redirects follow `request.redirect`. A call that is aborted while it waits is still carried out.
 */
export async function answerRequest(
  handler: Handler,
  sandbox: Sandbox,
  request: Request,
  redirectsLeft = 20,
): Promise<Response> {
  const { signal } = request;
  signal.throwIfAborted();
  const response = await untilAborted(signal, answerOnce(handler, sandbox, request));
  const location = response.headers.get("location");
  if (response.status < 300 || response.status > 399 || location === null) return response;
  if (request.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (request.redirect === "manual") return response;
  // A fault may cause a redirect loop; fetch gives up after 20 too.
  if (redirectsLeft === 0) throw new TypeError("fetch failed: redirect count exceeded");
  const next = new Request(new URL(location, request.url), { headers: request.headers, signal });
  return answerRequest(handler, sandbox, next, redirectsLeft - 1);
}

async function answerOnce(handler: Handler, sandbox: Sandbox, request: Request): Promise<Response> {
  const body = await request.text();
  if (body.length > longestBody) return toResponse(tooLarge());
  const { host, origin, pathname, search } = new URL(request.url);
  const incoming: Incoming = {
    method: request.method,
    path: pathname,
    query: search.slice(1),
    headers: Object.fromEntries(request.headers),
    body,
    origin,
  };
  if (pathname.startsWith(controlBase)) {
    return toResponse(refuseControl(incoming, host) ?? control(sandbox, incoming));
  }
  const delivery = await handler.handle(incoming);
  if (delivery.type === "dropped") throw new TypeError("fetch failed: the connection was closed");
  const { outgoing } = delivery;
  return toResponse(outgoing, delivery.type === "cut" ? cutBody(bytesOf(outgoing)) : undefined);
}

function toResponse(
  { status, headers, body, bytes }: Outgoing,
  stream?: ReadableStream<Uint8Array>,
): Response {
  const empty = status === 204 || status === 205 || status === 304;
  const sent = stream ?? (bytes === undefined ? body : new Uint8Array(bytes));
  return new Response(empty ? null : sent, { status, headers: { ...headers } });
}

function cutBody(body: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (sent) return controller.error(new TypeError("terminated: the connection was closed"));
      sent = true;
      const half = body.slice(0, Math.ceil(body.length / 2));
      controller.enqueue(half.length === 0 ? new TextEncoder().encode(" ") : half);
    },
  });
}
