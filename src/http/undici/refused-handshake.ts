/**
 * Servers that refuse the certificate of this process, or miss one. In TLS 1.3 they tell it after this side has finished its
 * part of the handshake, so that a request may have been written; but they have not finished theirs, and read nothing of it.
 *
 * @module
 */
import type { buildConnector } from "undici";
import { tlsFaultOf } from "../../tls-fault.ts";
import { codeOf } from "../transport.ts";

const refusals = new WeakSet<object>();

/** Whether this error ended a connection whose handshake the server had not completed. */
export function isRefusedHandshake(error: object): boolean {
  return refusals.has(error);
}

/** The same connector. Of a refusal undici learns: it would see the end of the connection, and report that alone. */
export function noticingRefusals(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connect(options, (...opened) => {
      const [, socket] = opened;
      socket?.once("error", (error: Error) => {
        const isRefusal = tlsFaultOf(codeOf(error) ?? "") === "clientCertificate";
        if (!isRefusal || socket.bytesRead > 0) return; // bytes of an answer: the handshake was complete
        refusals.add(error);
        socket.destroy(error);
      });
      callback(...opened);
    });
}
