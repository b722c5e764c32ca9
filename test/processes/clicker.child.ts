/** Ensures Patients, all at once, and prints the id of each. */
import { createLifecycle, isLifecycleError } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the parent says. */
export interface Clicker {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly times: { readonly timeoutMs: number; readonly graceMs: number };
  readonly clicks: readonly { readonly user: string; readonly value: string }[];
}

const { place, url, credentials, times, clicks } = argument<Clicker>();
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  ...times,
  ...at(place),
});

/** What an application does: it asks again when it is told that this makes sense. */
async function click(user: string, value: string): Promise<string> {
  const resource = { resourceType: "Patient" as const, identifier: [{ system: "urn:clicks", value }] };
  for (;;) {
    try {
      const by = { identifier: `urn:clicks|${value}` };
      const { id = "" } = await lifecycle.fhir(user, "r4").ensure(resource, { by });
      return id;
    } catch (error) {
      if (!isLifecycleError(error) || !error.retryable) throw error;
    }
  }
}

console.log("here");
const ids = await Promise.all(
  clicks.map(async ({ user, value }) => [value, await click(user, value)] as const),
);
console.log(`ids ${JSON.stringify(Object.fromEntries(ids))}`);
await lifecycle.close();
