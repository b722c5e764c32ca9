/**
 * A transport whose requests other instrumentations do not report.
 *
 * @module
 */
import { holdTransport, type Transport, type TransportRequest } from "../../http/transport.ts";
import type { Recorder } from "../../telemetry.ts";

/** The same transport; without telemetry, itself. */
export function unseenTransport(transport: Transport, recorder: Recorder | null): Transport {
  if (recorder === null) return transport;
  const { sendsGetBody } = transport;
  const stream = transport.stream?.bind(transport);
  const letGo = holdTransport(transport); // others may use it without this wrapper
  return {
    ...(sendsGetBody !== undefined && { sendsGetBody }),
    ...(transport.turn !== undefined && { turn: () => transport.turn?.() ?? Promise.resolve() }),
    ...(stream !== undefined && {
      stream: (request: TransportRequest) => recorder.unseen(() => stream(request)),
    }),
    send: (request) => recorder.unseen(() => transport.send(request)),
    ...(transport.renew !== undefined && { renew: () => transport.renew?.() }),
    close: () => recorder.unseen(letGo),
  };
}
