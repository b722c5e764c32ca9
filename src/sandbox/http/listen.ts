/** The entry point with a socket: an HTTP server on loopback. Only this one accepts a GET with a body. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { refuseControl } from "./refuse-control.ts";
import { control, isClockStream, readClock } from "./control.ts";
import { controlBase } from "./control-routes.ts";
import type { Handler } from "../handler.ts";
import {
  bytesOf,
  header,
  type Incoming,
  json,
  longestBody,
  type Outgoing,
  tooLarge,
} from "../base/message.ts";
import type { Sandbox } from "../sandbox.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { SandboxServer, ListenOptions } from "../sandbox-server.ts";
/** Keep-alive timeout of idle connections, in milliseconds: longer than that of clients. */
const keepAliveMs = 65_000;

/** Listens on 127.0.0.1. Rejects with Node's error if the port is in use. */
export function listen(
  handler: Handler,
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

/** What the server dispatches to. */
interface Inside {
  readonly handler: Handler;
  readonly sandbox: Sandbox;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
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

async function answer(
  { handler, sandbox, signal }: Inside,
  incoming: Incoming,
  response: ServerResponse,
): Promise<void> {
  if (incoming.path.startsWith(controlBase)) {
    const refusal = refuseControl(incoming, header(incoming, "host"));
    if (refusal !== undefined) return send(response, refusal);
    if (isClockStream(incoming)) return streamClock(sandbox.clock, response);
    return send(response, control(sandbox, incoming));
  }
  const delivery = await handler.handle(incoming, signal);
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
  const whole = bytesOf(outgoing);
  const bytes = whole.length === 0 ? Buffer.from("  ") : whole;
  response.writeHead(status, { ...headers, "content-length": bytes.length });
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => response.destroy());
}

function streamClock(clock: VirtualClock, response: ServerResponse): void {
  const write = (): void => void response.write(`${JSON.stringify(readClock(clock))}\n`);
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  write();
  response.on("close", clock.onChange(write));
}
