/** What 1upHealth serves for each FHIR version, as its capability statements declare it. */

import { typesIn, type DeclaredType } from "../../capabilities/declared.ts";
import { declared as dstu2 } from "../../capabilities/declared-dstu2.ts";
import { declared as r4 } from "../../capabilities/declared-r4.ts";
import { declared as stu3 } from "../../capabilities/declared-stu3.ts";
import type { FhirCallName } from "../base/plan.ts";

/** The FHIR versions that 1upHealth serves. */
export type FhirVersion = "dstu2" | "stu3" | "r4";

const served: Readonly<Record<FhirVersion, ReadonlyMap<string, DeclaredType>>> = {
  dstu2: typesIn(dstu2),
  stu3: typesIn(stu3),
  r4: typesIn(r4),
};

/** The statements' names of the calls that they cover. */
const interactions: Partial<Record<FhirCallName, string>> = {
  "fhir.create": "create",
  "fhir.delete": "delete",
  "fhir.history": "history-instance",
  "fhir.read": "read",
  "fhir.search": "search-type",
  "fhir.update": "update",
  "fhir.vread": "vread",
};

/** Whether this is the name of a FHIR version. */
export function isFhirVersion(name: string): name is FhirVersion {
  return Object.hasOwn(served, name);
}

/** Whether 1upHealth serves `type` in `version`. */
export function isServed(version: FhirVersion, type: string): boolean {
  return served[version].has(type);
}

/** The types that 1upHealth serves in `version`. */
export function servedTypes(version: FhirVersion): readonly string[] {
  return [...served[version].keys()];
}

/**
 * Whether 1upHealth supports that call for that type.
 *
 * @param interaction the name in the statements, if not the usual one
 */
export function isDeclared(
  version: FhirVersion,
  type: string,
  call: FhirCallName,
  interaction: string | undefined = interactions[call],
): boolean {
  return interaction === undefined || served[version].get(type)?.interactions.has(interaction) === true;
}

/** Whether 1upHealth declares that parameter for searches of that type. */
export function isDeclaredParameter(version: FhirVersion, type: string, name: string): boolean {
  return served[version].get(type)?.searchParams.has(name) === true;
}
