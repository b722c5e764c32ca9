/**
 * Creates the Patient of 1upHealth's guide, and reads it back once it is visible.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import { isLifecycleError } from "../../errors.ts";
import type { Lifecycle } from "../../index.ts";

const bilbo = {
  resourceType: "Patient",
  name: [{ use: "official", family: ["Baggins"], given: ["Bilbo"] }],
  gender: "male",
  birthDate: "1993-06-20",
} as const;

/** The Patient in one line. */
export const patientSays: string = `Bilbo Baggins, ${bilbo.gender}, born ${bilbo.birthDate}`;

/** How often, and for how long, to poll for a resource that was just written, in ms. */
const pollMs = 150;
const patienceMs = 5_000;

/** Creates the Patient for the user. Returns its id and the time until it was readable, in ms. */
export async function createAndRead(
  lifecycle: Lifecycle,
  appUserId: string,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly readableAfterMs: number }> {
  const fhir = lifecycle.fhir(appUserId, "dstu2");
  const { id } = await fhir.create<"Patient">(
    {
      ...bilbo,
      name: bilbo.name.map((name) => ({ ...name, family: [...name.family], given: [...name.given] })),
    },
    { signal },
  );
  if (id === undefined) throw new Error("1upHealth returned the Patient without an id");
  const written = systemClock.monotonic();
  for (;;) {
    try {
      await fhir.read("Patient", id, { signal });
      return { id, readableAfterMs: systemClock.monotonic() - written };
    } catch (error) {
      const waited = systemClock.monotonic() - written;
      // A resource becomes readable a short while after it was written (1upHealth: less than a second).
      if (!isLifecycleError(error, "FHIR_REFUSED") || error.status !== 404 || waited > patienceMs)
        throw error;
      await sleep(systemClock, pollMs, signal);
    }
  }
}
