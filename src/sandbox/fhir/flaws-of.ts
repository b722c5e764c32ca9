/**
 * What the sandbox validates in a resource, so that clients meet refusals that name a place and quote a value: `gender`
 * and `birthDate` of people, the numbers of quantities, and the top level of an R4 resource: an element must have the
 * JSON type that FHIR gives it, must be known, and must be there if it is required (1upHealth documentation, base
 * validation).
 */

import { isObject } from "../../checks.ts";
import type { FhirVersion } from "../resources/served-types.ts";
import type { FhirBehaviour } from "../options/fhir-behaviour.ts";
import { isDate } from "./date-span.ts";
import { elementsOf, type ResourceElement } from "./elements-of.ts";

/** A missing, unknown or invalid value. */
export interface Flaw {
  /** A FHIR issue type. */
  readonly code: "code-invalid" | "required" | "structure" | "value";
  /** The path from the resource to the value: names and indexes. */
  readonly path: readonly (string | number)[];
  readonly diagnostics: string;
}

type Resource = Readonly<Record<string, unknown>>;

const people = new Set(["Patient", "Person", "Practitioner", "RelatedPerson"]);
const genders: readonly unknown[] = ["male", "female", "other", "unknown", undefined];

/** The first flaws of a resource, at most 20. */
export function flawsOf(
  version: FhirVersion,
  resource: Resource,
  validation: FhirBehaviour["validation"],
): readonly Flaw[] {
  const flaws: Flaw[] = [];
  const { resourceType, gender, birthDate } = resource;
  if (people.has(String(resourceType))) {
    if (!genders.includes(gender)) flaws.push(invalid("code-invalid", ["gender"], gender));
    if (birthDate !== undefined && !isDate(birthDate)) flaws.push(invalid("value", ["birthDate"], birthDate));
  }
  collect(resource, [], flaws);
  if (version === "r4" && validation === "base")
    flaws.push(...misshapen(resource, new Set(flaws.map(({ path }) => path[0]))));
  return flaws.slice(0, 20);
}

// Real servers quote the values they refuse, so the sandbox does too.
function invalid(code: Flaw["code"], path: Flaw["path"], value: unknown, must = ""): Flaw {
  return { code, path, diagnostics: `Invalid value ${JSON.stringify(value)}${must}` };
}

function collect(value: unknown, path: readonly (string | number)[], flaws: Flaw[]): void {
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  if (/quantity$/i.test(String(path.at(-1))) && "value" in value && typeof value.value !== "number") {
    flaws.push(invalid("value", [...path, "value"], value.value));
  }
  for (const [name, one] of Object.entries(value))
    collect(one, [...path, isList ? Number(name) : name], flaws);
}

/** The flaws of the elements at the top of an R4 resource, except those that are `reported` already. */
function misshapen(resource: Resource, reported: ReadonlySet<unknown>): readonly Flaw[] {
  const elements = elementsOf(String(resource["resourceType"]));
  if (elements === undefined) return [];
  // `_status` says why `status` is missing.
  const missing = [...elements].filter(
    ([name, { isRequired }]) => isRequired && isEmpty(resource[name]) && isEmpty(resource[`_${name}`]),
  );
  const others = Object.entries(resource).filter(([name]) => name !== "resourceType" && !reported.has(name));
  return [
    ...missing.map(([name]) => ({
      code: "required" as const,
      path: [name],
      diagnostics: `The element ${name} is missing`,
    })),
    ...others.flatMap(([name, value]): readonly Flaw[] => {
      const element = elements.get(name) ?? extensionOf(elements.get(name.replace(/^_/, "")));
      if (element === undefined)
        return [{ code: "structure", path: [name], diagnostics: `Unknown element ${JSON.stringify(name)}` }];
      if (fits(value, element)) return [];
      const { kind, isList } = element;
      return [
        invalid("structure", [name], value, `: it must be ${isList ? `a list of ${kind}s` : `one ${kind}`}`),
      ];
    }),
  ];
}

/** The element with the extensions of a primitive one: `_status` of `status`. */
function extensionOf(element: ResourceElement | undefined): ResourceElement | undefined {
  return element && element.kind !== "object" ? { ...element, kind: "object", isPadded: true } : undefined;
}

function fits(value: unknown, { kind, isList, isPadded }: ResourceElement): boolean {
  const isOfKind = (one: unknown): boolean => (kind === "object" ? isObject(one) : typeof one === kind);
  if (!isList) return isOfKind(value);
  return Array.isArray(value) && value.every((one) => isOfKind(one) || (isPadded && one === null));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
