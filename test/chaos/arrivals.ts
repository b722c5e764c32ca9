/**
 * When requests left their process and when they reached 1upHealth. The promise about the limit is made for requests
 * that arrive in time, and on a busy machine some do not: what carries them here, and what they reach, is the process of
 * the test, which may stand still for seconds while requests wait in its sockets.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { Sandbox } from "oneup-lifecycle/sandbox";

/** The header that tells when a request was sent. */
export const sentHeader = "x-sent-at";

/** A time that all processes of this machine share, in milliseconds. */
export function machinesTime(): number {
  return performance.timeOrigin + performance.now();
}

/** A management call that reached 1upHealth. */
export interface Arrival {
  /** When it was read, on the sandbox's clock. */
  readonly at: number;
  /** How long it was under way, in milliseconds. */
  readonly tookMs: number;
}

/** Writes down the management calls that reach `sandbox` at `url`, until it is closed. */
export function watchArrivals(
  { clock }: Sandbox,
  url: string,
): { readonly arrivals: readonly Arrival[]; close(): void } {
  const arrivals: Arrival[] = [];
  const port = Number(new URL(url).port);
  const note = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage }; // as Node documents this channel
    const sentAt = Number(request.headers[sentHeader]);
    if (request.socket.localPort !== port || request.url?.startsWith("/user-management/") !== true) return;
    if (Number.isFinite(sentAt)) arrivals.push({ at: clock.now(), tookMs: machinesTime() - sentAt });
  };
  subscribe("http.server.request.start", note);
  return { arrivals, close: () => void unsubscribe("http.server.request.start", note) };
}

/** The most of these moments that lie within a window. */
export function mostWithin(moments: readonly number[], windowMs: number): number {
  const sorted = [...moments].sort((one, other) => one - other);
  let first = 0;
  return sorted.reduce((most, at, last) => {
    while ((sorted[first] ?? at) <= at - windowMs) first++;
    return Math.max(most, last - first + 1);
  }, 0);
}
