/**
 * The Patient of 1upHealth's own guide: created, and read back once it can be.
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

/** Who the Patient is, in one line. */
export const patientSays: string = `Bilbo Baggins, ${bilbo.gender}, born ${bilbo.birthDate}`;

/** How often to look for a resource that was just written, and for how long, ms. */
const lookMs = 150;
const patienceMs = 5_000;

/** Creates the Patient in the user's name. Gives its id and the time until it could be read, ms. */
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
  if (id === undefined) throw new Error("The Patient came back without an id");
  const written = systemClock.monotonic();
  for (;;) {
    try {
      await fhir.read("Patient", id, { signal });
      return { id, readableAfterMs: systemClock.monotonic() - written };
    } catch (error) {
      const waited = systemClock.monotonic() - written;
      // A resource can be read a short while after it was written (1upHealth: less than a second).
      if (!isLifecycleError(error, "FHIR_REFUSED") || error.status !== 404 || waited > patienceMs)
        throw error;
      await sleep(systemClock, lookMs, signal);
    }
  }
}
