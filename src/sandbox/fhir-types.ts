/** What each FHIR version of 1upHealth serves, as its capability statements declare it. */

import { dstu2Common, dstu2Types } from "./declared-dstu2.ts";
import { r4Common, r4Types } from "./declared-r4.ts";
import { stu3Common, stu3Types } from "./declared-stu3.ts";
import type { FhirCallName } from "./plan.ts";

/** The FHIR versions that 1upHealth serves. */
export type FhirVersion = "dstu2" | "stu3" | "r4";

const declared: Readonly<Record<FhirVersion, ReadonlyMap<string, ReadonlySet<string>>>> = {
  dstu2: read(dstu2Types, dstu2Common),
  stu3: read(stu3Types, stu3Common),
  r4: read(r4Types, r4Common),
};

const reading: readonly FhirCallName[] = ["fhir.read", "fhir.vread", "fhir.history"];
const withoutSearch: readonly FhirCallName[] = [...reading, "fhir.create", "fhir.update", "fhir.delete"];

/** The calls that R4 declares for a type, where it does not declare them all. */
const limited: ReadonlyMap<string, readonly FhirCallName[]> = new Map<string, readonly FhirCallName[]>([
  ["Provenance", ["fhir.read"]],
  ["Binary", reading],
  ...[
    "BiologicallyDerivedProduct",
    "CatalogEntry",
    "MedicinalProductIngredient",
    "MedicinalProductManufactured",
    "ObservationDefinition",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
  ].map((type) => [type, withoutSearch] as const),
]);

/** Is this the name of a FHIR version? */
export function isFhirVersion(name: string): name is FhirVersion {
  return Object.hasOwn(declared, name);
}

/** Does 1upHealth serve `type` in `version`? */
export function isServed(version: FhirVersion, type: string): boolean {
  return declared[version].has(type);
}

/** Does 1upHealth declare that call for that type? */
export function isDeclared(version: FhirVersion, type: string, call: FhirCallName): boolean {
  const only = version === "r4" ? limited.get(type) : undefined;
  return only === undefined || only.includes(call);
}

/** Does 1upHealth declare that parameter for searches of that type? */
export function isDeclaredParameter(version: FhirVersion, type: string, name: string): boolean {
  return declared[version].get(type)?.has(name) === true;
}

/** Reads `Type: parameter parameter …`, over and over. */
function read(text: string, common: string): ReadonlyMap<string, ReadonlySet<string>> {
  const everywhere = words(common);
  const types = new Map<string, Set<string>>();
  let parameters = new Set<string>();
  for (const word of words(text)) {
    if (!word.endsWith(":")) {
      parameters.add(word);
      continue;
    }
    parameters = new Set(everywhere);
    types.set(word.slice(0, -1), parameters);
  }
  return types;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
