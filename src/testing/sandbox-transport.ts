/**
 * Connects a lifecycle with the sandbox in the same process: no sockets, no streams, and only virtual time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { onAbort } from "../abort.ts";
import {
  aborted,
  heldBack,
  networkError,
  tooBig,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from "../http/transport.ts";
import type { Delivery, Handler } from "../sandbox/handler.ts";
import type { Incoming } from "../sandbox/base/message.ts";
import type { TestProcess } from "./test-process.ts";

/** A transport from one process to `handler`. */
export function sandboxTransport(handler: Handler, life: TestProcess): Transport {
  return {
    sendsGetBody: true,
    send(request) {
      const incoming = incomingOf(request);
      return life.reach(
        () => ["call", handler.callNamed(incoming)],
        async () => {
          const { maxBytes, signal } = request;
          if (!request.onSending()) throw heldBack();
          const givenUp = new Promise<never>((_, reject) => onAbort(signal, () => reject(aborted(true))));
          const response = answerOf(await Promise.race([givenUp, handler.handle(incoming)]));
          if (response === null) throw networkError({ code: "ECONNRESET" }, true);
          if (Buffer.byteLength(response.text) > maxBytes) throw tooBig(maxBytes);
          return response;
        },
      );
    },
  };
}

function incomingOf({ method, url, headers, body = "" }: TransportRequest): Incoming {
  const { pathname, search, origin } = new URL(url);
  return { method, path: pathname, query: search.slice(1), headers: lowered(headers), body, origin };
}

/** The response, if it arrived in full. */
function answerOf(delivery: Delivery): TransportResponse | null {
  if (delivery.type !== "answer") return null;
  const { status, headers, body } = delivery.outgoing;
  return { status, headers: lowered(headers), text: status === 204 ? "" : body };
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
