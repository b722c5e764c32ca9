/**
 * What 1upHealth declares in its capability statements, and whether a call is declared. There is one table per
 * version, loaded on first use.
 *
 * @module
 */
import type { Interaction, Operation } from "./operation.ts";
import type { FhirVersion } from "./fhir-version.ts";
import { typesIn, wordsIn, type Declared, type DeclaredType } from "../capabilities/declared.ts";

/** The capabilities of one version. */
export interface Capabilities {
  readonly version: FhirVersion;
  readonly types: ReadonlyMap<string, DeclaredType>;
  /** Names of operations that the statement declares without a level. */
  readonly operations: ReadonlySet<string>;
  readonly serverInteractions: ReadonlySet<string>;
}

/** A call, as far as a capability statement covers it. */
export type Wanted = Pick<Operation, "interaction" | "resourceType" | "params" | "operation">;

const known = new Map<FhirVersion, Promise<Capabilities>>();

/** The capability statement of a version. */
export function capabilitiesOf(version: FhirVersion): Promise<Capabilities> {
  let capabilities = known.get(version);
  if (capabilities === undefined) {
    capabilities = load(version);
    known.set(version, capabilities);
  }
  return capabilities;
}

/** The part of a call that the statement does not declare, for a message; `null` if it declares all of it. */
export function undeclared(capabilities: Capabilities, wanted: Wanted): string | null {
  const { version, types, operations } = capabilities;
  const statement = `the capability statement of 1upHealth for ${version} declares no`;
  const { interaction, resourceType, params = [], operation } = wanted;
  if (resourceType !== undefined && !types.has(resourceType)) return `${statement} ${resourceType}`;
  // Documented on pages of their own, and in no statement.
  if (interaction === "permission" || interaction === "batch") return null;
  const type = resourceType === undefined ? undefined : types.get(resourceType);
  if (interaction === "operation") {
    if (operation === undefined || operations.has(operation) || type?.operations.has(operation)) return null;
    return `${statement} operation $${operation} of ${resourceType ?? "the whole server"}`;
  }
  if (type === undefined) return null;
  if (!type.interactions.has(interaction))
    return `${statement} ${inWords[interaction] ?? interaction} of ${resourceType}`;
  const strange = params.find((name) => !isDeclared(type, name));
  return strange === undefined ? null : `${statement} search parameter ${strange} of ${resourceType}`;
}

/** Clearer names for some interactions. */
const inWords: Partial<Record<Interaction, string>> = {
  "search-type": "search",
  "history-instance": "history",
  "history-type": "history of all resources",
  vread: "reading of versions",
};

/** Parameters of the search itself, which no statement lists. */
const ofTheSearch = new Set(
  wordsIn(
    "_after _before _contained _containedType _count _elements _format _has _include _revinclude _skip _sort " +
      "_summary _total",
  ),
);

/** `name`, `name:exact`, `subject:Patient.name`, `patient.name`. */
function isDeclared({ searchParams }: DeclaredType, name: string): boolean {
  const base = name.split(/[:.]/, 1)[0] ?? name;
  return ofTheSearch.has(base) || searchParams.has(base);
}

const statements: Readonly<Record<FhirVersion, () => Promise<{ readonly declared: Declared }>>> = {
  dstu2: () => import("../capabilities/declared-dstu2.ts"),
  stu3: () => import("../capabilities/declared-stu3.ts"),
  r4: () => import("../capabilities/declared-r4.ts"),
};

async function load(version: FhirVersion): Promise<Capabilities> {
  const { declared } = await statements[version]();
  return {
    version,
    types: typesIn(declared),
    operations: new Set(wordsIn(declared.operations)),
    serverInteractions: new Set(wordsIn(declared.serverInteractions)),
  };
}
