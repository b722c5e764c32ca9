/**
 * What 1upHealth declares in its capability statements, and whether a call is declared. There is one table per
 * version, read on first use.
 *
 * @module
 */
import type { Interaction, Operation } from "./operation.ts";
import type { FhirVersion } from "./fhir-version.ts";
import { declared as dstu2 } from "../capabilities/declared-dstu2.ts";
import { declared as r4 } from "../capabilities/declared-r4.ts";
import { declared as stu3 } from "../capabilities/declared-stu3.ts";
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

const statements: Readonly<Record<FhirVersion, Declared>> = { dstu2, stu3, r4 };
const known = new Map<FhirVersion, Capabilities>();

/** The capability statement of a version. */
export function capabilitiesOf(version: FhirVersion): Capabilities {
  let capabilities = known.get(version);
  if (capabilities === undefined) {
    const declared = statements[version];
    capabilities = {
      version,
      types: typesIn(declared),
      operations: new Set(wordsIn(declared.operations)),
      serverInteractions: new Set(wordsIn(declared.serverInteractions)),
    };
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
  const strange = params.find((name) => !isDeclared(types, type, name));
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

/** Modifiers of FHIR; the name of a type may stand in their place. */
const modifiers = new Set(
  wordsIn(
    "above below contains exact identifier in iterate missing not not-in of-type ofType recurse text type",
  ),
);

/**
 * `name`, `name:exact`, `subject:Patient.name`, `patient.name`, `_has:Observation:patient:code`. A chain that names no
 * type leads to one of several.
 */
function isDeclared(types: Capabilities["types"], { searchParams }: DeclaredType, name: string): boolean {
  const [, base = name, modifier, chain] = /^([^:.]*)(?::([^:.]*))?(?:[:.](.*))?$/.exec(name) ?? [];
  if (!ofTheSearch.has(base) && !searchParams.has(base)) return false;
  const type = types.get(modifier ?? "");
  if (modifier !== undefined && type === undefined && !modifiers.has(modifier)) return false;
  if (chain === undefined) return true;
  const targets = type === undefined ? [...types.values()] : [type];
  // `_has` names the reference that leads back, and then what it searches for.
  const further = base === "_has" ? chain.replace(/^[^:]*:/, "") : chain;
  return targets.some((target) => isDeclared(types, target, further));
}
