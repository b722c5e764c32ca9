/**
 * Connects a lifecycle with the sandbox in the same process: no sockets, and only virtual time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { onAbort } from "../abort.ts";
import { isDecoded, textOf } from "../http/charset.ts";
import {
  aborted,
  heldBack,
  networkError,
  tooBig,
  type Transport,
  type TransportError,
  type TransportRequest,
  type TransportResponse,
  type TransportStream,
} from "../http/transport.ts";
import type { Delivery, Handler } from "../sandbox/handler.ts";
import { bytesOf, cutOf, type Incoming } from "../sandbox/base/message.ts";
import { never, type TestProcess } from "./test-process.ts";

/** A transport from one process to `handler`. */
export function sandboxTransport(handler: Handler, life: TestProcess): Transport {
  /** Has the request carried out, and resolves with what `arrived` makes of its answer. */
  function exchange<T>(request: TransportRequest, arrived: (answer: Arrival) => T): Promise<T> {
    const incoming = incomingOf(request);
    return life.reach(
      () => ["call", handler.callNamed(incoming)],
      async () => {
        if (!request.onSending()) throw heldBack();
        const givenUp = new Promise<never>((_, reject) =>
          onAbort(request.signal, () => reject(aborted(true))),
        );
        const delivery = await Promise.race([givenUp, handler.handle(incoming)]);
        if (delivery.type === "dropped") throw connectionCut();
        return arrived(delivery);
      },
    );
  }
  return {
    sendsGetBody: true,
    send: (request) => exchange(request, (answer) => read(answer, request.maxBytes)),
    stream: (request) => exchange(request, (answer) => opened(answer, life)),
  };
}

/** An answer whose start at least arrives. */
type Arrival = Exclude<Delivery, { readonly type: "dropped" }>;

function connectionCut(): TransportError {
  return networkError({ code: "ECONNRESET" }, true);
}

/** The whole answer, decoded as it is over HTTP. @throws {TransportError} */
function read({ type, outgoing }: Arrival, maxBytes: number): TransportResponse {
  if (type === "cut") throw connectionCut();
  const { status } = outgoing;
  const headers = lowered(outgoing.headers);
  const body = Buffer.from(status === 204 ? "" : bytesOf(outgoing));
  if (body.length > maxBytes) throw tooBig(maxBytes);
  const contentType = headers["content-type"];
  const text = textOf(contentType, body, () => body.toString());
  return { status, headers, text, isDecoded: isDecoded(text, contentType, body) };
}

/** The longest piece of a body: about what a socket brings at once. */
const longestPiece = 65_536;

/** The answer, to be read piece by piece. */
function opened({ type, outgoing }: Arrival, life: TestProcess): TransportStream {
  const { status } = outgoing;
  const isCut = type === "cut";
  const whole = status === 204 ? new Uint8Array() : bytesOf(outgoing);
  const { length, half: sent } = isCut ? cutOf(outgoing) : { length: whole.length, half: whole };
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < sent.length; at += longestPiece) {
      if (life.isOver) await never();
      yield sent.subarray(at, at + longestPiece);
    }
    if (life.isOver) await never();
    if (isCut) throw connectionCut();
  }
  const headers = { ...lowered(outgoing.headers), "content-length": String(length) };
  return { status, headers, body: pieces() };
}

function incomingOf({ method, url, headers, body = "" }: TransportRequest): Incoming {
  const { pathname, search, origin } = new URL(url);
  return { method, path: pathname, query: search.slice(1), headers: lowered(headers), body, origin };
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
