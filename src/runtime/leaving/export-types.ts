/**
 * Which types an export covers, and which of them cannot be searched at 1upHealth.
 *
 * @module
 */
import { invalidOption } from "../../errors.ts";
import { capabilitiesOf } from "../../fhir/capabilities.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import type { UnlistableTypes } from "./export-many-options.ts";

/** The types of one version. */
export interface ExportTypes {
  readonly searched: readonly string[];
  /** Those without a search: what other resources refer to is read one by one. */
  readonly unlistable: readonly string[];
}

/** The types of a version that an export covers; `chosen` missing: all that 1upHealth declares. */
export function exportTypes(version: FhirVersion, chosen?: readonly string[]): ExportTypes {
  const { types } = capabilitiesOf(version);
  const isUnlistable = (type: string): boolean => types.get(type)?.interactions.has("search-type") === false; // one that is not declared is tried
  const all = chosen ?? [...types.keys()];
  return { searched: all.filter((type) => !isUnlistable(type)), unlistable: all.filter(isUnlistable) };
}

/** The types that cannot be searched, in these versions. */
export function unlistableIn(versions: readonly FhirVersion[], chosen?: readonly string[]): UnlistableTypes {
  const found: [FhirVersion, readonly string[]][] = [];
  for (const version of versions) {
    const { unlistable } = exportTypes(version, chosen);
    if (unlistable.length > 0) found.push([version, unlistable]);
  }
  return Object.fromEntries(found);
}

/** @throws {LifecycleError} `INVALID_OPTION` if all types of a version are such that only other resources lead to them */
export function refuseUnsearched(
  versions: readonly FhirVersion[],
  chosen: readonly string[] | undefined,
): void {
  for (const version of versions) {
    const { searched, unlistable } = exportTypes(version, chosen);
    if (searched.length > 0) continue;
    throw invalidOption(
      `Cannot export users: types must have one that 1upHealth can search in ${version}, got ${unlistable.join(", ")}, which is found only through resources that refer to it; add the types of those, e.g. DocumentReference, or leave types out`,
    );
  }
}
