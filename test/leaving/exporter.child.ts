/** A process that exports all users into a folder, and tells how far it is and how much memory it took. */
import process from "node:process";
import { createLifecycle } from "oneup-lifecycle";
import { argument } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";

/** What the process is told. */
export interface Told {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly folder: string;
}

const { place, url, credentials, folder } = argument<Told>();
const lifecycle = await createLifecycle({ credentials, endpoints: { api: url, auth: url }, ...at(place) });
const { exported, present, waiting, failed } = await lifecycle.exportMany("all", {
  name: "spring",
  write: folder,
  versions: ["r4"],
  types: ["Binary", "Observation", "Patient"],
  everyMs: 10,
  onProgress: ({ exported }) => console.log(`exported ${exported}`),
});
await lifecycle.close();
console.log(`done ${exported + present} ${waiting + failed}`);
process.exit(0);
