/**
 * The three FHIR versions that 1upHealth serves, with the types of their resources.
 *
 * @module
 */
import type { FhirResource as Dstu2Resource } from "fhir/r2.js";
import type { FhirResource as Stu3Resource } from "fhir/r3.js";
import type { FhirResource as R4Resource } from "fhir/r4.js";

/** Every resource of each version. */
export interface FhirResources {
  readonly dstu2: Dstu2Resource;
  readonly stu3: Stu3Resource;
  readonly r4: R4Resource;
}

/** A version, as it appears in the URL. */
export type FhirVersion = keyof FhirResources;

/** The names of a version's resources: `"Patient"`, `"Observation"`, … */
export type ResourceType<V extends FhirVersion> = FhirResources[V]["resourceType"];

/** The resource of that version and name. */
export type ResourceOf<V extends FhirVersion, T extends ResourceType<V>> = Extract<
  FhirResources[V],
  { readonly resourceType: T }
>;

/** The versions as a list, for use at run time. */
export const fhirVersions: readonly FhirVersion[] = ["dstu2", "stu3", "r4"];

export function isFhirVersion(name: unknown): name is FhirVersion {
  return fhirVersions.some((version) => version === name);
}
