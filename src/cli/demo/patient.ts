/**
 * Creates the Patient of 1upHealth's guide, and reads it back once it is visible.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Lifecycle } from "../../index.ts";

const bilbo = {
  resourceType: "Patient",
  name: [{ use: "official", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
} as const;

/** The Patient in one line. */
export const patientSays: string = `Bilbo Baggins, ${bilbo.gender}, born ${bilbo.birthDate}`;

/** How long to wait for the Patient to be readable, in ms. */
const withinMs = 60_000;

/** Creates the Patient for the user and reads it back. Returns its id and how long both took, in ms. */
export async function createAndRead(
  lifecycle: Lifecycle,
  appUserId: string,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly tookMs: number }> {
  const began = systemClock.monotonic();
  const { id } = await lifecycle.fhir(appUserId, "dstu2").create<"Patient">(
    {
      ...bilbo,
      name: bilbo.name.map((name) => ({ ...name, family: [...name.family], given: [...name.given] })),
    },
    { signal, untilReadable: { withinMs } },
  );
  if (id === undefined) throw new Error("1upHealth returned the Patient without an id");
  return { id, tookMs: systemClock.monotonic() - began };
}
