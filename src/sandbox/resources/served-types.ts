/** What 1upHealth serves for each FHIR version, as its capability statements declare it. */

import type { Declared } from "../../capabilities/declared.ts";
import { declared as dstu2 } from "../../capabilities/declared-dstu2.ts";
import { declared as r4 } from "../../capabilities/declared-r4.ts";
import { declared as stu3 } from "../../capabilities/declared-stu3.ts";
import type { FhirCallName } from "../base/plan.ts";

/** The FHIR versions that 1upHealth serves. */
export type FhirVersion = "dstu2" | "stu3" | "r4";

interface Served {
  readonly interactions: ReadonlySet<string>;
  readonly parameters: ReadonlySet<string>;
}

const served: Readonly<Record<FhirVersion, ReadonlyMap<string, Served>>> = {
  dstu2: read(dstu2),
  stu3: read(stu3),
  r4: read(r4),
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
  return served[version].get(type)?.parameters.has(name) === true;
}

function read({ types, interactions, searchParams }: Declared): ReadonlyMap<string, Served> {
  return new Map(
    Array.from(
      types.matchAll(/^(\w+)(?: = ([^:]+))?:(.*)$/gm),
      ([, type = "", own = interactions, params = ""]) => [
        type,
        { interactions: words(own), parameters: words(`${searchParams} ${params}`) },
      ],
    ),
  );
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.match(/\S+/g));
}
