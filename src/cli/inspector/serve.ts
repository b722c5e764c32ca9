/**
 * Serves a `fetch` handler on loopback.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";

/** A handler of requests. */
export type Handle = (request: Request) => Promise<Response>;

/** A server that listens. */
export interface Serving {
  /** Without a slash at its end. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; port 0 is any free one. Rejects with Node's error if the port is in use. */
export async function serve(handle: Handle, port: number): Promise<Serving> {
  const server = createServer((request, response) => void answer(handle, request, response));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address() as AddressInfo; // it listens on a port
  const close = (): Promise<void> =>
    new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  return { origin: `http://127.0.0.1:${bound.port}`, close };
}

async function answer(handle: Handle, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const leaving = new AbortController();
  outgoing.on("close", () => leaving.abort());
  outgoing.on("error", () => {}); // the client is gone
  try {
    const request = requestOf(incoming, leaving.signal);
    if (request === null) return void outgoing.writeHead(400).end();
    await send(await handle(request), outgoing);
  } catch {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(500).end(); // a fault here ends one request, not the server
  }
}

/** The request; `null` if its target or its host is not a plain one, which URL parsers would understand differently. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | null {
  const { method = "GET", url: target = "/", headers } = incoming;
  const { host = "" } = headers;
  const [path = ""] = target.split("?");
  const isPlain = /^\/(?!\/)/.test(path) && !/\\|\/\.{1,2}(?:\/|$)|%2e|%2f|%5c|#/i.test(path);
  if (!isPlain || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}${target}`)) return null;
  if (!/^(?:DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT)$/.test(method)) return null;
  const pairs = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [value].flat().map((one) => [name, one]),
  );
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(`http://${host}${target}`, {
    method,
    headers: pairs,
    signal,
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: "half" }), // one stream, two names
  });
}

async function send({ status, headers, body }: Response, outgoing: ServerResponse): Promise<void> {
  for (const [name, value] of headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  outgoing.writeHead(status);
  outgoing.flushHeaders();
  if (body === null) return void outgoing.end();
  await pipeline(Readable.fromWeb(body as NodeStream<Uint8Array>), outgoing).catch(() => {}); // the client has left
}
