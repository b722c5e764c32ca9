/**
 * The process of one side of `compare.ts`: runs a round whenever it is asked. One argument, JSON: what it is told.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Patient } from "fhir/r4.js";
import type { UserFhirClient } from "oneup-lifecycle";
import { serveTasks } from "./apart.ts";
import { pagesOfWalk, workOnPageMs, type Task, type Told, type Work } from "./compare.ts";
import { encryption, storeIn } from "./places.ts";
import { round } from "./rounds.ts";
import { bareSide, durableSide, type BareFhir } from "./sides.ts";

type Works = Readonly<Record<Work, () => Promise<unknown>>>;

const patient: Patient = {
  resourceType: "Patient",
  identifier: [{ system: "http://example.org/mrn", value: "4711" }],
  name: [{ use: "official", text: "Bilbo Baggins", family: "Baggins", given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
};
const first = `first-${process.pid}@example.org`; // the store may hold users of earlier processes
const [type, id] = ["Patient", "0a0cee5487a8"] as const;

const told = JSON.parse(process.argv[2] ?? "") as Told; // by compare.ts
const { works, close } = told.side === "bare" ? await bareWorks(told) : await durableWorks(told);
serveTasks((task) => {
  const { work, loops, ...effort } = task as Task; // by compare.ts
  return round(works[work], loops, effort);
}, close);

async function durableWorks({ url, place }: Told): Promise<{ works: Works; close: () => Promise<void> }> {
  const side = await durableSide(url, place === null ? {} : { store: storeIn(place), encryption });
  await side.onboard(first);
  const fhir = side.lifecycle.fhir(first, "r4");
  let users = 0;
  const works: Works = {
    onboard: () => side.onboard(`user-${process.pid}-${++users}@example.org`),
    async createAndRead() {
      const created = await fhir.create<"Patient">(patient);
      await fhir.read(type, created.id ?? "");
    },
    read: () => fhir.read(type, id),
    readInTime: () => fhir.read(type, id), // each of its calls has a time limit
    walk: async () => complete(await oneByOne(fhir, "Observation")),
    walkPages: async () => complete(await pageByPage(fhir)),
    pageAtWork: workingOn(() => fhir.searchPages("Observation")),
    walkDigits: async () => complete(await oneByOne(fhir, "Media")),
  };
  return { works, close: () => side.close() };
}

/** Resources with an id, by a walk over them. */
async function oneByOne(fhir: UserFhirClient<"r4">, walked: "Observation" | "Media"): Promise<number> {
  let seen = 0;
  for await (const resource of fhir.searchAll(walked)) if (resource.id !== undefined) seen++;
  return seen;
}

/** The same page by page, as the bare side goes. */
async function pageByPage(fhir: UserFhirClient<"r4">): Promise<number> {
  let seen = 0;
  for await (const { resources } of fhir.searchPages("Observation"))
    for (const resource of resources) if (resource.id !== undefined) seen++;
  return seen;
}

async function bareWorks({ url }: Told): Promise<{ works: Works; close: () => Promise<void> }> {
  const side = bareSide(url);
  const fhir = side.fhir(await side.onboard(first));
  let users = 0;
  const works: Works = {
    onboard: () => side.onboard(`user-${process.pid}-${++users}@example.org`),
    async createAndRead() {
      const created = await fhir.post(`/r4/${type}`, patient);
      await fhir.get(`/r4/${type}/${created.id}`);
    },
    read: () => fhir.get(`/r4/${type}/${id}`),
    readInTime: () => fhir.get(`/r4/${type}/${id}`, AbortSignal.timeout(30_000)),
    walk: async () => complete(await byHand(fhir, "Observation")),
    walkPages: async () => complete(await byHand(fhir, "Observation")),
    pageAtWork: workingOn(() => pagesByHand(fhir, "Observation")),
    walkDigits: async () => complete(await byHand(fhir, "Media")),
  };
  return { works, close: () => side.close() };
}

async function byHand(fhir: BareFhir, walked: string): Promise<number> {
  let seen = 0;
  for (let next: string | undefined = `/r4/${walked}?_count=100`; next !== undefined;) {
    const { entry, link } = (await fhir.get(next)) as BundleOfProvider;
    for (const { resource } of entry) if (resource.id !== undefined) seen++;
    next = link.find(({ relation }) => relation === "next")?.url;
  }
  return seen;
}

/** The same as a generator, which costs more. */
async function* pagesByHand(fhir: BareFhir, walked: string): AsyncGenerator<BundleOfProvider["entry"]> {
  for (let next: string | undefined = `/r4/${walked}?_count=100`; next !== undefined;) {
    const { entry, link } = (await fhir.get(next)) as BundleOfProvider;
    yield entry;
    next = link.find(({ relation }) => relation === "next")?.url;
  }
}

/** Gets the next page of a walk and works on it; after the last one, another walk begins. */
function workingOn(begin: () => AsyncIterable<unknown>): () => Promise<void> {
  let pages = begin()[Symbol.asyncIterator]();
  return async () => {
    const { done } = await pages.next();
    if (done === true) pages = begin()[Symbol.asyncIterator]();
    else await sleep(workOnPageMs);
  };
}

function complete(seen: number): void {
  if (seen !== 100 * pagesOfWalk) throw new Error(`Cannot compare walks: one of them saw ${seen} resources`);
}

interface BundleOfProvider {
  readonly entry: readonly { readonly resource: { readonly id?: string } }[];
  readonly link: readonly { readonly relation: string; readonly url: string }[];
}
