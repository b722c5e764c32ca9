/**
 * Walks over all observations of a user and writes down what it saw, a line each, and where to go on. It starts where the
 * last one stopped, and says at the end how much memory it took.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createLifecycle } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { at } from "../support/places.ts";
import type { Place } from "../support/places.ts";

/** What the parent says. */
export interface Walker {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly user: string;
  /** Where `seen` and `cursor` are written. */
  readonly folder: string;
}

const { place, url, credentials, user, folder } = argument<Walker>();
const [seen, saved] = [join(folder, "seen"), join(folder, "cursor")];
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  clock: await connectSandboxClock(url),
  ...at(place),
});
const fhir = lifecycle.fhir(user, "r4");
await fhir.search("Observation", { _count: 100 }); // so that what is needed once is there
const start = process.memoryUsage().rss;
let most = start;

const cursor = existsSync(saved) ? readFileSync(saved, "utf8") : undefined;
const walk = fhir.searchAll("Observation", {}, { cursor });
let last = cursor;
for await (const { id } of walk) {
  if (walk.cursor !== last) {
    last = walk.cursor;
    writeFileSync(saved, last ?? "");
    most = Math.max(most, process.memoryUsage().rss);
  }
  appendFileSync(seen, `${id}\n`);
}
await lifecycle.close();
process.stdout.write(`grown by ${Math.round((most - start) / 1e6)} MB\n`);
process.exit(0); // the clock's line to the sandbox stays open
