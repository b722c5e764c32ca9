/** A process that offboards all users with receipts, and tells how far it is. */
import process from "node:process";
import { createLifecycle } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the process is told. */
export interface Told {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly receipts: string;
  readonly count: number;
}

const { place, url, credentials, receipts, count } = argument<Told>();
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  clock: await connectSandboxClock(url),
  ...at(place),
});
const summary = await lifecycle.offboardMany("all", {
  name: "leave",
  count,
  receipts,
  everyMs: 10,
  onProgress: ({ phase, receipts: kept }) => console.log(`${phase} ${kept}`),
});
await lifecycle.close();
console.log(`closed ${summary.closed} ${summary.receipts} ${summary.publicKey}`);
process.exit(0);
