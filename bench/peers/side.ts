/**
 * The interface of a peer.
 *
 * @module
 */

import type { Effort } from "../settings.ts";

/** The provider to call. */
export interface Provider {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly connections: number;
}

/** A peer's input. */
export interface Told {
  readonly provider: Provider;
  /** URL of the server for its state. */
  readonly server: string;
  /** Concurrent users. */
  readonly atATime: number;
  /** How soon a dead process is detected, if the peer can be configured, in ms. */
  readonly leaseMs: number;
  /** Users whose onboarding an earlier process may have started. */
  readonly users: readonly string[];
}

/** An open peer. */
export interface Side {
  /** Onboards a user to a stored token, resuming if it was interrupted; false: given up. */
  onboard(appUserId: string): Promise<boolean>;
  /** The stored token. */
  token(appUserId: string): Promise<string | null>;
  close(): Promise<void>;
}

/** A peer's module. */
export interface Peer {
  open(told: Told): Promise<Side>;
}

/** A round. */
export interface Task extends Pick<Effort, "rampMs" | "roundMs"> {
  /** Concurrent users. */
  readonly loops: number;
}
