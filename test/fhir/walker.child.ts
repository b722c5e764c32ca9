/**
 * Walks over all observations of a user and writes down what it saw, a line each, and where to go on. It starts where the
 * last one stopped, and says at the end how much memory it took.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLifecycle } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

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
// What is held, and not what is garbage not yet collected, which depends on how busy the machine is.
setFlagsFromString("--expose-gc");
const sweep: unknown = runInNewContext("globalThis.gc"); // where the engine has it
function held(): number {
  if (typeof sweep === "function") sweep();
  return process.memoryUsage().rss;
}
const start = held();
let most = start;
let pages = 0;

const cursor = existsSync(saved) ? readFileSync(saved, "utf8") : undefined;
const walk = fhir.searchAll("Observation", {}, { cursor });
let last = cursor;
for await (const { id } of walk) {
  if (walk.cursor !== last) {
    last = walk.cursor;
    writeFileSync(`${saved}.new`, last ?? "");
    renameSync(`${saved}.new`, saved); // whole or not at all
    if (++pages % 10 === 0) most = Math.max(most, held());
  }
  appendFileSync(seen, `${id}\n`);
}
await lifecycle.close();
process.stdout.write(`grown by ${Math.round((most - start) / 1e6)} MB\n`);
process.exit(0); // the clock's line to the sandbox stays open
