/**
 * Compares FHIR calls with the same calls by hand: a create and a read, reads alone, and walks over pages.
 *
 * @module
 */
import type { Patient } from "fhir/r4.js";
import type { UserFhirClient } from "oneup-lifecycle";
import { Pool } from "undici";
import { ratio } from "./onboard.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { median, pairs, round, type Pair, type Work } from "./rounds.ts";
import { connections, loops, type Effort } from "./settings.ts";
import { durableSide } from "./sides.ts";

const patient: Patient = {
  resourceType: "Patient",
  identifier: [{ system: "http://example.org/mrn", value: "4711" }],
  name: [{ use: "official", text: "Bilbo Baggins", family: "Baggins", given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
};

/** With a provider 25 ms away: throughput as an application sees it. */
export async function fhirAt25Ms(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ latencyMs: 25, loops, effort }, ({ fhir, bare }) => ({
    async durable() {
      const { id = "" } = await fhir.create<"Patient">(patient);
      await fhir.read("Patient", id);
    },
    async bare() {
      const { id } = await bare.post("/r4/Patient", patient);
      await bare.get(`/r4/Patient/${id}`);
    },
  }));
  return [{ name: "fhir.ratio.25ms", value: ratio(measured), unit: "of bare", bar: 0.98 }];
}

/** Reads from a provider that responds at once: the cost of the client itself. */
export async function fhirReads(effort: Effort): Promise<Measurement[]> {
  const measured = await compare({ latencyMs: 0, loops, effort }, ({ fhir, bare }) => ({
    durable: () => fhir.read("Patient", "0a0cee5487a8"),
    bare: () => bare.get("/r4/Patient/0a0cee5487a8"),
  }));
  return [
    { name: "fhir.read.0ms", value: ratio(measured), unit: "of bare", bar: 0.9 },
    { name: "fhir.read.cpu", value: cpu(measured), unit: "of bare", bar: 1.15, atMost: true },
  ];
}

/** The pages of one walk. A walk is a unit of work, so a round holds many of them. */
const pagesOfWalk = 20;

/** Walks over pages of 100 small Observations, one walk at a time. */
export async function fhirWalks(effort: Effort): Promise<Measurement[]> {
  const byPage = await walks("Observation", effort, pageByPage);
  const whole = await walks("Observation", effort, oneByOne);
  const digits = await walks("Media", effort, oneByOne);
  return [
    { name: "fhir.walk.pages.0ms", value: ratio(byPage), unit: "of bare", bar: 0.8 },
    { name: "fhir.walk.pages.cpu", value: cpu(byPage), unit: "of bare", bar: null },
    { name: "fhir.walk.0ms", value: ratio(whole), unit: "of bare", bar: 0.8 },
    { name: "fhir.walk.cpu", value: cpu(whole), unit: "of bare", bar: null },
    { name: "fhir.walk.digits.0ms", value: ratio(digits), unit: "of bare", bar: null },
  ];
}

type Walked = "Observation" | "Media";

/** Resources with an id, by a walk over them. */
async function oneByOne(fhir: UserFhirClient<"r4">, type: Walked): Promise<number> {
  let seen = 0;
  for await (const { id } of fhir.searchAll(type)) if (id !== undefined) seen++;
  return seen;
}

/** The same page by page, as the bare client goes. */
async function pageByPage(fhir: UserFhirClient<"r4">, type: Walked): Promise<number> {
  let seen = 0;
  for await (const { resources } of fhir.searchPages(type))
    for (const { id } of resources) if (id !== undefined) seen++;
  return seen;
}

/** Each resource of an `Observation` has the number 72, and of a `Media`, at the provider, 1.50. */
function walks(type: Walked, effort: Effort, walk: typeof oneByOne): Promise<readonly Pair[]> {
  return compare({ latencyMs: 0, loops: 1, effort, pages: pagesOfWalk }, ({ fhir, bare }) => ({
    async durable() {
      complete(await walk(fhir, type));
    },
    async bare() {
      let seen = 0;
      for (let next: string | undefined = `/r4/${type}?_count=100`; next !== undefined;) {
        const { entry, link } = (await bare.get(next)) as BundleOfProvider;
        for (const { resource } of entry) if (resource.id !== undefined) seen++;
        next = link.find(({ relation }) => relation === "next")?.url;
      }
      complete(seen);
    },
  }));
}

function complete(seen: number): void {
  if (seen !== 100 * pagesOfWalk) throw new Error(`Cannot compare walks: one of them saw ${seen} resources`);
}

interface BundleOfProvider {
  readonly entry: readonly { readonly resource: { readonly id?: string } }[];
  readonly link: readonly { readonly relation: string; readonly url: string }[];
}

/** CPU time of the library for a unit of work, by that of bare undici. */
function cpu(measured: readonly Pair[]): number {
  return median(measured.map(({ bare, durable }) => durable.cpuMicros / bare.cpuMicros));
}

interface Scene {
  readonly latencyMs: number;
  /** Concurrent units of work. */
  readonly loops: number;
  readonly effort: Effort;
  readonly pages?: number;
}

interface Sides {
  readonly fhir: UserFhirClient<"r4">;
  readonly bare: BareFhir;
}

/** Runs both sides in turn, each with a token of the same user. */
async function compare(
  { latencyMs, loops, effort, pages }: Scene,
  works: (sides: Sides) => Readonly<Record<"bare" | "durable", Work>>,
): Promise<readonly Pair[]> {
  const provider = await startProvider(latencyMs, pages);
  const durable = await durableSide(provider.url);
  const user = "user@example.org";
  await durable.onboard(user);
  const bare = bareFhir(provider.url, await durable.lifecycle.accessToken(user));
  const work = works({ fhir: durable.lifecycle.fhir(user, "r4"), bare });
  try {
    return await pairs(
      (each) => round(work.bare, loops, each),
      (each) => round(work.durable, loops, each),
      effort,
    );
  } finally {
    await bare.close();
    await durable.close();
    await provider.close();
  }
}

/** Bare undici: one long-lived token, bodies read and parsed, no error expected. */
interface BareFhir {
  get(path: string): Promise<unknown>;
  post(path: string, resource: object): Promise<{ readonly id: string }>;
  close(): Promise<void>;
}

function bareFhir(url: string, token: string): BareFhir {
  const pool = new Pool(url, { connections });
  const headers = {
    accept: "application/json",
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
  };
  return {
    async get(path) {
      const { body } = await pool.request({ method: "GET", path, headers });
      return body.json();
    },
    async post(path, resource) {
      const body = JSON.stringify(resource);
      const created = await pool.request({ method: "POST", path, headers, body });
      return (await created.body.json()) as { readonly id: string }; // our own provider's format
    },
    close: () => pool.close(),
  };
}
