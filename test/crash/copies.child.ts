/** Onboards one user after the other, and gives those who are there a new grant, until it is killed. */
import { createLifecycle } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

export interface Writer {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly place: Place;
  readonly times: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
  readonly limits: { readonly management: { readonly calls: number; readonly windowMs: number } };
  /** How many users there are when it says "ready". */
  readonly users: number;
}

const { url, credentials, place, times, limits, users } = argument<Writer>();
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  limits,
  ...at(place),
  ...times,
});
let next = 0;
async function loop(): Promise<never> {
  for (;;) {
    const index = next++;
    await lifecycle.onboard(`user ${index}`);
    if (index >= users) await lifecycle.reauthorize(`user ${index - users}`);
    else if (index === users - 1) console.log("ready");
  }
}
await Promise.all(Array.from({ length: 64 }, loop));
