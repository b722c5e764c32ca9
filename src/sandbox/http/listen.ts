/**
 * The entry points: with a socket, an HTTP server on loopback, which alone accepts a GET with a body; and without one, a
 * `fetch` that the sandbox answers. There the path decides and the host is ignored, except for control calls, which may come
 * from a browser here too.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { refuseControl, control, isClockStream, readClock } from "./control.ts";
import { controlBase } from "./control-routes.ts";
import type { Delivery, Handler } from "../handler.ts";
import { cutOf, header, type Incoming, json, longestBody, type Outgoing, tooLarge } from "../base/message.ts";
import type { Sandbox, SandboxServer, ListenOptions } from "../sandbox.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { untilAborted } from "../../abort.ts";
/** Keep-alive timeout of idle connections, in milliseconds: longer than that of clients. */
const keepAliveMs = 65_000;

/** What calls are handed to. */
export type CallHandler = Pick<Handler, "handle">;

/** Listens on 127.0.0.1. Rejects with Node's error if the port is in use. */
export function listen(
  handler: CallHandler,
  sandbox: Sandbox,
  { port = 0 }: ListenOptions,
): Promise<SandboxServer> {
  const closing = new AbortController();
  const inside: Inside = { handler, sandbox, signal: closing.signal };
  const server = createServer((request, response) => receive(inside, request, response));
  server.keepAliveTimeout = keepAliveMs;
  server.headersTimeout = keepAliveMs + 1000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      const url = `http://127.0.0.1:${bound}`;
      let closed: Promise<void> | undefined;
      const close = (): Promise<void> => (closed ??= stop(server, closing));
      resolve({ url, endpoints: { api: url, auth: url }, close });
    });
  });
}

function stop(server: Server, closing: AbortController): Promise<void> {
  closing.abort(); // waiting calls would keep the process alive, and change the state after closing
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** What a request is dispatched to. */
interface Inside {
  readonly handler: CallHandler;
  readonly sandbox: Sandbox;
  /** Aborts when the server closes. */
  readonly signal?: AbortSignal;
}

/** Carries out a control call, or hands any other to the handler. */
async function delivered(
  { handler, sandbox, signal }: Inside,
  incoming: Incoming,
  host: string | undefined,
): Promise<Delivery> {
  if (!incoming.path.startsWith(controlBase)) return handler.handle(incoming, signal);
  return { type: "answer", outgoing: refuseControl(incoming, host) ?? control(sandbox, incoming) };
}

function receive(inside: Inside, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("error", () => {}); // the client is gone; a request read in full is still carried out
  response.on("error", () => {});
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= longestBody) chunks.push(chunk);
  });
  request.on("end", () => {
    if (length > longestBody) return send(response, tooLarge());
    answer(inside, read(request, chunks), response).catch(() => {
      // A bug in the sandbox fails one call, not the server.
      if (response.headersSent) response.destroy();
      else send(response, json(500, { message: "Internal Server Error" }));
    });
  });
}

function read(request: IncomingMessage, chunks: readonly Buffer[]): Incoming {
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  return {
    method: request.method ?? "GET",
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark + 1),
    headers: request.headers,
    body: chunks.length === 0 ? "" : Buffer.concat(chunks).toString("utf8"),
    origin: `http://${request.headers.host ?? "127.0.0.1"}`,
  };
}

async function answer(inside: Inside, incoming: Incoming, response: ServerResponse): Promise<void> {
  const host = header(incoming, "host");
  if (isClockStream(incoming) && refuseControl(incoming, host) === undefined)
    return streamClock(inside.sandbox.clock, response);
  const delivery = await delivered(inside, incoming, host);
  if (delivery.type === "dropped") return void response.destroy();
  return delivery.type === "cut" ? sendHalf(response, delivery.outgoing) : send(response, delivery.outgoing);
}

function send(response: ServerResponse, outgoing: Outgoing): void {
  const { status, headers, body, bytes } = outgoing;
  // A 204 has no body and must have no length.
  const size = bytes?.length ?? Buffer.byteLength(body);
  const length = status === 204 || status === 304 ? {} : { "content-length": size };
  response.writeHead(status, { ...headers, ...length }).end(bytes ?? body);
}

function sendHalf(response: ServerResponse, outgoing: Outgoing): void {
  const { status, headers } = outgoing;
  const { length, half } = cutOf(outgoing);
  response.writeHead(status, { ...headers, "content-length": length });
  response.write(half, () => response.destroy());
}

function streamClock(clock: VirtualClock, response: ServerResponse): void {
  const write = (): void => void response.write(`${JSON.stringify(readClock(clock))}\n`);
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  write();
  response.on("close", clock.onChange(write));
}

/**
 * Answers `request` like `fetch`: a cut connection rejects with a TypeError, an aborted signal with its reason, and
 * redirects follow `request.redirect`. A call that is aborted while it waits is still carried out.
 */
export async function answerRequest(
  handler: CallHandler,
  sandbox: Sandbox,
  request: Request,
  redirectsLeft = 20,
): Promise<Response> {
  const { signal } = request;
  signal.throwIfAborted();
  const again = request.clone(); // its body can be read once
  const response = await untilAborted(signal, answerOnce(handler, sandbox, request));
  const location = response.headers.get("location");
  if (!redirects.includes(response.status) || location === null) return response;
  if (request.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (request.redirect === "manual") return response;
  // A fault may cause a redirect loop; fetch gives up after 20 too.
  if (redirectsLeft === 0) throw new TypeError("fetch failed: redirect count exceeded");
  const to = new URL(location, request.url);
  const headers = headersTo(to, request);
  const next = new Request(to, { headers, signal, ...(await redirected(response.status, again)) });
  return answerRequest(handler, sandbox, next, redirectsLeft - 1);
}

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** Headers that a redirect to another origin drops (Fetch standard, HTTP-redirect fetch; Node drops the last two as well). */
const ownOriginOnly = ["authorization", "cookie", "proxy-authorization"];

function headersTo(to: URL, { url, headers }: Request): Headers {
  const sent = new Headers(headers);
  if (to.origin !== new URL(url).origin) for (const name of ownOriginOnly) sent.delete(name);
  return sent;
}

/** What a redirect makes of a request: a GET, or the same with its body (Fetch standard, HTTP-redirect fetch). */
async function redirected(status: number, request: Request): Promise<RequestInit> {
  const { method } = request;
  if (method === "GET" || method === "HEAD") return { method };
  if (status === 303 || (method === "POST" && status < 303)) return {};
  return { method, body: await request.arrayBuffer() };
}

async function answerOnce(handler: CallHandler, sandbox: Sandbox, request: Request): Promise<Response> {
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
  const delivery = await delivered({ handler, sandbox }, incoming, host);
  if (delivery.type === "dropped") throw new TypeError("fetch failed: the connection was closed");
  const { outgoing } = delivery;
  return toResponse(outgoing, delivery.type === "cut" ? cutBody(cutOf(outgoing).half) : undefined);
}

function toResponse(
  { status, headers, body, bytes }: Outgoing,
  stream?: ReadableStream<Uint8Array>,
): Response {
  const empty = status === 204 || status === 205 || status === 304;
  const sent = stream ?? (bytes === undefined ? body : new Uint8Array(bytes));
  return new Response(empty ? null : sent, { status, headers: { ...headers } });
}

function cutBody(half: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false;
  return new ReadableStream({
    pull(controller) {
      if (sent) return controller.error(new TypeError("terminated: the connection was closed"));
      sent = true;
      controller.enqueue(new Uint8Array(half));
    },
  });
}
