/**
 * Finds what JSON would leave out of a resource in silence, or write as `null` or `{}`.
 *
 * @module
 */
import { types } from "node:util";
import { isElementName } from "../capabilities/element-names.ts";
import { isPlain } from "./checks.ts";

/**
 * What and where it is, such as "the Map at Patient.name", without names that are none of FHIR; `null`: nothing. Of a class
 * with fields, JSON writes the fields, so only one without any is reported.
 */
export function unwritableIn(resource: object, resourceType: string): string | null {
  try {
    return find(resource, "", resourceType, new Set());
  } catch {
    return null; // a toJSON() or a getter of the application failed, as it did while JSON was written
  }
}

function find(given: unknown, name: string, place: string, above: Set<object>): string | null {
  if (typeof given === "string" || given === null) return null;
  if (typeof given === "number") return Number.isFinite(given) ? null : `the number or date at ${place}`;
  if (given instanceof Date && Number.isNaN(given.getTime())) return `the number or date at ${place}`;
  if (ArrayBuffer.isView(given)) return `the bytes at ${place}; give them as text in base64`;
  const value = inJson(given, name);
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint")
    return `the ${typeof value} at ${place}`;
  if (typeof value !== "object" || value === null || above.has(value)) return null; // a cycle has an error of its own
  const entries = Object.entries(value);
  if (entries.length === 0 && !Array.isArray(value) && !isPlain(value) && !types.isBoxedPrimitive(value))
    return `the ${classOf(value)} at ${place}`;
  above.add(value);
  for (const [name, one] of entries) {
    const step = isElementName(name.replace(/^_/, "")) ? `.${name}` : ".…";
    const found = find(one, name, place + (Array.isArray(value) ? `[${name}]` : step), above);
    if (found !== null) return found;
  }
  above.delete(value);
  return null;
}

/** What JSON writes in its place. */
function inJson(value: unknown, name: string): unknown {
  const { toJSON } = Object(value) as { readonly toJSON?: unknown };
  return typeof toJSON === "function" ? (Reflect.apply(toJSON, value, [name]) as unknown) : value;
}

/** The name of its class, as the programmer wrote it. */
export function classOf(value: object): string {
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === "function" && /^\w{1,40}$/.test(constructor.name)
    ? constructor.name
    : "object";
}
