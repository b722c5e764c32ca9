/**
 * Compares `create()` and `read()` with the same two calls by hand.
 *
 * @module
 */
import type { Patient } from "fhir/r4.js";
import { Pool } from "undici";
import { ratio } from "./onboard.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { pairs, round } from "./rounds.ts";
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
  const provider = await startProvider(25);
  const durable = await durableSide(provider.url);
  const user = "user@example.org";
  await durable.onboard(user);
  const fhir = durable.lifecycle.fhir(user, "r4");
  const bare = bareFhir(provider.url, await durable.lifecycle.accessToken(user));

  async function createAndRead(): Promise<void> {
    const { id = "" } = await fhir.create<"Patient">(patient);
    await fhir.read("Patient", id);
  }

  try {
    const measured = await pairs(
      (each) => round(bare.createAndRead, loops, each),
      (each) => round(createAndRead, loops, each),
      effort,
    );
    return [{ name: "fhir.ratio.25ms", value: ratio(measured), unit: "of bare", bar: 0.9 }];
  } finally {
    await bare.close();
    await durable.close();
    await provider.close();
  }
}

/** Bare undici: one long-lived token, bodies read and parsed. */
function bareFhir(
  url: string,
  token: string,
): { readonly createAndRead: () => Promise<void>; readonly close: () => Promise<void> } {
  const pool = new Pool(url, { connections });
  const headers = {
    accept: "application/json",
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
  };
  return {
    async createAndRead() {
      const body = JSON.stringify(patient);
      const created = await pool.request({ method: "POST", path: "/r4/Patient", headers, body });
      const { id } = (await created.body.json()) as { readonly id: string }; // our own provider's format
      const read = await pool.request({ method: "GET", path: `/r4/Patient/${id}`, headers });
      await read.body.json();
    },
    close: () => pool.close(),
  };
}
