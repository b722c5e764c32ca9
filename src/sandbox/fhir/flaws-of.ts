/**
 * What the sandbox validates in a resource, so that clients meet refusals that name a place and quote a value: `gender`
 * and `birthDate` of people, and the numbers of quantities.
 */

import { isDate } from "./date-span.ts";

/** An invalid value. */
export interface Flaw {
  /** A FHIR issue type. */
  readonly code: "code-invalid" | "value";
  /** The path from the resource to the value: names and indexes. */
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

const people = new Set(["Patient", "Person", "Practitioner", "RelatedPerson"]);
const genders: readonly unknown[] = ["male", "female", "other", "unknown", undefined];

/** The first flaws of a resource, at most 20. */
export function flawsOf(resource: Readonly<Record<string, unknown>>): readonly Flaw[] {
  const flaws: Flaw[] = [];
  const { resourceType, gender, birthDate } = resource;
  if (people.has(String(resourceType))) {
    if (!genders.includes(gender)) flaws.push({ code: "code-invalid", path: ["gender"], value: gender });
    if (birthDate !== undefined && !isDate(birthDate)) {
      flaws.push({ code: "value", path: ["birthDate"], value: birthDate });
    }
  }
  collect(resource, [], flaws);
  return flaws.slice(0, 20);
}

function collect(value: unknown, path: readonly (string | number)[], flaws: Flaw[]): void {
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  if (/quantity$/i.test(String(path.at(-1))) && "value" in value && typeof value.value !== "number") {
    flaws.push({ code: "value", path: [...path, "value"], value: value.value });
  }
  for (const [name, one] of Object.entries(value))
    collect(one, [...path, isList ? Number(name) : name], flaws);
}
