/**
 * Sends a request with a dispatcher of undici, and reads the answer piece by piece.
 *
 * @module
 */
import type { Dispatcher } from "undici";
import { splitUrl } from "../safety.ts";
import {
  aborted,
  heldBack,
  networkError,
  type TransportRequest,
  type TransportStream,
  uncoded,
} from "../transport.ts";

/** @throws {TransportError} */
export async function streamed(
  { method, url, headers, signal, onSending }: TransportRequest,
  dispatcher: Pick<Dispatcher, "dispatch">,
): Promise<TransportStream> {
  const { Agent } = await import("undici");
  const { origin, path } = splitUrl(url);
  const call = { origin, path, method, headers: uncoded(headers), signal, headersTimeout: 0, bodyTimeout: 0 };
  if (!onSending()) throw heldBack();
  try {
    // `request()` needs no other method of its dispatcher than `dispatch()`.
    const answer = await Agent.prototype.request.call(dispatcher as Dispatcher, call);
    return { status: answer.statusCode, headers: flatten(answer.headers), body: answer.body };
  } catch (error) {
    throw signal.aborted ? aborted(true) : networkError(error, true);
  }
}

/** Headers that came several times, each as one text. */
export function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const entries = Object.entries(headers);
  return Object.fromEntries(entries.map(([name, value]) => [name, [value ?? ""].flat().join(", ")]));
}
