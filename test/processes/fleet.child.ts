/** One process of a fleet: onboards its share of users and works for all until it is stopped. */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, isLifecycleError, type LifecycleOptions } from "oneup-lifecycle";
import { argument, each } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the parent says. */
export interface Member {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly limit: { readonly calls: number; readonly windowMs: number };
  readonly users: readonly string[];
}

const { place, url, credentials, limit, users } = argument<Member>();
const options: LifecycleOptions = {
  credentials,
  endpoints: { api: url, auth: url },
  limits: { management: limit },
  timeoutMs: 1_500,
  graceMs: 6_000, // on a busy machine a call of the killed process may be read seconds later
  leaseMs: 8_000,
  ...at(place),
};
const lifecycle = await createLifecycle(options);
const stop = new AbortController();
const { signal } = stop;
process.once("SIGTERM", () => stop.abort());

/** The codes of errors that a caller met, and how long each took at most. */
const met: Record<string, number> = {};

/** What an application does: it asks again when it is told that this makes sense. */
async function bringIn(user: string): Promise<void> {
  while (!signal.aborted) {
    const began = performance.now();
    try {
      if ((await lifecycle.onboard(user, { waitMs: 120_000, signal })).usable) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isLifecycleError(error) || !error.retryable) throw error;
      met[error.code] = Math.max(met[error.code] ?? 0, Math.round(performance.now() - began));
      await pause(200);
    }
  }
}

const working = lifecycle.work({ signal, concurrency: 16 });
console.log("at work");
await each(users, 60, bringIn);
console.log("brought in");
await working;
await lifecycle.close();
console.log(`met ${JSON.stringify(met)}`);
