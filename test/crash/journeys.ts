/** What the crash sweep and its children agree on. */
import type { Instant } from "../support/dying.ts";

/**
 * - `onboard`: a new user
 * - `refresh`: the access token expired
 * - `recover`: the access token expired and the refresh token was revoked
 * - `reauthorize`: asked for, with a grant in hand
 */
export type Journey = "onboard" | "refresh" | "recover" | "reauthorize";

export interface JourneyArgument {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly path: string;
  readonly id: string;
  readonly journey: Journey;
  readonly instant: Instant | null;
  readonly times: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
}

/** Management calls that a journey costs when nothing dies. */
export const costs: Readonly<Record<Journey, number>> = {
  onboard: 1,
  refresh: 0,
  recover: 1,
  reauthorize: 1,
};
