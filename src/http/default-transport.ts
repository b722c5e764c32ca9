/**
 * Chooses the default transport.
 *
 * @module
 */
import { fetchTransport } from "./fetch-transport.ts";
import type { Transport } from "./transport.ts";
import { undiciRuns, undiciTransport } from "./undici-transport.ts";

/** `undiciTransport()`, or `fetchTransport()` where undici does not run, as in Bun. */
export function defaultTransport(): Transport {
  return undiciRuns() ? undiciTransport() : fetchTransport();
}
