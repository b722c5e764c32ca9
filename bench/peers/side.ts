/**
 * What a peer is asked for: the same of each.
 *
 * @module
 */

/** Whom it calls. */
export interface Provider {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly connections: number;
}

/** What it is opened with. */
export interface Told {
  readonly provider: Provider;
  /** URL of the server in which it keeps its state. */
  readonly server: string;
  /** Users under way at a time. */
  readonly atATime: number;
  /** A dead process is noticed after so long, if the peer can be told, ms. */
  readonly leaseMs: number;
  /** Whose onboarding may have been begun by a process before this one. */
  readonly users: readonly string[];
}

/** A peer at work. */
export interface Side {
  /** Takes a user to a stored token, wherever it was interrupted; false: it was given up. */
  onboard(appUserId: string): Promise<boolean>;
  /** The stored token. */
  token(appUserId: string): Promise<string | null>;
  close(): Promise<void>;
}

/** A module of a peer. */
export interface Peer {
  open(told: Told): Promise<Side>;
}
